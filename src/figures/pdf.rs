//! A drawing as one page of PDF: the same shapes in points, text as text, so that it can be searched and copied, in an
//! embedded font with only the letters that are used. No dates: equal drawings give equal bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::canvas::failed;
use super::drawing::{Drawing, Label, Point, Shape};
use super::fonts::{Placed, Stroke};
use super::ink::Ink;
use super::subset::{half, subset, table};
use super::{PlotError, fonts};

const IDENTITY: SystemInfo<'_> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// Of a circle's radius: how far the control points of a quarter lie from its ends.
const QUARTER: f64 = 0.552_284_75;

pub(super) fn pdf(drawing: &Drawing, provenance: &str) -> Result<Vec<u8>, PlotError> {
    let mut page = Page::new(drawing.height);
    for shape in &drawing.shapes {
        page.draw(shape);
    }
    let Page { content, letters, opacities, .. } = page;
    let mut next = 0;
    let mut id = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, pages, page, contents, info) = (id(), id(), id(), id(), id());
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    pdf.document_info(info)
        .subject(TextStr(provenance))
        .producer(TextStr(concat!("pipeline ", env!("CARGO_PKG_VERSION"))));
    pdf.stream(contents, &deflated(content.finish().as_slice())?).filter(Filter::FlateDecode);
    let mut fonts = Vec::new();
    for (bold, letters) in &letters {
        let ids = [id(), id(), id(), id(), id()];
        write_font(&mut pdf, ids, *bold, letters)?;
        fonts.push((font_name(*bold), ids[0]));
    }
    let states: Vec<(String, Ref, f64)> =
        opacities.values().map(|(name, alpha)| (name.clone(), id(), *alpha)).collect();
    for (_, id, alpha) in &states {
        pdf.ext_graphics(*id).stroking_alpha(*alpha as f32).non_stroking_alpha(*alpha as f32);
    }
    let mut page = pdf.page(page);
    page.media_box(Rect::new(0.0, 0.0, drawing.width as f32, drawing.height as f32)).parent(pages).contents(contents);
    let mut resources = page.resources();
    resources.fonts().pairs(fonts);
    resources.ext_g_states().pairs(states.iter().map(|(name, id, _)| (Name(name.as_bytes()), *id)));
    resources.finish();
    page.finish();
    Ok(pdf.finish())
}

/// The page's instructions so far, what they use, and the state that they left the reader in.
struct Page {
    content: Content,
    height: f64,
    /// The letter that each glyph stands for, by weight.
    letters: BTreeMap<bool, BTreeMap<u16, char>>,
    /// By thousandths.
    opacities: BTreeMap<u16, (String, f64)>,
    alpha: u16,
    fill: (u8, u8, u8),
    stroke: (u8, u8, u8),
}

impl Page {
    fn new(height: f64) -> Page {
        let (letters, opacities, black) = (BTreeMap::new(), BTreeMap::new(), (0, 0, 0));
        let mut content = Content::new();
        content.set_line_join(LineJoinStyle::RoundJoin);
        Page { content, height, letters, opacities, alpha: 1000, fill: black, stroke: black }
    }

    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Line { points, width, ink } => {
                self.ink(*ink, true);
                self.content.set_line_width(short(*width));
                self.path(points);
                self.content.stroke();
            }
            Shape::Polygon { points, ink } => {
                self.ink(*ink, false);
                self.path(points);
                self.content.close_path().fill_nonzero();
            }
            Shape::Rectangle { from, to, ink } => {
                self.ink(*ink, false);
                let (x, y) = self.at((from.0, to.1));
                self.content.rect(x, y, short(to.0 - from.0), short(to.1 - from.1)).fill_nonzero();
            }
            Shape::Disc { centre, radius, ink } => {
                self.ink(*ink, false);
                self.circle(*centre, *radius);
                self.content.fill_nonzero();
            }
            Shape::Label(label) => self.label(label),
        }
    }

    /// y upwards from the page's lower edge.
    fn at(&self, (x, y): Point) -> (f32, f32) {
        (short(x), short(self.height - y))
    }

    fn path(&mut self, points: &[Point]) {
        for (number, point) in points.iter().enumerate() {
            let (x, y) = self.at(*point);
            if number == 0 {
                self.content.move_to(x, y)
            } else {
                self.content.line_to(x, y)
            };
        }
    }

    fn circle(&mut self, (x, y): Point, radius: f64) {
        let (right, above) = self.at((x + radius, y));
        self.content.move_to(right, above);
        let mut from = (1.0, 0.0);
        for to in [(0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (1.0, 0.0)] {
            let point = |(across, down): Point| self.at((x + across * radius, y + down * radius));
            let controls = [
                (from.0 + QUARTER * to.0, from.1 + QUARTER * to.1),
                (to.0 + QUARTER * from.0, to.1 + QUARTER * from.1),
            ];
            let ((a, b), (c, d), (e, f)) = (point(controls[0]), point(controls[1]), point(to));
            self.content.cubic_to(a, b, c, d, e, f);
            from = to;
        }
        self.content.close_path();
    }

    fn label(&mut self, label: &Label) {
        self.ink(label.ink, false);
        let letters = fonts::letters(label);
        let Some(first) = letters.first() else { return };
        if fonts::is_own() {
            return self.outlines(label, &letters);
        }
        let start = first.x * label.size / fonts::EM;
        let (x, y) = label.at;
        let (point, turn) = if label.upwards {
            ((x, y - start), [0.0, 1.0, -1.0, 0.0])
        } else {
            ((x + start, y), [1.0, 0.0, 0.0, 1.0])
        };
        let (x, y) = self.at(point);
        self.content.begin_text().set_font(font_name(label.bold), short(label.size));
        self.content.set_text_matrix([turn[0], turn[1], turn[2], turn[3], x, y]);
        let used = self.letters.entry(label.bold).or_default();
        let mut shown = self.content.show_positioned();
        let mut items = shown.items();
        let mut run: Vec<u8> = Vec::new();
        let mut pen = first.x;
        for placed in &letters {
            // Kerned pairs are moved together, in thousandths of the em.
            if (placed.x - pen).abs() > 0.5 {
                items.show(Str(&run)).adjust(short((pen - placed.x) * 1000.0 / fonts::EM));
                run.clear();
            }
            run.extend(placed.glyph.to_be_bytes());
            used.entry(placed.glyph).or_insert(placed.letter);
            pen = placed.x + fonts::advance(placed.glyph, label.bold);
        }
        items.show(Str(&run));
        items.finish();
        shown.finish();
        self.content.end_text();
    }

    /// Letters of somebody's own font, of which no part is embedded: its licence may not allow it.
    fn outlines(&mut self, label: &Label, letters: &[Placed]) {
        let size = label.size / fonts::EM;
        for placed in letters {
            let at = |[x, y]: [f64; 2]| {
                let (across, down) = ((placed.x + x) * size, y * size);
                let (x, y) = if label.upwards { (down, -across) } else { (across, down) };
                self.at((label.at.0 + x, label.at.1 + y))
            };
            let mut pen = [0.0, 0.0];
            let mut path: Vec<Vec<(f32, f32)>> = Vec::new();
            for stroke in fonts::strokes(placed.glyph, label.bold) {
                // A quadratic curve is the cubic one with controls two thirds of the way.
                let two_thirds = |from: [f64; 2], to: [f64; 2]| [0, 1].map(|i| from[i] + (to[i] - from[i]) * 2.0 / 3.0);
                let (points, to) = match stroke {
                    Stroke::Move(to) => (vec![to], to),
                    Stroke::Line(to) => (vec![pen, to], to),
                    Stroke::Quad(control, to) => (vec![two_thirds(pen, control), two_thirds(to, control), to], to),
                    Stroke::Cubic(first, second, to) => (vec![first, second, to], to),
                };
                path.push(points.into_iter().map(at).collect());
                pen = to;
            }
            let any = !path.is_empty();
            for points in path {
                match *points {
                    [(x, y)] => self.content.move_to(x, y),
                    [_, (x, y)] => self.content.line_to(x, y),
                    [(a, b), (c, d), (e, f)] => self.content.cubic_to(a, b, c, d, e, f),
                    _ => &mut self.content,
                };
            }
            if any {
                self.content.close_path().fill_nonzero();
            }
        }
    }

    /// Sets what differs from what is set.
    fn ink(&mut self, ink: Ink, stroke: bool) {
        let alpha = (ink.alpha.clamp(0.0, 1.0) * 1000.0).round() as u16;
        if alpha != self.alpha {
            let state = self.opacities.entry(alpha).or_insert((format!("a{alpha}"), f64::from(alpha) / 1000.0));
            self.content.set_parameters(Name(state.0.as_bytes()));
            self.alpha = alpha;
        }
        let share = |level: u8| short(f64::from(level) / 255.0);
        let (red, green, blue) = ink.rgb;
        if stroke && self.stroke != ink.rgb {
            self.content.set_stroke_rgb(share(red), share(green), share(blue));
            self.stroke = ink.rgb;
        } else if !stroke && self.fill != ink.rgb {
            self.content.set_fill_rgb(share(red), share(green), share(blue));
            self.fill = ink.rgb;
        }
    }
}

fn font_name(bold: bool) -> Name<'static> {
    if bold { Name(b"Bold") } else { Name(b"Regular") }
}

/// To thousandths, which is finer than any printer, so that numbers stay short.
fn short(value: f64) -> f32 {
    ((value * 1000.0).round() / 1000.0) as f32
}

fn write_font(pdf: &mut Pdf, ids: [Ref; 5], bold: bool, letters: &BTreeMap<u16, char>) -> Result<(), PlotError> {
    let [font, descendant, descriptor, unicode, embedded] = ids;
    let glyphs: BTreeSet<u16> = letters.keys().copied().collect();
    let file = fonts::file(bold);
    let unreadable = || failed("pdf", "the embedded font cannot be cut");
    let cut = subset(file, &glyphs).ok_or_else(unreadable)?;
    // Six letters that tell this selection from others, as the format asks.
    let tag: String = blake3::hash(&cut).as_bytes()[..6].iter().map(|byte| char::from(b'A' + byte % 26)).collect();
    let name = format!("{tag}+LiberationSans{}", if bold { "-Bold" } else { "" });
    let name = Name(name.as_bytes());
    pdf.type0_font(font)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(descendant)
        .to_unicode(unicode);

    let mut cid = pdf.cid_font(descendant);
    cid.subtype(CidFontType::Type2).base_font(name).system_info(IDENTITY).font_descriptor(descriptor);
    cid.cid_to_gid_map_predefined(Name(b"Identity"));
    let thousandths = |units: f64| short(units * 1000.0 / fonts::EM);
    let mut widths = cid.widths();
    for glyph in &glyphs {
        widths.consecutive(*glyph, [thousandths(fonts::advance(*glyph, bold))]);
    }
    widths.finish();
    cid.finish();

    let signed = |tag: &[u8; 4], at: usize| {
        let units = table(file, tag).and_then(|table| half(table, at)).ok_or_else(unreadable)?;
        Ok(thousandths(f64::from(units as i16)))
    };
    let edge = |number: usize| signed(b"head", 36 + 2 * number);
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(edge(0)?, edge(1)?, edge(2)?, edge(3)?))
        .italic_angle(0.0)
        .ascent(signed(b"hhea", 4)?)
        .descent(signed(b"hhea", 6)?)
        .cap_height((fonts::CAPITAL * 1000.0) as f32)
        .stem_v(if bold { 140.0 } else { 80.0 })
        .font_file2(embedded);

    let mut map = UnicodeCmap::new(Name(b"Letters"), IDENTITY);
    letters.iter().for_each(|(glyph, letter)| map.pair(*glyph, *letter));
    pdf.cmap(unicode, &deflated(map.finish().as_slice())?).filter(Filter::FlateDecode);
    let data = deflated(&cut)?;
    let mut stream = pdf.stream(embedded, &data);
    stream.filter(Filter::FlateDecode);
    stream.pair(Name(b"Length1"), cut.len() as i32);
    stream.finish();
    Ok(())
}

fn deflated(bytes: &[u8]) -> Result<Vec<u8>, PlotError> {
    let mut stream = ZlibEncoder::new(Vec::new(), Compression::default());
    stream.write_all(bytes).and_then(|()| stream.finish()).map_err(|error| failed("pdf", error))
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::sample;
    use super::*;

    #[test]
    fn the_page_shows_shapes_and_text() {
        let mut page = Page::new(30.0);
        sample().shapes.iter().for_each(|shape| page.draw(shape));
        assert_eq!(page.letters[&false].values().collect::<String>().replace(' ', "").len(), 6);
        let content = String::from_utf8_lossy(page.content.finish().as_slice()).into_owned();
        // The square from (10, 10) to (20, 20) under a page 30 high.
        assert!(content.contains("0.302 0.302 0.302 rg\n10 10 10 10 re\nf"), "{content}");
        assert!(content.contains("/Regular 7 Tf\n1 0 0 1 2 21 Tm"), "{content}");
    }

    #[test]
    fn equal_drawings_give_equal_bytes_without_a_date() {
        let file = pdf(&sample(), "made by <x> (y").unwrap();
        assert_eq!(file, pdf(&sample(), "made by <x> (y").unwrap());
        let has = |word: &[u8]| file.windows(word.len()).any(|window| window == word);
        assert!(has(b"made by <x> \\(y") && has(b"/MediaBox [0 0 40 30]") && has(b"+LiberationSans"));
        assert!(!has(b"Date") && !has(b"Bold"));
        assert!(file.len() < 12_000, "{} bytes", file.len());
    }

    #[test]
    fn letters_of_ones_own_font_are_outlines() {
        let own = fonts::OwnFont::read(fonts::file(true).to_vec()).unwrap();
        let file = own.within(|| pdf(&sample(), "x").unwrap());
        let has = |word: &[u8]| file.windows(word.len()).any(|window| window == word);
        assert!(!has(b"/FontFile2") && !has(b"LiberationSans"));
    }

    #[test]
    fn streams_are_zlib() {
        // zlib.compress(b"a") in Python.
        assert_eq!(deflated(b"a").unwrap(), [0x78, 0x9c, 0x4b, 0x04, 0x00, 0x00, 0x62, 0x00, 0x62]);
    }
}
