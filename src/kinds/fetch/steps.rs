//! A step a model; a step a split that something reads.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::spec::{Fetch, FetchDataset, FetchModels, Generated};
use super::{data, generate, model, tokenizer};
use crate::data::{Format, ModelFiles, Source, local_split, name_says_cased};
use crate::engine::{Input, StageId};
use crate::kinds::expand::{DataSet, Expander};
use crate::kinds::files::absolute;
use crate::kinds::models::{Made, TOKENIZER};
use crate::kinds::offers::{Models, NoCheckpoint, Offers, Splits};
use crate::kinds::preflight::Preflight;
use crate::kinds::references::References;
use crate::kinds::room::{Spec, seed};
use crate::study::Diagnostic;
use crate::study::words::{Apart, Checkpoint, DataRef};

impl Offers for Fetch {
    fn models(&self) -> Option<Models<'_>> {
        let Self::Models(models) = self else { return None };
        Some(Models {
            members: models.sources.iter().map(|(coordinates, _)| coordinates.clone()).collect(),
            checkpoints: &[Checkpoint::Last],
            no_checkpoint: NoCheckpoint::Fetched,
        })
    }

    fn splits(&self) -> Option<Splits<'_>> {
        match self {
            Self::Models(_) => None,
            Self::Dataset(_) => Some(Splits::Any),
            Self::Generated(generated) => Some(Splits::These(generated.splits.keys().map(String::as_str).collect())),
        }
    }
}

impl Spec for Fetch {
    fn references(&self, _: &mut References<'_>) {}

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        match self {
            Self::Models(models) => models.steps(stage, to),
            Self::Dataset(dataset) => {
                to.add_dataset(stage, dataset.clone());
                Ok(())
            }
            Self::Generated(generated) => {
                to.add_dataset(stage, generated.clone());
                Ok(())
            }
        }
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        match self {
            Self::Models(_) => Vec::new(),
            Self::Dataset(dataset) => {
                vec![("header", dataset.reading.header.into()), ("skip_bad_rows", dataset.reading.skip_bad_rows.into())]
            }
            Self::Generated(generated) => vec![
                ("seed", seed(generated.seed)),
                ("contrast", generated.contrast.into()),
                ("adjective", generated.adjective.into()),
                ("adverb", generated.adverb.into()),
            ],
        }
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        to.look(|error| self.key_of(error));
    }
}

impl Fetch {
    /// The key that an error in what is fetched is about: a column is named in one of several.
    fn key_of(&self, error: &str) -> &'static str {
        match self {
            Self::Models(models) if models.sources.len() == 1 => "model",
            Self::Models(_) => "models",
            Self::Generated(_) => "splits",
            Self::Dataset(dataset) => {
                let names =
                    |columns: &[String]| columns.iter().any(|column| error.contains(&format!("column `{column}`")));
                match dataset {
                    _ if names(&dataset.keep) => "keep",
                    _ if names(&dataset.text) => "text",
                    _ if dataset.label.as_ref().is_some_and(|label| names(std::slice::from_ref(label))) => "label",
                    _ => "dataset",
                }
            }
        }
    }
}

impl FetchModels {
    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let mut made = Vec::with_capacity(self.sources.len());
        let apart = self.tokenizer.as_ref().map(|tokenizer| tokenizer_step(tokenizer, stage, to)).transpose()?;
        let choose = if apart.is_some() { ModelFiles::choose_bare } else { ModelFiles::choose };
        for (coordinates, source) in &self.sources {
            let (text, location) = match source.get_ref() {
                Source::Https(url) => {
                    (format!("blake3:{}", self.blake3.clone().unwrap_or_default()), Some(url.clone()))
                }
                Source::Path(path) => {
                    let path = there(path, source.span(), to)?;
                    let digest = model::digest_of_local(&path, choose)
                        .map_err(|message| Diagnostic::new(message, source.span()))?;
                    (format!("blake3:{digest}"), Some(absolute(&path)))
                }
                other @ (Source::Hub { .. } | Source::Builtin(_)) => (other.to_string(), None),
            };
            let cased = name_says_cased(match source.get_ref() {
                Source::Hub { repo, .. } => repo,
                Source::Https(_) | Source::Path(_) | Source::Builtin(_) => location.as_deref().unwrap_or_default(),
            });
            let params = model::Params {
                source: text,
                step: self.step,
                labels: self.labels.clone(),
                cased,
                relabel: self.relabel,
            };
            let instance = coordinates.label(&Apart::default()).unwrap_or_default();
            let inputs = apart.iter().map(|step| Input::new(&model::APART, *step, &TOKENIZER)).collect();
            let step = to.push_at(location, stage, instance, params, inputs);
            made.push(Made { coordinates: coordinates.clone(), step, max_length: None });
        }
        to.make(stage, made);
        Ok(())
    }
}

/// A file or folder of the user's.
fn there(path: &Path, at: Range<usize>, to: &Expander<'_>) -> Result<PathBuf, Diagnostic> {
    let there = to.directory().join(path);
    if there.exists() {
        return Ok(there);
    }
    let message = format!("there is no file or folder `{}`", there.display());
    Err(Diagnostic::new(message, at).help("relative paths start at the experiment's own folder"))
}

/// The step that fetches a tokenizer for models that were saved without one.
fn tokenizer_step(source: &Spanned<Source>, stage: &StageId, to: &mut Expander<'_>) -> Result<usize, Diagnostic> {
    let (text, cased, location) = match source.get_ref() {
        Source::Path(path) => {
            let path = there(path, source.span(), to)?;
            let digest =
                tokenizer::digest_of_folder(&path).map_err(|message| Diagnostic::new(message, source.span()))?;
            (format!("blake3:{digest}"), name_says_cased(&absolute(&path)), Some(absolute(&path)))
        }
        Source::Hub { repo, .. } => (source.get_ref().to_string(), name_says_cased(repo), None),
        Source::Https(_) | Source::Builtin(_) => {
            return Err(Diagnostic::new("a tokenizer comes from the hub or a folder", source.span()));
        }
    };
    Ok(to.push_at(location, stage, "tokenizer", tokenizer::Params { source: text, cased }, vec![]))
}

impl DataSet for Generated {
    fn keeps_columns(&self) -> bool {
        false
    }

    fn split(
        &self,
        stage: &StageId,
        data: &Spanned<DataRef>,
        _: bool,
        to: &mut Expander<'_>,
    ) -> Result<usize, Diagnostic> {
        let split = &data.get_ref().split;
        Ok(to.push(stage, split.clone(), self.params(split), vec![]))
    }
}

impl Generated {
    fn params(&self, split: &str) -> generate::Params {
        let of_split = &self.splits[split];
        generate::Params {
            generator: self.generator.clone(),
            split: split.to_owned(),
            seed: self.seed,
            examples: of_split.examples,
            passive: of_split.passive,
            contrast: self.contrast,
            adjective: self.adjective,
            adverb: self.adverb,
        }
    }
}

impl DataSet for FetchDataset {
    fn keeps_columns(&self) -> bool {
        !self.keep.is_empty()
    }

    fn split(
        &self,
        stage: &StageId,
        data: &Spanned<DataRef>,
        columns: bool,
        to: &mut Expander<'_>,
    ) -> Result<usize, Diagnostic> {
        let (mut params, location) = self.params(data, to)?;
        let mut instance = data.get_ref().split.clone();
        if !columns {
            params.keep.clear();
            instance.push_str(",text");
        }
        Ok(to.push_at(location, stage, instance, params, vec![]))
    }
}

impl FetchDataset {
    /// The step of a split, and where its file lies if that is on this machine or at an address.
    fn params(&self, data: &Spanned<DataRef>, to: &Expander<'_>) -> Result<(data::Params, Option<String>), Diagnostic> {
        let reference = data.get_ref();
        let one_file = |file: &Path| -> Result<(), Diagnostic> {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let stem = match Format::of_name(&name) {
                Some((stem, _)) => stem,
                None => name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem),
            };
            if stem == reference.split {
                return Ok(());
            }
            let message = format!("`{}` has no split `{}`", reference.dataset, reference.split);
            let known = format!("{}.{stem}", reference.dataset);
            Err(Diagnostic::new(message, data.span()).help(format!("it is one file, so its only split is `{known}`")))
        };
        let (source, location, split) = match self.source.get_ref() {
            Source::Https(url) => {
                one_file(Path::new(url.split(['?', '#']).next().unwrap_or(url)))?;
                (format!("blake3:{}", self.blake3.clone().unwrap_or_default()), Some(url.clone()), None)
            }
            Source::Path(path) => {
                let there = there(path, self.source.span(), to)?;
                if there.is_file() {
                    one_file(path)?;
                }
                let found = local_split(&there, self.config.as_deref(), &reference.split)
                    .map_err(|error| error.to_string())
                    .and_then(|files| Ok((data::digest_of_files(&files)?, files)));
                let (digest, files) = found.map_err(|message| Diagnostic::new(message, self.source.span()))?;
                match files.as_slice() {
                    [file] => (format!("blake3:{digest}"), Some(absolute(file)), None),
                    _ => (format!("blake3:{digest}"), Some(absolute(&there)), Some(reference.split.clone())),
                }
            }
            other => (other.to_string(), None, Some(reference.split.clone())),
        };
        let params = data::Params {
            source,
            config: self.config.clone(),
            split,
            format: self.format,
            header: self.reading.header,
            text: self.text.clone(),
            label: self.label.clone(),
            labels: self.labels.names.clone(),
            keep: self.keep.clone(),
            label_values: self.labels.values.clone(),
            drop_labels: self.labels.drop.clone(),
            quote: self.reading.quote,
            separator: self.reading.separator,
            skip_bad_rows: self.reading.skip_bad_rows,
        };
        Ok((params, location))
    }
}
