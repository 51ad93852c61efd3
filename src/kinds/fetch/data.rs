//! Data sets from the hub, an address or this machine, in the project's own form.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Columns, Dataset, Format, Source, read_tables};
use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::kinds::files::{bring, file_name_of, file_unchanged, hub};
use crate::kinds::inputs::{DATA, DataInfo, INFO};

const DATA_EXTENSIONS: [&str; 4] = ["parquet", "csv", "tsv", "jsonl"];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// `hf:REPO[@REVISION]`, or `blake3:…` of the file.
    pub source: String,
    pub config: Option<String>,
    /// `None` where the source is one file.
    pub split: Option<String>,
    pub format: Option<Format>,
    pub header: bool,
    pub text: Vec<String>,
    pub label: Option<String>,
    pub labels: Vec<String>,
    pub keep: Vec<String>,
}

impl StepKind for Params {
    const KIND: &'static str = "fetch-data";
    const VERSION: u32 = 1;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let columns = Columns {
            text: self.text.clone(),
            label: self.label.clone(),
            labels: self.labels.clone(),
            keep: self.keep.clone(),
            header: self.header,
        };
        let location = context.location().map(str::to_owned);
        let files = match (self.source.parse(), location) {
            (Ok(Source::Hub { repo, revision }), _) => {
                let split = self.split.as_deref().unwrap_or_default();
                let found = hub(context)?.dataset_files(&repo, revision.as_deref(), self.config.as_deref(), split)?;
                context.fact("revision", &found.commit);
                found.note.into_iter().for_each(|note| context.note(&note));
                found.files
            }
            (_, Some(location)) => {
                let name = format!("download-{}", file_name_of(&location).unwrap_or_else(|| "data".to_owned()));
                vec![bring(&location, &self.source, &name, context)?]
            }
            (_, None) => return Err(StageError::new("the data set has no place to come from").into()),
        };
        let format = match (self.format, files.first()) {
            (Some(format), _) => format,
            (None, Some(file)) => Format::of(file)?,
            (None, None) => return Err(StageError::new("the data set has no files").into()),
        };
        let read = read_tables(&files, format, &columns)?;
        file_unchanged(&self.source, context)?;
        Ok(store(&read)?)
    }

    fn look(&self, context: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd> {
        let here = match self.source.parse() {
            Ok(Source::Hub { repo, revision }) => {
                let split = self.split.as_deref().unwrap_or_default();
                hub(context)?.dataset_files(&repo, revision.as_deref(), self.config.as_deref(), split).is_ok()
            }
            _ => context.local().is_some(),
        };
        here.then(|| self.run(context)).transpose()
    }
}

/// A split as steps keep it.
pub fn store(dataset: &Dataset) -> Result<Outputs, StageError> {
    let mut outputs = Outputs::default();
    outputs.bytes(&DATA, dataset.to_parquet()?);
    outputs.json(&INFO, &DataInfo { rows: dataset.len(), labels: dataset.label_names.clone() })?;
    Ok(outputs)
}

/// The file of a local data set: the path itself, or, in a folder, the one that is named like the split.
pub fn local_file(path: &Path, split: &str) -> Result<PathBuf, String> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let candidates = DATA_EXTENSIONS.map(|extension| path.join(format!("{split}.{extension}")));
    let found: Vec<&PathBuf> = candidates.iter().filter(|file| file.is_file()).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            Err(format!("there is no `{split}` with the ending {} in `{}`", DATA_EXTENSIONS.join(", "), path.display()))
        }
        _ => Err(format!("there are several files `{split}.…` in `{}`: name one of them as the path", path.display())),
    }
}
