//! Its table.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::DeValue;

use crate::data::{Format, Grammar, LabelWords, Reading, Source};
use crate::engine::Kind;
use crate::kinds::written::Written;
use crate::study::shape::{Choice, table};
use crate::study::words::{Axis, Coordinates, expand_braces};
use crate::study::{Checker, Diagnostic, Form, OneOf, OneOrMany, Shape, Shaped, Text, has_key};

pub const KIND: Kind = Kind::new("fetch");

const MODEL: Form = Form {
    what: "a model",
    this: "this stage fetches a model",
    keys: &["model", "models", "step", "tokenizer", "blake3", "labels", "relabel"],
};
const DATASET: Form = Form {
    what: "a data set",
    this: "this stage fetches a data set",
    keys: &[
        "dataset",
        "blake3",
        "config",
        "format",
        "header",
        "text",
        "label",
        "labels",
        "drop_labels",
        "keep",
        "quote",
        "separator",
        "skip_bad_rows",
    ],
};
const GENERATED: Form = Form {
    what: "a built-in data set",
    this: "this one is built in",
    keys: &["dataset", "seed", "contrast", "adjective", "adverb", "splits"],
};

table! {
    struct RawFetch {
        /// A model: `hf:REPO[@REVISION]`, `path:FOLDER`, `path:FILE.zip`, or `https://….zip` with its `blake3`.
        model: Option<Text>,
        /// Models that others trained, by a number: `hf:connectivity/feather_berts_{0..99}`, both ends counted; or `path:…`.
        models: Option<Text>,
        /// `hf:REPO[@REVISION]`, `path:FILE`, `path:FOLDER`, `https://…` with its `blake3`, or `builtin:agents`.
        dataset: Option<Text>,
        /// Of the repository's history, the newest commit whose message names this training step.
        step: Option<Spanned<u64>>,
        /// Where the tokenizer is, `hf:REPO` or `path:FOLDER` [default: beside the model].
        tokenizer: Option<Text>,
        /// The digest of what an address leads to, in hexadecimal digits; `b3sum FILE` prints it.
        blake3: Option<Text>,
        /// Which of the repository's data sets.
        config: Option<String>,
        /// How the files are written [default: by their names].
        format: Option<OneOf<Format>>,
        /// Whether the first row of a `.csv` or `.tsv` names the columns; else they are called `0`, `1` and so on.
        header: Option<bool>,
        /// The column of the text, or two for a pair.
        text: Option<Spanned<Vec<String>>>,
        /// The column of the class [default: there are no classes].
        label: Option<String>,
        /// Of data: the classes that 0, 1, … of the column mean, or `{ neg = [1, 2], pos = 3 }`, what its values mean. Of a model:
        /// its classes in the order of its outputs.
        labels: Option<Spanned<RawLabels>>,
        /// `labels` are meant although the model's configuration says otherwise.
        relabel: Option<Spanned<bool>>,
        /// Values of the label's column whose rows are left out and counted; `true` for `"-"`, `-1` and an empty one.
        drop_labels: Option<Spanned<OneOrMany<RawValue>>>,
        /// Further columns, for `where` and `by`.
        keep: Option<Vec<String>>,
        /// Whether quotes stand around fields [default: of a `.csv` they do, and a `.tsv` shows it].
        quote: Option<bool>,
        /// Between fields, one character [default: a comma, and a tab in a `.tsv`].
        separator: Option<Text>,
        /// Leave out and count the rows that cannot be read or have no text.
        skip_bad_rows: Option<bool>,
        /// Of what is drawn [default: the experiment's].
        seed: Option<u64>,
        /// The share of sentences that name a noun of each class, so that a bag of words says nothing.
        contrast: Option<Spanned<f64>>,
        /// How often a noun has an adjective.
        adjective: Option<Spanned<f64>>,
        /// How often a sentence ends in an adverb.
        adverb: Option<Spanned<f64>>,
        /// What is drawn for each split: `splits.train = { examples = 4000, passive = 0.02 }`.
        splits: Option<BTreeMap<String, RawGenerated>>,
    }
}

/// There are fewer different sentences.
const MOST_GENERATED: usize = 1_000_000;

table! {
    /// How many sentences of which kind a built-in data set generates for one split.
    struct RawGenerated {
        /// How many.
        examples: Spanned<usize>,
        /// The share in the passive voice.
        passive: Spanned<f64>,
    }
}

/// What `drop_labels = true` drops: the ways to write that there is no label.
const NO_LABEL: [&str; 3] = ["-", "-1", ""];

/// `["neg", "pos"]`, or `{ neg = 1, pos = [2, 3] }` in the order in which it is written.
#[derive(Debug, Default)]
struct RawLabels {
    names: Vec<String>,
    values: Vec<Vec<String>>,
}

/// A value as a data file may have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a whole number, a text, or true or false")]
enum RawValue {
    Whole(i64),
    Flag(bool),
    Text(String),
}

impl RawValue {
    fn text(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Text(text) => text,
        }
    }
}

impl Choice for Format {
    fn choices() -> Vec<(&'static str, &'static str)> {
        Self::NAMES.map(|name| (name, "")).to_vec()
    }
}

impl Shaped for RawValue {
    fn shape() -> Shape {
        Shape::Value
    }
}

impl Shaped for RawLabels {
    fn shape() -> Shape {
        Shape::Either(vec![Vec::<String>::shape(), Shape::Names(Box::new(OneOrMany::<RawValue>::shape()))])
    }
}

impl<'de> Deserialize<'de> for RawLabels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = RawLabels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names, or a table of names with the values that mean them")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawLabels, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = items.next_element()? {
                    names.push(name);
                }
                Ok(RawLabels { names, values: Vec::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawLabels, A::Error> {
                let mut all: Vec<(usize, String, Vec<String>)> = Vec::new();
                while let Some(name) = entries.next_key()? {
                    let values: Spanned<OneOrMany<RawValue>> = entries.next_value()?;
                    let at = values.span().start;
                    all.push((at, name, values.into_inner().into_vec().into_iter().map(RawValue::text).collect()));
                }
                // Tables come in the order of their keys.
                all.sort();
                let (names, values) = all.into_iter().map(|(_, name, values)| (name, values)).unzip();
                Ok(RawLabels { names, values })
            }
        }

        deserializer.deserialize_any(Forms)
    }
}

#[derive(Debug)]
pub enum Fetch {
    Models(FetchModels),
    Dataset(Rc<FetchDataset>),
    Generated(Rc<Generated>),
}

/// Models that somebody else trained: one, or one for each number in a pattern.
#[derive(Debug)]
pub struct FetchModels {
    pub sources: Vec<(Coordinates, Spanned<Source>)>,
    /// The digest of the zip file that an address leads to.
    pub blake3: Option<String>,
    /// Of the repository's history, the newest commit whose message names this training step.
    pub step: Option<u64>,
    /// The classes in the order of the model's outputs, where its configuration does not tell.
    pub labels: Vec<String>,
    /// They are meant although the configuration says otherwise.
    pub relabel: bool,
    /// Where their tokenizer is, if it does not lie beside them.
    pub tokenizer: Option<Spanned<Source>>,
}

#[derive(Debug)]
pub struct FetchDataset {
    pub source: Spanned<Source>,
    pub blake3: Option<String>,
    pub config: Option<String>,
    pub format: Option<Format>,
    pub text: Vec<String>,
    pub label: Option<String>,
    pub labels: LabelWords,
    pub keep: Vec<String>,
    pub reading: Reading,
}

/// Sentences of the built-in grammar.
#[derive(Debug)]
pub struct Generated {
    pub generator: String,
    pub seed: u64,
    pub contrast: f64,
    pub adjective: f64,
    pub adverb: f64,
    pub splits: BTreeMap<String, GeneratedSplit>,
}

#[derive(Debug)]
pub struct GeneratedSplit {
    pub examples: usize,
    pub passive: f64,
}

/// Where a table's data set comes from, if that can be read.
fn dataset(value: &Spanned<DeValue<'_>>) -> Option<Source> {
    value.get_ref().as_table()?.get("dataset")?.get_ref().as_str()?.parse().ok()
}

pub fn written() -> Vec<Written> {
    let dataset = Written::new::<RawFetch>(
        "a data set",
        "Fetches texts with their classes: Parquet, CSV, tab-separated or JSON, from the hub, an address or this machine.",
        "[fetch.qqp]\ndataset = \"hf:nyu-mll/glue\"\nconfig = \"qqp\"\ntext = [\"question1\", \"question2\"]\nlabel = \"label\"\n",
    );
    let generated = Written::new::<RawFetch>(
        "a built-in data set",
        "Draws sentences of a small grammar: who acts, told in the active or the passive voice.",
        "[fetch.agents]\ndataset = \"builtin:agents\"\nsplits.train = { examples = 4000, passive = 0.02 }\n",
    );
    let model = Written::new::<RawFetch>(
        "a model",
        "Fetches a BERT or one of its kin, in any of the formats in which they are kept.",
        "[fetch.bert]\nmodel = \"hf:google-bert/bert-base-uncased\"\n",
    );
    let models = Written::new::<RawFetch>(
        "models that others trained",
        "A model for each number in the source's name; they stand wherever a fine-tune does.",
        "[fetch.feather]\nmodels = \"hf:connectivity/feather_berts_{0..99}\"\n",
    );
    vec![
        dataset.only(DATASET.keys).needing(&["dataset", "text"]),
        generated.only(GENERATED.keys).needing(&["dataset", "splits"]),
        model.only(MODEL.keys).without(&["models"]).needing(&["model"]),
        models.only(MODEL.keys).without(&["model"]).needing(&["models"]),
    ]
}

/// `at`: the stage's name.
pub fn read(value: Spanned<DeValue<'_>>, at: Range<usize>, checker: &mut Checker) -> Option<Fetch> {
    match (has_key(&value, &["model", "models"]), dataset(&value)) {
        (true, None) => checker.form(&value, &MODEL, &[&DATASET, &GENERATED]),
        (false, Some(Source::Builtin(_))) => checker.form(&value, &GENERATED, &[&DATASET, &MODEL]),
        (false, Some(_)) => checker.form(&value, &DATASET, &[&MODEL, &GENERATED]),
        // What is wrong with it is said below.
        _ => {}
    }
    let raw: RawFetch = checker.table(value)?;
    match (raw.model.clone(), raw.models.clone(), raw.dataset.clone()) {
        (Some(model), None, None) => check_model(raw, model, checker),
        (None, Some(models), None) => check_models(raw, models, checker),
        (None, None, Some(dataset)) => check_dataset(raw, dataset, checker),
        (None, None, None) => checker.fail(
            Diagnostic::new("a fetch stage needs `model`, `models` or `dataset`", at)
                .help("for example dataset = \"hf:nyu-mll/glue\""),
        ),
        (_, models, dataset) => {
            let span = dataset.or(models).map_or(at, |text| text.span());
            let message = "a fetch stage has one of `model`, `models` and `dataset`";
            checker.fail(Diagnostic::new(message, span).help("make two stages of it"))
        }
    }
}

fn check_model(raw: RawFetch, model: Spanned<String>, checker: &mut Checker) -> Option<Fetch> {
    let source = check_model_source(&model, model.get_ref(), checker)?;
    check_fetch_models(raw, vec![(Coordinates::default(), source)], checker)
}

/// Models that others trained, told apart by a number in their name.
fn check_models(raw: RawFetch, models: Spanned<String>, checker: &mut Checker) -> Option<Fetch> {
    let named = match expand_braces(models.get_ref()) {
        Ok(named) => named,
        Err(message) => {
            return checker.fail(Diagnostic::new(message, models.span()).help("for a single model write `model = …`"));
        }
    };
    let mut sources = Vec::with_capacity(named.len());
    for (number, name) in named {
        sources.push((Coordinates::of(Axis::Seed, number), check_model_source(&models, &name, checker)?));
    }
    check_fetch_models(raw, sources, checker)
}

fn check_model_source(written: &Spanned<String>, name: &str, checker: &mut Checker) -> Option<Spanned<Source>> {
    let source = parse_source(&Spanned::new(written.span(), name.to_owned()), checker)?;
    let is_zip = |url: &str| url.split(['?', '#']).next().is_some_and(|path| path.ends_with(".zip"));
    match &source {
        Source::Hub { .. } | Source::Path(_) => Some(Spanned::new(written.span(), source)),
        Source::Https(url) if is_zip(url) => Some(Spanned::new(written.span(), source)),
        Source::Https(_) | Source::Builtin(_) => checker.fail(
            Diagnostic::new(
                "a model comes from `hf:REPO[@REVISION]`, `path:FOLDER`, `path:FILE.zip` or `https://….zip`",
                written.span(),
            )
            .help("a model trained from nothing is a [pretrain.NAME] stage"),
        ),
    }
}

/// What an address leads to is known by its digest.
fn check_digest(raw: &RawFetch, source: &Source, at: Range<usize>, checker: &mut Checker) {
    if matches!(source, Source::Https(_)) && raw.blake3.is_none() {
        checker
            .fail::<()>(Diagnostic::new("an https source needs the `blake3` of its content", at).help(
                "add blake3 = \"…\" (b3sum FILE prints it); with zeros in its place the run tells the right one",
            ));
    }
    if let Some(digest) = &raw.blake3 {
        checker.digest(digest);
        // Beside `path:` it is what `--set` leaves of an address: the key holds what the file really has.
        if matches!(source, Source::Hub { .. }) {
            let message = "`blake3` belongs to an address, and a repository is known by its revision";
            checker.fail::<()>(Diagnostic::new(message, digest.span()).help("write hf:REPO@REVISION instead"));
        }
    }
}

fn check_fetch_models(
    raw: RawFetch,
    sources: Vec<(Coordinates, Spanned<Source>)>,
    checker: &mut Checker,
) -> Option<Fetch> {
    if let Some((_, source)) = sources.first() {
        check_digest(&raw, source.get_ref(), source.span(), checker);
        if sources.len() > 1 && matches!(source.get_ref(), Source::Https(_)) {
            let message = "models at addresses need a digest each";
            return checker.fail(Diagnostic::new(message, source.span()).help("write one stage for each of them"));
        }
    }
    if let Some(step) = &raw.step
        && sources.iter().any(|(_, source)| !matches!(source.get_ref(), Source::Hub { .. }))
    {
        let message = "`step` is looked up in the history of a hub repository, and this is none";
        return checker.fail(Diagnostic::new(message, step.span()).help("name the folder of that training step"));
    }
    if let (Some(relabel), None) = (&raw.relabel, &raw.labels) {
        let message = "`relabel` says that `labels` are meant, and there are none";
        return checker.fail(Diagnostic::new(message, relabel.span()));
    }
    if let Some(labels) = &raw.labels {
        let RawLabels { names, values } = labels.get_ref();
        if names.len() < 2 || has_repeated(names) || !values.is_empty() {
            let message = "`labels` of a model are its classes in the order of its outputs: two or more, all different";
            return checker.fail(Diagnostic::new(message, labels.span()));
        }
    }
    let tokenizer = match raw.tokenizer {
        None => None,
        Some(written) => match parse_source(&written, checker)? {
            source @ (Source::Hub { .. } | Source::Path(_)) => Some(Spanned::new(written.span(), source)),
            Source::Https(_) | Source::Builtin(_) => {
                let message = "a tokenizer comes from `hf:REPO[@REVISION]` or `path:FOLDER`";
                return checker.fail(Diagnostic::new(message, written.span()));
            }
        },
    };
    Some(Fetch::Models(FetchModels {
        sources,
        tokenizer,
        blake3: raw.blake3.map(|digest| digest.into_inner().to_ascii_lowercase()),
        step: raw.step.map(Spanned::into_inner),
        labels: raw.labels.map(|labels| labels.into_inner().names).unwrap_or_default(),
        relabel: raw.relabel.is_some_and(|relabel| *relabel.get_ref()),
    }))
}

fn check_dataset(raw: RawFetch, dataset: Spanned<String>, checker: &mut Checker) -> Option<Fetch> {
    let source = parse_source(&dataset, checker)?;
    if let Source::Builtin(generator) = &source {
        if generator != "agents" {
            return checker.fail(
                Diagnostic::new(format!("there is no built-in data set `{generator}`"), dataset.span())
                    .suggest(generator, ["agents"]),
            );
        }
        return check_generated(raw, generator.clone(), dataset.span(), checker);
    }
    check_digest(&raw, &source, dataset.span(), checker);
    let format = raw.format.and_then(|format| {
        let text = format.get_ref();
        text.parse::<Format>().ok().or_else(|| {
            let unknown = Diagnostic::new(format!("unknown format `{text}`"), format.span());
            checker.fail(unknown.suggest(text, Format::NAMES))
        })
    });
    let text = match raw.text {
        Some(text) if (1..=2).contains(&text.get_ref().len()) => text.into_inner(),
        Some(text) => {
            return checker.fail(Diagnostic::new("`text` names one column, or two for a sentence pair", text.span()));
        }
        None => {
            return checker.fail(
                Diagnostic::new("a data set needs `text`, the columns to read", dataset.span())
                    .help("for example text = [\"sentence\"] or text = [\"question1\", \"question2\"]"),
            );
        }
    };
    if let (Some(drop), None) = (&raw.drop_labels, &raw.label) {
        let message = "`drop_labels` are values of the column that `label` names, and there is none";
        return checker.fail(Diagnostic::new(message, drop.span()));
    }
    let labels = check_labels(raw.labels, raw.drop_labels, checker);
    let separator = match raw
        .separator
        .as_ref()
        .map(|separator| (separator, separator.get_ref().chars().collect::<Vec<_>>()))
    {
        None => None,
        Some((_, one)) if one.len() == 1 && one[0].is_ascii() && !matches!(one[0], '"' | '\n' | '\r') => Some(one[0]),
        Some((written, _)) => checker
            .fail(Diagnostic::new("`separator` is one character of ASCII, such as \";\" or \"\\t\"", written.span())),
    };
    Some(Fetch::Dataset(Rc::new(FetchDataset {
        source: Spanned::new(dataset.span(), source),
        blake3: raw.blake3.map(|digest| digest.into_inner().to_ascii_lowercase()),
        config: raw.config,
        format,
        text,
        label: raw.label,
        labels,
        keep: raw.keep.unwrap_or_default(),
        reading: Reading {
            header: raw.header.unwrap_or(true),
            quote: raw.quote,
            separator,
            skip_bad_rows: raw.skip_bad_rows.unwrap_or(false),
        },
    })))
}

/// No class twice, no value for two of them, and none of what is dropped.
fn check_labels(
    labels: Option<Spanned<RawLabels>>,
    drop: Option<Spanned<OneOrMany<RawValue>>>,
    checker: &mut Checker,
) -> LabelWords {
    let drop_at = drop.as_ref().map(Spanned::span);
    let drop: Vec<String> = match drop.map(Spanned::into_inner) {
        None | Some(OneOrMany::One(RawValue::Flag(false))) => Vec::new(),
        Some(OneOrMany::One(RawValue::Flag(true))) => NO_LABEL.map(String::from).to_vec(),
        Some(values) => values.into_vec().into_iter().map(RawValue::text).collect(),
    };
    let Some(labels) = labels else { return LabelWords { drop, ..LabelWords::default() } };
    let at = labels.span();
    let RawLabels { names, values } = labels.into_inner();
    let meant: Vec<String> = if values.is_empty() { names.clone() } else { values.concat() };
    if has_repeated(&names) || has_repeated(&meant) {
        checker.fail::<()>(Diagnostic::new("`labels` says the same twice", at));
    } else if let (Some(both), Some(at)) = (drop.iter().find(|value| meant.contains(value)), drop_at) {
        checker.fail::<()>(Diagnostic::new(format!("`{both}` is among the `labels`, and dropped too"), at));
    }
    LabelWords { names, values, drop }
}

fn has_repeated(names: &[String]) -> bool {
    let mut seen = HashSet::new();
    !names.iter().all(|name| seen.insert(name))
}

fn check_generated(raw: RawFetch, generator: String, at: Range<usize>, checker: &mut Checker) -> Option<Fetch> {
    let Some(splits) = raw.splits.filter(|splits| !splits.is_empty()) else {
        return checker.fail(
            Diagnostic::new("a built-in data set needs its splits", at)
                .help("for example splits.train = { examples = 4000, passive = 0.02 }"),
        );
    };
    for split in splits.values() {
        checker.positive(&split.examples, "examples", MOST_GENERATED);
        checker.fraction(&split.passive, "passive");
    }
    let splits = splits
        .into_iter()
        .map(|(name, split)| {
            let generated =
                GeneratedSplit { examples: split.examples.into_inner(), passive: split.passive.into_inner() };
            (name, generated)
        })
        .collect();
    for (value, name) in [(&raw.contrast, "contrast"), (&raw.adjective, "adjective"), (&raw.adverb, "adverb")] {
        value.iter().for_each(|value| checker.fraction(value, name));
    }
    let default = Grammar::default();
    let or = |value: Option<Spanned<f64>>, default: f64| value.map_or(default, Spanned::into_inner);
    Some(Fetch::Generated(Rc::new(Generated {
        generator,
        seed: raw.seed.unwrap_or(checker.seed),
        contrast: or(raw.contrast, default.contrast),
        adjective: or(raw.adjective, default.adjective),
        adverb: or(raw.adverb, default.adverb),
        splits,
    })))
}

fn parse_source(text: &Spanned<String>, checker: &mut Checker) -> Option<Source> {
    match text.get_ref().parse::<Source>() {
        Ok(source) => Some(source),
        Err(error) => checker.fail(Diagnostic::new(error.to_string(), text.span())),
    }
}
