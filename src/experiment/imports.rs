//! Published results: `[interpolate.x]` and `[eval.x]` with `logs` or a `table`, and `[cluster.x]` with `members`.

mod analyses;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::raw::{RawPairs, RawSeeds};
use super::seeds::{check_seeds, expand_braces, parse_seeds};
use super::validate::Checker;
use super::{DataRef, Diagnostic};
use crate::data::published::Pattern;
use crate::data::{Format, Source};
use crate::stages::import::needs_data;
use crate::stages::measure::Metric;

pub use analyses::{ImportedSharpness, ImportedSurface};
pub(super) use analyses::{check_sharpness, check_surface};

type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawImportedLines {
    pub logs: Text,
    pub folder: Option<Text>,
    pub seeds: Spanned<RawSeeds>,
    pub metrics: Option<Vec<Text>>,
    pub pairs: Option<Spanned<RawPairs>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawImportedEval {
    pub logs: Option<Text>,
    pub folder: Option<Text>,
    pub file: Option<Text>,
    pub data: Option<Text>,
    pub by: Option<Spanned<Vec<String>>>,
    pub metrics: Option<Vec<Text>>,
    pub table: Option<Text>,
    pub blake3: Option<Text>,
    pub format: Option<Text>,
    pub model: Option<String>,
    pub columns: Option<Spanned<BTreeMap<String, String>>>,
    pub seeds: Spanned<RawSeeds>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMembers {
    pub seeds: Spanned<RawSeeds>,
    pub members: Spanned<RawGroups>,
}

/// One group, `"15, 25"` or `[15, 25]`, or several, `["15, 25", "3..7"]`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "models such as \"15, 25\" or [15, 25], or a list of several such texts")]
pub enum RawGroups {
    One(RawSeeds),
    Several(Vec<RawSeeds>),
}

/// Where text logs or JSON files come from.
#[derive(Debug)]
pub struct Logs {
    /// One folder on this machine, or hub repositories.
    pub sources: Vec<Spanned<Source>>,
    pub folder: Option<String>,
}

#[derive(Debug)]
pub struct ImportedLines {
    pub logs: Logs,
    pub seeds: Vec<u64>,
    pub metrics: Vec<String>,
    /// Pairs of numbers; all pairs without.
    pub pairs: Option<Spanned<Vec<[u64; 2]>>>,
}

#[derive(Debug)]
pub enum ImportedEval {
    Logs {
        logs: Logs,
        file: String,
        seeds: Vec<u64>,
        metrics: Vec<String>,
        by: Vec<String>,
        data: Option<Spanned<DataRef>>,
    },
    Table {
        source: Spanned<Source>,
        blake3: Option<String>,
        format: Format,
        model: String,
        seeds: Vec<u64>,
        /// Metric, with its group in brackets, → column.
        columns: BTreeMap<String, String>,
    },
}

impl ImportedEval {
    /// Whether a metric such as `accuracy[lexical_overlap,entailment]` can be there, and else what there is.
    pub fn measures(&self, metric: &str) -> Result<(), String> {
        let base = metric.split('[').next().unwrap_or_default();
        match self {
            Self::Logs { metrics, .. } if metrics.iter().any(|known| known == base) => Ok(()),
            Self::Logs { metrics, .. } => Err(format!("add it to its `metrics`, which are {}", metrics.join(", "))),
            Self::Table { columns, .. } if columns.contains_key(&plain(metric)) => Ok(()),
            Self::Table { columns, .. } => {
                let known: Vec<&str> = columns.keys().map(String::as_str).collect();
                Err(format!("its `columns` are {}", known.join(", ")))
            }
        }
    }
}

/// Clusters that are given.
#[derive(Debug)]
pub struct Members {
    pub seeds: Vec<u64>,
    /// Cluster of each seed, numbered by their first member.
    pub clusters: Vec<usize>,
}

/// Without spaces, so that one metric has one name.
fn plain(metric: &str) -> String {
    metric.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Whether a stage is written with one of these keys.
pub(super) fn has(value: &Spanned<DeValue<'_>>, keys: &[&str]) -> bool {
    let table = value.get_ref().as_table();
    table.is_some_and(|table| table.keys().any(|key| keys.contains(&key.get_ref().as_ref())))
}

pub(super) fn check_lines(raw: RawImportedLines, checker: &mut Checker) -> Option<ImportedLines> {
    let seeds = seeds(&raw.seeds, checker)?;
    if seeds.len() < 2 {
        return checker.fail(Diagnostic::new("a line needs two models", raw.seeds.span()));
    }
    let pairs = match raw.pairs {
        None => None,
        Some(pairs) => {
            let span = pairs.span();
            let help = "write \"all\" or a list such as [[7, 22], [7, 31]]";
            match pairs.into_inner() {
                RawPairs::Named(all) if all == "all" => None,
                RawPairs::Seeds(list) => match list.iter().flatten().find(|seed| !seeds.contains(seed)) {
                    Some(seed) => {
                        return checker.fail(Diagnostic::new(format!("model {seed} is not one of `seeds`"), span));
                    }
                    None => Some(Spanned::new(span, list)),
                },
                _ => return checker.fail(Diagnostic::new("these are no pairs of numbers", span).help(help)),
            }
        }
    };
    let logs = logs(&raw.logs, raw.folder, checker)?;
    Some(ImportedLines { logs, seeds, metrics: metrics(raw.metrics, &["loss"], checker), pairs })
}

pub(super) fn check_eval(raw: RawImportedEval, checker: &mut Checker) -> Option<ImportedEval> {
    match (raw.logs.clone(), raw.table.clone()) {
        (Some(logs), None) => check_eval_logs(raw, &logs, checker),
        (None, Some(table)) => check_table(raw, &table, checker),
        (logs, table) => {
            let span = table.or(logs).map_or(0..0, |text| text.span());
            checker.fail(Diagnostic::new("an imported evaluation has either `logs` or a `table`", span))
        }
    }
}

fn check_eval_logs(raw: RawImportedEval, written: &Text, checker: &mut Checker) -> Option<ImportedEval> {
    let misplaced =
        [("blake3", raw.blake3.as_ref().map(Spanned::span)), ("columns", raw.columns.as_ref().map(Spanned::span))];
    for (key, span) in misplaced {
        if let Some(span) = span {
            checker.fail::<()>(Diagnostic::new(format!("`{key}` belongs to a `table`, and these are `logs`"), span));
        }
    }
    let logs = logs(written, raw.folder, checker)?;
    let Some(file) = raw.file else {
        return checker.fail(
            Diagnostic::new("`file` is missing: the names of the evaluations, with {} for the number", written.span())
                .help("for example file = \"eval_{}.json\""),
        );
    };
    checker.parse(Spanned::new(file.span(), file.get_ref().clone()), |text| {
        Pattern::parse(text).map_err(|error| error.to_string())
    })?;
    let data = match raw.data {
        Some(data) => Some(checker.parse_text(data, DataRef::parse)?),
        None => None,
    };
    if let Some(by) = &raw.by
        && data.is_none()
        && needs_data(by.get_ref())
    {
        return checker.fail(
            Diagnostic::new(
                "the files hold no columns but `label`, so `by` needs `data` to find the others in",
                by.span(),
            )
            .help("for example data = \"hans.validation\""),
        );
    }
    Some(ImportedEval::Logs {
        logs,
        file: file.into_inner(),
        seeds: seeds(&raw.seeds, checker)?,
        metrics: metrics(raw.metrics, &["loss", "accuracy"], checker),
        by: raw.by.map(Spanned::into_inner).unwrap_or_default(),
        data,
    })
}

fn check_table(raw: RawImportedEval, written: &Text, checker: &mut Checker) -> Option<ImportedEval> {
    let spans = [
        ("folder", raw.folder.as_ref().map(Spanned::span)),
        ("file", raw.file.as_ref().map(Spanned::span)),
        ("data", raw.data.as_ref().map(Spanned::span)),
        ("by", raw.by.as_ref().map(Spanned::span)),
    ];
    for (key, span) in spans {
        if let Some(span) = span {
            checker.fail::<()>(Diagnostic::new(format!("`{key}` belongs to `logs`, and this is a `table`"), span));
        }
    }
    let source =
        checker.parse_text(written.clone(), |text| text.parse::<Source>().map_err(|error| error.to_string()))?;
    let name = match source.get_ref() {
        Source::Https(url) => url.split(['?', '#']).next().unwrap_or(url).to_owned(),
        Source::Path(path) => path.display().to_string(),
        _ => {
            let message = "a table comes from `path:FILE` or `https://…`";
            return checker.fail(Diagnostic::new(message, written.span()));
        }
    };
    let hexadecimal = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match &raw.blake3 {
        Some(digest) if !hexadecimal(digest.get_ref()) => {
            checker.fail::<()>(Diagnostic::new("`blake3` must be 64 hexadecimal digits", digest.span()));
        }
        None if matches!(source.get_ref(), Source::Https(_)) => {
            checker.fail::<()>(
                Diagnostic::new("an https source needs the `blake3` of its content", written.span())
                    .help("add blake3 = \"…\" (b3sum FILE prints it)"),
            );
        }
        _ => {}
    }
    let format = match raw.format {
        Some(format) => {
            checker.parse_text(format, |text| text.parse::<Format>().map_err(|error| error.to_string()))?.into_inner()
        }
        None => match Format::of(std::path::Path::new(&name)) {
            Ok(format) => format,
            Err(error) => {
                return checker.fail(Diagnostic::new(error.to_string(), written.span()).help("write format = \"csv\""));
            }
        },
    };
    let (Some(model), Some(columns)) = (raw.model, raw.columns) else {
        return checker.fail(
            Diagnostic::new("a table needs `model`, the column with the run's number, and `columns`", written.span())
                .help("for example model = \"Run\" and columns = { accuracy = \"Dev accuracy\" }"),
        );
    };
    for metric in columns.get_ref().keys() {
        let base = metric.split('[').next().unwrap_or_default();
        if Metric::named(base).is_none() || metric.contains('[') != metric.ends_with(']') {
            let message = format!("`{metric}` is no metric of ours");
            checker.fail::<()>(
                Diagnostic::new(message, columns.span()).suggest(base, Metric::ALL.iter().map(|metric| metric.name())),
            );
        }
    }
    Some(ImportedEval::Table {
        source,
        blake3: raw.blake3.map(|digest| digest.into_inner().to_ascii_lowercase()),
        format,
        model,
        seeds: seeds(&raw.seeds, checker)?,
        columns: columns.into_inner().into_iter().map(|(metric, column)| (plain(&metric), column)).collect(),
    })
}

pub(super) fn check_members(raw: RawMembers, checker: &mut Checker) -> Option<Members> {
    let seeds = seeds(&raw.seeds, checker)?;
    let span = raw.members.span();
    let groups = match raw.members.into_inner() {
        RawGroups::One(one) => vec![one],
        RawGroups::Several(several) => several,
    };
    let mut group_of: BTreeMap<u64, usize> = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        let members = match numbers(group) {
            Ok(members) => members,
            Err(message) => return checker.fail(Diagnostic::new(message, span)),
        };
        for member in members {
            if !seeds.contains(&member) {
                return checker.fail(Diagnostic::new(format!("model {member} is not one of `seeds`"), span));
            }
            if group_of.insert(member, number).is_some() {
                return checker.fail(Diagnostic::new(format!("model {member} is a member of two clusters"), span));
            }
        }
    }
    // Numbered by their first member; whoever is named nowhere is in the last group.
    let mut numbered: Vec<usize> = Vec::new();
    let mut clusters = Vec::with_capacity(seeds.len());
    for seed in &seeds {
        let group = group_of.get(seed).copied().unwrap_or(groups.len());
        let known = numbered.iter().position(|known| *known == group);
        clusters.push(known.unwrap_or_else(|| {
            numbered.push(group);
            numbered.len() - 1
        }));
    }
    if numbered.len() < 2 {
        let message = "all models are members of one cluster, and there should be two";
        return checker.fail(Diagnostic::new(message, span));
    }
    Some(Members { seeds, clusters })
}

fn numbers(seeds: &RawSeeds) -> Result<Vec<u64>, String> {
    match seeds {
        RawSeeds::Text(text) => parse_seeds(text),
        RawSeeds::List(list) => check_seeds(list).map(|()| list.clone()),
        RawSeeds::One(seed) => Ok(vec![*seed]),
    }
}

fn seeds(raw: &Spanned<RawSeeds>, checker: &mut Checker) -> Option<Vec<u64>> {
    match numbers(raw.get_ref()) {
        Ok(seeds) => Some(seeds),
        Err(message) => checker.fail(Diagnostic::new(message, raw.span())),
    }
}

fn metrics(raw: Option<Vec<Text>>, default: &[&str], checker: &mut Checker) -> Vec<String> {
    let Some(raw) = raw else { return default.iter().map(|metric| (*metric).to_owned()).collect() };
    for metric in &raw {
        checker.one_of(metric, "metric", Metric::ALL.map(|metric| (metric.name(), ())));
    }
    raw.into_iter().map(Spanned::into_inner).collect()
}

fn logs(written: &Text, folder: Option<Text>, checker: &mut Checker) -> Option<Logs> {
    let names = match written.get_ref().contains('{') {
        true => match expand_braces(written.get_ref()) {
            Ok(names) => names.into_iter().map(|(_, name)| name).collect(),
            Err(message) => return checker.fail(Diagnostic::new(message, written.span())),
        },
        false => vec![written.get_ref().clone()],
    };
    let mut sources = Vec::with_capacity(names.len());
    for name in &names {
        let source = match name.parse::<Source>() {
            Ok(source) => source,
            Err(error) => return checker.fail(Diagnostic::new(error.to_string(), written.span())),
        };
        if !matches!(source, Source::Hub { .. }) && (names.len() > 1 || !matches!(source, Source::Path(_))) {
            let message = "logs come from `path:FOLDER`, `hf:REPO[@REVISION]` or several `hf:REPO-{0..99}`";
            return checker.fail(Diagnostic::new(message, written.span()));
        }
        sources.push(Spanned::new(written.span(), source));
    }
    let folder = folder.map(|folder| folder.into_inner().trim_matches('/').to_owned());
    Some(Logs { sources, folder: folder.filter(|folder| !folder.is_empty()) })
}
