//! The keys that every table has that measures models.

use std::collections::BTreeMap;

use toml::Spanned;

use super::examples::Selection;
use crate::kinds::expand::Expander;
use crate::kinds::models::Model;
use crate::kinds::references::References;
use crate::model::LARGEST_SIZE;
use crate::study::shape::table;
use crate::study::words::{Combine, DataRef, Metric, ModelRef};
use crate::study::{Checker, Diagnostic, OneOf, OneOrMany, Text};

/// The published study evaluates its lines and planes on this many examples.
pub const LINE_EXAMPLES: usize = 512;
/// What can be put into NumPy's order.
pub const MOST_EXAMPLES: usize = u32::MAX as usize;
/// Tokens, where neither the measurement nor the models' own stage says.
const MAX_LENGTH: usize = 128;

table! {
    /// Which models are measured on which examples.
    pub struct RawMeasure {
        /// A stage that makes models, or several: `"qqp"`, `"qqp@15000"`, `"qqp[0..10]"`, `"finetune.qqp"`.
        models: Spanned<OneOrMany<String>>,
        /// A split: `"qqp.validation"`, or some of its rows, `"qqp.validation[0..1000]"`.
        data: Text,
        /// What is measured.
        metrics: Option<Vec<OneOf<Metric>>>,
        /// Tokens of a text, after which it is cut [default: the models' own, else 128].
        max_length: Option<Spanned<usize>>,
        /// Labels of the data, each with the labels of the model that count as it: `{ non-entailment = ["neutral",
        /// "contradiction"] }` [default: the names are the same].
        labels: Option<Spanned<BTreeMap<String, OneOrMany<String>>>>,
        /// How the logits of several labels become one, where `labels` says that they do.
        combine: Option<OneOf<Combine>>,
        /// Rows with these values in columns that the data's `keep` keeps: `{ product = "books" }`.
        #[serde(rename = "where")]
        filter: Option<BTreeMap<String, String>>,
        /// A seed that puts the rows into another order before `examples` takes the first ones, as NumPy's
        /// `default_rng(seed).permutation` does.
        permute: Option<u64>,
        /// So many of the rows are taken, the first ones; all of them where nothing is said here.
        examples: Option<Spanned<usize>>,
    }
}

/// The same, validated.
#[derive(Debug)]
pub struct Measurement {
    pub models: Vec<Spanned<ModelRef>>,
    pub data: Spanned<DataRef>,
    pub metrics: Vec<Metric>,
    /// As the fine-tune that made the models, where this is not given.
    pub(super) max_length: Option<usize>,
    /// Label of the data → labels of the model that count as it. Empty: the names are the same.
    labels: BTreeMap<String, Vec<String>>,
    combine: Combine,
    filter: BTreeMap<String, String>,
    permute: Option<u64>,
    pub(super) examples: Option<usize>,
}

impl RawMeasure {
    /// Which a stage has not that measures the loss alone.
    pub const KEYS_NOT_OF_LOSS: [&str; 2] = ["metrics", "combine"];
    /// Of a stage that measures the loss alone.
    pub const KEYS_OF_LOSS: &[&str] = &["models", "data", "max_length", "labels", "where", "permute", "examples"];

    /// Where a stage says what it measures on.
    pub fn span_of_data(&self) -> std::ops::Range<usize> {
        self.data.span()
    }

    /// `examples`: how many are taken where the table does not say; all of them without.
    pub fn check(self, examples: Option<usize>, checker: &mut Checker) -> Option<Measurement> {
        let at = self.models.span();
        let models = self.models.into_inner().into_vec();
        if models.is_empty() {
            checker.fail::<()>(Diagnostic::new("`models` is empty: name a stage that makes models", at.clone()));
        }
        let models: Vec<_> = models
            .into_iter()
            .map(|model| checker.parse_text(Spanned::new(at.clone(), model), ModelRef::parse))
            .collect();
        let data = checker.parse_text(self.data, DataRef::parse);
        for (value, name, most) in
            [(&self.max_length, "max_length", LARGEST_SIZE), (&self.examples, "examples", MOST_EXAMPLES)]
        {
            value.iter().for_each(|value| checker.positive(value, name, most));
        }
        let metrics = checker.metrics(self.metrics, &[Metric::Loss, Metric::Accuracy]);
        let combine = checker.one_of(self.combine.as_deref(), Combine::Max, "unknown way {} to combine logits");
        let labels = self.labels.map_or_else(BTreeMap::new, |labels| {
            labels.into_inner().into_iter().map(|(data, model)| (data, model.into_vec())).collect()
        });
        Some(Measurement {
            models: models.into_iter().collect::<Option<_>>()?,
            data: data?,
            metrics,
            max_length: self.max_length.map(Spanned::into_inner),
            labels,
            combine: combine?,
            filter: self.filter.unwrap_or_default(),
            permute: self.permute,
            examples: self.examples.map(Spanned::into_inner).or(examples),
        })
    }
}

impl Measurement {
    pub fn references(&self, to: &mut References<'_>) {
        self.models.iter().for_each(|model| to.model(model, false));
        to.data(&self.data);
    }

    /// Of the keys that it has: a stage that measures the loss alone has no `metrics` and no `combine`.
    pub fn defaults(&self, loss_alone: bool) -> Vec<(&'static str, toml::Value)> {
        let mut defaults = Vec::new();
        if !loss_alone {
            let metrics: Vec<String> = self.metrics.iter().map(ToString::to_string).collect();
            defaults.extend([("metrics", metrics.into()), ("combine", self.combine.to_string().into())]);
        }
        defaults.extend(self.examples.and_then(|examples| Some(("examples", i64::try_from(examples).ok()?.into()))));
        defaults
    }

    /// As it enters keys, for one model: with the length that the model's own stage says, where this one does not.
    pub fn selection(&self, model: &Model, of: &Expander<'_>) -> Selection {
        self.selection_of(self.length(of.max_length_of(model)))
    }

    /// The same for models that are joined, whose texts are read once: as long as the first one's.
    pub fn joined_selection(&self, of: &Expander<'_>) -> Selection {
        let first = self.models[0].get_ref();
        let made = of.maker(&first.stage).and_then(|maker| maker.meant(first).next());
        self.selection_of(self.length(made.and_then(|made| made.max_length)))
    }

    /// Tokens, where the models' own stage may say.
    pub(super) fn length(&self, of_models: Option<usize>) -> usize {
        self.max_length.or(of_models).unwrap_or(MAX_LENGTH)
    }

    pub(super) fn selection_of(&self, max_length: usize) -> Selection {
        Selection {
            rows: self.data.get_ref().rows.clone(),
            filter: self.filter.clone(),
            permute: self.permute,
            examples: self.examples,
            max_length,
            labels: self.labels.clone(),
            combine: self.combine,
        }
    }
}
