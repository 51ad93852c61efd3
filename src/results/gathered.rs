//! Files before they are written: all of them are at hand before the first is.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::not_drawn::NotDrawn;
use crate::kinds::expect::Expectation;
use crate::tables::{Table, TableError};

/// Results before they are written.
#[derive(Default)]
pub struct Gathered {
    /// With the stages that each was made from.
    pub files: Vec<(PathBuf, Vec<u8>, BTreeSet<String>)>,
    /// Those of the files that are tables, as such.
    pub tables: Vec<(Table, BTreeSet<String>)>,
    /// Figures that there are.
    pub figures: usize,
    pub not_drawn: Vec<NotDrawn>,
    /// Of clusterings, in words.
    pub told: Vec<String>,
    /// What was to come out, and did or did not.
    pub expectations: Vec<Expectation>,
}

impl Gathered {
    pub fn add_table(&mut self, table: Table, stages: BTreeSet<String>) -> Result<(), TableError> {
        self.add(format!("{}.csv", table.name).into(), table.csv()?, stages.clone());
        self.add(format!("{}.parquet", table.name).into(), table.parquet()?, stages.clone());
        self.tables.push((table, stages));
        Ok(())
    }

    pub fn add(&mut self, path: PathBuf, bytes: Vec<u8>, stages: BTreeSet<String>) {
        self.files.push((path, bytes, stages));
    }
}
