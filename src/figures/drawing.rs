//! A figure as a list of shapes in points, from the upper left corner, y downwards. Laid out without a backend, so that
//! tests can ask whether anything overlaps or leaves the page.

use super::ink::Ink;
use super::style::{Marker, WHITE};

pub(super) type Point = (f64, f64);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Align {
    Start,
    Middle,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    pub text: String,
    /// A point on the baseline; which one, `align` says.
    pub at: Point,
    pub size: f64,
    pub bold: bool,
    pub align: Align,
    /// Reads upwards instead of rightwards.
    pub upwards: bool,
    pub ink: Ink,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Line { points: Vec<Point>, width: f64, ink: Ink },
    Polygon { points: Vec<Point>, ink: Ink },
    Rectangle { from: Point, to: Point, ink: Ink },
    Disc { centre: Point, radius: f64, ink: Ink },
    Label(Label),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
    /// What the picture does not show as it was asked to.
    pub notes: Vec<String>,
}

impl Drawing {
    /// The height is set when the layout is known.
    pub fn new(width: f64) -> Drawing {
        Drawing { width, height: 0.0, shapes: Vec::new(), notes: Vec::new() }
    }

    /// Notes it where a text had to be cut.
    pub fn cut(&mut self, what: &str, whole: &str, shown: &str) {
        if whole != shown {
            self.notes.push(format!("{what} is cut to `{shown}`: there is no room for `{whole}`"));
        }
    }

    pub fn line(&mut self, points: &[Point], width: f64, ink: Ink) {
        self.shapes.push(Shape::Line { points: points.to_vec(), width, ink });
    }

    /// A line with `dash` as alternating lengths of ink and gap; an empty `dash` is solid.
    pub fn dashed(&mut self, points: &[Point], width: f64, ink: Ink, dash: &[f64]) {
        for points in dashes(points, dash) {
            self.shapes.push(Shape::Line { points, width, ink });
        }
    }

    pub fn polygon(&mut self, points: &[Point], ink: Ink) {
        self.shapes.push(Shape::Polygon { points: points.to_vec(), ink });
    }

    pub fn rectangle(&mut self, from: Point, to: Point, ink: Ink) {
        self.shapes.push(Shape::Rectangle { from, to, ink });
    }

    pub fn text(&mut self, text: impl Into<String>, at: Point, size: f64, align: Align, ink: Ink) {
        self.label(Label { text: text.into(), at, size, bold: false, align, upwards: false, ink });
    }

    pub fn text_upwards(&mut self, text: impl Into<String>, at: Point, size: f64, align: Align, ink: Ink) {
        self.label(Label { text: text.into(), at, size, bold: false, align, upwards: true, ink });
    }

    pub fn label(&mut self, mut label: Label) {
        // XML cannot hold control characters, and no font draws them.
        label.text = label.text.replace(char::is_control, " ");
        self.shapes.push(Shape::Label(label));
    }

    /// A filled marker of about `radius`, with areas that look equal, on a `halo` of white around it.
    pub fn marker(&mut self, marker: Marker, centre: Point, radius: f64, halo: f64, ink: Ink) {
        if halo > 0.0 {
            self.marker_shape(marker, centre, radius, halo, WHITE);
        }
        self.marker_shape(marker, centre, radius, 0.0, ink);
    }

    fn marker_shape(&mut self, marker: Marker, (x, y): Point, radius: f64, grow: f64, ink: Ink) {
        // Corners move out further than sides when a shape grows evenly.
        let corners: Vec<Point> = match marker {
            Marker::Disc => {
                self.shapes.push(Shape::Disc { centre: (x, y), radius: radius + grow, ink });
                return;
            }
            Marker::Square => {
                let half = radius * 0.9 + grow;
                vec![(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
            }
            Marker::Diamond => {
                let half = radius * 1.3 + grow * 1.41;
                vec![(x, y - half), (x + half, y), (x, y + half), (x - half, y)]
            }
            Marker::Triangle | Marker::Wedge => {
                let (reach, side) = (radius * 1.35 + grow * 2.0, if marker == Marker::Triangle { 1.0 } else { -1.0 });
                let base = reach * 0.866;
                vec![(x, y - side * reach), (x + base, y + side * reach / 2.0), (x - base, y + side * reach / 2.0)]
            }
        };
        self.shapes.push(Shape::Polygon { points: corners, ink });
    }
}

/// The inked pieces of a polyline.
fn dashes(points: &[Point], dash: &[f64]) -> Vec<Vec<Point>> {
    let (Some(first), true) = (points.first(), dash.iter().sum::<f64>() > 0.0) else {
        return vec![points.to_vec()];
    };
    let mut pieces = Vec::new();
    let mut piece = vec![*first];
    let (mut phase, mut left) = (0, dash[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                piece.push(to);
                break;
            }
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            piece.push(from);
            if phase % 2 == 0 {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            phase = (phase + 1) % dash.len();
            left = dash[phase];
        }
    }
    if phase % 2 == 0 && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_turn_corners_and_keep_the_rhythm() {
        let pieces = dashes(&[(0.0, 0.0), (3.0, 0.0), (3.0, 5.0)], &[2.0, 2.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (2.0, 0.0)], vec![(3.0, 1.0), (3.0, 3.0)]]);
        let corner = dashes(&[(0.0, 0.0), (1.0, 0.0), (1.0, 5.0)], &[2.0, 9.0]);
        assert_eq!(corner, [vec![(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]]);
        assert_eq!(dashes(&[(0.0, 0.0), (3.0, 0.0)], &[]), [vec![(0.0, 0.0), (3.0, 0.0)]]);
    }
}
