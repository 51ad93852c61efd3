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
    /// Tab-separated, with quotes or without.
    Tsv,
    /// One JSON object a line, or a list of them.
    Jsonl,
}

/// How a text file is read beyond what its format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Whether CSV or TSV begins with a line of names; if not, its columns are "0", "1", ….
    pub header: bool,
    /// Whether fields may stand in quotes. `None`: in CSV they may, in TSV the file decides.
    pub quote: Option<bool>,
    /// What parts the columns, if it is not the comma or the tab.
    pub separator: Option<char>,
    /// Rows that cannot be read are left out and counted, not an error.
    pub skip_bad_rows: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { header: true, quote: None, separator: None, skip_bad_rows: false }
    }
}

impl Format {
    /// As a person writes them.
    pub const NAMES: [&str; 5] = ["parquet", "csv", "tsv", "jsonl", "json"];

    /// The format that a file's name tells.
    pub fn of(path: &Path) -> Result<Format, DataError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::of_name(&name).map(|(_, format)| format).ok_or_else(|| DataError::UnknownFormat(path.into()))
    }

    /// A file's name without its ending, and the format that the ending tells. `.txt` is mostly a table with tabs.
    pub fn of_name(name: &str) -> Option<(&str, Format)> {
        let lower = name.to_ascii_lowercase();
        let packing = [".gz", ".zst"].into_iter().find(|packing| lower.ends_with(packing));
        let name = packing.map_or(name, |packing| &name[..name.len() - packing.len()]);
        let (stem, ending) = name.rsplit_once('.')?;
        let format = match ending.to_ascii_lowercase().as_str() {
            "json" => Format::Jsonl,
            "txt" => Format::Tsv,
            ending => ending.parse().ok()?,
        };
        Some((stem, format))
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Format, DataError> {
        match text {
            "parquet" => Ok(Format::Parquet),
            "csv" => Ok(Format::Csv),
            "tsv" => Ok(Format::Tsv),
            "jsonl" | "json" => Ok(Format::Jsonl),
            _ => Err(DataError::BadFormat(text.to_string())),
        }
    }
}

/// Of a file. Whoever has more has no table of texts.
pub(super) const MOST_COLUMNS: usize = 10_000;

/// The wanted columns of one file, still as text, in the order wanted.
#[derive(Debug)]
pub(super) struct Table {
    pub path: PathBuf,
    pub columns: Vec<Vec<Option<String>>>,
    pub places: Vec<RowPlace>,
    /// Rows that cannot be read, and why.
    pub broken: Vec<(RowPlace, String)>,
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
        Ok(Table {
            path: path.to_path_buf(),
            columns: vec![Vec::new(); wanted.len()],
            places: Vec::new(),
            broken: Vec::new(),
        })
    }

    /// Whether every value of column number I has at most `lengths[I]` bytes.
    pub fn check_lengths(&self, names: &[String], lengths: &[usize]) -> Result<(), DataError> {
        for ((column, name), &most) in self.columns.iter().zip(names).zip(lengths) {
            let long = |value: &Option<String>| value.as_ref().map(String::len).filter(|bytes| *bytes > most);
            if let Some((bytes, &place)) = column.iter().zip(&self.places).find_map(|(v, at)| Some((long(v)?, at))) {
                let (path, column) = (self.path.clone(), name.clone());
                return Err(DataError::LongValue { path, column, place, bytes, most });
            }
        }
        Ok(())
    }
}
