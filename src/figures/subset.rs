//! The letters that a figure uses, cut out of a TrueType font for embedding.
//!
//! Glyphs keep their numbers: those that are not used are left empty, which compresses to almost nothing. Formats:
//! OpenType specification, "Organization of an OpenType font", `glyf`, `loca`, `head`.

use std::collections::BTreeSet;

/// What a PDF reader needs to draw glyphs by number (ISO 32000-1, 9.9), in the order of their tags.
const TABLES: [&[u8; 4]; 9] = [b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep"];

/// Flags of a component of a composite glyph.
const WORDS: u16 = 0x1;
const SCALE: u16 = 0x8;
const MORE: u16 = 0x20;
const TWO_SCALES: u16 = 0x40;
const MATRIX: u16 = 0x80;

/// A font with the outlines of `glyphs` (and what they are composed of) and no others; `None` for a file that is not
/// TrueType with long offsets, as the embedded fonts are.
pub(super) fn subset(file: &[u8], glyphs: &BTreeSet<u16>) -> Option<Vec<u8>> {
    let (outlines, places, metrics) = (table(file, b"glyf")?, table(file, b"loca")?, table(file, b"hmtx")?);
    if half(table(file, b"head")?, 50)? != 1 {
        return None;
    }
    let outline = |glyph: u16| {
        let at = usize::from(glyph) * 4;
        outlines.get(word(places, at)? as usize..word(places, at + 4)? as usize)
    };
    let kept = closure(glyphs, outline)?;
    let (mut glyf, mut loca, mut hmtx) = (Vec::new(), Vec::new(), metrics.to_vec());
    for glyph in 0..(places.len() / 4).saturating_sub(1) as u16 {
        loca.extend((glyf.len() as u32).to_be_bytes());
        if kept.contains(&glyph) {
            glyf.extend(outline(glyph)?);
            glyf.resize(glyf.len().next_multiple_of(4), 0);
        } else if let Some(metric) = hmtx.get_mut(usize::from(glyph) * 4..usize::from(glyph) * 4 + 4) {
            metric.fill(0);
        }
    }
    loca.extend((glyf.len() as u32).to_be_bytes());
    let tables = TABLES.map(|tag| match tag {
        b"glyf" => Some(glyf.clone()),
        b"loca" => Some(loca.clone()),
        b"hmtx" => Some(hmtx.clone()),
        _ => table(file, tag).map(<[u8]>::to_vec),
    });
    let tables: Option<Vec<Vec<u8>>> = tables.into_iter().collect();
    assemble(tables?)
}

/// The glyphs, glyph 0 (which stands for missing letters), and the parts of those that are composed.
fn closure<'a>(glyphs: &BTreeSet<u16>, outline: impl Fn(u16) -> Option<&'a [u8]>) -> Option<BTreeSet<u16>> {
    let mut kept = BTreeSet::new();
    let mut open: Vec<u16> = glyphs.iter().copied().chain([0]).collect();
    while let Some(glyph) = open.pop() {
        let data = outline(glyph)?;
        // A negative number of contours marks a composite.
        if !kept.insert(glyph) || data.is_empty() || half(data, 0)? < 0x8000 {
            continue;
        }
        let mut at = 10;
        loop {
            let flags = half(data, at)?;
            open.push(half(data, at + 2)?);
            at += if flags & WORDS != 0 { 8 } else { 6 };
            at += match flags & (SCALE | TWO_SCALES | MATRIX) {
                0 => 0,
                SCALE => 2,
                TWO_SCALES => 4,
                _ => 8,
            };
            if flags & MORE == 0 {
                break;
            }
        }
    }
    Some(kept)
}

/// A font file of these tables.
fn assemble(mut tables: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    let head = TABLES.iter().position(|tag| *tag == b"head")?;
    tables[head].get_mut(8..12)?.fill(0);
    let count = TABLES.len() as u16;
    let power = count.ilog2() as u16;
    let mut file = vec![0, 1, 0, 0];
    for number in [count, 16 << power, power, 16 * (count - (1 << power))] {
        file.extend(number.to_be_bytes());
    }
    let mut offset = 12 + 16 * TABLES.len();
    let head_at = offset + tables[..head].iter().map(|table| table.len().next_multiple_of(4)).sum::<usize>();
    for (tag, table) in TABLES.iter().zip(&tables) {
        file.extend(*tag);
        for number in [checksum(table), offset as u32, table.len() as u32] {
            file.extend(number.to_be_bytes());
        }
        offset += table.len().next_multiple_of(4);
    }
    for table in &tables {
        file.extend(table);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    let adjustment = 0xB1B0_AFBAu32.wrapping_sub(checksum(&file));
    file.get_mut(head_at + 8..head_at + 12)?.copy_from_slice(&adjustment.to_be_bytes());
    Some(file)
}

fn checksum(bytes: &[u8]) -> u32 {
    let word =
        |chunk: &[u8]| (0..4).fold(0, |word, place| word << 8 | u32::from(chunk.get(place).copied().unwrap_or(0)));
    bytes.chunks(4).fold(0, |sum, chunk| sum.wrapping_add(word(chunk)))
}

/// A table of a font file.
pub(super) fn table<'a>(file: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    let entry =
        (0..usize::from(half(file, 4)?)).map(|entry| 12 + 16 * entry).find(|at| file.get(*at..*at + 4) == Some(tag))?;
    let (offset, length) = (word(file, entry + 8)? as usize, word(file, entry + 12)? as usize);
    file.get(offset..offset.checked_add(length)?)
}

pub(super) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::fonts;
    use super::*;
    use ab_glyph::{Font, FontRef, GlyphId};

    #[test]
    fn kept_letters_look_the_same_and_others_are_gone() {
        for bold in [false, true] {
            let whole = FontRef::try_from_slice(fonts::file(bold)).unwrap();
            // An umlaut is composed of its letter and its dots.
            let glyphs: BTreeSet<u16> = "aÄ−".chars().map(|letter| whole.glyph_id(letter).0).collect();
            let cut = subset(fonts::file(bold), &glyphs).unwrap();
            let outline = |glyph: u16| word(table(&cut, b"loca").unwrap(), usize::from(glyph) * 4).unwrap();
            let filled: Vec<u16> = (0..whole.glyph_count() as u16).filter(|g| outline(*g) < outline(g + 1)).collect();
            // Glyph 0, the three, and A with its dots.
            assert_eq!(filled.len(), 1 + 3 + 2);
            for glyph in glyphs {
                let (file, at) = (fonts::file(bold), usize::from(glyph) * 4);
                let place = |at: usize| word(table(file, b"loca").unwrap(), at).unwrap() as usize;
                let data = &table(file, b"glyf").unwrap()[place(at)..place(at + 4)];
                assert!(table(&cut, b"glyf").unwrap()[outline(glyph) as usize..].starts_with(data));
                assert!(whole.outline(GlyphId(glyph)).is_some());
            }
            assert_eq!(checksum(&cut), 0xB1B0_AFBA);
        }
    }

    #[test]
    fn what_is_no_font_is_none() {
        let font = fonts::file(false);
        for cut in [0, 3, 11, 40, 400, 100_000] {
            assert_eq!(subset(&font[..cut], &BTreeSet::from([36])), None, "{cut}");
        }
    }
}
