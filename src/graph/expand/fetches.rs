//! What a study starts from: models and splits of data sets.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::super::models::Maker;
use super::Expander;
use crate::data::{Source, name_says_cased};
use crate::experiment::{DataRef, Diagnostic, Fetch, FetchDataset, Kind, Spec, Stage};
use crate::stages::{Params, fetch, fetch_model};

impl Expander<'_> {
    pub(super) fn fetch(&mut self, stage: &Stage, fetch: &Fetch) -> Result<(), Diagnostic> {
        let Fetch::Models(models) = fetch else { return Ok(()) };
        let mut steps = Vec::with_capacity(models.sources.len());
        for (coordinates, source) in &models.sources {
            let (text, location) = match source.get_ref() {
                Source::Https(url) => {
                    (format!("blake3:{}", models.blake3.clone().unwrap_or_default()), Some(url.clone()))
                }
                _ => self.source(source, Files::Model)?,
            };
            let cased = name_says_cased(match source.get_ref() {
                Source::Hub { repo, .. } => repo,
                _ => location.as_deref().unwrap_or_default(),
            });
            let params = fetch_model::Params { source: text, step: models.step, labels: models.labels.clone(), cased };
            let instance = coordinates.label().unwrap_or_default();
            let step = self.push(&stage.id, instance, Params::FetchModel(params), vec![]);
            self.steps[step].location = location;
            steps.push((coordinates.clone(), step));
        }
        self.makers.push(Maker { name: stage.id.name.clone(), steps, max_length: None });
        Ok(())
    }

    /// A source as the key sees it, and where it lies if that is on this machine or at an address.
    fn source(&self, source: &Spanned<Source>, files: Files) -> Result<(String, Option<String>), Diagnostic> {
        match source.get_ref() {
            Source::Path(path) => {
                let path = self.experiment.directory.join(path);
                let (digest, file) = match files {
                    Files::Model => fetch_model::digest_of_local(&path).map(|digest| (digest, path.clone())),
                    Files::Data(split) => {
                        fetch::local_file(&path, split).and_then(|file| Ok((fetch::digest_of_file(&file)?, file)))
                    }
                }
                .map_err(|message| Diagnostic::new(message, source.span()))?;
                Ok((format!("blake3:{digest}"), Some(absolute(&file))))
            }
            other => Ok((other.to_string(), None)),
        }
    }

    /// The step that fetches a split, made when it is first asked for.
    pub(super) fn split(&mut self, data: &Spanned<DataRef>) -> Result<usize, Diagnostic> {
        let reference = data.get_ref();
        let name = (reference.dataset.clone(), reference.split.clone());
        if let Some(step) = self.splits.get(&name) {
            return Ok(*step);
        }
        let experiment = self.experiment;
        let found = experiment
            .stages
            .iter()
            .find(|stage| stage.id.kind == Kind::Fetch && stage.id.name == reference.dataset)
            .ok_or_else(|| Diagnostic::new("there is no such data set", data.span()))?;
        let (params, location) = match &found.spec {
            Spec::Fetch(Fetch::Dataset(dataset)) => self.dataset(dataset, reference, data)?,
            Spec::Fetch(Fetch::Generated(generated)) => {
                let split = &generated.splits[&reference.split];
                let params = fetch::GenerateParams {
                    generator: generated.generator.clone(),
                    split: reference.split.clone(),
                    seed: generated.seed,
                    examples: split.examples,
                    passive: split.passive,
                    contrast: generated.contrast,
                    adjective: generated.adjective,
                    adverb: generated.adverb,
                };
                (Params::Generate(params), None)
            }
            _ => return Err(Diagnostic::new("this fetches a model, and data is needed here", data.span())),
        };
        let step = self.push(&found.id, reference.split.clone(), params, vec![]);
        self.steps[step].location = location;
        self.splits.insert(name, step);
        Ok(step)
    }

    fn dataset(
        &self,
        dataset: &FetchDataset,
        reference: &DataRef,
        data: &Spanned<DataRef>,
    ) -> Result<(Params, Option<String>), Diagnostic> {
        let one_file = |file: &Path| -> Result<(), Diagnostic> {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            if stem == reference.split {
                return Ok(());
            }
            let message = format!("`{}` has no split `{}`", reference.dataset, reference.split);
            let known = format!("{}.{stem}", reference.dataset);
            Err(Diagnostic::new(message, data.span()).help(format!("it is one file, so its only split is `{known}`")))
        };
        let (source, location, split) = match dataset.source.get_ref() {
            Source::Https(url) => {
                one_file(Path::new(url.split(['?', '#']).next().unwrap_or(url)))?;
                (format!("blake3:{}", dataset.blake3.clone().unwrap_or_default()), Some(url.clone()), None)
            }
            Source::Path(path) => {
                let there = self.experiment.directory.join(path);
                if !there.exists() {
                    let message = format!("there is no file or folder `{}`", there.display());
                    return Err(Diagnostic::new(message, dataset.source.span())
                        .help("relative paths start at the experiment's own folder"));
                }
                if there.is_file() {
                    one_file(path)?;
                }
                let (text, location) = self.source(&dataset.source, Files::Data(&reference.split))?;
                (text, location, None)
            }
            other => (other.to_string(), None, Some(reference.split.clone())),
        };
        let params = fetch::DataParams {
            source,
            config: dataset.config.clone(),
            split,
            format: dataset.format,
            header: dataset.header,
            text: dataset.text.clone(),
            label: dataset.label.clone(),
            labels: dataset.labels.clone(),
            keep: dataset.keep.clone(),
        };
        Ok((Params::FetchData(params), location))
    }
}

enum Files<'a> {
    Model,
    Data(&'a str),
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)).display().to_string()
}
