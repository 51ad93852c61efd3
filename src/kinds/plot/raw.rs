//! The table of a figure as it is written: the keys of all kinds.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::engine::Kind;
use crate::figures::Width;
use crate::kinds::agreement::Value;
use crate::kinds::cluster;
use crate::kinds::references::stage;
use crate::study::shape::table;
use crate::study::words::{Distance, MetricRef};
use crate::study::{Checker, Diagnostic, OneOf, OneOrMany, Shape, Shaped, Text};
use crate::words::words;

table! {
    pub struct RawPlot {
        /// What is drawn.
        pub kind: Text,
        /// The stage that it shows, or what its kind takes instead.
        pub of: Spanned<OneOrMany<String>>,
        /// Of a line or a plane one that its stage measures [default: loss]; of models one of an eval stage, `"eval.paws:f1"`.
        pub metric: Option<Text>,
        /// The order of the models: `"seed"`, `"cluster"`, or a metric of an eval stage, `"eval.paws:f1"` [default: by cluster where
        /// there are clusters, else by seed].
        pub order_by: Option<Text>,
        /// The key with a list of values, or the axis of seeds, by which models are grouped, in the place of `clusters`.
        pub group_by: Option<Text>,
        /// A cluster stage whose groups are told apart.
        pub clusters: Option<Text>,
        /// Words above the figure, or `false` for none [default: its own].
        pub title: Option<Spanned<RawTitle>>,
        /// Printed: `"column"` is 3.25 inches, `"page"` 6.75 [default: column].
        pub width: Option<OneOf<Width>>,
        /// How many of the best models, where `by` says by what [default: 5].
        pub best: Option<Spanned<usize>>,
        /// How many of the worst [default: 5].
        pub worst: Option<Spanned<usize>>,
        /// A metric of an eval stage, `"eval.paws:f1"`: only lines within and between the best and the worst models are shown.
        pub by: Option<Text>,
        /// Show one standard deviation over the pairs around each mean [default: false].
        pub band: Option<Spanned<bool>>,
        /// Show single pairs, not only means [default: true].
        pub lines: Option<Spanned<bool>>,
        /// Which of the two matrices.
        pub value: Option<OneOf<Value>>,
        /// Training steps that a point is the mean of [default: a fiftieth of the run, at most 50].
        pub smooth: Option<Spanned<usize>>,
        /// Of each pair, beside its line [default: convexity-gap].
        pub distance: Option<OneOf<Distance>>,
        /// The part of the plane that is shown, in coefficients: `[-1, 2]`.
        pub clip_x: Option<Spanned<[f64; 2]>>,
        /// The same of the other axis.
        pub clip_y: Option<Spanned<[f64; 2]>>,
        /// The range of the metric that is shown; what is beyond has the colour of the pointed end.
        pub clip_z: Option<Spanned<[f64; 2]>>,
        /// From above, or aslant [default: 2d].
        pub view: Option<OneOf<View>>,
        /// The range of the colours, `[0, 0.5]`; an end may be `"auto"`. What is beyond has the colour of the pointed end.
        pub clip: Option<Spanned<[RawEnd; 2]>>,
        /// Names of groups, stages or models that come first; the others follow.
        pub order: Option<Spanned<Vec<Text>>>,
        /// Ends of the axes that the kind lets be set: `{ y = [0.01, "auto"] }`.
        pub limits: Option<Spanned<RawLimits>>,
        /// Axes that are logarithmic, of those that the kind lets be: `"y"` or `["x", "y"]`.
        pub log: Option<Spanned<OneOrMany<String>>>,
        /// Words of the axis that goes across.
        pub xlabel: Option<Text>,
        /// Words of the axis that goes up.
        pub ylabel: Option<Text>,
        /// Other words for stages, models and groups, by the names that they have.
        pub labels: Option<BTreeMap<String, Text>>,
        /// Of groups: colours, `["#0072b2", …]`, or `"okabe-ito"` (the default), `"tab10"`, `"Set2"`, `"Dark2"` or `"greys"`. Of
        /// values: `"viridis"` (the default), `"magma"`, `"cividis"`, `"greys"`, or the same turned round, `"viridis_r"`.
        pub palette: Option<Spanned<OneOrMany<String>>>,
        /// Some of the models, `"qqp[0..50]"` [default: all].
        pub models: Option<Spanned<OneOrMany<String>>>,
        /// Of the pictures [default: all]; the numbers are always written too, as CSV.
        pub formats: Option<Spanned<Vec<OneOf<Pictures>>>>,
        /// Let letters of the SVG be text in the reader's font, not outlines [default: false].
        pub svg_text: Option<bool>,
        /// For letters that Liberation Sans lacks: `path:FILE.ttf`.
        pub font: Option<Text>,
    }
}

table! {
    /// `limits = { x = [0, 1], y = [0, "auto"] }`
    pub struct RawLimits {
        /// The lower end and the upper one; either may be `"auto"`, what the data say.
        pub x: Option<Spanned<[RawEnd; 2]>>,
        /// The same of the other axis.
        pub y: Option<Spanned<[RawEnd; 2]>>,
    }
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

/// `"auto"`
pub const AUTO: &str = "auto";

impl Shaped for RawEnd {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Number, Shape::words(&[AUTO])])
    }
}

impl Shaped for RawTitle {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Text, Shape::Flag])
    }
}

words! {
    /// From where a surface is looked at.
    pub enum View {
        Above = "2d",
        Aslant = "3d",
    }
}

/// The words of `formats`.
#[derive(Debug)]
pub struct Pictures;

impl RawPlot {
    /// The keys that not every kind has and that this one was given, and where.
    pub fn given(&self) -> Vec<(&'static str, Range<usize>)> {
        fn at<T>(key: &'static str, value: Option<&Spanned<T>>) -> Option<(&'static str, Range<usize>)> {
            Some((key, value?.span()))
        }
        let all = [
            at("metric", self.metric.as_ref()),
            at("order_by", self.order_by.as_ref()),
            at("group_by", self.group_by.as_ref()),
            at("clusters", self.clusters.as_ref()),
            at("best", self.best.as_ref()),
            at("worst", self.worst.as_ref()),
            at("by", self.by.as_ref()),
            at("band", self.band.as_ref()),
            at("lines", self.lines.as_ref()),
            at("value", self.value.as_deref()),
            at("smooth", self.smooth.as_ref()),
            at("distance", self.distance.as_deref()),
            at("clip_x", self.clip_x.as_ref()),
            at("clip_y", self.clip_y.as_ref()),
            at("clip_z", self.clip_z.as_ref()),
            at("view", self.view.as_deref()),
            at("clip", self.clip.as_ref()),
            at("order", self.order.as_ref()),
            at("limits", self.limits.as_ref()),
            at("log", self.log.as_ref()),
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
