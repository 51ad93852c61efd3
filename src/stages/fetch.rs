//! Models and data sets from the hub, an address, a folder or the built-in grammar, in the project's own form.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Columns, Dataset, Format, Grammar, Hub, Source, Tokenizer, download, read_tables};
use crate::engine::{Context, Outputs, StageError};
use crate::fingerprint::Digest;
use crate::model::{BertConfig, Weights};

pub const VERSION: u32 = 1;
/// The built-in grammar's own version: its sentences are results too.
pub const GRAMMAR_VERSION: u32 = 1;

/// Files of a model's folder; the last two can each stand in for the other.
const MODEL_FILES: [&str; 4] = ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"];
const DATA_EXTENSIONS: [&str; 4] = ["parquet", "csv", "tsv", "jsonl"];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelParams {
    /// `hf:REPO[@REVISION]`, or `blake3:…` of a local folder's files.
    pub source: String,
}

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

pub fn model(params: &ModelParams, context: &mut Context) -> Result<Outputs, StageError> {
    let [config, weights, tokenizer, vocabulary] = match params.source.parse() {
        Ok(Source::Hub { repo, revision }) => {
            let found = Hub::from_env()?.model_files(&repo, revision.as_deref(), None)?;
            context.fact("revision", &found.commit);
            found.note.into_iter().for_each(|note| context.fact("note", note));
            [Some(found.config), Some(found.weights), found.tokenizer, found.vocabulary]
        }
        _ => {
            let folder = PathBuf::from(context.location().unwrap_or_default());
            context.fact("path", folder.display().to_string());
            MODEL_FILES.map(|name| Some(folder.join(name)).filter(|path| path.is_file()))
        }
    };
    let read = |path: &Option<PathBuf>, name: &str| match path {
        Some(path) => std::fs::read(path)
            .map_err(|error| StageError::new(format!("failed to read `{}`: {error}", path.display()))),
        None => Err(StageError::new(format!("the model has no {name}"))),
    };
    let config = read(&config, "config.json")?;
    let weights_bytes = read(&weights, "model.safetensors")?;
    // Read here so that a broken file is found now, and stored under the names that everything else expects.
    let parsed = BertConfig::from_json(&String::from_utf8_lossy(&config))?;
    let weights = Weights::from_safetensors(&weights_bytes)
        .map_err(|error| StageError::new(format!("{error} (`{}`)", shown(&weights))))?;
    drop(weights_bytes);
    let tokenizer = match (&tokenizer, &vocabulary) {
        (Some(_), _) => Tokenizer::from_files(Some(&read(&tokenizer, "tokenizer.json")?), None, true)?,
        _ => Tokenizer::from_files(None, Some(&read(&vocabulary, "tokenizer.json or vocab.txt")?), true)?,
    };
    if tokenizer.vocab_size() > parsed.vocab_size {
        return Err(StageError::new(format!(
            "the tokenizer knows {} tokens, but the model has embeddings for {}",
            tokenizer.vocab_size(),
            parsed.vocab_size
        )));
    }
    let mut outputs = Outputs::default();
    outputs.bytes("config", config);
    outputs.bytes("tokenizer", tokenizer.to_json()?.into_bytes());
    outputs.bytes("weights", weights.to_safetensors()?);
    Ok(outputs)
}

fn shown(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(String::new, |path| path.display().to_string())
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
    // Held until the file in it is read.
    let folder = tempfile::tempdir()?;
    let files = match (params.source.parse(), location) {
        (Ok(Source::Hub { repo, revision }), _) => {
            let split = params.split.as_deref().unwrap_or_default();
            let found = Hub::from_env()?.dataset_files(&repo, revision.as_deref(), params.config.as_deref(), split)?;
            context.fact("revision", &found.commit);
            found.note.into_iter().for_each(|note| context.fact("note", note));
            found.files
        }
        (_, Some(url)) if url.starts_with("https://") => {
            let path = url.split(['?', '#']).next().unwrap_or(&url);
            let name = Path::new(path).file_name().map_or("data".into(), |name| name.to_string_lossy().into_owned());
            let file = folder.path().join(name);
            download(&url, params.source.strip_prefix("blake3:"), &file)?;
            context.fact("url", url);
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
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
        Ok(hasher.finalize().into())
    };
    digest().map_err(|error| format!("failed to read `{}`: {error}", path.display()))
}

/// Of the files that are a model, by name and content.
pub fn digest_of_model_folder(folder: &Path) -> Result<Digest, String> {
    let mut hasher = blake3::Hasher::new();
    for name in MODEL_FILES {
        let path = folder.join(name);
        if path.is_file() {
            hasher.update(name.as_bytes());
            hasher.update(digest_of_file(&path)?.as_bytes());
        } else if !matches!(name, "tokenizer.json" | "vocab.txt") {
            return Err(format!("there is no `{}`, so `{}` is not a model", path.display(), folder.display()));
        }
    }
    Ok(hasher.finalize().into())
}
