//! Parquet: the files of others, and the normalised table that this program keeps.

use super::guard::guarded;
use super::table::Table;
use super::{DataError, Dataset, RowPlace, pages, write_parquet};
use polars::prelude::{ArrowDataType, DataFrame, DataType, IntoColumn, NamedFrom, Series};
use polars::prelude::{ParquetReader, SerReader};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

/// The columns `wanted` of a Parquet file as text; numbers and booleans are written out.
pub(super) fn read(path: &Path, bytes: &[u8], wanted: &[String]) -> Result<Table, DataError> {
    guarded(|| columns(path, bytes, wanted))
        .unwrap_or_else(|what| Err(DataError::Parquet { path: path.to_path_buf(), what }))
}

fn columns(path: &Path, bytes: &[u8], wanted: &[String]) -> Result<Table, DataError> {
    let bad = |what: String| DataError::Parquet { path: path.to_path_buf(), what };
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let schema = reader.schema().map_err(|error| bad(error.to_string()))?;
    let there: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
    let mut table = Table::new(path, &there, wanted)?;
    for name in wanted {
        // polars panics on types it was built without, so they are turned away before it reads anything.
        let dtype = schema.get(name).map(|field| &field.dtype);
        if let Some(dtype) = dtype.filter(|dtype| !is_plain(dtype)) {
            let kind = format!("{dtype:?}").split('(').next().unwrap_or_default().to_string();
            let column = name.clone();
            return Err(DataError::ColumnType { path: path.to_path_buf(), column, kind });
        }
    }
    let metadata = reader.get_metadata().map_err(|error| bad(error.to_string()))?;
    pages::check(metadata, bytes).map_err(bad)?;
    let rows = metadata.num_rows;
    if rows == 0 || wanted.is_empty() {
        return Ok(table);
    }
    let frame = reader.with_columns(Some(wanted.to_vec())).finish().map_err(|error| bad(error.to_string()))?;
    for (column, name) in table.columns.iter_mut().zip(wanted) {
        let text = frame.column(name).and_then(|column| column.cast(&DataType::String));
        let text = text.map_err(|error| bad(error.to_string()))?;
        let text = text.str().map_err(|error| bad(error.to_string()))?;
        if text.len() != rows {
            return Err(bad(format!("column `{name}` has {} rows, and the file promises {rows}", text.len())));
        }
        *column = text.iter().map(|value| value.map(String::from)).collect();
    }
    table.places = (0..rows).map(RowPlace::Row).collect();
    Ok(table)
}

fn is_plain(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    matches!(dtype, Utf8 | LargeUtf8 | Utf8View | Boolean | Int32 | Int64 | UInt32 | UInt64)
}

impl Dataset {
    /// The normalised table: columns `text`, `text_pair`?, `label`? (names) and the kept ones under their own names.
    /// Equal data sets give equal bytes. `label_names` is not in them: it travels beside them.
    pub fn to_parquet(&self) -> Result<Vec<u8>, DataError> {
        let column = |name: &str, values: &[String]| Series::new(name.into(), values).into_column();
        let mut columns = vec![column("text", &self.text)];
        columns.extend(self.text_pair.iter().map(|values| column("text_pair", values)));
        columns.extend(self.label.iter().map(|values| column("label", values)));
        columns.extend(self.columns.iter().map(|(name, values)| column(name, values)));
        let failed = |error: polars::prelude::PolarsError| DataError::ParquetWrite(error.to_string());
        DataFrame::new(self.len(), columns).and_then(|mut frame| write_parquet(&mut frame)).map_err(failed)
    }

    /// Reads back what [`Dataset::to_parquet`] wrote. Fails on a label that is not among `label_names`.
    pub fn from_parquet(bytes: &[u8], label_names: Vec<String>) -> Result<Dataset, DataError> {
        let path = Path::new("normalised data");
        let bad =
            |error: polars::prelude::PolarsError| DataError::Parquet { path: path.into(), what: error.to_string() };
        let schema = guarded(|| ParquetReader::new(Cursor::new(bytes)).schema())
            .map_err(|what| DataError::Parquet { path: path.into(), what })?
            .map_err(bad)?;
        let names: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
        let table = read(path, bytes, &names)?;
        let mut data = Dataset { label_names, ..Dataset::default() };
        for (name, values) in names.into_iter().zip(table.columns) {
            let values: Vec<String> = values.into_iter().map(Option::unwrap_or_default).collect();
            match name.as_str() {
                "text" => data.text = values,
                "text_pair" => data.text_pair = Some(values),
                "label" => data.label = Some(values),
                _ => data.columns.push((name, values)),
            }
        }
        let known: BTreeSet<&String> = data.label_names.iter().collect();
        if let Some(label) = data.label.iter().flatten().find(|label| !known.contains(label)) {
            return Err(DataError::LabelOrder { label: label.clone(), names: data.label_names.clone() });
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Grammar;
    use polars::prelude::ParquetWriter;

    #[test]
    fn normalised_tables_survive_and_their_bytes_repeat() {
        let mut data = Grammar { examples: 500, ..Grammar::default() }.generate("train").unwrap();
        data.text[3] = "tab\t \"quote\" \u{1f600}\nline".into();
        data.text_pair = Some(data.text.iter().map(|text| text.to_uppercase()).collect());
        let bytes = data.to_parquet().unwrap();
        assert_eq!(bytes, data.clone().to_parquet().unwrap());
        assert_eq!(Dataset::from_parquet(&bytes, data.label_names.clone()).unwrap(), data);
        assert!(Dataset::from_parquet(&bytes, vec!["worker".into()]).is_err());
        let none = data.slice(7..7).unwrap();
        assert_eq!(Dataset::from_parquet(&none.to_parquet().unwrap(), data.label_names.clone()).unwrap(), none);
    }

    #[test]
    fn numbers_become_text_and_other_types_are_refused() {
        let bytes = |series: Vec<Series>| {
            let mut bytes = Vec::new();
            let columns = series.into_iter().map(IntoColumn::into_column).collect();
            ParquetWriter::new(&mut bytes).finish(&mut DataFrame::new(2, columns).unwrap()).unwrap();
            bytes
        };
        let file = bytes(vec![
            Series::new("text".into(), [Some("a"), None]),
            Series::new("label".into(), [3i64, -1]),
            Series::new("flag".into(), [true, false]),
            Series::new("score".into(), [0.5f64, 1.0]),
        ]);
        let wanted = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let table = read(Path::new("f"), &file, &wanted(&["flag", "label", "text"])).unwrap();
        let text = |values: [&str; 2]| values.map(|value| Some(value.to_string())).to_vec();
        assert_eq!(table.columns[..2], [text(["true", "false"]), text(["3", "-1"])]);
        assert_eq!(table.columns[2], [Some("a".to_string()), None]);
        let error = read(Path::new("f"), &file, &wanted(&["score"])).unwrap_err().to_string();
        assert!(error.contains("column `score` holds Float64"), "{error}");
        let error = read(Path::new("f"), &file, &wanted(&["lable"])).unwrap_err().to_string();
        assert!(error.contains("did you mean `label`"), "{error}");
        for broken in [&file[..file.len() / 2], &file[..3], b"not parquet at all"] {
            assert!(matches!(read(Path::new("f"), broken, &wanted(&["text"])), Err(DataError::Parquet { .. })));
        }
    }
}
