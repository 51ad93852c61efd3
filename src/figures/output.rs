//! A drawing as files of every format, with the provenance in each.

use std::collections::BTreeMap;

use super::drawing::{Drawing, Shape};
use super::{PlotError, Rendered, fonts, pdf, png, svg};

pub(super) fn render(drawing: &Drawing, provenance: &str, svg_text: bool) -> Result<Rendered, PlotError> {
    // XML allows no control characters and a PNG text no NUL; a line break means nothing in any of them.
    let provenance: String = provenance.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(Rendered {
        svg: svg::svg(drawing, &provenance, svg_text)?,
        png: png::png(drawing, &provenance)?,
        pdf: pdf::pdf(drawing, &provenance)?,
        notes: drawing.notes.iter().cloned().chain(missing_letters(drawing)).collect(),
    })
}

/// Letters that the font does not have, with a text that each is in.
fn missing_letters(drawing: &Drawing) -> Option<String> {
    let labels =
        drawing.shapes.iter().filter_map(|shape| if let Shape::Label(label) = shape { Some(label) } else { None });
    let mut missing: BTreeMap<char, &str> = BTreeMap::new();
    for label in labels {
        let boxes = fonts::letters(label).into_iter().filter(|placed| placed.glyph == 0);
        for placed in boxes {
            missing.entry(placed.letter).or_insert(&label.text);
        }
    }
    const MOST: usize = 8;
    let said: Vec<String> = missing.iter().take(MOST).map(|(letter, text)| format!("{letter} (in `{text}`)")).collect();
    let more = if missing.len() > MOST { format!(" and {} more", missing.len() - MOST) } else { String::new() };
    (!said.is_empty()).then(|| format!("the font has no {}{more}: boxes stand there", said.join(", ")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::clip;
    use super::super::drawing::{Align, Label, Point};
    use super::super::style::{AXIS, AXIS_LINE, TEXT};
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

    fn labels(drawing: &Drawing) -> Vec<&Label> {
        fn label(shape: &Shape) -> Option<&Label> {
            if let Shape::Label(label) = shape { Some(label) } else { None }
        }
        drawing.shapes.iter().filter_map(label).collect()
    }

    /// No two labels overlap or run into an axis, nothing leaves the page, and no text is smaller than 7 points.
    pub fn check_page(drawing: &Drawing) {
        check_page_aslant(drawing);
        for label in labels(drawing) {
            let [left, top, right, bottom] = bounds(label);
            for shape in &drawing.shapes {
                let Shape::Line { points, width, ink } = shape else { continue };
                for pair in points.windows(2).filter(|_| (*width, *ink) == (AXIS_LINE, AXIS)) {
                    let met = clip::clipped((pair[0], pair[1]), (left, right), (top, bottom));
                    assert!(met.is_none(), "{label:?} runs into the axis {pair:?}");
                }
            }
        }
    }

    /// The same where what stands in the middle may hide an edge of the box around it.
    pub fn check_page_aslant(drawing: &Drawing) {
        let labels = labels(drawing);
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
        let bytes = render(&sample(), "key 12ab · path", false).unwrap().png;
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

        let greek = render(&sample(), "δ = 1", false).unwrap().png;
        assert!(greek.windows(4).any(|window| window == b"iTXt"));
    }

    #[test]
    fn letters_that_the_font_lacks_and_cut_texts_are_noted() {
        let mut drawing = sample();
        assert_eq!(render(&drawing, "x", false).unwrap().notes, Vec::<String>::new());
        drawing.text("模型 α", (2.0, 9.0), 7.0, Align::Start, TEXT);
        drawing.cut("the title", "a long title", "a long…");
        let notes = render(&drawing, "x", false).unwrap().notes;
        assert_eq!(notes[0], "the title is cut to `a long…`: there is no room for `a long title`");
        assert_eq!(notes[1], "the font has no 型 (in `模型 α`), 模 (in `模型 α`): boxes stand there");
    }

    #[test]
    fn equal_drawings_give_equal_bytes() {
        assert_eq!(render(&sample(), "x", false).unwrap(), render(&sample(), "x", false).unwrap());
    }
}
