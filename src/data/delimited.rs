//! CSV and TSV, record by record with line numbers. By hand, because polars tells no line numbers and fills short
//! lines with nulls without a word, and because TSV as GLUE and PAWS write it has no quoting at all.

use super::table::{Format, Table};
use super::{DataError, RowPlace};
use std::borrow::Cow;
use std::path::Path;

/// The columns `wanted` of a CSV (RFC 4180 quoting) or TSV (a `"` is a character like any other) file. Without a
/// header line columns are named "0", "1", …. A byte order mark, CRLF and blank lines at the end are tolerated.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    format: Format,
    header: bool,
    wanted: &[String],
) -> Result<Table, DataError> {
    let text = utf8(path, bytes)?;
    let mut records =
        Records { path, text, at: 0, line: 1, quoted: format == Format::Csv, separator: separator(format) };
    let Some(first) = records.next().transpose()? else {
        return Err(DataError::Empty(path.to_path_buf()));
    };
    let width = first.fields.len();
    let names: Vec<String> = match header {
        true => first.fields.iter().map(|name| name.to_string()).collect(),
        false => (0..width).map(|column| column.to_string()).collect(),
    };
    let mut table = Table::new(path, &names, wanted)?;
    let position = |name| names.iter().position(|there| there == name);
    let positions: Vec<usize> = wanted.iter().filter_map(position).collect();

    let before = if header { None } else { Some(Ok(first)) };
    for record in before.into_iter().chain(records) {
        let Record { line, mut fields } = record?;
        if fields.len() != width {
            return Err(DataError::Ragged { path: path.to_path_buf(), line, found: fields.len(), expected: width });
        }
        table.places.push(RowPlace::Line(line));
        for (column, &at) in table.columns.iter_mut().zip(&positions) {
            column.push(Some(std::mem::take(&mut fields[at]).into_owned()));
        }
    }
    Ok(table)
}

fn separator(format: Format) -> char {
    if format == Format::Csv { ',' } else { '\t' }
}

/// The file as text, without a byte order mark and without line ends at its end.
pub(super) fn utf8<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        DataError::NotUtf8 { path: path.to_path_buf(), line }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\n', '\r']))
}

struct Record<'a> {
    line: usize,
    fields: Vec<Cow<'a, str>>,
}

struct Records<'a> {
    path: &'a Path,
    text: &'a str,
    at: usize,
    /// The line that `at` is on, from 1.
    line: usize,
    quoted: bool,
    separator: char,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.text.len()).then(|| self.record())
    }
}

impl<'a> Records<'a> {
    fn record(&mut self) -> Result<Record<'a>, DataError> {
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            let opens = self.quoted && self.text[self.at..].starts_with('"');
            fields.push(if opens { self.quoted_field(line)? } else { self.plain_field() });
            match self.text[self.at..].chars().next() {
                Some(end) if end == self.separator => self.at += end.len_utf8(),
                Some(_) => {
                    self.at += 1;
                    self.line += 1;
                    return Ok(Record { line, fields });
                }
                None => return Ok(Record { line, fields }),
            }
        }
    }

    /// Up to the separator, the line's end or the text's end.
    fn plain_field(&mut self) -> Cow<'a, str> {
        let rest = &self.text[self.at..];
        let end = rest.find([self.separator, '\n']).unwrap_or(rest.len());
        self.at += end;
        let field = &rest[..end];
        let ends_line = !rest[end..].starts_with(self.separator);
        Cow::Borrowed(if ends_line { field.strip_suffix('\r').unwrap_or(field) } else { field })
    }

    /// From the opening quote to just after the closing one; a doubled quote inside stands for one.
    fn quoted_field(&mut self, line: usize) -> Result<Cow<'a, str>, DataError> {
        let bad = || DataError::Quote { path: self.path.to_path_buf(), line };
        let rest = &self.text[self.at + 1..];
        let mut end = 0;
        loop {
            end += rest[end..].find('"').ok_or_else(bad)?;
            if !rest[end + 1..].starts_with('"') {
                break;
            }
            end += 2;
        }
        let after = &rest[end + 1..];
        let carriage_return = after == "\r" || after.starts_with("\r\n");
        if !(after.is_empty() || carriage_return || after.starts_with([self.separator, '\n'])) {
            return Err(bad());
        }
        self.line += rest[..end].matches('\n').count();
        self.at += 1 + end + 1 + usize::from(carriage_return);
        let field = &rest[..end];
        Ok(if field.contains('"') { field.replace("\"\"", "\"").into() } else { field.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, format: Format, header: bool, wanted: &[&str]) -> Result<Vec<Vec<String>>, DataError> {
        let wanted: Vec<String> = wanted.iter().map(|name| name.to_string()).collect();
        let table = read(Path::new("f"), text.as_bytes(), format, header, &wanted)?;
        let cell = |column: &Vec<Option<String>>, row: usize| column[row].clone().unwrap_or_default();
        let row = |row| table.columns.iter().map(|column| cell(column, row)).collect();
        Ok((0..table.places.len()).map(row).collect())
    }

    #[test]
    fn tsv_knows_no_quotes_and_tolerates_crlf_and_blank_ends() {
        let text = "\u{feff}id\ttext\r\n1\tsay \"hi\r\n2\t\"\r\n3\t\u{85}x\u{2028}y\n\n\r\n";
        let expected = [["say \"hi", "1"], ["\"", "2"], ["\u{85}x\u{2028}y", "3"]];
        assert_eq!(rows(text, Format::Tsv, true, &["text", "id"]).unwrap(), expected);
    }

    #[test]
    fn columns_without_a_header_are_numbered() {
        let text = "gj04\t1\t\tThe sailors rode.\ncj99\t0\t*\tAs you eat.";
        assert_eq!(
            rows(text, Format::Tsv, false, &["3", "1"]).unwrap(),
            [["The sailors rode.", "1"], ["As you eat.", "0"]]
        );
    }

    #[test]
    fn csv_quotes_hold_separators_lines_and_quotes() {
        let text = "a,b\r\n\"x, y\",\"two\nlines \"\"quoted\"\"\"\r\n,5\" disc\n\"\",\"z\"\r\n";
        let expected = [["x, y", "two\nlines \"quoted\""], ["", "5\" disc"], ["", "z"]];
        assert_eq!(rows(text, Format::Csv, true, &["a", "b"]).unwrap(), expected);
    }

    #[test]
    fn errors_name_the_line() {
        let message = |text: &str, format| rows(text, format, true, &["a"]).unwrap_err().to_string();
        assert_eq!(message("a\tb\n1\t2\n3\n", Format::Tsv), "f: line 3 has 1 fields, but 2 are expected");
        assert_eq!(message("a,b\n\"1\n1\",2\n3,4,5\n", Format::Csv), "f: line 4 has 3 fields, but 2 are expected");
        assert!(message("a,b\n1,\"2\n", Format::Csv).contains("line 2 is not closed"));
        assert!(message("a,b\n\"1\"x,2\n", Format::Csv).contains("line 2 is not closed"));
        let wrong = read(Path::new("f"), b"a\nb\n\xff\n", Format::Tsv, true, &[]).unwrap_err();
        assert_eq!(wrong.to_string(), "f: line 3 is not UTF-8: convert the file first");
    }
}
