//! A drawing as files of every format, with the provenance in each.

use super::drawing::Drawing;
use super::{PlotError, Rendered, pdf, png, svg};

pub(super) fn render(drawing: &Drawing, provenance: &str) -> Result<Rendered, PlotError> {
    // XML allows no control characters and a PNG text no NUL; a line break means nothing in any of them.
    let provenance: String = provenance.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(Rendered {
        svg: svg::svg(drawing, &provenance)?,
        png: png::png(drawing, &provenance)?,
        pdf: pdf::pdf(drawing, &provenance)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::drawing::{Align, Label, Point, Shape};
    use super::super::fonts;
    use super::super::style::{AXIS, TEXT};
    use super::*;

    /// The texts of an SVG, not unescaped.
    pub fn texts(svg: &str) -> Vec<String> {
        let labels = svg.split("aria-label=\"").skip(1);
        labels.filter_map(|part| Some(part.split_once('"')?.0.to_owned())).collect()
    }

    /// Left, top, right and bottom of a label's letters.
    fn bounds(label: &Label) -> [f64; 4] {
        let width = fonts::width(&label.text, label.size, label.bold);
        let start = match label.align {
            Align::Start => 0.0,
            Align::Middle => -width / 2.0,
            Align::End => -width,
        };
        let (x, y) = label.at;
        let (rise, fall) = (label.size * fonts::CAPITAL, label.size * 0.1);
        if label.upwards {
            [x - rise, y - start - width, x + fall, y - start]
        } else {
            [x + start, y - rise, x + start + width, y + fall]
        }
    }

    /// No two labels overlap, nothing leaves the page, and no text is smaller than 7 points.
    pub fn check_page(drawing: &Drawing) {
        let labels: Vec<&Label> = drawing
            .shapes
            .iter()
            .filter_map(|shape| if let Shape::Label(label) = shape { Some(label) } else { None })
            .collect();
        for (i, label) in labels.iter().enumerate() {
            assert!(label.size >= 7.0);
            let [left, top, right, bottom] = bounds(label);
            let inside = left >= 0.0 && top >= 0.0 && right <= drawing.width && bottom <= drawing.height;
            assert!(inside, "{label:?} leaves {} x {}", drawing.width, drawing.height);
            for other in &labels[i + 1..] {
                let [l, t, r, b] = bounds(other);
                assert!(!(left < r && l < right && top < b && t < bottom), "{label:?} overlaps {other:?}");
            }
        }
        let inside = |(x, y): &Point| (0.0..=drawing.width).contains(x) && (0.0..=drawing.height).contains(y);
        for shape in &drawing.shapes {
            let points: &[Point] = match shape {
                Shape::Line { points, .. } | Shape::Polygon { points, .. } => points,
                Shape::Rectangle { from, to, .. } => {
                    assert!(from.0 <= to.0 && from.1 <= to.1, "{shape:?}");
                    &[*from, *to]
                }
                Shape::Disc { centre, .. } => &[*centre],
                Shape::Label(_) => &[],
            };
            assert!(points.iter().all(inside), "{shape:?} leaves the page");
        }
    }

    pub fn sample() -> Drawing {
        let mut drawing = Drawing::new(40.0);
        drawing.height = 30.0;
        drawing.rectangle((10.0, 10.0), (20.0, 20.0), AXIS);
        drawing.text("a < b & \"c\"", (2.0, 9.0), 7.0, Align::Start, TEXT);
        drawing
    }

    #[test]
    fn the_png_decodes_to_the_drawing_and_carries_the_provenance() {
        let bytes = render(&sample(), "key 12ab · path").unwrap().png;
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (160, 120));
        let pixel = |x: usize, y: usize| &pixels[(y * 160 + x) * 3..][..3];
        assert_eq!(pixel(60, 60), [0x4d; 3]);
        assert_eq!(pixel(39, 60), [255; 3]);
        assert_eq!(pixel(80, 60), [255; 3]);
        // Letters: some ink above the baseline, none two points below it.
        assert!((8..60).any(|x| pixel(x, 32)[0] < 200) && (0..36).all(|x| pixel(x, 44)[0] == 255));
        reader.finish().unwrap();
        let source = &reader.info().uncompressed_latin1_text[0];
        assert_eq!((source.keyword.as_str(), source.text.as_str()), ("Source", "key 12ab · path"));

        let greek = render(&sample(), "δ = 1").unwrap().png;
        assert!(greek.windows(4).any(|window| window == b"iTXt"));
    }

    #[test]
    fn equal_drawings_give_equal_bytes() {
        assert_eq!(render(&sample(), "x").unwrap(), render(&sample(), "x").unwrap());
    }
}
