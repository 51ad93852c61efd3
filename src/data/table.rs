//! The form of a data file, and its columns as they come out of one, whatever the form.

use super::error::nearest;
use super::{DataError, RowPlace};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Parquet,
    /// RFC 4180: fields in quotes may hold commas, line ends and doubled quotes.
    Csv,
    /// Tab-separated, without any quoting.
    Tsv,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// The format that a file's name tells.
    pub fn of(path: &Path) -> Result<Format, DataError> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        extension.and_then(|extension| extension.parse().ok()).ok_or_else(|| DataError::UnknownFormat(path.into()))
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Format, DataError> {
        match text {
            "parquet" => Ok(Format::Parquet),
            "csv" => Ok(Format::Csv),
            "tsv" => Ok(Format::Tsv),
            "jsonl" => Ok(Format::Jsonl),
            _ => Err(DataError::BadFormat(text.to_string())),
        }
    }
}

/// The wanted columns of one file, still as text, in the order wanted.
#[derive(Debug)]
pub(super) struct Table {
    pub path: PathBuf,
    pub columns: Vec<Vec<Option<String>>>,
    pub places: Vec<RowPlace>,
}

impl Table {
    /// An empty table, after checking that each column `wanted` is `there` once.
    pub fn new(path: &Path, there: &[String], wanted: &[String]) -> Result<Table, DataError> {
        for column in wanted {
            let (path, column) = (path.to_path_buf(), column.clone());
            match there.iter().filter(|name| **name == column).count() {
                0 => {
                    let near = nearest(&column, there);
                    return Err(DataError::MissingColumn { path, column, there: there.to_vec(), near });
                }
                1 => {}
                _ => return Err(DataError::RepeatedColumn { path, column }),
            }
        }
        Ok(Table { path: path.to_path_buf(), columns: vec![Vec::new(); wanted.len()], places: Vec::new() })
    }

    pub fn null(&self, column: &str, place: RowPlace) -> DataError {
        DataError::Null { path: self.path.clone(), column: column.to_string(), place }
    }
}
