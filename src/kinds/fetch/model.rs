//! A model from the hub, a folder or a zip file, in any format that is read, in the project's own form.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{ModelFiles, Normalization, Source, Tokenizer, name_says_cased, unpack_model, walk};
use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::fingerprint::Digest;
use crate::kinds::files::{bring, digest_of_file, hub, unchanged};
use crate::kinds::models::{CONFIG, TOKENIZER, weights as weights_at};
use crate::model::{Arrival, TransformerConfig, formats, relabel};
use crate::study::words::Checkpoint;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// `hf:REPO[@REVISION]`, or `blake3:…` of a zip file or of a local folder's files.
    pub source: String,
    /// The newest commit whose message names this training step.
    pub step: Option<u64>,
    /// The classes in the order of the outputs; empty: as the model's configuration says.
    pub labels: Vec<String>,
    /// The source's name says that its model is cased, which decides where none of its files does.
    pub cased: bool,
}

impl StepKind for Params {
    const KIND: &'static str = "fetch-model";
    const VERSION: u32 = 2;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        self.make(true, context)
    }

    fn look(&self, context: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd> {
        let here = match self.source.parse() {
            Ok(Source::Hub { repo, revision }) => {
                hub(context)?.model_files(&repo, revision.as_deref(), self.step).is_ok()
            }
            _ => context.local().is_some(),
        };
        here.then(|| self.make(false, context)).transpose()
    }
}

impl Params {
    /// `whole`: with the weights.
    fn make(&self, whole: bool, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        // Held until the files in it are read.
        let folder = context.scratch().temporary_folder()?;
        let found = find(self, context, folder.path())?;
        let names: Vec<String> = found.files.iter().map(|(name, _)| name.clone()).collect();
        let chosen =
            ModelFiles::choose(&names).map_err(|lacking| StageError::new(format!("the model has {lacking}")))?;
        let path = |name: &String| -> Result<&Path, StageError> {
            let file = found.files.iter().find(|(file, _)| file == name);
            file.map(|(_, path)| path.as_path()).ok_or_else(|| StageError::new(format!("the model has no {name}")))
        };
        let read = |name: &String| -> Result<Vec<u8>, StageError> {
            let path = path(name)?;
            std::fs::read(path)
                .map_err(|error| StageError::new(format!("failed to read `{}`: {error}", path.display())))
        };

        // Read here so that a broken file is found now, and stored under the names that everything else expects.
        let mut config = String::from_utf8_lossy(&read(&chosen.config)?).into_owned();
        if !self.labels.is_empty() {
            config = relabel(&config, &self.labels)?;
        }
        let parsed = TransformerConfig::from_json(&config)?;
        let weights = if whole {
            let files =
                chosen.weights.iter().map(|name| Ok(path(name)?.to_owned())).collect::<Result<Vec<_>, StageError>>()?;
            let in_file = |error| StageError::new(format!("{error} (`{}`)", files[0].display()));
            let weights =
                formats::read(&files).and_then(|weights| weights.with_prefix(parsed.model_type)).map_err(in_file)?;
            let arrival = Arrival::check(&weights, &parsed).map_err(in_file)?;
            context.fact("weights", chosen.weights.join(", "));
            context.fact("tensors", arrival.counts());
            arrival.note().iter().for_each(|note| context.note(note));
            Some(weights)
        } else {
            None
        };
        let settings = chosen.tokenizer.iter().find(|name| *name == "tokenizer_config.json");
        let tokenizer = match chosen.tokenizer[0].as_str() {
            "tokenizer.json" => Tokenizer::from_files(Some(&read(&chosen.tokenizer[0])?), None, true)?,
            "vocab.txt" => {
                let normalization =
                    settings.map(|name| Ok::<_, StageError>(Normalization::from_tokenizer_config(&read(name)?)?));
                let normalization = normalization.transpose()?.unwrap_or_default().or_cased(found.cased);
                Tokenizer::from_vocabulary(&read(&chosen.tokenizer[0])?, &normalization)?
            }
            "vocab.json" => Tokenizer::from_byte_pairs(&read(&chosen.tokenizer[0])?, &read(&chosen.tokenizer[1])?)?,
            other => return Err(StageError::new(format!("a tokenizer of {other} cannot be read")).into()),
        };
        if tokenizer.vocab_size() > parsed.vocab_size {
            return Err(StageError::new(format!(
                "the tokenizer knows {} tokens, but the model has embeddings for {}",
                tokenizer.vocab_size(),
                parsed.vocab_size
            ))
            .into());
        }
        let mut outputs = Outputs::default();
        outputs.bytes(&CONFIG, config.into_bytes());
        outputs.bytes(&TOKENIZER, tokenizer.to_json()?.into_bytes());
        if let Some(weights) = weights {
            outputs.bytes(&weights_at(Checkpoint::Last), weights.to_safetensors()?);
        }
        if whole && let Some(path) = context.local() {
            unchanged(path, &self.source, digest_of_local(path))?;
        }
        Ok(outputs)
    }
}

/// A model's files by name, wherever they came from.
struct Found {
    files: Vec<(String, PathBuf)>,
    cased: bool,
}

/// Brings the files here if need be; what a zip file holds goes into `folder`.
fn find(params: &Params, context: &mut Context, folder: &Path) -> Result<Found, StageError> {
    if let Ok(Source::Hub { repo, revision }) = params.source.parse() {
        let found = hub(context)?.model_files(&repo, revision.as_deref(), params.step)?;
        context.fact("revision", &found.commit);
        found.note.iter().for_each(|note| context.note(note));
        return Ok(Found { files: found.files, cased: params.cased });
    }
    let location = context.location().unwrap_or_default().to_owned();
    let path = bring(&location, &params.source, "download.zip", context)?;
    if path.is_dir() {
        let files = local_files(&path)?;
        return Ok(Found { files, cased: params.cased });
    }
    let unpacked = unpack_model(&path, &folder.join("model"))?;
    // The archive's content names its folder, so this needs no place in the key.
    Ok(Found { files: unpacked.files, cased: params.cased || name_says_cased(&unpacked.folder) })
}

/// The files of a folder that are its model.
fn local_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, StageError> {
    let names = walk::names(folder)
        .map_err(|error| StageError::new(format!("failed to read `{}`: {error}", folder.display())))?;
    let chosen = ModelFiles::choose(&names)
        .map_err(|lacking| StageError::new(format!("`{}` is not a model: it has {lacking}", folder.display())))?;
    Ok(chosen.all().map(|name| (name.clone(), folder.join(name))).collect())
}

/// Of a zip file, or of exactly those files of a folder that are read, by name and content.
pub fn digest_of_local(path: &Path) -> Result<Digest, String> {
    if !path.is_dir() {
        return match path.extension().is_some_and(|extension| extension == "zip") {
            true => digest_of_file(path),
            false => Err(format!("`{}` is neither a folder nor a zip file, so it is not a model", path.display())),
        };
    }
    let mut hasher = blake3::Hasher::new();
    for (name, path) in local_files(path).map_err(|error| error.message)? {
        hasher.update(name.as_bytes());
        hasher.update(digest_of_file(&path)?.as_bytes());
    }
    Ok(hasher.finalize().into())
}
