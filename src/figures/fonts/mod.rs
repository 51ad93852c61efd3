//! The embedded font: Liberation Sans (SIL Open Font License 1.1, see `fonts/LICENSE`), which has Arial's metrics.

use std::cell::RefCell;
use std::sync::LazyLock;

use ab_glyph::{Font, FontArc, GlyphId, OutlineCurve, PxScale, ScaleFont, point};

use super::drawing::{Align, Label};

/// Units to the em in which letters are placed; those of both embedded fonts.
pub(super) const EM: f64 = 2048.0;
/// Height of capitals and digits over the font size.
pub(super) const CAPITAL: f64 = 0.69;

static REGULAR: LazyLock<FontArc> =
    LazyLock::new(|| FontArc::try_from_slice(file(false)).expect("the embedded font is whole"));
static BOLD: LazyLock<FontArc> =
    LazyLock::new(|| FontArc::try_from_slice(file(true)).expect("the embedded font is whole"));

thread_local! {
    /// Used instead of both, where a figure asks for it.
    static OWN: RefCell<Option<FontArc>> = const { RefCell::new(None) };
}

/// A font of somebody's own, as a TrueType or OpenType file.
#[derive(Debug, Clone)]
pub struct OwnFont(FontArc);

impl OwnFont {
    /// `None` for what is no such file.
    pub fn read(file: Vec<u8>) -> Option<OwnFont> {
        let font = FontArc::try_from_vec(file).ok()?;
        (font.units_per_em().is_some() && font.height_unscaled() > 0.0).then_some(OwnFont(font))
    }

    /// Draws with it.
    pub fn within<T>(self, draw: impl FnOnce() -> T) -> T {
        /// Also where drawing panics.
        struct Back;
        impl Drop for Back {
            fn drop(&mut self) {
                OWN.set(None);
            }
        }
        let _back = Back;
        OWN.set(Some(self.0));
        draw()
    }
}

/// Whether letters come from somebody's own font.
pub(super) fn is_own() -> bool {
    OWN.with_borrow(Option::is_some)
}

/// The embedded font as a TrueType file.
pub(super) fn file(bold: bool) -> &'static [u8] {
    match bold {
        false => include_bytes!("LiberationSans-Regular.ttf"),
        true => include_bytes!("LiberationSans-Bold.ttf"),
    }
}

fn font(bold: bool) -> FontArc {
    let own = OWN.with_borrow(Clone::clone);
    own.unwrap_or_else(|| if bold { BOLD.clone() } else { REGULAR.clone() })
}

/// How many units of ours one of the font's is.
fn units(font: &FontArc) -> f64 {
    EM / f64::from(font.units_per_em().unwrap_or(EM as f32))
}

/// Width of a line of text, in the unit of `size` (the em).
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    place(text, size, bold).1
}

/// Width of the widest text; 0 for none.
pub(super) fn widest<'a>(texts: impl Iterator<Item = &'a str>, size: f64) -> f64 {
    texts.map(|text| width(text, size, false)).fold(0.0, f64::max)
}

/// The text itself where it fits in `room`, else its beginning and an ellipsis.
pub(super) fn fit(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    loop {
        let shortened: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if kept.pop().is_none() || width(&shortened, size, bold) <= room {
            return shortened;
        }
    }
}

/// The text itself where it fits in `room`, else an ellipsis and its end: what tells models apart stands there.
pub(super) fn fit_end(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut rest = text.chars();
    loop {
        let more = rest.next().is_some();
        let shortened = format!("…{}", rest.as_str().trim_start());
        if !more || width(&shortened, size, bold) <= room {
            return shortened;
        }
    }
}

/// As [`fit`], of which the `tail` is kept.
pub(super) fn fit_with(text: &str, tail: &str, size: f64, room: f64) -> String {
    let whole = format!("{text}{tail}");
    if width(&whole, size, false) <= room {
        return whole;
    }
    let shortened = fit(text, size, false, room - width(tail, size, false)) + tail;
    fit(&shortened, size, false, room)
}

/// Lines of at most `room`, broken at spaces, at most `most` of them; what is left over ends in an ellipsis.
pub(super) fn wrap(text: &str, size: f64, bold: bool, room: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let full = lines.len() >= most;
        match lines.last_mut() {
            Some(line) if full || width(&format!("{line} {word}"), size, bold) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| fit(line, size, bold, room)).collect()
}

/// Calls `dot` with the offset from the label's point and the coverage (0..=1) of every pixel its letters touch, at
/// `scale` pixels per point.
pub(super) fn rasterise(label: &Label, scale: f64, mut dot: impl FnMut(i32, i32, f32)) {
    let size = label.size * scale;
    let (glyphs, width) = place(&label.text, size, label.bold);
    let start = start(label.align, width);
    let font = font(label.bold);
    for (glyph, x) in glyphs {
        let placed = glyph.with_scale_and_position(pixels(&font, size), point((start + x) as f32, 0.0));
        let Some(outline) = font.outline_glyph(placed) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, coverage| {
            let (along, across) = (x as i32 + corner.x as i32, y as i32 + corner.y as i32);
            let (x, y) = if label.upwards { (across, -along) } else { (along, across) };
            dot(x, y, coverage.min(1.0));
        });
    }
}

/// One letter of a line: its number in the font, the letter, and where its origin stands on the baseline.
pub(super) struct Placed {
    pub glyph: u16,
    pub letter: char,
    pub x: f64,
}

/// The letters of a label, in units of the em, from the label's own point.
pub(super) fn letters(label: &Label) -> Vec<Placed> {
    let (glyphs, width) = place(&label.text, EM, label.bold);
    let start = start(label.align, width);
    let placed = |((glyph, x), letter): ((GlyphId, f64), char)| Placed { glyph: glyph.0, letter, x: start + x };
    glyphs.into_iter().zip(label.text.chars()).map(placed).collect()
}

/// How far a glyph moves the next one on, in units of the em.
pub(super) fn advance(glyph: u16, bold: bool) -> f64 {
    let font = font(bold);
    f64::from(font.h_advance_unscaled(GlyphId(glyph))) * units(&font)
}

/// A piece of an outline, in units of the em with y downwards.
pub(super) enum Stroke {
    /// A new contour begins here.
    Move([f64; 2]),
    Line([f64; 2]),
    Quad([f64; 2], [f64; 2]),
    Cubic([f64; 2], [f64; 2], [f64; 2]),
}

/// The closed contours of a glyph; empty where there is nothing to draw.
pub(super) fn strokes(glyph: u16, bold: bool) -> Vec<Stroke> {
    let font = font(bold);
    let Some(outline) = font.outline(GlyphId(glyph)) else { return Vec::new() };
    let size = units(&font);
    // 0 − y, because −y of 0 prints as −0.
    let at = |point: ab_glyph::Point| [f64::from(point.x) * size, 0.0 - f64::from(point.y) * size];
    let mut strokes = Vec::new();
    let mut pen = None;
    for curve in &outline.curves {
        let (from, to, stroke) = match *curve {
            OutlineCurve::Line(from, to) => (from, to, Stroke::Line(at(to))),
            OutlineCurve::Quad(from, control, to) => (from, to, Stroke::Quad(at(control), at(to))),
            OutlineCurve::Cubic(from, first, second, to) => (from, to, Stroke::Cubic(at(first), at(second), at(to))),
        };
        if pen != Some(from) {
            strokes.push(Stroke::Move(at(from)));
        }
        strokes.push(stroke);
        pen = Some(to);
    }
    strokes
}

/// A glyph as the data of an SVG path; `None` where there is nothing to draw.
pub(super) fn outline(glyph: u16, bold: bool) -> Option<String> {
    let strokes = strokes(glyph, bold);
    let numbers = |points: &[[f64; 2]]| {
        let pairs: Vec<String> = points.iter().map(|[x, y]| format!("{x} {y}")).collect();
        pairs.join(" ")
    };
    let mut path = String::new();
    for stroke in &strokes {
        path += &match stroke {
            Stroke::Move(to) => format!("{}M{}", if path.is_empty() { "" } else { "Z" }, numbers(&[*to])),
            Stroke::Line(to) => format!("L{}", numbers(&[*to])),
            Stroke::Quad(control, to) => format!("Q{}", numbers(&[*control, *to])),
            Stroke::Cubic(first, second, to) => format!("C{}", numbers(&[*first, *second, *to])),
        };
    }
    (!path.is_empty()).then(|| path + "Z")
}

/// Where a text of `width` begins, from the point that it is aligned to.
fn start(align: Align, width: f64) -> f64 {
    match align {
        Align::Start => 0.0,
        Align::Middle => -width / 2.0,
        Align::End => -width,
    }
}

/// Glyphs with their offsets along the baseline, kerned, and the width of all.
fn place(text: &str, size: f64, bold: bool) -> (Vec<(GlyphId, f64)>, f64) {
    let font = font(bold);
    let scaled = font.as_scaled(pixels(&font, size));
    let mut glyphs: Vec<(GlyphId, f64)> = Vec::new();
    let mut x = 0.0;
    for letter in text.chars() {
        let glyph = scaled.glyph_id(letter);
        if let Some((before, _)) = glyphs.last() {
            x += f64::from(scaled.kern(*before, glyph));
        }
        glyphs.push((glyph, x));
        x += f64::from(scaled.h_advance(glyph));
    }
    (glyphs, x)
}

/// `ab_glyph` scales by the distance from ascender to descender, everyone else by the em.
fn pixels(font: &FontArc, size: f64) -> PxScale {
    let em = f64::from(font.units_per_em().unwrap_or(2048.0));
    PxScale::from((size * f64::from(font.height_unscaled()) / em) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_em_square() {
        // A digit of this font is 1139/2048 em wide.
        assert!((width("0", 2048.0, false) - 1139.0).abs() < 0.5);
        assert!((width("0000", 10.0, true) - 4.0 * 10.0 * 1139.0 / 2048.0).abs() < 0.01);
        assert_eq!(width("", 10.0, false), 0.0);
    }

    #[test]
    fn every_sign_the_figures_use_is_in_the_font() {
        for sign in "0123456789−×….,=()eαℓ".chars() {
            assert_ne!(font(false).glyph_id(sign), GlyphId(0), "{sign}");
        }
    }

    #[test]
    fn a_font_of_ones_own_is_used_while_it_draws() {
        // The bold one in the place of both, as if somebody had brought it.
        let own = OwnFont::read(file(true).to_vec()).unwrap();
        let (plain, bold) = (width("wide", 10.0, false), width("wide", 10.0, true));
        assert_eq!(own.within(|| (width("wide", 10.0, false), is_own())), (bold, true));
        assert_eq!((width("wide", 10.0, false), is_own()), (plain, false));
        assert!(OwnFont::read(b"no font".to_vec()).is_none() && OwnFont::read(Vec::new()).is_none());
    }

    #[test]
    fn long_texts_are_cut_and_wrapped_within_their_room() {
        let text = "a label that somebody made far too long for one column";
        for room in [0.0, 5.0, 40.0, 90.0] {
            let cut = fit(text, 8.0, false, room);
            assert!(cut.ends_with('…') && (room < 8.0 || width(&cut, 8.0, false) <= room));
            let end = fit_end(text, 8.0, false, room);
            assert!(end.starts_with('…') && text.ends_with(end.trim_start_matches('…')));
            assert!(room < 8.0 || width(&end, 8.0, false) <= room);
            let tailed = fit_with(text, ", in 1e−6", 8.0, room);
            assert!(room < 8.0 || width(&tailed, 8.0, false) <= room);
            assert!(room < 45.0 || tailed.ends_with("…, in 1e−6"), "{tailed}");
            let lines = wrap(text, 8.0, false, room, 2);
            assert!(lines.len() <= 2 && (room < 8.0 || lines.iter().all(|line| width(line, 8.0, false) <= room)));
        }
        assert_eq!(wrap(text, 8.0, false, 1000.0, 3), [text]);
        assert_eq!(wrap(text, 8.0, false, 120.0, 9).join(" "), text);
    }
}
