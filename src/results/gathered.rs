//! Files before they are written: all of them are at hand before the first is.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::tables::{Table, TableError};

/// Files before they are written.
#[derive(Default)]
pub struct Gathered {
    /// With the stages that each was made from.
    pub files: Vec<(PathBuf, Vec<u8>, BTreeSet<String>)>,
}

impl Gathered {
    pub fn add_table(&mut self, table: &Table, stages: BTreeSet<String>) -> Result<(), TableError> {
        self.add(format!("{}.csv", table.name).into(), table.csv()?, stages.clone());
        self.add(format!("{}.parquet", table.name).into(), table.parquet()?, stages);
        Ok(())
    }

    pub fn add(&mut self, path: PathBuf, bytes: Vec<u8>, stages: BTreeSet<String>) {
        self.files.push((path, bytes, stages));
    }
}
