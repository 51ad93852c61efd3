//! LevelDB's table format, which TensorFlow keeps a checkpoint's index in: sorted keys and their values in blocks.
//!
//! ```text
//! file    block… index-block footer
//! footer  handle of a block that is not needed here, handle of the index block, padding to 40 bytes, magic (8 bytes)
//! handle  offset, length (varints); after a block: its type (1 byte) and the masked CRC-32C of both (4 bytes)
//! block   entry… restart-offset… count (4 bytes each)
//! entry   bytes shared with the key before, other bytes, value's length (varints), key's other bytes, value
//! ```

use super::FormatError;
use super::reader::{Cut, Reader};

const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
const FOOTER: usize = 48;
const TRAILER: usize = 5;
const LONGEST_KEY: usize = 512;
const MOST_ENTRIES: usize = 1 << 16;

/// Keys and their values.
pub(super) type Entries<'a> = Vec<(Vec<u8>, &'a [u8])>;

/// Every entry in order.
pub(super) fn entries(file: &[u8]) -> Result<Entries<'_>, FormatError> {
    let footer = file.len().checked_sub(FOOTER).map(|start| Reader::new(&file[start..]));
    let mut footer = footer.ok_or_else(|| damaged(format!("its index has only {} bytes", file.len())))?;
    let mut magic = footer.clone();
    if magic.take(40).and_then(|_| magic.u64()).map_err(cut)? != MAGIC {
        return Err(damaged("its index does not end as a table does".into()));
    }
    handle(&mut footer).map_err(cut)?;
    let index = handle(&mut footer).map_err(cut)?;
    let mut all = Entries::new();
    for (_, place) in block(file, index)? {
        let data = handle(&mut Reader::new(place)).map_err(cut)?;
        for (key, value) in block(file, data)? {
            // The same block listed again and again would unfold to far more than the file.
            if all.last().is_some_and(|(before, _)| *before >= key) {
                return Err(damaged("the keys of its index are not in order".into()));
            }
            if all.len() >= MOST_ENTRIES {
                return Err(damaged(format!("its index has more than {MOST_ENTRIES} entries")));
            }
            all.push((key, value));
        }
    }
    Ok(all)
}

pub(super) fn damaged(what: String) -> FormatError {
    FormatError::Damaged { format: "TensorFlow", what }
}

fn cut(cut: Cut) -> FormatError {
    damaged(format!("a part of its index breaks off at byte {}", cut.at))
}

fn handle(reader: &mut Reader<'_>) -> Result<(usize, usize), Cut> {
    Ok((reader.length()?, reader.length()?))
}

/// The checksum as it is stored beside the bytes that it is of, so that checksums of checksums stay good.
pub(super) fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn block(file: &[u8], (offset, length): (usize, usize)) -> Result<Entries<'_>, FormatError> {
    let end = offset.checked_add(length);
    let whole = end.and_then(|end| file.get(offset..end.checked_add(TRAILER)?));
    let whole = whole.ok_or_else(|| damaged(format!("block {offset} of its index reaches beyond the end")))?;
    let (checked, crc) = whole.split_at(length + 1);
    if crc != masked_crc(checked).to_le_bytes() {
        return Err(damaged(format!("block {offset} of its index does not match its checksum")));
    }
    let contents = &checked[..length];
    match checked[length] {
        0 => {}
        1 => {
            let what = "its index is compressed with Snappy: save it again with TensorFlow 1.2 or newer".into();
            return Err(FormatError::Unsupported { format: "TensorFlow", what });
        }
        other => return Err(damaged(format!("block {offset} of its index has the unknown type {other}"))),
    }
    let restarts = length.checked_sub(4).map(|at| Reader::new(&contents[at..]));
    let restarts = restarts.and_then(|mut count| count.u32().ok()).and_then(|count| (count as usize).checked_add(1));
    let room = restarts.and_then(|count| length.checked_sub(count.checked_mul(4)?));
    let room = room.ok_or_else(|| damaged(format!("block {offset} of its index is too short")))?;
    let mut reader = Reader::new(&contents[..room]);
    let mut entries = Entries::new();
    let mut key: Vec<u8> = Vec::new();
    while !reader.is_empty() {
        let shared = reader.length().map_err(cut)?;
        let (other, value) = handle(&mut reader).map_err(cut)?;
        if shared > key.len() || other > LONGEST_KEY - shared.min(LONGEST_KEY) || entries.len() >= MOST_ENTRIES {
            return Err(damaged(format!("block {offset} of its index holds no table's entries")));
        }
        key.truncate(shared);
        key.extend_from_slice(reader.take(other).map_err(cut)?);
        entries.push((key.clone(), reader.take(value).map_err(cut)?));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(mut contents: Vec<u8>, kind: u8) -> Vec<u8> {
        contents.push(kind);
        let crc = masked_crc(&contents);
        contents.extend(crc.to_le_bytes());
        contents
    }

    /// A table of one data block, whose bytes before the count of restarts are given.
    fn table(data: &[u8], kind: u8) -> Vec<u8> {
        let data = [data, &[0; 4], &1u32.to_le_bytes()].concat();
        let index = [&[0, 1, 2, b'z', 0, data.len() as u8][..], &[0; 4], &1u32.to_le_bytes()].concat();
        let mut file = sealed(data, kind);
        let mut footer = vec![0, 0, file.len() as u8, index.len() as u8];
        footer.resize(40, 0);
        file.extend(sealed(index, 0));
        [file, footer, MAGIC.to_le_bytes().to_vec()].concat()
    }

    #[test]
    fn keys_are_put_together_from_what_they_share() {
        let data = [&[0, 3, 1][..], b"abcX", &[2, 2, 0], b"de", &[0, 1, 2], b"bYZ"].concat();
        let file = table(&data, 0);
        let expected: [(Vec<u8>, &[u8]); 3] = [(b"abc".into(), b"X"), (b"abde".into(), b""), (b"b".into(), b"YZ")];
        assert_eq!(entries(&file).unwrap(), expected);
    }

    #[test]
    fn damage_is_found() {
        let message = |file: &[u8]| entries(file).unwrap_err().to_string();
        let good = table(&[0, 1, 0, b'a'], 0);
        assert!(message(&good[1..]).contains("reaches beyond") || message(&good[1..]).contains("checksum"));
        assert!(message(&table(&[0, 1, 0, b'a'], 1)).contains("Snappy"));
        assert!(message(&table(&[0, 1, 0, b'a'], 7)).contains("unknown type 7"));
        assert!(message(&table(&[1, 1, 0, b'a'], 0)).contains("no table's entries"));
        assert!(message(&table(&[0, 1, 9, b'a'], 0)).contains("breaks off"));
        assert!(message(&table(&[0, 1, 0, b'b', 0, 1, 0, b'a'], 0)).contains("not in order"));
        assert!(message(&good[..40]).contains("only 40 bytes"));
        let mut wrong = good.clone();
        wrong[0] ^= 1;
        assert!(message(&wrong).contains("checksum"));
        wrong = good;
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        assert!(message(&wrong).contains("does not end as a table"));
    }
}
