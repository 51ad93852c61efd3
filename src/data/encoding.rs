//! The bytes of a text file → text, or one sentence that says what the file is instead.

use super::DataError;
use std::io::{self, Read};
use std::path::Path;

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTANDARD: &[u8] = b"\x28\xb5\x2f\xfd";

/// What a packed file may unfold to: so much whatever its size, and so much for each of its bytes. Text packs to a
/// tenth; more than this is made to fill memory.
const FREE_BYTES: u64 = 4 << 20;
const UNPACKED_A_BYTE: u64 = 200;

/// What the first bytes of some files are, of which none is a table as text.
const OTHER_FILES: [(&[u8], &str); 5] = [
    (b"PAR1", "a Parquet file: name it so, or write format = \"parquet\""),
    (b"ARROW1", "an Arrow file: write it as Parquet, with `pyarrow` or `datasets`"),
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"BZh", "packed with bzip2: unpack it, with `bunzip2 FILE`"),
    (b"\xfd7zXZ", "packed with xz: unpack it, with `unxz FILE`"),
];

/// The file's bytes, unpacked where they are packed with gzip or Zstandard, whatever it is called.
pub(super) fn unpacked(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, DataError> {
    // A file may be several that were written one after another.
    let (how, packed): (_, io::Result<Box<dyn Read>>) = if bytes.starts_with(GZIP) {
        ("gzip", Ok(Box::new(flate2::read::MultiGzDecoder::new(bytes.as_slice()))))
    } else if bytes.starts_with(ZSTANDARD) {
        let unpacker = zstd::stream::read::Decoder::with_buffer(bytes.as_slice());
        ("Zstandard", unpacker.map(|unpacker| Box::new(unpacker) as Box<dyn Read>))
    } else {
        return Ok(bytes);
    };
    let bad = |what: &str| DataError::Form { path: path.to_path_buf(), what: format!("packed with {how}, and {what}") };
    let most = FREE_BYTES + bytes.len() as u64 * UNPACKED_A_BYTE;
    let mut unpacked = Vec::new();
    let read = packed.and_then(|packed| packed.take(most + 1).read_to_end(&mut unpacked));
    read.map_err(|error| bad(&format!("damaged ({error})")))?;
    if unpacked.len() as u64 > most {
        return Err(bad("unfolds to far more than itself: unpack it first"));
    }
    Ok(unpacked)
}

/// The file as text, without a byte order mark and without line ends at its end.
pub(super) fn utf8<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, DataError> {
    let form = |what: String| DataError::Form { path: path.to_path_buf(), what };
    if let Some((_, what)) = OTHER_FILES.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(form(what.to_string()));
    }
    if is_utf16(bytes) {
        return Err(form("UTF-16, not UTF-8: convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW`".to_string()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
        let probably = windows_1252(bytes[at]).map_or(String::new(), |letter| {
            format!(
                "; if it is Windows-1252, where that byte is `{letter}`: `iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW`"
            )
        });
        form(format!("not UTF-8, by byte 0x{:02X} in line {line}: convert it{probably}", bytes[at]))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\n', '\r']))
}

/// By its mark, or by the zeros that every other byte of a western text is.
fn is_utf16(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(64)];
    let zeros = |of: usize| start.iter().skip(of).step_by(2).filter(|&&byte| byte == 0).count();
    let marked = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    marked || start.len() >= 4 && zeros(0).max(zeros(1)) * 3 > start.len()
}

/// The letter that most files which are not UTF-8 mean by a byte.
fn windows_1252(byte: u8) -> Option<char> {
    const FROM_0X80: &str = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";
    let letter = match byte {
        0x80..0xa0 => FROM_0X80.chars().nth(usize::from(byte) - 0x80)?,
        _ => char::from(byte),
    };
    (letter != '\0').then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_is_not_utf8_is_said_to_be_what_it_is() {
        let utf16 = |text: &str, mark: bool| {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect::<Vec<_>>()
        };
        let iconv = "UTF-16, not UTF-8: convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW`";
        let cases: [(Vec<u8>, &str); 8] = [
            (utf16("text,label\na,1\n", true), iconv),
            (utf16("text,label\na,1\n", false), iconv),
            (utf16("text", true).chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect(), iconv),
            (
                b"text\nb\ncaf\xe9\n".to_vec(),
                "not UTF-8, by byte 0xE9 in line 3: convert it; if it is Windows-1252, where that byte is `é`: \
                 `iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW`",
            ),
            (
                b"text\n\x93so\x94\n".to_vec(),
                "not UTF-8, by byte 0x93 in line 2: convert it; if it is Windows-1252, where that byte is `“`: \
                 `iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW`",
            ),
            (b"\x81".to_vec(), "not UTF-8, by byte 0x81 in line 1: convert it"),
            (b"PAR1..".to_vec(), "a Parquet file: name it so, or write format = \"parquet\""),
            (b"PK\x03\x04..".to_vec(), "a zip archive: unpack it"),
        ];
        for (bytes, what) in cases {
            assert_eq!(utf8(Path::new("f"), &bytes).unwrap_err().to_string(), format!("f is {what}"));
        }
        assert_eq!(utf8(Path::new("f"), "\u{feff}é\r\n\n".as_bytes()).unwrap(), "é");
    }

    #[test]
    fn what_is_packed_is_unpacked_whatever_its_name_and_never_fills_memory() {
        let packed = |parts: &[&[u8]]| {
            let mut all = Vec::new();
            for part in parts {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                packer.write_all(part).unwrap();
                all.extend(packer.finish().unwrap());
            }
            all
        };
        let path = Path::new("f.csv");
        assert_eq!(unpacked(path, packed(&[b"a,b\n", b"1,2\n"])).unwrap(), b"a,b\n1,2\n");
        assert_eq!(unpacked(path, b"a,b\n".to_vec()).unwrap(), b"a,b\n");
        let zstandard = |bytes: &[u8]| zstd::stream::encode_all(bytes, 19).unwrap();
        assert_eq!(unpacked(path, zstandard(b"a,b\n1,2\n")).unwrap(), b"a,b\n1,2\n");
        let half = zstandard(b"a,b\n1,2\n")[..12].to_vec();
        assert!(
            unpacked(path, half).unwrap_err().to_string().starts_with("f.csv is packed with Zstandard, and damaged")
        );
        let half = packed(&[b"a,b\n"])[..14].to_vec();
        assert!(unpacked(path, half).unwrap_err().to_string().starts_with("f.csv is packed with gzip, and damaged"));
        let much = vec![b'x'; (FREE_BYTES + (16 << 20)) as usize];
        for bomb in [packed(&[&much]), zstandard(&much)] {
            // Without the bytes, should there be some.
            let error = unpacked(path, bomb).map(|bytes| bytes.len()).unwrap_err().to_string();
            assert!(error.ends_with("unfolds to far more than itself: unpack it first"), "{error}");
        }
    }
}
