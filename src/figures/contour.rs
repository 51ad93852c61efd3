//! Values on a grid as nested outlines, from which a surface is painted.

use super::drawing::Point;

/// Values at the points of a grid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Rising.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// `[y, x]`, flat and row-major.
    pub values: Vec<f64>,
}

/// A closed line of one level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outline {
    pub points: Vec<Point>,
    /// What lies just inside: band `k` is between level `k − 1` and level `k`.
    pub band: usize,
    /// Number of its level.
    pub level: usize,
}

type Edge = (usize, usize);

impl Field {
    /// A finer grid of at least `least` cells along each axis, through the same values (Catmull and Rom's cubics), so
    /// that the lines of a coarse grid bend instead of breaking.
    pub fn smoothed(&self, least: usize) -> Field {
        let factor = |points: usize| if points < 2 { 1 } else { least.div_ceil(points - 1).max(1) };
        let (across, down) = (factor(self.x.len()), factor(self.y.len()));
        let rows: Vec<Vec<f64>> = self.values.chunks(self.x.len()).map(|row| cubic(row, across)).collect();
        let width = rows[0].len();
        let columns: Vec<Vec<f64>> =
            (0..width).map(|column| cubic(&rows.iter().map(|row| row[column]).collect::<Vec<_>>(), down)).collect();
        let (x, y) = (linear(&self.x, across), linear(&self.y, down));
        // The cubics may swing a little beyond the data.
        let (low, high) = super::frame::extent(self.values.iter().copied());
        let cells = (0..y.len()).flat_map(|row| columns.iter().map(move |column| column[row]));
        Field { values: cells.map(|value| value.clamp(low, high)).collect(), x, y }
    }

    /// The part within two ranges; `None` where nothing of it is.
    pub fn cropped(&self, x: Option<[f64; 2]>, y: Option<[f64; 2]>) -> Option<Field> {
        let (columns, rows) = (places(&self.x, x)?, places(&self.y, y)?);
        let at = |row: usize, column: usize| self.values[row * self.x.len() + column];
        let mix = |from: f64, to: f64, share: f64| if share == 0.0 { from } else { from + share * (to - from) };
        let value = |&(row, down): &(usize, f64), &(column, across): &(usize, f64)| {
            let (right, below) =
                (if across > 0.0 { column + 1 } else { column }, if down > 0.0 { row + 1 } else { row });
            let upper = mix(at(row, column), at(row, right), across);
            mix(upper, mix(at(below, column), at(below, right), across), down)
        };
        let values = rows.iter().flat_map(|row| columns.iter().map(move |column| value(row, column))).collect();
        let along = |coordinates: &[f64], places: &[(usize, f64)]| -> Vec<f64> {
            let at = |&(place, share): &(usize, f64)| {
                mix(coordinates[place], coordinates.get(place + 1).copied().unwrap_or(0.0), share)
            };
            places.iter().map(at).collect()
        };
        Some(Field { x: along(&self.x, &columns), y: along(&self.y, &rows), values })
    }

    /// The outlines of all regions at or above each of the rising `levels`, in the order in which to fill them: from
    /// outside to inside, each with the colour of its band, on a ground of band 0. Lines of a surface that is linear
    /// in each triangle do not cross, so a larger one never covers a smaller one that it should not.
    pub fn outlines(&self, levels: &[f64]) -> Vec<Outline> {
        let nodes = Nodes::new(self, levels);
        let whole = (self.x[self.x.len() - 1] - self.x[0]) * (self.y[self.y.len() - 1] - self.y[0]);
        let mut found = Vec::new();
        for (number, level) in levels.iter().enumerate() {
            for points in nodes.loops(*level) {
                let area = signed_area(&points);
                // What is high lies to the left, so loops around it run counterclockwise.
                let hole = area <= 0.0;
                let band = if hole { number } else { number + 1 };
                // Lines that run along the frame, or down a cliff, enclose the same but for rounding. Then the lower
                // level is the outer one, and in a hole the higher one.
                let size = (area.abs() / whole * 1e9).round();
                let outer = if hole { -(number as isize) } else { number as isize };
                found.push(((-size, hole, outer), Outline { points, band, level: number }));
            }
        }
        found.sort_by(|((a, hole_a, outer_a), _), ((b, hole_b, outer_b), _)| {
            a.total_cmp(b).then(hole_a.cmp(hole_b)).then(outer_a.cmp(outer_b))
        });
        found.into_iter().map(|(_, outline)| outline).collect()
    }
}

/// Corners and centres of the cells, with a frame of low values around them that has no width, so that every line is
/// closed.
struct Nodes {
    columns: usize,
    rows: usize,
    places: Vec<Point>,
    values: Vec<f64>,
}

impl Nodes {
    fn new(field: &Field, levels: &[f64]) -> Nodes {
        let ends = |coordinates: &[f64]| -> Vec<f64> {
            let all = coordinates.first().into_iter().chain(coordinates).chain(coordinates.last());
            all.copied().collect()
        };
        let (x, y) = (ends(&field.x), ends(&field.y));
        let (columns, rows) = (x.len(), y.len());
        let (low, high) = super::frame::extent(field.values.iter().chain(levels).copied().chain(std::iter::once(0.0)));
        let frame = low - (high - low) - 1.0;
        let mut places: Vec<Point> = y.iter().flat_map(|y| x.iter().map(move |x| (*x, *y))).collect();
        let mut values = Vec::with_capacity(2 * places.len());
        for row in 0..rows {
            for column in 0..columns {
                let inner = row > 0 && row + 1 < rows && column > 0 && column + 1 < columns;
                values.push(if inner { field.values[(row - 1) * field.x.len() + column - 1] } else { frame });
            }
        }
        for row in 0..rows - 1 {
            for column in 0..columns - 1 {
                let first = row * columns + column;
                let corners = [first, first + 1, first + columns, first + columns + 1];
                values.push(corners.iter().map(|corner| values[*corner] / 4.0).sum());
                places.push(((x[column] + x[column + 1]) / 2.0, (y[row] + y[row + 1]) / 2.0));
            }
        }
        Nodes { columns, rows, places, values }
    }

    /// All closed lines of a level, with what is at or above it to their left.
    fn loops(&self, level: f64) -> Vec<Vec<Point>> {
        let mut next: std::collections::BTreeMap<Edge, Edge> = std::collections::BTreeMap::new();
        let high = |node: usize| self.values[node] >= level;
        for row in 0..self.rows - 1 {
            for column in 0..self.columns - 1 {
                let first = row * self.columns + column;
                let corners = [first, first + 1, first + self.columns + 1, first + self.columns];
                if corners.iter().all(|corner| high(*corner)) || corners.iter().all(|corner| !high(*corner)) {
                    continue;
                }
                let centre = self.rows * self.columns + row * (self.columns - 1) + column;
                for side in 0..4 {
                    let triangle = [corners[side], corners[(side + 1) % 4], centre];
                    let highs = triangle.map(high);
                    let count = highs.iter().filter(|high| **high).count();
                    let Some(odd) = highs.iter().position(|high| *high == (count == 1)) else { continue };
                    if count == 0 || count == 3 {
                        continue;
                    }
                    let [o, p, q] = [0, 1, 2].map(|turn| triangle[(odd + turn) % 3]);
                    let (from, to) = if count == 1 { ((o, p), (o, q)) } else { ((o, q), (o, p)) };
                    next.insert(sorted(from), sorted(to));
                }
            }
        }
        let mut loops = Vec::new();
        while let Some((start, mut at)) = next.pop_first() {
            let mut points = vec![self.crossing(start, level)];
            while at != start {
                points.push(self.crossing(at, level));
                match next.remove(&at) {
                    Some(following) => at = following,
                    None => break,
                }
            }
            loops.push(points);
        }
        loops
    }

    fn crossing(&self, (a, b): Edge, level: f64) -> Point {
        let share = ((level - self.values[a]) / (self.values[b] - self.values[a])).clamp(0.0, 1.0);
        let (from, to) = (self.places[a], self.places[b]);
        (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
    }
}

fn sorted((a, b): Edge) -> Edge {
    (a.min(b), a.max(b))
}

/// Positive for a counterclockwise loop, y upwards.
fn signed_area(points: &[Point]) -> f64 {
    let following = points.iter().cycle().skip(1);
    points.iter().zip(following).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() / 2.0
}

/// The corners of a line that matter: what is left out lies within `tolerance` of what is kept (Douglas and Peucker).
pub(super) fn thinned(points: &[Point], tolerance: f64) -> Vec<Point> {
    if points.len() < 3 {
        return points.to_vec();
    }
    let mut keep = vec![false; points.len()];
    let mut open = vec![(0, points.len() - 1)];
    while let Some((first, last)) = open.pop() {
        (keep[first], keep[last]) = (true, true);
        let distance = |at: usize| {
            let ((ax, ay), (bx, by), (x, y)) = (points[first], points[last], points[at]);
            let length = (bx - ax).hypot(by - ay);
            match length > 0.0 {
                true => ((bx - ax) * (y - ay) - (by - ay) * (x - ax)).abs() / length,
                false => (x - ax).hypot(y - ay),
            }
        };
        let farthest = (first + 1..last).max_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        if let Some(at) = farthest
            && distance(at) > tolerance
        {
            open.extend([(first, at), (at, last)]);
        }
    }
    points.iter().zip(keep).filter(|(_, keep)| *keep).map(|(point, _)| *point).collect()
}

/// `factor` steps between neighbours.
fn cubic(values: &[f64], factor: usize) -> Vec<f64> {
    let at = |place: isize| -> f64 {
        let last = values.len() as isize - 1;
        match place {
            // Straight on beyond the ends.
            -1 => 2.0 * values[0] - values[1],
            place if place > last => 2.0 * values[last as usize] - values[last as usize - 1],
            place => values[place as usize],
        }
    };
    let mut fine = Vec::with_capacity(values.len() * factor);
    for start in 0..values.len().saturating_sub(1) {
        let [a, b, c, d] = [-1, 0, 1, 2].map(|offset| at(start as isize + offset));
        for step in 0..factor {
            let t = step as f64 / factor as f64;
            let bend = (2.0 * a - 5.0 * b + 4.0 * c - d) + t * (3.0 * b - a - 3.0 * c + d);
            fine.push(b + 0.5 * t * ((c - a) + t * bend));
        }
    }
    fine.extend(values.last());
    fine
}

fn linear(values: &[f64], factor: usize) -> Vec<f64> {
    let between = values
        .windows(2)
        .flat_map(|pair| (0..factor).map(move |step| pair[0] + step as f64 / factor as f64 * (pair[1] - pair[0])));
    between.chain(values.last().copied()).collect()
}

/// Places on an axis within a range: the number of a coordinate, and the share of the way to the next one.
fn places(coordinates: &[f64], range: Option<[f64; 2]>) -> Option<Vec<(usize, f64)>> {
    let (first, last) = (*coordinates.first()?, *coordinates.last()?);
    let [low, high] = range.map_or([first, last], |[low, high]| [low.max(first), high.min(last)]);
    if low >= high {
        return None;
    }
    let place = |value: f64| {
        let after = coordinates.partition_point(|coordinate| *coordinate <= value);
        let before = after.saturating_sub(1);
        match coordinates.get(after) {
            Some(next) => (before, (value - coordinates[before]) / (next - coordinates[before])),
            None => (before, 0.0),
        }
    };
    let inside = (0..coordinates.len()).filter(|place| coordinates[*place] > low && coordinates[*place] < high);
    Some(std::iter::once(place(low)).chain(inside.map(|at| (at, 0.0))).chain(std::iter::once(place(high))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(n: usize, value: impl Fn(f64, f64) -> f64) -> Field {
        let axis: Vec<f64> = (0..n).map(|point| 2.0 * point as f64 / (n - 1) as f64 - 1.0).collect();
        let values = axis.iter().flat_map(|y| axis.iter().map(|x| value(*x, *y)).collect::<Vec<_>>()).collect();
        Field { x: axis.clone(), y: axis, values }
    }

    #[test]
    fn a_cone_has_round_outlines_that_hold_its_hole() {
        let bowl = field(81, f64::hypot);
        let outlines = bowl.outlines(&[0.25, 0.5]);
        // The ground is above both levels but for two discs: the square twice, then a hole in each.
        let bands: Vec<usize> = outlines.iter().map(|outline| outline.band).collect();
        assert_eq!(bands, [1, 2, 1, 0]);
        for (outline, radius) in outlines[2..].iter().zip([0.5, 0.25]) {
            let area = signed_area(&outline.points);
            assert!((area / (-std::f64::consts::PI * radius * radius) - 1.0).abs() < 0.01, "{area}");
            assert!(outline.points.iter().all(|(x, y)| (x.hypot(*y) - radius).abs() < 0.01));
        }
        assert!((signed_area(&outlines[0].points) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn painting_the_outlines_gives_every_point_its_band() {
        let inside = |points: &[Point], (x, y): Point| {
            let crosses =
                |(a, b): (&Point, &Point)| (a.1 > y) != (b.1 > y) && x < a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0);
            points.iter().zip(points.iter().cycle().skip(1)).filter(|pair| crosses(*pair)).count() % 2 == 1
        };
        let hills = field(41, |x, y| (5.0 * x).sin() * (4.0 * y).cos() + 0.3 * x);
        let pit = field(41, |x, y| 0.7 * (x - 0.1).hypot(1.1 * y));
        let cliff = field(41, |x, y| if x.hypot(y) < 0.63 { 0.01 * x } else { 0.99 });
        let levels: Vec<f64> = (-11..12).map(|level| f64::from(level) * 0.083 + 0.001).collect();
        for surface in [hills, pit, cliff] {
            let outlines = surface.outlines(&levels);
            for (row, column) in (1..40).flat_map(|row| (1..40).map(move |column| (row, column))) {
                let value = surface.values[row * 41 + column];
                let at = (surface.x[column] + 1e-9, surface.y[row] + 1e-9);
                if levels.iter().any(|level| (value - level).abs() < 1e-6) {
                    continue;
                }
                let wanted = levels.iter().filter(|level| value >= **level).count();
                let found = outlines.iter().rfind(|outline| inside(&outline.points, at)).map_or(0, |found| found.band);
                assert_eq!(found, wanted, "at {at:?}, where the value is {value}");
            }
        }
    }

    #[test]
    fn thinning_keeps_the_shape() {
        let circle: Vec<Point> =
            (0..2000).map(|step| f64::from(step) * 0.00314).map(|a| (50.0 * a.cos(), 50.0 * a.sin())).collect();
        let thin = thinned(&circle, 0.05);
        assert!((20..200).contains(&thin.len()), "{}", thin.len());
        assert!((signed_area(&thin) / signed_area(&circle) - 1.0).abs() < 0.005);
        assert_eq!((thin[0], thin.last()), (circle[0], circle.last()));
        assert_eq!(thinned(&[(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)], 0.05), [(0.0, 0.0), (2.0, 0.0)]);
    }

    #[test]
    fn smoothing_keeps_the_values_and_cropping_cuts_between_them() {
        let coarse = field(5, |x, y| x * x - y);
        let fine = coarse.smoothed(16);
        assert_eq!((fine.x.len(), fine.y.len(), fine.values.len()), (17, 17, 17 * 17));
        for (row, column) in (0..5).flat_map(|row| (0..5).map(move |column| (row, column))) {
            assert!((fine.values[row * 4 * 17 + column * 4] - coarse.values[row * 5 + column]).abs() < 1e-12);
        }
        let part = coarse.cropped(Some([-0.75, 0.6]), Some([0.0, 9.0])).unwrap();
        assert_eq!((part.x.as_slice(), part.y.as_slice()), (&[-0.75, -0.5, 0.0, 0.5, 0.6][..], &[0.0, 0.5, 1.0][..]));
        assert_eq!(part.values[..2], [(1.0 + 0.25) / 2.0, 0.25]);
        assert_eq!(coarse.cropped(Some([1.0, 2.0]), None), None);
        assert_eq!(coarse.cropped(None, None).unwrap(), coarse);
    }
}
