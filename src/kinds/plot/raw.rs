//! The table of a figure as it is written: the keys of all kinds.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::engine::Kind;
use crate::kinds::cluster;
use crate::kinds::references::stage;
use crate::study::words::MetricRef;
use crate::study::{Checker, Diagnostic, OneOrMany, Text};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPlot {
    pub kind: Text,
    pub of: Spanned<OneOrMany<String>>,
    pub metric: Option<Text>,
    pub order_by: Option<Text>,
    pub group_by: Option<Text>,
    pub clusters: Option<Text>,
    pub title: Option<Spanned<RawTitle>>,
    pub width: Option<Text>,
    pub best: Option<Spanned<usize>>,
    pub worst: Option<Spanned<usize>>,
    pub by: Option<Text>,
    pub band: Option<Spanned<bool>>,
    pub lines: Option<Spanned<bool>>,
    pub value: Option<Text>,
    pub smooth: Option<Spanned<usize>>,
    pub distance: Option<Text>,
    pub clip_x: Option<Spanned<[f64; 2]>>,
    pub clip_y: Option<Spanned<[f64; 2]>>,
    pub clip_z: Option<Spanned<[f64; 2]>>,
    pub view: Option<Text>,
    pub clip: Option<Spanned<[RawEnd; 2]>>,
    pub order: Option<Spanned<Vec<Text>>>,
    pub limits: Option<Spanned<RawLimits>>,
    pub log: Option<Spanned<OneOrMany<String>>>,
    pub xlabel: Option<Text>,
    pub ylabel: Option<Text>,
    pub labels: Option<BTreeMap<String, Text>>,
    pub palette: Option<Spanned<OneOrMany<String>>>,
    pub models: Option<Spanned<OneOrMany<String>>>,
    pub formats: Option<Spanned<Vec<Text>>>,
    pub svg_text: Option<bool>,
    pub font: Option<Text>,
}

/// `limits = { x = [0, 1], y = [0, "auto"] }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLimits {
    pub x: Option<Spanned<[RawEnd; 2]>>,
    pub y: Option<Spanned<[RawEnd; 2]>>,
}

/// A number, or `"auto"` for what the data say.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a number or \"auto\"")]
pub enum RawEnd {
    Number(f64),
    Word(String),
}

/// `title = "Some words"` or `title = false`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "words, or false for none")]
pub enum RawTitle {
    Shown(bool),
    Text(String),
}

impl RawPlot {
    /// The keys that not every kind has and that this one was given, and where.
    pub fn given(&self) -> Vec<(&'static str, Range<usize>)> {
        fn at<T>(key: &'static str, value: &Option<Spanned<T>>) -> Option<(&'static str, Range<usize>)> {
            Some((key, value.as_ref()?.span()))
        }
        let all = [
            at("metric", &self.metric),
            at("order_by", &self.order_by),
            at("group_by", &self.group_by),
            at("clusters", &self.clusters),
            at("best", &self.best),
            at("worst", &self.worst),
            at("by", &self.by),
            at("band", &self.band),
            at("lines", &self.lines),
            at("value", &self.value),
            at("smooth", &self.smooth),
            at("distance", &self.distance),
            at("clip_x", &self.clip_x),
            at("clip_y", &self.clip_y),
            at("clip_z", &self.clip_z),
            at("view", &self.view),
            at("clip", &self.clip),
            at("order", &self.order),
            at("limits", &self.limits),
            at("log", &self.log),
        ];
        all.into_iter().flatten().collect()
    }

    /// The stage of a figure that is of one stage, which is of one of these kinds.
    pub fn one_stage(&self, kinds: &[Kind], checker: &mut Checker) -> Option<Spanned<String>> {
        let at = self.of.span();
        match self.of.get_ref().clone() {
            OneOrMany::One(name) => Some(stage(Spanned::new(at, name), kinds)),
            OneOrMany::Many(_) => {
                let message = format!("a plot of kind `{}` is of one stage", self.kind.get_ref());
                checker.fail(Diagnostic::new(message, at).help("write of = \"NAME\""))
            }
        }
    }

    /// All that it is of.
    pub fn all_of(&self, kinds: &[Kind]) -> Vec<Spanned<String>> {
        let (at, names) = (self.of.span(), self.of.get_ref().clone().into_vec());
        names.into_iter().map(|name| stage(Spanned::new(at.clone(), name), kinds)).collect()
    }

    /// The clusters that it shows.
    pub fn clusters(&self) -> Option<Spanned<String>> {
        self.clusters.clone().map(|clusters| stage(clusters, &[cluster::KIND]))
    }

    /// The axis by whose values models are grouped, in the place of `clusters`.
    pub fn group_by(&self, checker: &mut Checker) -> Option<Option<Spanned<String>>> {
        match (&self.group_by, &self.clusters) {
            (Some(by), Some(_)) => {
                let message = "models are grouped by `clusters` or by `group_by`, not both: leave one out";
                checker.fail(Diagnostic::new(message, by.span()))
            }
            (by, _) => Some(by.clone()),
        }
    }

    /// The metric that the figure cannot be without.
    pub fn needed_metric(&self, missing: &str, example: &str, checker: &mut Checker) -> Option<Spanned<MetricRef>> {
        match self.metric.clone() {
            Some(metric) => checker.parse_text(metric, MetricRef::parse),
            None => {
                let help = format!("for example metric = \"{example}\"");
                checker.fail(Diagnostic::new(missing, self.kind.span()).help(help))
            }
        }
    }
}
