//! Plays a drawing to plotters' backends and puts the provenance into every file; here the bitmap.

use super::drawing::{Drawing, Ink, Label, Point, Shape};
use super::{PlotError, Rendered, fonts, pdf, svg};
use plotters::prelude::{BitMapBackend, Color, DrawingBackend, RGBAColor, ShapeStyle};

/// The bitmap is drawn at twice its size and averaged down, which smooths edges evenly.
const PNG_UNITS: f64 = 4.0;
const OVERSAMPLING: usize = 2;

pub(super) fn render(drawing: &Drawing, provenance: &str) -> Result<Rendered, PlotError> {
    // XML allows no control characters and a PNG text no NUL; a line break means nothing in any of them.
    let provenance: String = provenance.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(Rendered {
        svg: svg::svg(drawing, &provenance)?,
        png: png(drawing, &provenance)?,
        pdf: pdf::pdf(drawing, &provenance)?,
    })
}

/// A plotters backend with text whose baseline goes exactly through the given point.
pub(super) trait Surface: DrawingBackend {
    fn label(&mut self, label: &Label, scale: f64) -> Result<(), PlotError>;
}

impl Surface for BitMapBackend<'_> {
    fn label(&mut self, label: &Label, scale: f64) -> Result<(), PlotError> {
        let (x, y) = units(label.at, scale);
        let mut outcome = Ok(());
        fonts::rasterise(label, scale, |dx, dy, coverage| {
            let ink = label.ink.faded(label.ink.alpha * f64::from(coverage));
            if let Err(error) = self.draw_pixel((x + dx, y + dy), colour(ink).to_backend_color()) {
                outcome = Err(failed("png", error));
            }
        });
        outcome
    }
}

pub(super) fn play<S: Surface>(
    drawing: &Drawing,
    surface: &mut S,
    scale: f64,
    format: &'static str,
) -> Result<(), PlotError> {
    let stroke = |ink: Ink, width: f64| ShapeStyle {
        color: colour(ink),
        filled: false,
        stroke_width: ((width * scale).round() as u32).max(1),
    };
    let corners = |points: &[Point]| points.iter().map(|point| units(*point, scale)).collect::<Vec<_>>();
    for shape in &drawing.shapes {
        match shape {
            Shape::Line { points, width, ink } => surface.draw_path(corners(points), &stroke(*ink, *width)),
            Shape::Polygon { points, ink } => surface.fill_polygon(corners(points), &colour(*ink).filled()),
            Shape::Rectangle { from, to, ink } => {
                surface.draw_rect(units(*from, scale), units(*to, scale), &colour(*ink).filled(), true)
            }
            Shape::Disc { centre, radius, ink } => {
                let radius = (radius * scale).round() as u32;
                surface.draw_circle(units(*centre, scale), radius, &colour(*ink).filled(), true)
            }
            Shape::Label(label) => {
                surface.label(label, scale)?;
                Ok(())
            }
        }
        .map_err(|error| failed(format, error))?;
    }
    Ok(())
}

fn png(drawing: &Drawing, provenance: &str) -> Result<Vec<u8>, PlotError> {
    let (width, height) = units((drawing.width, drawing.height), PNG_UNITS);
    let (width, height) = (width as usize, height as usize);
    let mut large = vec![255; width * height * OVERSAMPLING * OVERSAMPLING * 3];
    {
        let size = ((width * OVERSAMPLING) as u32, (height * OVERSAMPLING) as u32);
        let mut surface = BitMapBackend::with_buffer(&mut large, size);
        play(drawing, &mut surface, PNG_UNITS * OVERSAMPLING as f64, "png")?;
        surface.present().map_err(|error| failed("png", error))?;
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Flat colours compress best unfiltered.
    encoder.set_compression(png::Compression::Best);
    encoder.set_filter(png::FilterType::NoFilter);
    let per_metre = (PNG_UNITS * 72.0 / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    // The plain text chunk is Latin-1 only.
    let latin = provenance.chars().all(|c| u32::from(c) < 256);
    let (keyword, text) = ("Source".to_owned(), provenance.to_owned());
    if latin { encoder.add_text_chunk(keyword, text) } else { encoder.add_itxt_chunk(keyword, text) }
        .map_err(|error| failed("png", error))?;
    let mut writer = encoder.write_header().map_err(|error| failed("png", error))?;
    writer.write_image_data(&averaged(&large, width, height)).map_err(|error| failed("png", error))?;
    writer.finish().map_err(|error| failed("png", error))?;
    Ok(bytes)
}

/// Every block of `OVERSAMPLING`² pixels as one; RGB, row-major.
fn averaged(large: &[u8], width: usize, height: usize) -> Vec<u8> {
    let samples = OVERSAMPLING * OVERSAMPLING;
    let row_bytes = width * OVERSAMPLING * 3;
    let mut small = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let sum: usize = (0..samples)
                    .map(|sample| {
                        let (row, column) =
                            (y * OVERSAMPLING + sample / OVERSAMPLING, x * OVERSAMPLING + sample % OVERSAMPLING);
                        usize::from(large[row * row_bytes + column * 3 + channel])
                    })
                    .sum();
                small.push(((sum + samples / 2) / samples) as u8);
            }
        }
    }
    small
}

pub(super) fn units(point: Point, scale: f64) -> (i32, i32) {
    ((point.0 * scale).round() as i32, (point.1 * scale).round() as i32)
}

fn colour(ink: Ink) -> RGBAColor {
    RGBAColor(ink.rgb.0, ink.rgb.1, ink.rgb.2, ink.alpha)
}

pub(super) fn failed(format: &'static str, reason: impl ToString) -> PlotError {
    PlotError::Backend { format, reason: reason.to_string() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::drawing::Align;
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
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
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
