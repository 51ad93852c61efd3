//! The levels of the lines, written into gaps of the lines as on a map, where there is room.

use super::super::clip::clipped;
use super::super::colormap::readable_on;
use super::super::drawing::{Align, Drawing, Point};
use super::super::fonts::{self, CAPITAL};
use super::super::ink::Ink;
use super::super::style::TICK_TEXT;
use super::layout::Panel;

/// Room between a label and the ends of its line, across and down.
const AIR: (f64, f64) = (1.6, 1.0);
/// Between a label and the frame.
const FROM_EDGE: f64 = 3.0;
/// A line shorter than so many of its labels would be little but a gap.
const SHORTEST: f64 = 3.0;
/// Distance between two places that are tried, in points.
const STRIDE: f64 = 2.0;

/// A closed line on the page, its first point repeated at the end.
pub(super) struct Isoline {
    pub points: Vec<Point>,
    /// What lies just inside.
    pub band: usize,
    /// Number of the level.
    pub level: usize,
}

/// What a line's label says, and where: left, top, right, bottom.
pub(super) struct Level {
    pub text: String,
    pub place: [f64; 4],
    pub ink: Ink,
}

/// What stands where in a panel, in squares of one point. Bounded by the page, however rough the surface is.
struct Map {
    corner: Point,
    columns: usize,
    rows: usize,
    /// Number of the line that passes and how far along it; nothing where no line passes.
    squares: Vec<Option<(usize, f64)>>,
}

/// Stands for everything that a label must not cover.
const TAKEN: usize = usize::MAX;

impl Map {
    fn new(panel: &Panel) -> Map {
        let (columns, rows) =
            ((panel.right - panel.left).ceil() as usize + 1, (panel.bottom - panel.top).ceil() as usize + 1);
        Map { corner: (panel.left, panel.top), columns, rows, squares: vec![None; columns * rows] }
    }

    fn square(&self, (x, y): Point) -> (usize, usize) {
        let (across, down) = ((x - self.corner.0).max(0.0) as usize, (y - self.corner.1).max(0.0) as usize);
        (across.min(self.columns - 1), down.min(self.rows - 1))
    }

    fn squares(&self, [left, top, right, bottom]: [f64; 4]) -> impl Iterator<Item = usize> + use<> {
        let ((first, upper), (last, lower)) = (self.square((left, top)), self.square((right, bottom)));
        let columns = self.columns;
        (upper..=lower).flat_map(move |row| (first..=last).map(move |column| row * columns + column))
    }

    fn mark(&mut self, line: usize, points: &[Point]) {
        for (along, at) in walked(points, 0.5) {
            let (column, row) = self.square(at);
            let square = &mut self.squares[row * self.columns + column];
            *square = match *square {
                Some((other, _)) if other != line => Some((TAKEN, 0.0)),
                _ => Some((line, along)),
            };
        }
    }

    fn take(&mut self, place: [f64; 4]) {
        for square in self.squares(place) {
            self.squares[square] = Some((TAKEN, 0.0));
        }
    }

    /// Whether nothing is there but the line itself, passing once, and lines that may be `crossed`.
    fn is_free(
        &self,
        place: [f64; 4],
        line: usize,
        (along, whole, reach): (f64, f64, f64),
        crossed: impl Fn(usize) -> bool,
    ) -> bool {
        self.squares(place).all(|square| match self.squares[square] {
            None => true,
            Some((other, at)) if other == line => {
                let apart = (at - along).abs();
                apart.min(whole - apart) <= reach
            }
            Some((other, _)) => crossed(other),
        })
    }
}

/// Points along a line at most `step` apart, each with its distance from the beginning.
fn walked(points: &[Point], step: f64) -> impl Iterator<Item = (f64, Point)> + '_ {
    let mut before = 0.0;
    points.windows(2).flat_map(move |pair| {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let steps = (length / step).ceil().max(1.0) as usize;
        let start = before;
        before += length;
        (0..steps).map(move |number| {
            let share = number as f64 / steps as f64;
            (start + share * length, (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)))
        })
    })
}

/// A label for each line whose level has a text, where the line is flattest and nothing else is near; `None` where
/// there is no such place. `taken` are boxes, and `joined` lines, to keep clear of.
pub(super) fn levels(
    panel: &Panel,
    lines: &[Isoline],
    text: impl Fn(usize) -> Option<(String, Ink)>,
    taken: &[[f64; 4]],
    joined: &[[Point; 2]],
) -> Vec<Option<Level>> {
    let mut map = Map::new(panel);
    for (number, line) in lines.iter().enumerate() {
        map.mark(number, &line.points);
    }
    for [from, to] in joined {
        map.mark(TAKEN, &[*from, *to]);
    }
    taken.iter().for_each(|place| map.take(*place));
    let mut level = |(number, line): (usize, &Isoline)| {
        let (words, ground) = text(line.level)?;
        let half = (fonts::width(&words, TICK_TEXT, false) / 2.0 + AIR.0, TICK_TEXT * CAPITAL / 2.0 + AIR.1);
        let steps: Vec<(f64, Point)> = walked(&line.points, STRIDE).collect();
        let whole = steps.last()?.0;
        if whole < SHORTEST * 2.0 * half.0 {
            return None;
        }
        // Where lines are dense a label may interrupt those between the ticks.
        let between = |other: usize| lines.get(other).is_some_and(|other| text(other.level).is_none());
        let place = flattest(panel, &map, &steps, half, (number, whole), |_| false)
            .or_else(|| flattest(panel, &map, &steps, half, (number, whole), between))?;
        map.take(place);
        Some(Level { text: words, place, ink: readable_on(ground) })
    };
    lines.iter().enumerate().map(&mut level).collect()
}

fn flattest(
    panel: &Panel,
    map: &Map,
    steps: &[(f64, Point)],
    half: (f64, f64),
    (line, whole): (usize, f64),
    crossed: impl Fn(usize) -> bool,
) -> Option<[f64; 4]> {
    let reach = 2.0 * half.0;
    let around = (half.0 / STRIDE).ceil() as usize;
    let mut best: Option<(f64, [f64; 4])> = None;
    for (number, (along, (x, y))) in steps.iter().enumerate() {
        let place = [x - half.0, y - half.1, x + half.0, y + half.1];
        let inside = place[0] >= panel.left + FROM_EDGE
            && place[2] <= panel.right - FROM_EDGE
            && place[1] >= panel.top + FROM_EDGE
            && place[3] <= panel.bottom - FROM_EDGE;
        if !inside {
            continue;
        }
        let near = (0..=2 * around).map(|offset| steps[(number + steps.len() + offset - around) % steps.len()].1);
        let steepness = near.map(|(_, other)| (other - y).abs()).fold(0.0, f64::max);
        if best.is_none_or(|(least, _)| steepness < least) && map.is_free(place, line, (*along, whole, reach), &crossed)
        {
            best = Some((steepness, place));
        }
    }
    best.map(|(_, place)| place)
}

/// The pieces of a line outside all labels.
pub(super) fn pieces(line: &Isoline, levels: &[Option<Level>]) -> Vec<Vec<Point>> {
    levels.iter().flatten().fold(vec![line.points.clone()], |pieces, level| {
        pieces.iter().flat_map(|piece| outside(piece, level.place)).collect()
    })
}

/// The pieces of a line outside a box.
fn outside(points: &[Point], [left, top, right, bottom]: [f64; 4]) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        if let Some((enter, leave)) = clipped((pair[0], pair[1]), (left, right), (top, bottom)) {
            piece.push(enter);
            pieces.push(std::mem::replace(&mut piece, vec![leave]));
        }
        piece.push(pair[1]);
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.windows(2).any(|pair| pair[0] != pair[1]));
    pieces
}

pub(super) fn draw(drawing: &mut Drawing, level: &Level) {
    let [left, _, right, bottom] = level.place;
    drawing.text(&level.text, ((left + right) / 2.0, bottom - AIR.1), TICK_TEXT, Align::Middle, level.ink);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_its_label_stands() {
        let square = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)];
        let pieces = outside(&square, [4.0, -1.0, 6.0, 1.0]);
        assert_eq!(pieces[0], [(0.0, 0.0), (4.0, 0.0)]);
        assert_eq!(pieces[1], [(6.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)]);
        // A corner, and a box that the line does not meet.
        let corner = outside(&square, [9.0, -1.0, 11.0, 1.0]);
        assert_eq!(corner, [vec![(0.0, 0.0), (9.0, 0.0)], vec![(10.0, 1.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)]]);
        assert_eq!(outside(&square, [4.0, 4.0, 6.0, 6.0]), [square.to_vec()]);
    }
}
