//! CSV and TSV, record by record with line numbers. By hand, because polars tells no line numbers and fills short
//! lines with nulls without a word, and because TSV as GLUE and PAWS write it has no quoting at all.

use super::encoding::utf8;
use super::table::{Format, MOST_COLUMNS, Reading, Table};
use super::{DataError, RowPlace};
use std::borrow::Cow;
use std::path::Path;

/// The columns `wanted` of a CSV or TSV file. In CSV fields are quoted as RFC 4180 says; in TSV they are where the
/// file shows it, see [`is_quoted`]. Without a header line columns are named "0", "1", …. A byte order mark, CRLF and
/// blank lines are tolerated.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    format: Format,
    reading: Reading,
    wanted: &[String],
) -> Result<Table, DataError> {
    let text = utf8(path, bytes)?;
    let separator = reading.separator.unwrap_or(if format == Format::Csv { ',' } else { '\t' });
    let quoted = match reading.quote {
        Some(quoted) => quoted,
        None => format == Format::Csv || is_quoted(path, text, separator, reading.header)?,
    };
    let mut records = Records::new(path, text, separator, quoted);
    let Some(first) = records.next().transpose()? else {
        return Err(DataError::Empty(path.to_path_buf()));
    };
    let width = first.fields.len();
    let names: Vec<String> = match reading.header {
        true => first.fields.iter().map(|field| field.text.to_string()).collect(),
        false => (0..width).map(|column| column.to_string()).collect(),
    };
    let mut table = match Table::new(path, &names, wanted) {
        Err(DataError::MissingColumn { .. }) if width == 1 && other_separator(&first.fields[0].text).is_some() => {
            let separator = other_separator(&first.fields[0].text).unwrap_or_default();
            return Err(DataError::Separator { path: path.to_path_buf(), separator });
        }
        table => table?,
    };
    let position = |name| names.iter().position(|there| there == name);
    let positions: Vec<usize> = wanted.iter().filter_map(position).collect();

    let before = if reading.header { None } else { Some(Ok(first)) };
    for record in before.into_iter().chain(records) {
        let record = record?;
        // As pandas does.
        if width > 1 && record.is_blank() {
            continue;
        }
        let Record { line, mut fields } = record;
        if fields.len() != width {
            table.broken.push((RowPlace::Line(line), format!("{} fields instead of {width}", fields.len())));
            continue;
        }
        table.places.push(RowPlace::Line(line));
        for (column, &at) in table.columns.iter_mut().zip(&positions) {
            column.push(Some(std::mem::take(&mut fields[at].text).into_owned()));
        }
    }
    Ok(table)
}

/// What the columns of a line without the expected separator are probably parted by.
fn other_separator(line: &str) -> Option<char> {
    ['\t', ';', ',', '|'].into_iter().find(|&separator| line.contains(separator))
}

/// Whether a tab-separated file quotes its fields as CSV does, as pandas and Quora write it, or knows no quotes, as GLUE
/// and PAWS do. Both readings are tried, and what only one of them explains decides: rows of one width; a quote
/// inside of quotes is doubled, and there is none outside of them; a line of names is hardly in quotes by accident.
///
/// # Errors
/// Fields in quotes that both readings explain, or neither.
fn is_quoted(path: &Path, text: &str, separator: char, header: bool) -> Result<bool, DataError> {
    let opens = |before: char| text.split(before).skip(1).any(|rest| rest.starts_with('"'));
    if !(text.starts_with('"') || opens('\n') || opens(separator)) {
        return Ok(false);
    }
    let maybe = |line| DataError::MaybeQuoted { path: path.to_path_buf(), line };
    let plain = Evidence::gather(Records::new(path, text, separator, false), header)?;
    let quoted = match Evidence::gather(Records::new(path, text, separator, true), header) {
        Ok(quoted) => quoted,
        // One quote too many makes no plain file of one that is quoted everywhere else.
        Err(_) if plain.speaks_for_quotes() && !plain.outside => return Err(maybe(plain.first)),
        Err(_) => return Ok(false),
    };
    match (quoted.ragged == 0, plain.ragged == 0) {
        (true, false) => return Ok(true),
        (false, true) => return Ok(false),
        _ => {}
    }
    let against = quoted.outside || plain.ragged == 0 && quoted.over_lines;
    match (quoted.speaks_for_quotes(), against) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        _ => Err(maybe(quoted.first)),
    }
}

/// What one reading of a file sees.
#[derive(Default)]
struct Evidence {
    /// Records that are not as wide as the first.
    ragged: usize,
    /// The line of the first field after the names that begins with a quote.
    first: usize,
    names_in_quotes: bool,
    /// A field in quotes has a quote in it, doubled.
    doubled: bool,
    /// A field that does not begin with a quote has one in it: whoever quotes would have quoted it.
    outside: bool,
    /// A field in quotes goes over several lines.
    over_lines: bool,
}

impl Evidence {
    fn gather(records: Records<'_>, header: bool) -> Result<Self, DataError> {
        let mut seen = Self::default();
        let mut width = None;
        for record in records {
            let record = record?;
            let names = header && width.is_none();
            let width = *width.get_or_insert(record.fields.len());
            seen.ragged += usize::from(record.fields.len() != width && !record.is_blank());
            for field in &record.fields {
                let whole = field.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                let opens = field.in_quotes || field.text.starts_with('"');
                if names {
                    seen.names_in_quotes |= field.in_quotes || whole.is_some();
                } else if opens {
                    seen.first = if seen.first == 0 { record.line } else { seen.first };
                    seen.doubled |= match field.in_quotes {
                        true => field.text.contains('"'),
                        false => whole.is_some_and(|inside| inside.contains("\"\"")),
                    };
                    seen.over_lines |= field.in_quotes && field.text.contains('\n');
                } else {
                    seen.outside |= field.text.contains('"');
                }
            }
        }
        Ok(seen)
    }

    fn speaks_for_quotes(&self) -> bool {
        self.names_in_quotes || self.doubled
    }
}

struct Record<'a> {
    line: usize,
    fields: Vec<Field<'a>>,
}

impl Record<'_> {
    /// An empty line. With one column it is a row without a text.
    fn is_blank(&self) -> bool {
        matches!(self.fields.as_slice(), [one] if one.text.is_empty() && !one.in_quotes)
    }
}

struct Field<'a> {
    text: Cow<'a, str>,
    in_quotes: bool,
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
    fn new(path: &'a Path, text: &'a str, separator: char, quoted: bool) -> Self {
        Records { path, text, at: 0, line: 1, quoted, separator }
    }

    fn record(&mut self) -> Result<Record<'a>, DataError> {
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            if fields.len() == MOST_COLUMNS {
                let (path, place) = (self.path.to_path_buf(), RowPlace::Line(line));
                return Err(DataError::TooMany { path, place, what: "fields", most: MOST_COLUMNS });
            }
            let in_quotes = self.quoted && self.text[self.at..].starts_with('"');
            let text = if in_quotes { self.quoted_field(line)? } else { self.plain_field() };
            fields.push(Field { text, in_quotes });
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
        let table = read(Path::new("f"), text.as_bytes(), format, Reading { header, ..Reading::default() }, &wanted)?;
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

    /// What pandas and Quora write, and what GLUE and PAWS do.
    #[test]
    fn a_tab_separated_file_shows_whether_its_quotes_belong_to_the_texts() {
        let texts = |text: &str| {
            let rows = rows(text, Format::Tsv, true, &["s"]);
            rows.map(|rows| rows.concat()).map_err(|error| error.to_string())
        };
        let quoted: [(&str, &[&str]); 6] = [
            // A doubled quote; a tab or a line end in quotes; names in quotes.
            ("s\ty\n\"she said \"\"hi\"\" to me\"\t0\nx\t1\n", &["she said \"hi\" to me", "x"]),
            ("s\ty\n\"\"\"all of it\"\"\"\t1\n", &["\"all of it\""]),
            ("s\ty\n\"a\tb\"\t0\nx\t1\n", &["a\tb", "x"]),
            ("s\ty\n\"a\nb\"\t0\n\nx\t1\n", &["a\nb", "x"]),
            ("\"s\"\t\"y\"\n\"plain\"\t0\nx\t1\n", &["plain", "x"]),
            ("\"s\"\ty\r\n\"plain\"\t\"0\"\r\n", &["plain"]),
        ];
        for (text, expected) in quoted {
            assert_eq!(texts(text).unwrap(), expected, "{text:?}");
        }
        let plain: [(&str, &[&str]); 4] = [
            ("s\ty\nhe said \" no\t0\n\"\t1\n\" open only\t0\n", &["he said \" no", "\"", "\" open only"]),
            ("s\ty\nhe said \"no\" to me\t0\n\"all of it\"\t1\n", &["he said \"no\" to me", "\"all of it\""]),
            ("s\ty\n\"so\" it was\t0\n\"all of it\"\t1\n", &["\"so\" it was", "\"all of it\""]),
            // A quote that opens one line and one that ends another are no field over two.
            ("s\ty\n\" open\t0\nten 5\"\t1\n", &["\" open", "ten 5\""]),
        ];
        for (text, expected) in plain {
            assert_eq!(texts(text).unwrap(), expected, "{text:?}");
        }
        let uncertain = [
            "s\ty\nx\t0\n\"all of it\"\t1\n",
            "s\ty\nhe said \"no\"\t0\n\"a \"\"b\"\"\"\t1\n",
            // One quote too many in a file that is quoted everywhere else.
            "s\ty\nx\t0\n\"a \"\"b\"\" c\"\t1\n\"d\"\"\t1\n",
        ];
        for text in uncertain {
            assert!(texts(text).unwrap_err().contains("write quote = true if"), "{text:?}");
        }
        assert_eq!(
            texts(uncertain[0]).unwrap_err(),
            "f: fields begin with quotes, first in line 3, and the file does not show what they are: write quote = true \
             if they stand around fields, as in CSV, or quote = false if they belong to the texts"
        );
        let told = |text: &str, format, quote| {
            let reading = Reading { quote: Some(quote), ..Reading::default() };
            let table = read(Path::new("f"), text.as_bytes(), format, reading, &["s".to_string()]).unwrap();
            table.columns[0].iter().flatten().cloned().collect::<Vec<_>>()
        };
        assert_eq!(told(uncertain[0], Format::Tsv, true), ["x", "all of it"]);
        assert_eq!(told(uncertain[0], Format::Tsv, false), ["x", "\"all of it\""]);
        assert_eq!(told("s,y\n\"a,1\n", Format::Csv, false), ["\"a"]);
    }

    #[test]
    fn another_separator_is_read_where_it_is_said_and_named_where_it_is_not() {
        let read_with = |text: &str, format, separator| {
            let reading = Reading { separator, ..Reading::default() };
            read(Path::new("f"), text.as_bytes(), format, reading, &["b".to_string()])
        };
        let table = read_with("a;b\n\"x;y\";1\n", Format::Csv, Some(';')).unwrap();
        assert_eq!(table.columns[0], [Some("1".to_string())]);
        let cases = [("a;b\n1;2\n", Format::Csv, ";"), ("a\tb\n", Format::Csv, "\\t"), ("a,b\n", Format::Tsv, ",")];
        for (text, format, separator) in cases {
            let error = read_with(text, format, None).unwrap_err().to_string();
            assert_eq!(error, format!("f parts its columns with `{separator}`: write separator = \"{separator}\""));
        }
        assert!(matches!(read_with("a\n1\n", Format::Csv, None), Err(DataError::MissingColumn { .. })));
    }

    #[test]
    fn errors_name_the_line() {
        let message = |text: &str, format| rows(text, format, true, &["a"]).unwrap_err().to_string();
        let broken = |text: &str, format| {
            let table = read(Path::new("f"), text.as_bytes(), format, Reading::default(), &["a".to_string()]).unwrap();
            table.broken
        };
        let line = |line, fields| vec![(RowPlace::Line(line), format!("{fields} fields instead of 2"))];
        assert_eq!(broken("a\tb\n1\t2\n3\n", Format::Tsv), line(3, 1));
        assert_eq!(broken("a,b\n\"1\n1\",2\n3,4,5\n", Format::Csv), line(4, 3));
        assert!(message("a,b\n1,\"2\n", Format::Csv).contains("line 2 is not closed"));
        assert!(message("a,b\n\"1\"x,2\n", Format::Csv).contains("line 2 is not closed"));
        let wide = ",".repeat(50_000_000);
        let expected = "f: line 2 has more than 10000 fields";
        assert_eq!(message(&format!("a,b\n{wide}\n"), Format::Csv), expected);
    }
}
