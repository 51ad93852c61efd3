//! JSON: one object a line, or a list of objects.

use super::encoding::utf8;
use super::table::{MOST_COLUMNS, Table};
use super::{DataError, RowPlace};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::path::Path;

/// The keys `wanted` of every object. The first object decides which keys there are; one that lacks a key later has
/// no value there. Blank lines are passed over.
pub(super) fn read(path: &Path, bytes: &[u8], wanted: &[String]) -> Result<Table, DataError> {
    let text = utf8(path, bytes)?;
    let mut rows = Rows { path, wanted, table: None, wrong: None };
    let mut broken = Vec::new();
    if text.trim_start().starts_with('[') {
        let mut json = serde_json::Deserializer::from_str(text);
        let read = json.deserialize_seq(&mut rows).and_then(|()| json.end());
        if let Some(wrong) = rows.wrong {
            return Err(wrong);
        }
        read.map_err(|error| DataError::Json {
            path: path.to_path_buf(),
            line: error.line(),
            what: format!("it is no list of JSON objects: {}", without_place(&error)),
        })?;
    } else {
        for (line, text) in text.split('\n').enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let mut json = serde_json::Deserializer::from_str(text);
            let mut row = rows.row();
            match row.deserialize(&mut json).and_then(|()| json.end()) {
                Ok(()) => rows.push(RowPlace::Line(line + 1), row)?,
                // The library counts lines within this one line.
                Err(error) => {
                    let what = format!("no JSON object: {} (column {})", without_place(&error), error.column());
                    broken.push((RowPlace::Line(line + 1), what));
                }
            }
        }
    }
    match rows.table {
        Some(mut table) => {
            table.broken = broken;
            Ok(table)
        }
        None if broken.is_empty() => Err(DataError::Empty(path.to_path_buf())),
        None => Err(DataError::Form {
            path: path.to_path_buf(),
            what: format!("neither JSON with one object a line nor a list of objects: line 1 is {}", broken[0].1),
        }),
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or(&message).to_string()
}

struct Rows<'a> {
    path: &'a Path,
    wanted: &'a [String],
    /// Made when the first object has said which keys there are.
    table: Option<Table>,
    /// Why a list is read no further.
    wrong: Option<DataError>,
}

impl<'a> Rows<'a> {
    fn row(&self) -> Row<'a> {
        let keys = self.table.is_none().then(Vec::new);
        Row { wanted: self.wanted, values: vec![Cell::Nothing; self.wanted.len()], keys }
    }

    fn push(&mut self, place: RowPlace, row: Row<'_>) -> Result<(), DataError> {
        let table = match self.table.as_mut() {
            Some(table) => table,
            None => {
                let (path, keys) = (self.path, row.keys.unwrap_or_default());
                if keys.len() > MOST_COLUMNS {
                    return Err(DataError::TooMany {
                        path: path.to_path_buf(),
                        place,
                        what: "keys",
                        most: MOST_COLUMNS,
                    });
                }
                self.table.insert(Table::new(path, &keys, self.wanted)?)
            }
        };
        table.places.push(place);
        for ((column, name), value) in table.columns.iter_mut().zip(self.wanted).zip(row.values) {
            column.push(match value {
                Cell::Nothing => None,
                Cell::Text(text) => Some(text),
                Cell::Many(kind) => return Err(column_type(self.path, name, kind)),
            });
        }
        Ok(())
    }
}

/// A list of objects.
impl<'de> Visitor<'de> for &mut Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for number in 0.. {
            let mut row = self.row();
            if list.next_element_seed(&mut row)?.is_none() {
                break;
            }
            if let Err(wrong) = self.push(RowPlace::Row(number), row) {
                self.wrong = Some(wrong);
                return Err(A::Error::custom("read no further"));
            }
        }
        Ok(())
    }
}

/// One object: what is wanted of it. The rest is looked at and not kept, whatever it is.
struct Row<'a> {
    wanted: &'a [String],
    values: Vec<Cell>,
    /// All keys, where they are asked for.
    keys: Option<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for &mut Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key::<String>()? {
            match self.wanted.iter().position(|name| *name == key) {
                Some(at) => self.values[at] = object.next_value_seed(Cell::Nothing)?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
            // One more is enough to see that there are too many. The last of several with one name counts.
            if let Some(keys) = self.keys.as_mut().filter(|keys| keys.len() <= MOST_COLUMNS)
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Cell {
    Nothing,
    Text(String),
    /// What no cell of a table can be.
    Many(&'static str),
}

impl Cell {
    fn of<E: Error>(value: impl Into<Value>) -> Result<Self, E> {
        Ok(Self::Text(value.into().to_string()))
    }
}

impl<'de> DeserializeSeed<'de> for Cell {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(Self::Nothing)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self, E> {
        Ok(Self::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self, E> {
        Ok(Self::Text(text))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self, E> {
        Self::of(flag)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self, E> {
        Self::of(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self, E> {
        Self::of(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self, E> {
        Self::of(number)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::Many("lists"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::Many("objects"))
    }
}

fn column_type(path: &Path, column: &str, kind: &str) -> DataError {
    DataError::ColumnType { path: path.to_path_buf(), column: column.to_string(), kind: kind.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Table, DataError> {
        read(Path::new("f.jsonl"), text.as_bytes(), &["text".to_string(), "label".to_string()])
    }

    #[test]
    fn values_become_text_and_lines_are_counted() {
        let text = "{\"text\": \"a\\nb\", \"label\": 1}\r\n\n{\"label\": true, \"text\": null, \"more\": [1]}\n";
        let table = read_text(text).unwrap();
        assert_eq!(table.columns[0], [Some("a\nb".to_string()), None]);
        assert_eq!(table.columns[1], [Some("1".to_string()), Some("true".to_string())]);
        assert_eq!(table.places, [RowPlace::Line(1), RowPlace::Line(3)]);
    }

    #[test]
    fn a_list_is_read_as_its_objects() {
        let table = read_text("\n [{\"text\": \"a\", \"label\": 1},\n{\"label\": null, \"text\": \"b\"}] ").unwrap();
        assert_eq!(table.columns, [[Some("a".to_string()), Some("b".to_string())], [Some("1".to_string()), None]]);
        assert_eq!(table.places, [RowPlace::Row(0), RowPlace::Row(1)]);
        assert!(matches!(read_text("[]"), Err(DataError::Empty(_))));
    }

    #[test]
    fn what_is_not_wanted_is_not_kept() {
        let text = format!("{{\"z\": [{}0], \"label\": 1.50, \"text\": \"a\", \"label\": -2}}", "1,".repeat(1_000_000));
        let table = read_text(&text).unwrap();
        assert_eq!(table.columns, [[Some("a".to_string())], [Some("-2".to_string())]]);
        for (number, written) in [("1.50", "1.5"), ("1e2", "100.0"), ("18446744073709551615", "18446744073709551615")] {
            let table = read_text(&format!("{{\"text\": \"a\", \"label\": {number}}}")).unwrap();
            assert_eq!(table.columns[1], [Some(written.to_string())]);
        }
    }

    #[test]
    fn errors_name_the_line_or_the_key() {
        let message = |text: &str| read_text(text).unwrap_err().to_string();
        let good = "{\"text\": \"a\", \"label\": 1}\n";
        let table = read_text(&format!("{good}{{\"text\": }}\n[1]\n{good}")).unwrap();
        assert_eq!(table.places, [RowPlace::Line(1), RowPlace::Line(4)]);
        assert_eq!(table.broken[0], (RowPlace::Line(2), "no JSON object: expected value (column 10)".to_string()));
        assert_eq!(table.broken[1].0, RowPlace::Line(3));
        assert_eq!(
            message("{\"text\":\n \"a\"}\n"),
            "f.jsonl is neither JSON with one object a line nor a list of objects: line 1 is no JSON object: EOF while \
             parsing a value (column 8)"
        );
        assert!(
            message("[{\"text\": \"a\", \"label\": 1},\n 2]").starts_with("f.jsonl: line 2: it is no list of JSON")
        );
        assert!(message("{\"txt\": \"a\", \"label\": 1}").contains("no column `text` (did you mean `txt`?)"));
        assert!(message("{\"text\": [\"a\"], \"label\": 1}").contains("column `text` holds lists"));
        assert!(message("{\"text\": {\"a\": [1]}, \"label\": 1}").contains("column `text` holds objects"));
        let many: Vec<String> = (0..200_000).map(|key| format!("\"{key}\": {key}")).collect();
        assert_eq!(message(&format!("{{{}}}", many.join(","))), "f.jsonl: line 1 has more than 10000 keys");
        assert_eq!(message("\n\n"), "f.jsonl has no rows of data");
    }
}
