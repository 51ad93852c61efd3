//! JSON: one object a line, or a list of objects.

use super::encoding::utf8;
use super::table::Table;
use super::{DataError, RowPlace};
use serde_json::{Map, Value};
use std::path::Path;

/// The keys `wanted` of every object. The first object decides which keys there are; one that lacks a key later has
/// no value there. Blank lines are passed over.
pub(super) fn read(path: &Path, bytes: &[u8], wanted: &[String]) -> Result<Table, DataError> {
    let text = utf8(path, bytes)?;
    let mut rows = Rows { path, wanted, table: None };
    let mut broken = Vec::new();
    if text.trim_start().starts_with('[') {
        let objects: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|error| DataError::Json {
            path: path.to_path_buf(),
            line: error.line(),
            what: format!("it is no list of JSON objects: {}", without_place(&error)),
        })?;
        for (row, object) in objects.iter().enumerate() {
            rows.push(RowPlace::Row(row), object)?;
        }
    } else {
        for (line, text) in text.split('\n').enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            match serde_json::from_str::<Map<String, Value>>(text) {
                Ok(object) => rows.push(RowPlace::Line(line + 1), &object)?,
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
}

impl Rows<'_> {
    fn push(&mut self, place: RowPlace, object: &Map<String, Value>) -> Result<(), DataError> {
        let table = match self.table.as_mut() {
            Some(table) => table,
            None => {
                let there: Vec<String> = object.keys().cloned().collect();
                self.table.insert(Table::new(self.path, &there, self.wanted)?)
            }
        };
        table.places.push(place);
        for (column, name) in table.columns.iter_mut().zip(self.wanted) {
            column.push(match object.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
                Some(Value::Array(_)) => return Err(column_type(self.path, name, "lists")),
                Some(Value::Object(_)) => return Err(column_type(self.path, name, "objects")),
            });
        }
        Ok(())
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
        assert_eq!(message("\n\n"), "f.jsonl has no rows of data");
    }
}
