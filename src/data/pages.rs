//! What the pages of a Parquet file promise, checked before polars believes it: it asks for memory by these numbers, and
//! memory that is not there ends the process.
//!
//! A column's part of a row group is a row of pages, each a header in Thrift's compact protocol and its bytes
//! (apache/parquet-format, `PageHeader` in parquet.thrift).

use polars::prelude::FileMetadata;

/// Rows that a file of no size may have, and how many more for each of its bytes. Texts hardly ever take less.
const FREE_ROWS: usize = 100_000;
const ROWS_A_BYTE: usize = 64;
/// The same for bytes of a page, unpacked.
const FREE_BYTES: i64 = 16 << 20;
const UNPACKED_A_BYTE: i64 = 1024;

/// Fails, with what is wrong, on a file that would unfold to far more than itself.
pub(super) fn check(metadata: &FileMetadata, file: &[u8]) -> Result<(), String> {
    let most = FREE_ROWS + file.len().saturating_mul(ROWS_A_BYTE);
    let rows = metadata.row_groups.iter().try_fold(0usize, |rows, group| rows.checked_add(group.num_rows()));
    if rows != Some(metadata.num_rows) || metadata.num_rows > most {
        return Err(format!("it promises {} rows, and its parts do not hold as many", metadata.num_rows));
    }
    for group in &metadata.row_groups {
        for column in group.parquet_columns() {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let end = start.checked_add(column.compressed_size());
            let place = |place: i64| usize::try_from(place).ok();
            let pages = end.and_then(|end| file.get(place(start)?..place(end)?));
            let pages = pages.ok_or("a column reaches beyond its end")?;
            chunk(pages, group.num_rows())?;
        }
    }
    Ok(())
}

fn chunk(mut pages: &[u8], rows: usize) -> Result<(), String> {
    let mut values = 0;
    while !pages.is_empty() {
        let header = Header::read(&mut pages).ok_or("the header of a page makes no sense")?;
        let count = usize::try_from(header.values).map_err(|_| "a page has less than no values")?;
        if !header.is_dictionary {
            values += count;
        }
        let unpacked_most = FREE_BYTES + header.packed.saturating_mul(UNPACKED_A_BYTE);
        // An entry of a dictionary takes a byte at least.
        let fits = (0..=unpacked_most).contains(&header.unpacked)
            && values <= rows
            && (!header.is_dictionary || i64::from(header.values) <= header.unpacked);
        if !fits {
            return Err("a page promises more than there is".to_owned());
        }
        let body = usize::try_from(header.packed).ok().and_then(|packed| pages.get(packed..));
        pages = body.ok_or("a page reaches beyond its column")?;
    }
    Ok(())
}

#[derive(Default)]
struct Header {
    unpacked: i64,
    packed: i64,
    values: i32,
    is_dictionary: bool,
}

impl Header {
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut header = Self::default();
        fields(bytes, &mut Vec::new(), &mut |path, value| match path {
            [2] => header.unpacked = value,
            [3] => header.packed = value,
            [5 | 8, 1] => header.values = value as i32,
            [7, 1] => (header.values, header.is_dictionary) = (value as i32, true),
            _ => {}
        })?;
        Some(header)
    }
}

const DEEPEST: usize = 4;

/// Walks through a struct, with the numbers of its fields from the outermost in and the whole numbers that they hold.
fn fields(bytes: &mut &[u8], path: &mut Vec<i16>, found: &mut dyn FnMut(&[i16], i64)) -> Option<()> {
    if path.len() > DEEPEST {
        return None;
    }
    let mut field = 0i16;
    loop {
        let head = take(bytes, 1)?[0];
        if head == 0 {
            return Some(());
        }
        field = match head >> 4 {
            0 => i16::try_from(zigzag(bytes)?).ok()?,
            step => field.checked_add(i16::from(step))?,
        };
        path.push(field);
        match head & 0x0f {
            1 | 2 => {}
            3 => drop(take(bytes, 1)?),
            4..=6 => {
                let value = zigzag(bytes)?;
                found(path, value);
            }
            7 => drop(take(bytes, 8)?),
            8 => {
                let length = usize::try_from(varint(bytes)?).ok()?;
                take(bytes, length)?;
            }
            12 => fields(bytes, path, found)?,
            // Lists and maps stand in no header of a page.
            _ => return None,
        }
        path.pop();
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn zigzag(bytes: &mut &[u8]) -> Option<i64> {
    let value = varint(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// type 0, unpacked, packed, {values, encoding 0, 3, 3}
    fn page(unpacked: u8, packed: u8, values: u8) -> Vec<u8> {
        let head = [0x15, 0, 0x15, unpacked * 2, 0x15, packed * 2, 0x2c];
        [&head[..], &[0x15, values * 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0], &vec![9; packed.into()]].concat()
    }

    #[test]
    fn pages_must_keep_to_what_is_there() {
        let two = [page(8, 8, 3), page(4, 4, 2)].concat();
        assert_eq!(chunk(&two, 5), Ok(()));
        assert!(chunk(&two, 4).unwrap_err().contains("more than there is"));
        assert!(chunk(&two[..two.len() - 1], 5).unwrap_err().contains("beyond its column"));
        assert!(chunk(&two[1..], 5).is_err());
        // Less than no values, as polars would take for very many.
        let mut negative = page(8, 8, 3);
        negative[8] = 5;
        assert!(chunk(&negative, 5).unwrap_err().contains("less than no values"));
        // An unpacked size of 2 GiB.
        let head = [&[0x15, 0, 0x15][..], &[0xfe, 0xff, 0xff, 0xff, 0x0f], &[0x15, 2, 0, 9]].concat();
        assert!(chunk(&head, 5).unwrap_err().contains("more than there is"));
    }
}
