//! Data sets from the hub, an address, a folder or the built-in grammar, in the project's own form.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::secrets::shown;
use crate::data::{Columns, Dataset, Format, Grammar, Hub, Source, download, read_tables};
use crate::engine::{Context, Outputs, StageError};
use crate::fingerprint::Digest;

pub const VERSION: u32 = 1;
/// The built-in grammar's own version: its sentences are results too.
pub const GRAMMAR_VERSION: u32 = 1;

const DATA_EXTENSIONS: [&str; 4] = ["parquet", "csv", "tsv", "jsonl"];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DataParams {
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

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GenerateParams {
    pub generator: String,
    pub split: String,
    pub seed: u64,
    pub examples: usize,
    pub passive: f64,
    pub contrast: f64,
    pub adjective: f64,
    pub adverb: f64,
}

/// The small output `info` beside `data`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DataInfo {
    pub rows: usize,
    /// Label names in their own order.
    pub labels: Vec<String>,
}

pub fn data(params: &DataParams, context: &mut Context) -> Result<Outputs, StageError> {
    let columns = Columns {
        text: params.text.clone(),
        label: params.label.clone(),
        labels: params.labels.clone(),
        keep: params.keep.clone(),
        header: params.header,
    };
    let location = context.location().map(str::to_owned);
    let files = match (params.source.parse(), location) {
        (Ok(Source::Hub { repo, revision }), _) => {
            let split = params.split.as_deref().unwrap_or_default();
            let found = Hub::from_env()?.dataset_files(&repo, revision.as_deref(), params.config.as_deref(), split)?;
            context.fact("revision", &found.commit);
            found.note.into_iter().for_each(|note| context.note(&note));
            found.files
        }
        (_, Some(url)) if url.starts_with("https://") => {
            let path = url.split(['?', '#']).next().unwrap_or(&url);
            let name = Path::new(path).file_name().map_or("data".into(), |name| name.to_string_lossy().into_owned());
            let file = context.scratch().folder()?.join(format!("download-{name}"));
            download(&url, params.source.strip_prefix("blake3:"), &file)?;
            context.fact("url", shown(&url));
            vec![file]
        }
        (_, Some(path)) => {
            context.fact("path", &path);
            vec![PathBuf::from(path)]
        }
        (_, None) => return Err(StageError::new("the data set has no place to come from")),
    };
    let format = match (params.format, files.first()) {
        (Some(format), _) => format,
        (None, Some(file)) => Format::of(file)?,
        (None, None) => return Err(StageError::new("the data set has no files")),
    };
    store(&read_tables(&files, format, &columns)?)
}

pub fn generate(params: &GenerateParams, _: &mut Context) -> Result<Outputs, StageError> {
    let grammar = Grammar {
        examples: params.examples,
        seed: params.seed,
        passive: params.passive,
        contrast: params.contrast,
        adjective: params.adjective,
        adverb: params.adverb,
    };
    store(&grammar.generate(&params.split)?)
}

fn store(dataset: &Dataset) -> Result<Outputs, StageError> {
    let mut outputs = Outputs::default();
    outputs.bytes("data", dataset.to_parquet()?);
    outputs.json("info", &DataInfo { rows: dataset.len(), labels: dataset.label_names.clone() })?;
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

pub fn digest_of_file(path: &Path) -> Result<Digest, String> {
    let digest = || -> io::Result<Digest> {
        // A device or a pipe has no end, or none that is the same twice.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
        Ok(hasher.finalize().into())
    };
    digest().map_err(|error| format!("failed to read `{}`: {error}", path.display()))
}
