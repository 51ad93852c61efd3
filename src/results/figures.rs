//! Figures of finished plot steps, under their stage's name, and the numbers in them.

use std::collections::BTreeSet;

use super::gathered::Gathered;
use crate::kinds::finished::{Done, Finished};
use crate::kinds::plot::{FORMATS, Params};
use crate::kinds::tables;
use crate::tables::TableError;

pub fn gather(finished: &Finished<'_>, to: &mut Gathered) -> Result<(), TableError> {
    for done in finished.steps::<Params>() {
        for (format, artifact) in FORMATS.iter().filter(|(format, _)| done.params.is_written_as(format)) {
            let bytes = if *format == "csv" { numbers_of_figure(&done)? } else { done.bytes(artifact)? };
            to.add(file_name(done.stage(), format).into(), bytes, BTreeSet::from([done.step.stage.to_string()]));
        }
    }
    Ok(())
}

/// The numbers in a figure, as CSV.
///
/// # Errors
/// They are damaged.
pub fn numbers_of_figure(done: &Done<'_, Params>) -> Result<Vec<u8>, TableError> {
    let [.., (_, numbers)] = FORMATS;
    Ok(without_comment(done.bytes(&numbers)?))
}

/// `NAME.csv`, or `NAME.figure.csv` where that is a table of the study.
fn file_name(stage: &str, format: &str) -> String {
    match format {
        "csv" if tables().any(|table| table == stage) => format!("{stage}.figure.csv"),
        format => format!("{stage}.{format}"),
    }
}

/// The first line says in a comment where the numbers come from, which the index does here: readers of tables take the
/// first line for the names of the columns.
fn without_comment(mut csv: Vec<u8>) -> Vec<u8> {
    if csv.starts_with(b"# ")
        && let Some(end) = csv.iter().position(|byte| *byte == b'\n')
    {
        csv.drain(..=end);
    }
    csv
}
