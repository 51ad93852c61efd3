//! Parquet: the files of others, and the normalised table that this program keeps.

use super::guard::guarded;
use super::table::Table;
use super::{DataError, Dataset, RowPlace, pages, write_parquet};
use polars::prelude::{ArrowDataType, Column, DataFrame, DataType, IntoColumn, NamedFrom, Series};
use polars::prelude::{FileMetadata, ParquetReader, PolarsResult, SerReader};
use polars_parquet::parquet::metadata::SchemaDescriptor;
use polars_parquet::parquet::schema::types::{IntegerType, ParquetType, PrimitiveConvertedType, PrimitiveLogicalType};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

/// The columns `wanted` of a Parquet file as text; numbers and booleans are written out.
pub(super) fn read(path: &Path, bytes: &[u8], wanted: &[String]) -> Result<Table, DataError> {
    guarded(|| columns(path, bytes, wanted))
        .unwrap_or_else(|what| Err(DataError::Parquet { path: path.to_path_buf(), what }))
}

fn columns(path: &Path, bytes: &[u8], wanted: &[String]) -> Result<Table, DataError> {
    let bad = |what: String| DataError::Parquet { path: path.to_path_buf(), what };
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let metadata = reader.get_metadata().map_err(|error| bad(error.to_string()))?;
    let metadata = Arc::new(widened(metadata));
    reader.set_metadata(metadata.clone());
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
    pages::check(&metadata, bytes).map_err(bad)?;
    let rows = metadata.num_rows;
    if rows == 0 || wanted.is_empty() {
        return Ok(table);
    }
    let frame = reader.with_columns(Some(wanted.to_vec())).finish().map_err(|error| bad(error.to_string()))?;
    for (column, name) in table.columns.iter_mut().zip(wanted) {
        let values = frame.column(name).and_then(in_words).map_err(|error| bad(error.to_string()))?;
        if values.len() != rows {
            return Err(bad(format!("column `{name}` has {} rows, and the file promises {rows}", values.len())));
        }
        *column = values;
    }
    table.places = (0..rows).map(RowPlace::Row).collect();
    Ok(table)
}

/// The names of a column's classes, in the order of the numbers that mean them, where Hugging Face's `datasets` wrote the
/// file and left them in it.
pub(super) fn class_names(bytes: &[u8], column: &str) -> Option<Vec<String>> {
    let told = guarded(|| {
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let pairs = reader.get_metadata().ok()?.key_value_metadata.clone()?;
        pairs.into_iter().find(|pair| pair.key == "huggingface")?.value
    });
    let told: serde_json::Value = serde_json::from_str(&told.ok()??).ok()?;
    let names = told["info"]["features"][column]["names"].as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The same metadata in the types that polars was built with: whole numbers of 8 and 16 bits are stored as ones of 32
/// anyway, and what Arrow knows as a dictionary, such as the categories of pandas, is stored as its values.
fn widened(metadata: &FileMetadata) -> FileMetadata {
    let mut metadata = metadata.clone();
    metadata.key_value_metadata = None;
    let fields = metadata.schema_descr.fields().iter().cloned().map(|mut field| {
        if let ParquetType::PrimitiveType(number) = &mut field {
            use {IntegerType as Of, PrimitiveConvertedType as Old, PrimitiveLogicalType::Integer};
            let short = matches!(number.logical_type, Some(Integer(Of::Int8 | Of::Int16 | Of::UInt8 | Of::UInt16)))
                || matches!(number.converted_type, Some(Old::Int8 | Old::Int16 | Old::Uint8 | Old::Uint16));
            if short {
                (number.logical_type, number.converted_type) = (None, None);
            }
        }
        field
    });
    let fields = fields.collect();
    metadata.schema_descr = SchemaDescriptor::new(metadata.schema_descr.name().into(), fields);
    metadata
}

fn is_plain(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    let number = matches!(dtype, Int32 | Int64 | UInt32 | UInt64 | Float32 | Float64);
    number || matches!(dtype, Utf8 | LargeUtf8 | Utf8View | Boolean)
}

/// Values as a CSV file would have them: a fraction that is whole, which pandas makes of whole numbers where one is
/// missing, is the whole number; one that is no number is missing, as it is to pandas.
fn in_words(column: &Column) -> PolarsResult<Vec<Option<String>>> {
    let whole = |value: f64| value.fract() == 0.0 && value.abs() < 1e15;
    Ok(match column.dtype() {
        DataType::Float32 => column
            .f32()?
            .iter()
            .map(|value| value.filter(|value| !value.is_nan()))
            .map(|value| {
                Some(match value? {
                    value if whole(value.into()) => format!("{value:.0}"),
                    value => value.to_string(),
                })
            })
            .collect(),
        DataType::Float64 => column
            .f64()?
            .iter()
            .map(|value| value.filter(|value| !value.is_nan()))
            .map(|value| {
                Some(match value? {
                    value if whole(value) => format!("{value:.0}"),
                    value => value.to_string(),
                })
            })
            .collect(),
        _ => {
            let text = column.cast(&DataType::String)?;
            text.str()?.iter().map(|value| value.map(String::from)).collect()
        }
    })
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
    fn numbers_become_text() {
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
        ]);
        let wanted = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let table = read(Path::new("f"), &file, &wanted(&["flag", "label", "text"])).unwrap();
        let text = |values: [&str; 2]| values.map(|value| Some(value.to_string())).to_vec();
        assert_eq!(table.columns[..2], [text(["true", "false"]), text(["3", "-1"])]);
        assert_eq!(table.columns[2], [Some("a".to_string()), None]);
        let error = read(Path::new("f"), &file, &wanted(&["lable"])).unwrap_err().to_string();
        assert!(error.contains("did you mean `label`"), "{error}");
        for broken in [&file[..file.len() / 2], &file[..3], b"not parquet at all"] {
            assert!(matches!(read(Path::new("f"), broken, &wanted(&["text"])), Err(DataError::Parquet { .. })));
        }
    }

    /// `tests/reference/parquet_types.py` wrote the file, and pandas reads these values.
    #[test]
    fn every_type_that_holds_texts_or_labels_is_read_with_what_is_missing() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/parquet_types.parquet");
        let bytes = std::fs::read(&path).unwrap();
        let column = |name: &str| {
            let table = read(&path, &bytes, &[name.to_string()]).map_err(|error| error.to_string())?;
            Ok::<_, String>(
                table.columns[0].iter().map(|value| value.clone().unwrap_or("missing".into())).collect::<Vec<_>>(),
            )
        };
        let texts = ["text", "large", "category"].map(|name| (name, ["a", "NA", "missing", "é"]));
        let numbers = [
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "whole_f64",
            "nan_f64",
            "category_of_numbers",
        ]
        .map(|name| (name, ["0", "1", "missing", "100"]));
        let others = [
            ("flag", ["false", "true", "missing", "true"]),
            ("f32", ["0.25", "1", "missing", "100.5"]),
            ("negative", ["-1", "-128", "missing", "127"]),
            ("large_uint8", ["255", "128", "missing", "0"]),
        ];
        for (name, values) in texts.into_iter().chain(numbers).chain(others) {
            assert_eq!(column(name).unwrap(), values, "{name}");
        }
        for (name, kind) in [("list", "LargeList"), ("date", "Date32"), ("decimal", "Decimal")] {
            let error = column(name).unwrap_err();
            assert!(error.contains(&format!("column `{name}` holds {kind}")), "{error}");
        }
    }
}
