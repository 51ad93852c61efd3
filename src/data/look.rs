//! What data hold, before anybody has said which of their columns and splits are meant.

use super::labels::is_no_label;
use super::read::read_columns;
use super::{DataError, Format, Hub, Reading, local_split, parquet};
use crate::plain;
use std::path::{Path, PathBuf};

/// No column and no split is called so: whoever is asked for it says what there is.
const NOTHING: &str = "\u{0}";

/// One column of a file, as text; a missing value is "".
#[derive(Debug, Clone)]
pub struct SeenColumn {
    pub name: String,
    pub values: Vec<String>,
}

impl SeenColumn {
    /// The different values of which one may be a class, in the order of the alphabet or of their numbers.
    pub fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> =
            self.values.iter().map(String::as_str).filter(|value| !is_no_label(value)).collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.iter().all(|class| class.parse::<i64>().is_ok()) {
            classes.sort_by_key(|class| class.parse::<i64>().ok());
        }
        classes
    }

    /// The different values that say that there is no class.
    pub fn marks(&self) -> Vec<&str> {
        let mut marks: Vec<&str> = self.values.iter().map(String::as_str).filter(|value| is_no_label(value)).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }
}

/// The columns of one file that are text, numbers or booleans and have a name of their own.
pub fn columns(path: &Path, format: Format, reading: Reading) -> Result<Vec<SeenColumn>, DataError> {
    let names = match read_columns(path, format, reading, &[NOTHING.to_owned()]) {
        Err(DataError::MissingColumn { there, .. }) => there,
        Err(error) => return Err(error),
        Ok(_) => Vec::new(),
    };
    let alone = |name: &&String| names.iter().filter(|other| other == name).count() == 1;
    let mut wanted: Vec<String> = names.iter().filter(alone).cloned().collect();
    let table = loop {
        match read_columns(path, format, reading, &wanted) {
            Err(DataError::ColumnType { column, .. }) if wanted.contains(&column) => {
                wanted.retain(|name| *name != column);
            }
            read => break read?,
        }
    };
    let values = table.columns.into_iter().map(|values| values.into_iter().map(Option::unwrap_or_default).collect());
    Ok(wanted.into_iter().zip(values).map(|(name, values)| SeenColumn { name, values }).collect())
}

/// What the numbers of a column mean, where the file itself tells.
pub fn class_names(path: &Path, column: &str) -> Option<Vec<String>> {
    parquet::class_names(&plain::read(path).ok()?, column)
}

/// The splits of a folder; none of a file, which is one.
pub fn splits_of_folder(path: &Path, config: Option<&str>) -> Result<Vec<String>, DataError> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    those(local_split(path, config, NOTHING).map(|_| ()))
}

/// The splits of a repository.
pub fn splits_of_repository(
    hub: &Hub,
    repo: &str,
    revision: Option<&str>,
    config: Option<&str>,
) -> Result<Vec<String>, DataError> {
    those(hub.dataset_files(repo, revision, config, NOTHING).map(|_| ()))
}

fn those(asked: Result<(), DataError>) -> Result<Vec<String>, DataError> {
    match asked {
        Err(DataError::NoSplit { there, .. }) if !there.is_empty() => Ok(there),
        Err(error) => Err(error),
        Ok(()) => Ok(Vec::new()),
    }
}

/// The files of a split of a folder or repository are these.
pub fn format_of(files: &[PathBuf]) -> Result<Format, DataError> {
    Format::of(files.first().map_or(Path::new(""), PathBuf::as_path))
}
