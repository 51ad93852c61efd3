//! The tables of an experiment file as they are written. A key that is not here is an error.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawHeader {
    pub name: Text,
    /// Free text for readers; never enters a key.
    #[serde(default, rename = "description")]
    pub _description: Option<String>,
    #[serde(default)]
    pub seed: u64,
    pub precision: Option<Text>,
}

/// How the work is done. Nothing here enters a key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRun {
    pub backend: Option<Text>,
    pub jobs: Option<Spanned<usize>>,
    pub keep_going: Option<bool>,
    pub snapshot_every: Option<Spanned<RawInterval>>,
    pub retries: Option<usize>,
    pub timeout: Option<Text>,
}

/// `500` training steps, or a time such as `"10 min"`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a number of training steps, or a time such as \"10 min\"")]
pub enum RawInterval {
    Steps(i64),
    Time(String),
}

/// One value or several: `models = "a"` and `models = ["a", "b"]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "one name, or a list of names")]
pub enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFetch {
    pub model: Option<Text>,
    pub models: Option<Text>,
    pub dataset: Option<Text>,
    pub step: Option<Spanned<u64>>,
    pub blake3: Option<Text>,
    pub config: Option<String>,
    pub format: Option<Text>,
    pub header: Option<bool>,
    pub text: Option<Spanned<Vec<String>>>,
    pub label: Option<String>,
    pub labels: Option<Spanned<Vec<String>>>,
    pub keep: Option<Vec<String>>,
    pub seed: Option<u64>,
    pub contrast: Option<Spanned<f64>>,
    pub adjective: Option<Spanned<f64>>,
    pub adverb: Option<Spanned<f64>>,
    pub splits: Option<BTreeMap<String, RawGenerated>>,
}

/// How many sentences of which kind a built-in data set generates for one split.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawGenerated {
    pub examples: Spanned<usize>,
    pub passive: Spanned<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPretrain {
    pub data: Text,
    pub vocabulary: Option<Spanned<usize>>,
    pub layers: Spanned<usize>,
    pub hidden: Spanned<usize>,
    pub heads: Spanned<usize>,
    pub intermediate: Option<Spanned<usize>>,
    pub max_length: Option<Spanned<usize>>,
    pub initializer_range: Option<Spanned<f64>>,
    pub dropout: Option<Spanned<f64>>,
    pub mask: Option<Spanned<f64>>,
    pub steps: Spanned<usize>,
    pub batch_size: Option<Spanned<usize>>,
    pub learning_rate: Spanned<f64>,
    pub warmup: Option<Spanned<f64>>,
    pub weight_decay: Option<Spanned<f64>>,
    pub seed: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFinetune {
    pub model: Text,
    pub data: Text,
    pub seeds: Option<Spanned<RawSeeds>>,
    pub head_seed: Option<u64>,
    pub head_seeds: Option<Spanned<RawSeeds>>,
    pub order_seed: Option<u64>,
    pub order_seeds: Option<Spanned<RawSeeds>>,
    pub dropout_seed: Option<u64>,
    pub dropout_seeds: Option<Spanned<RawSeeds>>,
    pub recipe: Option<Text>,
    pub checkpoints: Option<Spanned<Vec<RawCheckpoint>>>,
    pub epochs: Option<Spanned<f64>>,
    pub batch_size: Option<Spanned<usize>>,
    pub learning_rate: Option<Spanned<f64>>,
    pub max_length: Option<Spanned<usize>>,
    pub warmup: Option<Spanned<f64>>,
    pub weight_decay: Option<Spanned<f64>>,
    pub clip_norm: Option<Spanned<f64>>,
    pub dropout: Option<Spanned<f64>>,
}

/// `"0..100"`, `"0..4, 7"`, `[0, 3, 7]` or `5` (one seed).
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a range such as \"0..100\", a list of seeds, or one seed")]
pub enum RawSeeds {
    Text(String),
    List(Vec<u64>),
    One(u64),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "training steps, or \"last\"")]
pub enum RawCheckpoint {
    Step(usize),
    Name(String),
}

/// Which models are measured on which examples: the keys that every stage has that measures models. They are taken out
/// of its table before the rest is read, because serde's `flatten` forgets where a value stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMeasure {
    pub models: Spanned<OneOrMany<String>>,
    pub data: Text,
    pub metrics: Option<Vec<Text>>,
    pub max_length: Option<Spanned<usize>>,
    pub labels: Option<Spanned<BTreeMap<String, OneOrMany<String>>>>,
    pub combine: Option<Text>,
    #[serde(rename = "where")]
    pub filter: Option<BTreeMap<String, String>>,
    pub permute: Option<u64>,
    pub examples: Option<Spanned<usize>>,
}

impl RawMeasure {
    pub const KEYS: [&str; 9] =
        ["models", "data", "metrics", "max_length", "labels", "combine", "where", "permute", "examples"];
    /// Of a stage that measures the loss alone.
    pub const KEYS_OF_LOSS: [&str; 7] = ["models", "data", "max_length", "labels", "where", "permute", "examples"];
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawEval {
    pub by: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawInterpolate {
    pub points: Option<Spanned<usize>>,
    pub pairs: Option<Spanned<RawPairs>>,
}

/// `"all"`, or `[[7, 22], [7, 31]]` by the models' labels.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "\"all\", or a list of pairs such as [[7, 22], [7, 31]]")]
pub enum RawPairs {
    Named(String),
    Seeds(Vec<[u64; 2]>),
    Labels(Vec<[String; 2]>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSurface {
    pub planes: Option<Spanned<RawPlanes>>,
    pub range: Option<Spanned<f64>>,
    pub points_per_unit: Option<Spanned<f64>>,
}

/// `[[7, 22, 31], [7, 22, 40]]` by the models' labels, the anchor of each plane first.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a list of planes through three models each, such as [[7, 22, 31], [7, 22, 40]]")]
pub enum RawPlanes {
    Seeds(Vec<[u64; 3]>),
    Labels(Vec<[String; 3]>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCluster {
    pub of: Text,
    pub distance: Option<Text>,
    pub metric: Option<Text>,
    pub clusters: Option<Spanned<usize>>,
    pub delta: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDynamics {
    pub of: Spanned<Vec<Text>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSharpness {
    pub epsilon: Option<Spanned<f64>>,
    #[serde(rename = "box")]
    pub shape: Option<Text>,
    pub directions: Option<Spanned<usize>>,
    pub learning_rate: Option<Spanned<f64>>,
    pub batch_size: Option<Spanned<usize>>,
    pub dropout: Option<Spanned<f64>>,
    pub seed: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAgreement {
    pub of: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPlot {
    pub kind: Text,
    pub of: Spanned<OneOrMany<String>>,
    pub metric: Option<Text>,
    pub order_by: Option<Text>,
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
        ];
        all.into_iter().flatten().collect()
    }
}

/// `title = "Some words"` or `title = false`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "words, or false for none")]
pub enum RawTitle {
    Shown(bool),
    Text(String),
}
