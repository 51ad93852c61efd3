//! A model from the hub, a folder or a zip file, in any format that is read, in the project's own form.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{
    Assembled, ChooseModel, ModelFiles, Source, Tokenizer, TokenizerFiles, name_says_cased, unpack_model, walk,
};
use crate::engine::{Context, Outputs, Role, StageEnd, StageError, StepKind};
use crate::fingerprint::Digest;
use crate::kinds::fetch::data::is_false;
use crate::kinds::files::{bring, digest_of_file, hub, revision as revision_of, unchanged};
use crate::kinds::models::{CONFIG, TOKENIZER, weights as weights_at};
use crate::model::{Arrival, TransformerConfig, Weights, formats, other_task, relabel, without_head};
use crate::plain;
use crate::study::words::Checkpoint;

/// A tokenizer that does not lie beside its model.
pub const APART: Role<Tokenizer> = Role::new("tokenizer");

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
    /// The labels are meant although the configuration says otherwise.
    #[serde(default, skip_serializing_if = "is_false")]
    pub relabel: bool,
}

impl StepKind for Params {
    const KIND: &'static str = "fetch-model";
    /// 2: every format, checked against the configuration. 3: all files that decide a tokenizer's ids are read.
    const VERSION: u32 = 3;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        self.make(true, context)
    }

    fn look(&self, context: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd> {
        let here = match self.source.parse() {
            Ok(Source::Hub { repo, revision }) => {
                hub(context)?.model_files(&repo, revision.as_deref(), self.step, chooser(context)).is_ok()
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
        let chosen = chooser(context)(&names).map_err(|lacking| StageError::new(format!("the model has {lacking}")))?;
        let path = |name: &String| -> Result<&Path, StageError> {
            let file = found.files.iter().find(|(file, _)| file == name);
            file.map(|(_, path)| path.as_path()).ok_or_else(|| StageError::new(format!("the model has no {name}")))
        };
        let read = |name: &String| -> Result<Vec<u8>, StageError> {
            let path = path(name)?;
            plain::read(path).map_err(|error| StageError::new(format!("failed to read `{}`: {error}", path.display())))
        };

        // Read here so that a broken file is found now, and stored under the names that everything else expects.
        let mut config = String::from_utf8_lossy(&read(&chosen.config)?).into_owned();
        let other = other_task(&config);
        match &other {
            Some(class) if !self.labels.is_empty() => {
                let what = format!("the model is a {class}: it has no classes of whole texts that `labels` could name");
                return Err(StageError::new(what).help("leave `labels` out, and fine-tune it first").into());
            }
            Some(_) => config = without_head(&config)?,
            None if !self.labels.is_empty() => {
                let own = TransformerConfig::from_json(&config)?.labels();
                if let Some(what) = contradiction(&own, &self.labels).filter(|_| !self.relabel) {
                    return Err(what.into());
                }
                config = relabel(&config, &self.labels)?;
            }
            None => {}
        }
        let parsed = TransformerConfig::from_json(&config)?;
        let weights = match whole {
            true => {
                let paths = chosen.weights.iter().map(|name| Ok(path(name)?.to_owned()));
                let paths = paths.collect::<Result<Vec<_>, StageError>>()?;
                context.fact("weights", chosen.weights.join(", "));
                Some(checked_weights(&paths, &parsed, other.as_deref(), context)?)
            }
            false => None,
        };
        let (tokenizer, longest) = if context.has_input(&APART) {
            (Tokenizer::from_files(Some(&context.bytes(&APART)?), None, true)?, None)
        } else {
            let of_tokenizer = chosen.tokenizer.iter().map(|name| Ok((name.clone(), read(name)?)));
            let files = TokenizerFiles {
                files: of_tokenizer.collect::<Result<_, StageError>>()?,
                class: Named::of(config.as_bytes()).tokenizer_class,
                model_type: parsed.model_type.name().to_owned(),
                cased: found.cased,
            };
            let Assembled { tokenizer, notes, longest } = files.assemble()?;
            notes.iter().for_each(|note| context.note(note));
            (tokenizer, longest)
        };
        let positions = parsed.max_tokens();
        if let Some(longest) = longest.filter(|longest| *longest != positions) {
            context.note(&format!(
                "tokenizer_config.json says model_max_length = {longest}, and the model has {positions} positions: \
                 texts are cut at a stage's `max_length` alone"
            ));
        }
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
            unchanged(path, &self.source, digest_of_local(path, chooser(context)))?;
        }
        Ok(outputs)
    }
}

/// The weights, held against the configuration. `other`: the class of a model that does not classify texts.
fn checked_weights(
    files: &[PathBuf],
    config: &TransformerConfig,
    other: Option<&str>,
    context: &mut Context<'_>,
) -> Result<Weights, StageError> {
    let in_file = |error| StageError::new(format!("{error} (`{}`)", files[0].display()));
    let mut weights =
        formats::read(files).and_then(|weights| weights.with_prefix(config.model_type)).map_err(in_file)?;
    if let Some(class) = other {
        let head = config.model_type.new_head();
        weights.tensors.retain(|name, _| !head.holds(name));
        context.note(&format!("the head of a {class} classifies no texts: it is left aside"));
    }
    let arrival = Arrival::check(&weights, config).map_err(in_file)?;
    context.fact("tensors", arrival.counts());
    arrival.note().iter().for_each(|note| context.note(note));
    Ok(weights)
}

/// What is wrong with names for a model's classes that are not those of its own configuration.
fn contradiction(own: &[String], given: &[String]) -> Option<StageError> {
    let spelling = |name: &String| name.to_lowercase().replace([' ', '_'], "-");
    // What transformers writes where nobody gave names.
    let unnamed = own.iter().enumerate().all(|(at, name)| *name == format!("LABEL_{at}"));
    let elsewhere = |(at, name): (usize, &String)| {
        own.iter().position(|other| spelling(other) == spelling(name)).is_some_and(|place| place != at)
    };
    let differs = own.len() != given.len() || given.iter().enumerate().any(elsewhere);
    (!unnamed && differs).then(|| {
        let (own, given) = (own.join(", "), given.join(", "));
        StageError::new(format!("`labels` says [{given}], but the model's config.json says [{own}]"))
            .help("leave `labels` out; or, if config.json is wrong, write relabel = true beside it")
    })
}

/// What the configuration says of the tokenizer.
#[derive(Default, Deserialize)]
pub struct Named {
    pub tokenizer_class: Option<String>,
    #[serde(default)]
    pub model_type: String,
}

impl Named {
    pub fn of(config: &[u8]) -> Self {
        serde_json::from_slice(config).unwrap_or_default()
    }
}

/// Which files the step reads.
fn chooser(context: &Context<'_>) -> ChooseModel {
    if context.has_input(&APART) { ModelFiles::choose_bare } else { ModelFiles::choose }
}

/// A model's files by name, wherever they came from.
struct Found {
    files: Vec<(String, PathBuf)>,
    cased: bool,
}

/// Brings the files here if need be; what a zip file holds goes into `folder`.
fn find(params: &Params, context: &mut Context, folder: &Path) -> Result<Found, StageError> {
    if let Ok(Source::Hub { repo, revision }) = params.source.parse() {
        // A commit is that of the training step already.
        let step = params.step.filter(|_| context.pinned(&params.source).is_none());
        let revision = revision_of(&params.source, revision, context);
        let found = hub(context)?.model_files(&repo, revision.as_deref(), step, chooser(context))?;
        context.fact("revision", &found.commit);
        found.note.iter().for_each(|note| context.note(note));
        return Ok(Found { files: found.files, cased: params.cased });
    }
    let location = context.location().unwrap_or_default().to_owned();
    let path = bring(&location, &params.source, "download.zip", context)?;
    if path.is_dir() {
        let files = local_files(&path, chooser(context))?;
        return Ok(Found { files, cased: params.cased });
    }
    let unpacked = unpack_model(&path, &folder.join("model"), chooser(context))?;
    // The archive's content names its folder, so this needs no place in the key.
    Ok(Found { files: unpacked.files, cased: params.cased || name_says_cased(&unpacked.folder) })
}

/// The files of a folder that are its model.
fn local_files(folder: &Path, choose: ChooseModel) -> Result<Vec<(String, PathBuf)>, StageError> {
    let names = walk::names(folder)
        .map_err(|error| StageError::new(format!("failed to read `{}`: {error}", folder.display())))?;
    let chosen = choose(&names).map_err(|lacking| {
        // What is wanted may be one folder further down.
        let below = walk::names_below(folder).ok().and_then(|names| choose(&names).err());
        StageError::new(format!("`{}` is not a model: it has {}", folder.display(), below.unwrap_or(lacking)))
    })?;
    Ok(chosen.all().map(|name| (name.clone(), folder.join(name))).collect())
}

/// Of a zip file, or of exactly those files of a folder that are read, by name and content.
pub fn digest_of_local(path: &Path, choose: ChooseModel) -> Result<Digest, String> {
    if !path.is_dir() {
        return match path.extension().is_some_and(|extension| extension == "zip") {
            true => digest_of_file(path),
            false => Err(format!("`{}` is neither a folder nor a zip file, so it is not a model", path.display())),
        };
    }
    digest_of_named(&local_files(path, choose).map_err(|error| error.message)?)
}

/// Of files by their names and contents.
pub fn digest_of_named(files: &[(String, PathBuf)]) -> Result<Digest, String> {
    let mut hasher = blake3::Hasher::new();
    for (name, path) in files {
        hasher.update(name.as_bytes());
        hasher.update(digest_of_file(path)?.as_bytes());
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_contradict_the_configuration_are_told_from_new_names() {
        let strings = |all: &[&str]| all.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let own = strings(&["contradiction", "neutral", "entailment"]);
        let says = |own: &[String], given: &[&str]| contradiction(own, &strings(given));
        assert!(says(&own, &["contradiction", "neutral", "entailment"]).is_none());
        assert!(says(&own, &["CONTRADICTION", "Neutral", "Entailment"]).is_none());
        assert!(says(&own, &["nein", "vielleicht", "ja"]).is_none());
        assert!(says(&strings(&["LABEL_0", "LABEL_1"]), &["entailment", "contradiction"]).is_none());
        assert!(says(&own, &["contradiction", "entailment"]).is_some());
        let error = says(&own, &["entailment", "neutral", "contradiction"]).unwrap();
        assert_eq!(
            error.message,
            "`labels` says [entailment, neutral, contradiction], but the model's config.json says [contradiction, neutral, \
             entailment]"
        );
        assert!(says(&own, &["Entailment", "x", "y"]).is_some());
    }
}
