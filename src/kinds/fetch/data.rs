//! Data sets from the hub, an address or this machine, in the project's own form.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Columns, Dataset, Format, LabelWords, Reading, Source, local_split, read_tables, shown_value};
use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::fingerprint::Digest;
use crate::kinds::files::{bring, digest_of_file, file_name_of, hub, revision as revision_of, unchanged};
use crate::kinds::inputs::{DATA, DataInfo, INFO};

/// How many classes a note counts.
const CLASSES_NAMED: usize = 10;

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
    // What came later is in the key only where it says something.
    /// For each of the labels the values in the file that mean it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_values: Vec<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop_labels: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub skip_bad_rows: bool,
}

pub fn is_false(flag: &bool) -> bool {
    !flag
}

impl StepKind for Params {
    const KIND: &'static str = "fetch-data";
    const VERSION: u32 = 1;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let columns = Columns {
            text: self.text.clone(),
            label: self.label.clone(),
            labels: LabelWords {
                names: self.labels.clone(),
                values: self.label_values.clone(),
                drop: self.drop_labels.clone(),
            },
            keep: self.keep.clone(),
            reading: Reading {
                header: self.header,
                quote: self.quote,
                separator: self.separator,
                skip_bad_rows: self.skip_bad_rows,
            },
        };
        let location = context.location().map(str::to_owned);
        let files = match (self.source.parse(), location) {
            (Ok(Source::Hub { repo, revision }), _) => {
                let split = self.split.as_deref().unwrap_or_default();
                let revision = revision_of(&self.source, revision, context);
                let found = hub(context)?.dataset_files(&repo, revision.as_deref(), self.config.as_deref(), split)?;
                context.fact("revision", &found.commit);
                found.note.into_iter().for_each(|note| context.note(&note));
                found.files
            }
            // A folder, of which several files are the split.
            (_, Some(location)) if self.split.is_some() => {
                context.fact("path", &location);
                local_split(Path::new(&location), self.config.as_deref(), self.split.as_deref().unwrap_or_default())?
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
        if context.local().is_some() {
            let now = digest_of_files(&files);
            context.local().map_or(Ok(()), |path| unchanged(path, &self.source, now))?;
        }
        if read.left_out > 0 {
            context.fact("rows_left_out", read.left_out.to_string());
        }
        context.note(&summary(&read.dataset));
        read.notes.iter().for_each(|note| context.note(note));
        Ok(store(&read.dataset)?)
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

/// Of one file, or of all files of a split in their order.
pub fn digest_of_files(files: &[PathBuf]) -> Result<Digest, String> {
    if let [one] = files {
        return digest_of_file(one);
    }
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(digest_of_file(file)?.as_bytes());
    }
    Ok(hasher.finalize().into())
}

/// What a person looks at first: rows, classes and the longest text.
fn summary(dataset: &Dataset) -> String {
    let mut text = format!("{} rows", dataset.len());
    if let Some(labels) = &dataset.label {
        let count =
            |name: &String| format!("{} {}", shown_value(name), labels.iter().filter(|label| *label == name).count());
        let classes: Vec<String> = dataset.label_names.iter().take(CLASSES_NAMED).map(count).collect();
        let more = dataset.label_names.len().saturating_sub(CLASSES_NAMED);
        let more = if more > 0 { format!(", … {more} more") } else { String::new() };
        text.push_str(&format!(" ({}{more})", classes.join(", ")));
    }
    let words = |text: &String| text.split_whitespace().count();
    let pairs = dataset.text_pair.iter().flatten().map(words).chain(std::iter::repeat(0));
    let longest = dataset.text.iter().map(words).zip(pairs).map(|(first, second)| first + second).max();
    format!("{text}, the longest of {} words", longest.unwrap_or(0))
}

/// A split as steps keep it.
pub fn store(dataset: &Dataset) -> Result<Outputs, StageError> {
    let mut outputs = Outputs::default();
    outputs.bytes(&DATA, dataset.to_parquet()?);
    outputs.json(&INFO, &DataInfo { rows: dataset.len(), labels: dataset.label_names.clone() })?;
    Ok(outputs)
}
