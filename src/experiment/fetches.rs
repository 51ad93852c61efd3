//! `[fetch.x]`: where models and data sets come from.

use toml::Spanned;

use super::raw::RawFetch;
use super::validate::Checker;
use super::{Diagnostic, Fetch, FetchDataset, Generated, GeneratedSplit};
use crate::data::{Format, Grammar, Source};

pub(super) fn check(raw: RawFetch, at: std::ops::Range<usize>, checker: &mut Checker) -> Option<Fetch> {
    match (raw.model.clone(), raw.dataset.clone()) {
        (Some(model), None) => check_model(raw, model, checker),
        (None, Some(dataset)) => check_dataset(raw, dataset, checker),
        (None, None) => checker.fail(
            Diagnostic::new("a fetch stage needs `model` or `dataset`", at)
                .help("for example dataset = \"hf:nyu-mll/glue\""),
        ),
        (Some(_), Some(dataset)) => checker.fail(
            Diagnostic::new("a fetch stage has either `model` or `dataset`, not both", dataset.span())
                .help("make two stages of it"),
        ),
    }
}

fn check_model(raw: RawFetch, model: Spanned<String>, checker: &mut Checker) -> Option<Fetch> {
    let source = parse_source(&model, checker)?;
    if let Some(extra) = raw.text.as_ref().map(Spanned::span) {
        return checker.fail(Diagnostic::new("`text` belongs to a data set, and this stage fetches a model", extra));
    }
    let is_zip = |url: &str| url.split(['?', '#']).next().is_some_and(|path| path.ends_with(".zip"));
    match &source {
        Source::Hub { .. } | Source::Path(_) => {}
        Source::Https(url) if is_zip(url) => check_digest(&raw, &source, model.span(), checker),
        Source::Https(_) | Source::Builtin(_) => {
            return checker.fail(
                Diagnostic::new(
                    "a model comes from `hf:REPO[@REVISION]`, `path:FOLDER`, `path:FILE.zip` or `https://….zip`",
                    model.span(),
                )
                .help("a model trained from nothing is a [pretrain.NAME] stage"),
            );
        }
    }
    let blake3 = raw.blake3.map(|digest| digest.into_inner().to_ascii_lowercase());
    Some(Fetch::Model { source: Spanned::new(model.span(), source), blake3 })
}

/// What an address leads to is known by its digest.
fn check_digest(raw: &RawFetch, source: &Source, at: std::ops::Range<usize>, checker: &mut Checker) {
    if matches!(source, Source::Https(_)) && raw.blake3.is_none() {
        checker
            .fail::<()>(Diagnostic::new("an https source needs the `blake3` of its content", at).help(
                "add blake3 = \"…\" (b3sum FILE prints it); with zeros in its place the run tells the right one",
            ));
    }
    if let Some(digest) = &raw.blake3
        && (digest.get_ref().len() != 64 || !digest.get_ref().bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        checker.fail::<()>(Diagnostic::new("`blake3` must be 64 hexadecimal digits", digest.span()));
    }
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
    if let Some(format) = &raw.format
        && format.get_ref().parse::<Format>().is_err()
    {
        checker.fail::<()>(
            Diagnostic::new(format!("unknown format `{}`", format.get_ref()), format.span())
                .suggest(format.get_ref(), ["parquet", "csv", "tsv", "jsonl"]),
        );
    }
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
    Some(Fetch::Dataset(FetchDataset {
        source: Spanned::new(dataset.span(), source),
        blake3: raw.blake3.map(|digest| digest.into_inner().to_ascii_lowercase()),
        config: raw.config,
        format: raw.format.and_then(|format| format.get_ref().parse().ok()),
        header: raw.header.unwrap_or(true),
        text,
        label: raw.label,
        labels: raw.labels.unwrap_or_default(),
        keep: raw.keep.unwrap_or_default(),
    }))
}

fn check_generated(
    raw: RawFetch,
    generator: String,
    at: std::ops::Range<usize>,
    checker: &mut Checker,
) -> Option<Fetch> {
    let Some(splits) = raw.splits.filter(|splits| !splits.is_empty()) else {
        return checker.fail(
            Diagnostic::new("a built-in data set needs its splits", at)
                .help("for example splits.train = { examples = 4000, passive = 0.02 }"),
        );
    };
    for split in splits.values() {
        checker.positive(&split.examples, "examples");
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
    Some(Fetch::Generated(Generated {
        generator,
        seed: raw.seed.unwrap_or(checker.seed),
        contrast: or(raw.contrast, default.contrast),
        adjective: or(raw.adjective, default.adjective),
        adverb: or(raw.adverb, default.adverb),
        splits,
    }))
}

fn parse_source(text: &Spanned<String>, checker: &mut Checker) -> Option<Source> {
    match text.get_ref().parse::<Source>() {
        Ok(source) => Some(source),
        Err(error) => checker.fail(Diagnostic::new(error.to_string(), text.span())),
    }
}
