//! JSON lines: one object a line.

use super::delimited::utf8;
use super::table::Table;
use super::{DataError, RowPlace};
use serde_json::{Map, Value};
use std::path::Path;

/// The keys `wanted` of every object. The first object decides which keys there are; one that lacks a key later has
/// no value there. Blank lines are passed over.
pub(super) fn read(path: &Path, bytes: &[u8], wanted: &[String]) -> Result<Table, DataError> {
    let mut table = None;
    for (line, text) in utf8(path, bytes)?.split('\n').enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let object = object(path, line + 1, text)?;
        let table = match table.as_mut() {
            Some(table) => table,
            None => table.insert(Table::new(path, &object.keys().cloned().collect::<Vec<_>>(), wanted)?),
        };
        table.places.push(RowPlace::Line(line + 1));
        for (column, name) in table.columns.iter_mut().zip(wanted) {
            column.push(match object.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
                Some(Value::Array(_)) => return Err(column_type(path, name, "lists")),
                Some(Value::Object(_)) => return Err(column_type(path, name, "objects")),
            });
        }
    }
    table.ok_or_else(|| DataError::Empty(path.to_path_buf()))
}

fn object(path: &Path, line: usize, text: &str) -> Result<Map<String, Value>, DataError> {
    serde_json::from_str(text).map_err(|error| {
        // The library counts lines within this one line.
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        DataError::Json { path: path.to_path_buf(), line, what: format!("{what} (column {})", error.column()) }
    })
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
    fn errors_name_the_line_or_the_key() {
        let message = |text: &str| read_text(text).unwrap_err().to_string();
        let good = "{\"text\": \"a\", \"label\": 1}\n";
        assert!(message(&format!("{good}{{\"text\": }}")).starts_with("f.jsonl: line 2 is not a JSON object"));
        assert!(message(&format!("{good}[1]")).contains("line 2"));
        assert!(message("{\"txt\": \"a\", \"label\": 1}").contains("no column `text` (did you mean `txt`?)"));
        assert!(message("{\"text\": [\"a\"], \"label\": 1}").contains("column `text` holds lists"));
        assert_eq!(message("\n\n"), "f.jsonl has no rows of data");
    }
}
