//! A drawing as SVG: shapes by plotters, letters as outlines that are defined once each, so that the picture looks the
//! same where the font is missing. What a text says is in its `aria-label`.

use std::collections::BTreeSet;

use plotters::prelude::{Color, DrawingBackend, SVGBackend, TextStyle};
use plotters::style::{FontFamily, FontStyle, IntoFont};

use super::canvas::{Canvas, failed, play, units};
use super::drawing::{Align, Drawing, Label, Shape};
use super::{PlotError, fonts};

/// plotters counts in whole units; there are this many to a point.
const UNITS: f64 = 20.0;

impl Canvas for SVGBackend<'_> {
    /// Only keeps the place in the order of drawing; `outlined` puts the letters there.
    fn label(&mut self, _: &Label, _: f64) -> Result<(), PlotError> {
        let font = (FontFamily::SansSerif, 10.0, FontStyle::Normal).into_font();
        let style: TextStyle = font.color(&plotters::style::BLACK.to_rgba());
        self.draw_text("", &style, (0, 0)).map_err(|error| failed("svg", error))
    }
}

/// `as_text`: letters are text in the reader's font, to be searched and edited, instead of outlines.
pub(super) fn svg(drawing: &Drawing, provenance: &str, as_text: bool) -> Result<Vec<u8>, PlotError> {
    let mut text = String::new();
    let (width, height) = units((drawing.width, drawing.height), UNITS);
    {
        let mut canvas = SVGBackend::with_string(&mut text, (width as u32, height as u32));
        play(drawing, &mut canvas, UNITS, "svg")?;
        canvas.present().map_err(|error| failed("svg", error))?;
    }
    let (_, body) = text.split_once('>').ok_or_else(|| failed("svg", "no opening tag"))?;
    // Attributes that say nothing.
    let body = [" opacity=\"1\"", " stroke=\"none\""]
        .into_iter()
        .fold(body.to_owned(), |body, attribute| body.replace(attribute, ""));
    let labels: Vec<&Label> = drawing
        .shapes
        .iter()
        .filter_map(|shape| if let Shape::Label(label) = shape { Some(label) } else { None })
        .collect();
    let root = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{}pt\" \
         height=\"{}pt\" viewBox=\"0 0 {width} {height}\" stroke-linejoin=\"round\">\n<metadata>{}</metadata>\n{}\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>",
        drawing.width,
        drawing.height,
        escaped(provenance),
        if as_text { String::new() } else { definitions(&labels) },
    );
    Ok((root + &placed(&body, &labels, if as_text { text_of } else { group })?).into_bytes())
}

/// Every letter that occurs, once.
fn definitions(labels: &[&Label]) -> String {
    let mut glyphs: BTreeSet<(bool, u16)> = BTreeSet::new();
    for label in labels {
        glyphs.extend(fonts::letters(label).iter().map(|placed| (label.bold, placed.glyph)));
    }
    let mut definitions = String::from("<defs>\n");
    for (bold, glyph) in glyphs {
        if let Some(path) = fonts::outline(glyph, bold) {
            definitions += &format!("<path id=\"{}\" d=\"{path}\"/>\n", name(glyph, bold));
        }
    }
    definitions + "</defs>\n"
}

fn name(glyph: u16, bold: bool) -> String {
    format!("{}{glyph}", if bold { "b" } else { "r" })
}

/// A font of the same widths as ours wherever there is one.
const FAMILY: &str = "Liberation Sans, Arial, Helvetica, Arimo, sans-serif";

fn text_of(label: &Label) -> String {
    let (red, green, blue) = label.ink.rgb;
    let opacity = if label.ink.alpha < 1.0 { format!(" fill-opacity=\"{}\"", label.ink.alpha) } else { String::new() };
    let turn = if label.upwards { " rotate(-90)" } else { "" };
    let weight = if label.bold { " font-weight=\"bold\"" } else { "" };
    let anchor = match label.align {
        Align::Start => "start",
        Align::Middle => "middle",
        Align::End => "end",
    };
    format!(
        "<text xml:space=\"preserve\" font-family=\"{FAMILY}\" font-size=\"{:.0}\"{weight} text-anchor=\"{anchor}\" \
         fill=\"#{red:02X}{green:02X}{blue:02X}\"{opacity} transform=\"translate({:.2} {:.2}){turn}\">{}</text>",
        label.size * UNITS,
        label.at.0 * UNITS,
        label.at.1 * UNITS,
        escaped(&label.text),
    )
}

/// `body` with the letters of each label in the place that was kept for it.
fn placed(body: &str, labels: &[&Label], draw: fn(&Label) -> String) -> Result<String, PlotError> {
    let mut parts = body.split("<text ");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    let mut labels = labels.iter();
    for part in parts {
        let (Some(label), Some((_, rest))) = (labels.next(), part.split_once("</text>")) else {
            return Err(failed("svg", "a text without its label"));
        };
        whole += &draw(label);
        whole += rest;
    }
    if labels.next().is_some() {
        return Err(failed("svg", "a label was lost"));
    }
    Ok(whole)
}

fn group(label: &Label) -> String {
    let (red, green, blue) = label.ink.rgb;
    let opacity = if label.ink.alpha < 1.0 { format!(" fill-opacity=\"{}\"", label.ink.alpha) } else { String::new() };
    let turn = if label.upwards { " rotate(-90)" } else { "" };
    let (x, y) = label.at;
    let mut group = format!(
        "<g role=\"img\" aria-label=\"{}\" fill=\"#{red:02X}{green:02X}{blue:02X}\"{opacity} \
         transform=\"translate({:.2} {:.2}){turn} scale({:.5})\">",
        escaped(&label.text),
        x * UNITS,
        y * UNITS,
        label.size * UNITS / fonts::EM,
    );
    for placed in fonts::letters(label) {
        if fonts::outline(placed.glyph, label.bold).is_some() {
            group += &format!("<use xlink:href=\"#{}\" x=\"{:.0}\"/>", name(placed.glyph, label.bold), placed.x);
        }
    }
    group + "</g>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::{sample, texts};
    use super::*;

    #[test]
    fn the_svg_is_in_points_and_carries_the_escaped_provenance() {
        let svg = String::from_utf8(svg(&sample(), "made by <x> & y -- z --", false).unwrap()).unwrap();
        assert!(svg.contains("width=\"40pt\" height=\"30pt\" viewBox=\"0 0 800 600\""));
        assert!(svg.contains("<metadata>made by &lt;x&gt; &amp; y -- z --</metadata>"));
        assert_eq!(texts(&svg), ["a &lt; b &amp; &quot;c&quot;"]);
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn letters_can_be_text() {
        let svg = String::from_utf8(svg(&sample(), "x", true).unwrap()).unwrap();
        assert!(svg.contains("text-anchor=\"start\"") && svg.contains(">a &lt; b &amp; &quot;c&quot;</text>"), "{svg}");
        assert!(svg.contains("translate(40.00 180.00)") && !svg.contains("<use") && !svg.contains("<defs>"));
    }

    #[test]
    fn letters_are_outlines_defined_once() {
        let svg = String::from_utf8(svg(&sample(), "x", false).unwrap()).unwrap();
        assert!(!svg.contains("<text") && !svg.contains("font"));
        // a < b & "c": two quotes share an outline, spaces have none.
        assert_eq!((svg.matches("<path id=").count(), svg.matches("<use ").count()), (6, 7));
        for used in svg.split("xlink:href=\"#").skip(1) {
            let id = used.split('"').next().unwrap();
            assert!(svg.contains(&format!("<path id=\"{id}\" d=\"M")), "{id}");
        }
    }
}
