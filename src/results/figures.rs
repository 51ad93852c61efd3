//! Figures of finished plot steps, under their stage's name, and the numbers in them.

use std::path::Path;

use super::put::put;
use crate::kinds::finished::Finished;
use crate::kinds::plot::{FORMATS, Params};
use crate::kinds::tables;
use crate::tables::TableError;

pub fn write(finished: &Finished<'_>, folder: &Path) -> Result<(), TableError> {
    for done in finished.steps::<Params>() {
        for (format, artifact) in &FORMATS {
            put(&folder.join(file_name(done.stage(), format)), &done.bytes(artifact)?)?;
        }
    }
    Ok(())
}

/// `NAME.csv`, or `NAME.figure.csv` where that is a table of the study.
fn file_name(stage: &str, format: &str) -> String {
    match format {
        "csv" if tables().any(|table| table == stage) => format!("{stage}.figure.csv"),
        format => format!("{stage}.{format}"),
    }
}
