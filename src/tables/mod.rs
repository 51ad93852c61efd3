//! Tables as CSV and Parquet, and as text for a terminal. What is in them is known by those who make them.

pub mod brief;
mod error;

use std::collections::BTreeSet;

use polars::prelude::{Column, CsvWriter, DataFrame, NamedFrom, PlSmallStr, SerWriter, Series};

use crate::data::write_parquet;
use crate::fingerprint::Key;

pub use error::TableError;

/// The column `key` names the step that a row comes from.
pub struct Table {
    pub name: &'static str,
    pub frame: DataFrame,
}

impl Table {
    /// Where it comes from is in the index beside it: readers take the first line for the names of the columns.
    pub fn csv(&self) -> Result<Vec<u8>, TableError> {
        let mut csv = Vec::new();
        CsvWriter::new(&mut csv).include_header(true).finish(&mut self.frame.clone())?;
        Ok(csv)
    }

    /// The steps that its rows come from.
    pub fn keys(&self) -> Result<BTreeSet<Key>, TableError> {
        let texts: BTreeSet<&str> = self.frame.column("key")?.str()?.iter().flatten().collect();
        Ok(texts.into_iter().filter_map(|text| text.parse().ok()).map(Key).collect())
    }

    pub fn parquet(&self) -> Result<Vec<u8>, TableError> {
        Ok(write_parquet(&mut self.frame.clone())?)
    }
}

pub fn table(name: &'static str, columns: Vec<Column>) -> Result<Table, TableError> {
    Ok(Table { name, frame: DataFrame::new_infer_height(columns)? })
}

pub fn column<T, Values: AsRef<[T]>>(name: &str, values: Values) -> Column
where
    Series: NamedFrom<Values, [T]>,
{
    Series::new(PlSmallStr::from(name), values).into()
}

pub fn texts<R>(name: &str, rows: &[R], text: impl Fn(&R) -> String) -> Column {
    column(name, rows.iter().map(text).collect::<Vec<String>>())
}

pub fn numbers<R>(name: &str, rows: &[R], number: impl Fn(&R) -> f64) -> Column {
    column(name, rows.iter().map(number).collect::<Vec<f64>>())
}

pub fn counts<R>(name: &str, rows: &[R], count: impl Fn(&R) -> usize) -> Column {
    column(name, rows.iter().map(|row| count(row) as u64).collect::<Vec<u64>>())
}

/// A column where some rows have no number. 0 would be a claim.
pub fn known_numbers<R>(name: &str, rows: &[R], number: impl Fn(&R) -> Option<f64>) -> Column {
    column(name, rows.iter().map(number).collect::<Vec<Option<f64>>>())
}

pub fn known_counts<R>(name: &str, rows: &[R], count: impl Fn(&R) -> Option<usize>) -> Column {
    column(name, rows.iter().map(|row| count(row).map(|count| count as u64)).collect::<Vec<Option<u64>>>())
}
