//! Shapes that leave the place they are shown in.

use super::drawing::Point;

/// The part of a line within a rectangle (Liang and Barsky); `None` where it has none.
pub(super) fn clipped(
    (a, b): (Point, Point),
    (left, right): (f64, f64),
    (low, high): (f64, f64),
) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0f64, 1f64);
    for (toward, room) in [(-dx, a.0 - left), (dx, right - a.0), (-dy, a.1 - low), (dy, high - a.1)] {
        if toward == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if toward < 0.0 {
            enter = enter.max(room / toward);
        } else {
            leave = leave.min(room / toward);
        }
    }
    let at = |share: f64| (a.0 + share * dx, a.1 + share * dy);
    (enter <= leave).then(|| (at(enter), at(leave)))
}

/// The pieces of a line within a rectangle. One that lies inside comes back as it is.
pub(super) fn pieces(points: &[Point], across: (f64, f64), down: (f64, f64)) -> Vec<Vec<Point>> {
    const SLACK: f64 = 1e-6;
    let within = |(low, high): (f64, f64), value: f64| low - SLACK <= value && value <= high + SLACK;
    let inside = |(x, y): &Point| within(across, *x) && within(down, *y);
    if points.iter().all(inside) {
        return vec![points.to_vec()];
    }
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((from, to)) = clipped((pair[0], pair[1]), across, down) else { continue };
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
    }
    pieces
}

/// The part of a polygon within a rectangle (Sutherland and Hodgman), without corners where there is none.
pub(super) fn polygon(points: &[Point], across: (f64, f64), down: (f64, f64)) -> Vec<Point> {
    let sides: [(bool, f64, f64); 4] =
        [(true, across.0, 1.0), (true, across.1, -1.0), (false, down.0, 1.0), (false, down.1, -1.0)];
    sides.into_iter().fold(points.to_vec(), |points, (is_x, edge, inwards)| {
        let depth = |point: &Point| inwards * (if is_x { point.0 } else { point.1 } - edge);
        let mut kept = Vec::with_capacity(points.len());
        for (number, to) in points.iter().enumerate() {
            let from = &points[(number + points.len() - 1) % points.len()];
            let (before, after) = (depth(from), depth(to));
            if (before < 0.0) != (after < 0.0) {
                let share = before / (before - after);
                kept.push((from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)));
            }
            if after >= 0.0 {
                kept.push(*to);
            }
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: (f64, f64) = (0.0, 1.0);

    #[test]
    fn a_line_that_leaves_and_comes_back_is_two_pieces() {
        let line = [(0.0, 0.5), (0.5, 1.5), (1.0, 0.5)];
        assert_eq!(pieces(&line, UNIT, UNIT), [vec![(0.0, 0.5), (0.25, 1.0)], vec![(0.75, 1.0), (1.0, 0.5)]]);
        assert_eq!(pieces(&line, UNIT, (0.0, 2.0)), [line.to_vec()]);
        assert_eq!(pieces(&line, (3.0, 4.0), UNIT), Vec::<Vec<Point>>::new());
    }

    #[test]
    fn a_polygon_is_cut_at_the_edges() {
        let square = [(-1.0, 0.25), (0.5, 0.25), (0.5, 0.75), (-1.0, 0.75)];
        let mut cut = polygon(&square, UNIT, UNIT);
        cut.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(cut, [(0.0, 0.25), (0.0, 0.75), (0.5, 0.25), (0.5, 0.75)]);
        assert!(polygon(&square, (2.0, 3.0), UNIT).is_empty());
    }
}
