//! The bitmap.

use super::canvas::{Canvas, colour, failed, play, units};
use super::drawing::{Drawing, Label};
use super::{PlotError, fonts};
use plotters::prelude::{BitMapBackend, Color, DrawingBackend};

/// The bitmap is drawn at twice its size and averaged down, which smooths edges evenly.
const PNG_UNITS: f64 = 4.0;
const OVERSAMPLING: usize = 2;

impl Canvas for BitMapBackend<'_> {
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

pub(super) fn png(drawing: &Drawing, provenance: &str) -> Result<Vec<u8>, PlotError> {
    let (width, height) = units((drawing.width, drawing.height), PNG_UNITS);
    let (width, height) = (width as usize, height as usize);
    let mut large = vec![255; width * height * OVERSAMPLING * OVERSAMPLING * 3];
    {
        let size = ((width * OVERSAMPLING) as u32, (height * OVERSAMPLING) as u32);
        let mut canvas = BitMapBackend::with_buffer(&mut large, size);
        play(drawing, &mut canvas, PNG_UNITS * OVERSAMPLING as f64, "png")?;
        canvas.present().map_err(|error| failed("png", error))?;
    }
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    // Flat colours compress best unfiltered.
    encoder.set_compression(::png::Compression::Best);
    encoder.set_filter(::png::FilterType::NoFilter);
    let per_metre = (PNG_UNITS * 72.0 / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(::png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: ::png::Unit::Meter }));
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
