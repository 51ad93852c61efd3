//! A measurement held against what is known of its data and models.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::examples::{Chosen, column};
use super::spec::Measurement;
use crate::data::Dataset;
use crate::engine::StageError;
use crate::kinds::joins::{apart, read_apart};
use crate::kinds::known::Blueprint;
use crate::kinds::models::Model;
use crate::kinds::preflight::Preflight;
use crate::study::words::{DataRef, Metric};
use crate::words::Word;

/// A model, and what is known of it.
type Known = (Model, Option<Blueprint>);

impl Measurement {
    /// Every model on its own; `by` are columns that part the examples into groups. What is measured is handed back,
    /// where it is known.
    pub fn preflight_each(&self, by: &[String], to: &mut Preflight<'_, '_>) -> (Vec<Known>, Option<Rc<Dataset>>) {
        let models = to.models(&self.models);
        let Some(dataset) = self.examples(by, to) else { return (models, None) };
        let own_length = |model: &Model, to: &Preflight<'_, '_>| self.length(to.max_length_of(model));
        let mut seen = BTreeSet::new();
        for (model, known) in &models {
            let (Some(known), length) = (known, own_length(model, to)) else { continue };
            let labels = known.config.labels();
            if seen.insert((labels.clone(), known.words, known.config.max_tokens(), length)) && to.is_sound() {
                self.classes(&dataset, model, &labels, to);
                to.length(&self.data_name(), &dataset, known, length, self.max_length.is_some());
            }
        }
        (models, Some(dataset))
    }

    /// The same, and that `pairs` of models, by their numbers, can be joined: `no line lies between`.
    pub fn preflight_joined(&self, pairs: &[[usize; 2]], no_join: &str, to: &mut Preflight<'_, '_>) {
        let (models, dataset) = self.preflight_each(&[], to);
        if !to.is_sound() {
            return;
        }
        let length = self.length(models.first().and_then(|(model, _)| to.max_length_of(model)));
        let none = Rc::new(Dataset::default());
        for [i, j] in pairs {
            let [(one, Some(first)), (other, Some(second))] = [&models[*i], &models[*j]] else { continue };
            let words = || match first.words == second.words {
                true => None,
                false => {
                    let texts = dataset.as_ref().unwrap_or(&none);
                    read_apart(&first.tokenizer, &second.tokenizer, texts, length).ok().flatten()
                }
            };
            if let Some(why) = apart(&first.config, &second.config).or_else(words) {
                let help = self.without(*j, &models, to);
                let message = format!("{no_join} `{}` and `{}`: {why}", one.label, other.label);
                return to.fail("models", message, help);
            }
        }
        if let Some(dataset) = dataset.filter(|_| self.max_length.is_none()) {
            self.one_length(&dataset, &models, no_join, to);
        }
    }

    /// The `models` that fit with the first, where they are whole items of the list; else what to leave out.
    fn without(&self, unfit: usize, models: &[Known], to: &Preflight<'_, '_>) -> String {
        let fits = |step: usize| {
            let found = models.iter().find(|(model, _)| model.step == step).and_then(|(_, known)| known.as_ref());
            let first = models.first().and_then(|(_, known)| known.as_ref());
            found.zip(first).is_some_and(|(known, first)| {
                known.words == first.words && apart(&known.config, &first.config).is_none()
            })
        };
        let of = |reference: usize| to.models_of(&self.models[reference..=reference]);
        let (fitting, rest): (Vec<usize>, Vec<usize>) =
            (0..self.models.len()).partition(|reference| of(*reference).iter().all(|model| fits(model.step)));
        let written = |reference: &usize| {
            let text = to.written(&format!("models.{reference}")).or_else(|| to.written("models"));
            format!("\"{}\"", text.unwrap_or_default())
        };
        match (fitting.as_slice(), rest.as_slice()) {
            (fitting, rest) if !rest.is_empty() && fitting.iter().map(|some| of(*some).len()).sum::<usize>() > 1 => {
                let list = |some: &[usize]| some.iter().map(written).collect::<Vec<_>>().join(", ");
                format!("write models = [{}], and [{}] in a stage of its own", list(fitting), list(rest))
            }
            _ => match to.apart(&models[0].0, &models[unfit].0) {
                Some([one, other]) => {
                    format!("join what is alike: models = \"{one}\", and \"{other}\" in a stage of its own")
                }
                None => format!(
                    "leave `{}` out: only models of one start and one order of labels can be joined",
                    models[unfit].0.label
                ),
            },
        }
    }

    /// What is inside of a line is read once, so its ends must be read alike.
    fn one_length(&self, dataset: &Dataset, models: &[Known], no_join: &str, to: &mut Preflight<'_, '_>) {
        let lengths: BTreeSet<usize> = models.iter().map(|(model, _)| self.length(to.max_length_of(model))).collect();
        let (Some(least), Some(most), true) = (lengths.first(), lengths.last(), lengths.len() > 1) else { return };
        let Some((_, Some(known))) = models.first() else { return };
        if to.is_longer(dataset, known, *least) {
            let message = format!(
                "{no_join} models that read the same texts up to {least} and up to {most} tokens, and some are longer"
            );
            to.fail("models", message, format!("write max_length = {most}"));
        }
    }

    /// The examples that are chosen; nothing where the data is not known or does not have them.
    fn examples(&self, by: &[String], to: &mut Preflight<'_, '_>) -> Option<Rc<Dataset>> {
        let chosen = self.selection_of(1).chosen().preflight(self.data.get_ref(), by, to)?;
        if chosen.label.is_none() && !self.metrics.is_empty() {
            let message = format!("`{}` has no labels, and what is measured needs them", self.data_name());
            let help = format!(
                "name their column with `label` in [fetch.{}]; an eval stage makes a table of predictions without them, \
                 with metrics = []",
                self.data.get_ref().dataset
            );
            to.fail("data", message, help);
            return None;
        }
        Some(chosen)
    }

    /// The labels of data and model, and metrics that not every number of classes has.
    fn classes(&self, data: &Dataset, model: &Model, labels: &[String], to: &mut Preflight<'_, '_>) {
        if labels.len() < 2 {
            let message = format!("`{}` has no classifier: its config.json names no labels", model.label);
            return to.fail("models", message, "fine-tune it first");
        }
        if data.label.is_none() {
            return;
        }
        let classes = match self.selection_of(1).classes(data, labels) {
            Ok(classes) => classes,
            Err(StageError { message, help }) => {
                let path = if to.is_written("labels") { "labels" } else { "data" };
                return to.fail(path, format!("{message} (of `{}`)", model.label), help.unwrap_or_default());
            }
        };
        for metric in self.metrics.iter().filter(|metric| classes.len() != 2 && metric.needs_two_classes()) {
            let names: Vec<&str> = classes.iter().map(|(name, _)| name.as_str()).collect();
            let message = format!("{metric} is of two classes, and here are {}: {}", names.len(), names.join(", "));
            let [first, second, third] = Metric::of_many_classes();
            let help = format!("write \"{first}\", \"{second}\" or \"{third}\" in its place");
            to.fail(&to.within("metrics", metric.name()), message, help);
        }
    }

    /// For each class that is measured its name and the outputs that count as it, where they fit.
    pub fn classes_of(&self, data: &Dataset, labels: &[String]) -> Option<Vec<(String, Vec<usize>)>> {
        self.selection_of(1).classes(data, labels).ok()
    }

    fn data_name(&self) -> String {
        format!("{}.{}", self.data.get_ref().dataset, self.data.get_ref().split)
    }
}

impl Chosen<'_> {
    /// The rows that are chosen; nothing where the data is not known or does not have them. `by`: columns that part them.
    pub fn preflight(&self, data: &DataRef, by: &[String], to: &mut Preflight<'_, '_>) -> Option<Rc<Dataset>> {
        // More examples than there are is wrong only where somebody asked for them.
        let asked = to.is_written("examples");
        let name = format!("{data} {:?} {:?} {:?} {asked} {by:?}", self.filter, self.permute, self.examples);
        to.chosen(name, |to| self.choose(data, by, to))
    }

    fn choose(&self, data: &DataRef, by: &[String], to: &mut Preflight<'_, '_>) -> Option<Dataset> {
        let rows = to.rows(data)?;
        self.filter.keys().for_each(|name| to.column(&rows, name, &format!("where.{name}"), &data.dataset));
        by.iter().for_each(|name| to.column(&rows, name, &to.within("by", name), &data.dataset));
        if !to.is_sound() {
            return None;
        }
        let chosen = match (Chosen { rows: &None, examples: None, ..*self }).of((*rows).clone()) {
            Ok(chosen) => chosen,
            Err(error) => {
                let help = self.filter.keys().map(|name| values(&rows, name)).collect::<Vec<_>>().join("; ");
                let path = match self.filter.keys().collect::<Vec<_>>().as_slice() {
                    [one] => format!("where.{one}"),
                    _ => "where".to_owned(),
                };
                to.fail(&path, error.message, help);
                return None;
            }
        };
        let asked = self.examples.filter(|examples| to.is_written("examples") && *examples > chosen.len());
        if let Some(examples) = asked {
            let rows = chosen.len();
            let message =
                format!("{examples} examples are asked for, and `{}.{}` has {rows}", data.dataset, data.split);
            to.fail("examples", message, format!("write examples = {rows}, or leave it out"));
            return None;
        }
        let examples = self.examples.unwrap_or(usize::MAX).min(chosen.len());
        chosen.slice(0..examples).ok()
    }
}

/// `heuristic is one of a, b, c`
fn values(data: &Dataset, name: &str) -> String {
    const SHOWN: usize = 10;
    let values: BTreeSet<&String> = column(data, name).into_iter().flatten().collect();
    let shown: Vec<&str> = values.iter().take(SHOWN).map(|value| value.as_str()).collect();
    format!("{name} is one of {}{}", shown.join(", "), if values.len() > SHOWN { ", …" } else { "" })
}
