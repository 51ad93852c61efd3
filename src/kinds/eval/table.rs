//! Metrics that others published as a table with a row a run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::measured::{Evaluated, Evaluations, Group, METRICS, Measured};
use crate::data::published::read_runs;
use crate::data::{Format, Source};
use crate::engine::{Context, Outputs, StageEnd, StageError, StageId, StepKind};
use crate::kinds::expand::Expander;
use crate::kinds::files::{absolute, bring, digest_of_file, file_name_of, file_unchanged};
use crate::kinds::models::Member;
use crate::kinds::offers::{MissingMetric, Offers};
use crate::kinds::published::{self, first_missing};
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::words::{Metric, MetricName, Seeds};
use crate::study::{Checker, Diagnostic, OneOf, Text};
use crate::words::Word;

/// Its table as it is written.
pub struct Keys {
    pub table: Text,
    pub blake3: Option<Text>,
    pub format: Option<OneOf<Format>>,
    pub model: Option<String>,
    pub columns: Option<Spanned<BTreeMap<String, String>>>,
    pub seeds: Spanned<Seeds>,
}

#[derive(Debug)]
pub struct PublishedTable {
    source: Spanned<Source>,
    blake3: Option<String>,
    format: Format,
    /// The column that holds the run's number.
    model: String,
    seeds: Vec<u64>,
    columns: BTreeMap<MetricName, String>,
}

pub fn check(keys: Keys, checker: &mut Checker) -> Option<PublishedTable> {
    let written = keys.table;
    let source =
        checker.parse_text(written.clone(), |text| text.parse::<Source>().map_err(|error| error.to_string()))?;
    let name = match source.get_ref() {
        Source::Https(url) => url.split(['?', '#']).next().unwrap_or(url).to_owned(),
        Source::Path(path) => path.display().to_string(),
        Source::Hub { .. } | Source::Builtin(_) => {
            let message = "a table comes from `path:FILE` or `https://…`";
            return checker.fail(Diagnostic::new(message, written.span()));
        }
    };
    match &keys.blake3 {
        Some(digest) => checker.digest(digest),
        None if matches!(source.get_ref(), Source::Https(_)) => {
            checker.fail::<()>(
                Diagnostic::new("an https source needs the `blake3` of its content", written.span())
                    .help("add blake3 = \"…\" (b3sum FILE prints it)"),
            );
        }
        None => {}
    }
    let format = match keys.format {
        Some(format) => checker
            .parse_text(format.clone(), |text| text.parse::<Format>().map_err(|error| error.to_string()))?
            .into_inner(),
        None => match Format::of(Path::new(&name)) {
            Ok(format) => format,
            Err(error) => {
                return checker.fail(Diagnostic::new(error.to_string(), written.span()).help("write format = \"csv\""));
            }
        },
    };
    let (Some(model), Some(columns)) = (keys.model, keys.columns) else {
        return checker.fail(
            Diagnostic::new("a table needs `model`, the column with the run's number, and `columns`", written.span())
                .help("for example model = \"Run\" and columns = { accuracy = \"Dev accuracy\" }"),
        );
    };
    let span = columns.span();
    let columns: BTreeMap<MetricName, String> =
        columns.into_inner().into_iter().map(|(metric, column)| (MetricName::new(metric), column)).collect();
    for metric in columns.keys() {
        let text = metric.as_str();
        if metric.metric().is_none() || text.contains('[') != text.ends_with(']') {
            let message = format!("`{metric}` is no metric of ours");
            checker.fail::<()>(Diagnostic::new(message, span.clone()).suggest(metric.name(), Metric::names()));
        }
    }
    Some(PublishedTable {
        source,
        blake3: keys.blake3.map(|digest| digest.into_inner().to_ascii_lowercase()),
        format,
        model,
        seeds: published::check_seeds(&keys.seeds, checker)?,
        columns: columns.into_iter().map(|(metric, column)| (metric.without_spaces(), column)).collect(),
    })
}

impl Offers for PublishedTable {
    fn evaluates(&self, metric: &MetricName) -> Option<Result<(), MissingMetric>> {
        if self.columns.contains_key(&metric.without_spaces()) {
            return Some(Ok(()));
        }
        let known: Vec<&str> = self.columns.keys().map(MetricName::as_str).collect();
        let help = format!("its `columns` are {}", known.join(", "));
        Some(Err(MissingMetric { metric: metric.as_str().to_owned(), help }))
    }
}

impl Spec for PublishedTable {
    fn references(&self, _: &mut References<'_>) {}

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let (source, location) = match self.source.get_ref() {
            Source::Https(url) => (format!("blake3:{}", self.blake3.clone().unwrap_or_default()), url.clone()),
            Source::Path(path) => {
                let path = to.directory().join(path);
                let digest = digest_of_file(&path).map_err(|message| Diagnostic::new(message, self.source.span()))?;
                (format!("blake3:{digest}"), absolute(&path))
            }
            Source::Hub { .. } | Source::Builtin(_) => {
                return Err(Diagnostic::new("a table comes from a file or an address", self.source.span()));
            }
        };
        let params = Params {
            source,
            format: self.format,
            model: self.model.clone(),
            models: self.seeds.clone(),
            columns: self.columns.clone(),
        };
        let step = to.push_at(Some(location), stage, "", params, vec![]);
        let one = |seed: &u64| Evaluated {
            model: Member::Published(seed.to_string()),
            step,
            metrics: METRICS.of(seed),
            examples: None,
            sentences: None,
        };
        to.about(step, &Member::published(&self.seeds));
        to.publish(stage, Evaluations::new(self.seeds.iter().map(one).collect()));
        Ok(())
    }
}

/// The artifacts are `metrics:7`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// `blake3:…` of the file.
    pub source: String,
    pub format: Format,
    /// The column that holds the run's number.
    pub model: String,
    pub models: Vec<u64>,
    pub columns: BTreeMap<MetricName, String>,
}

impl StepKind for Params {
    const KIND: &'static str = "import-runs";
    const VERSION: u32 = published::VERSION;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let location = context.location().unwrap_or_default().to_owned();
        let name = format!("download-{}", file_name_of(&location).unwrap_or_else(|| "table".to_owned()));
        let file = bring(&location, &self.source, &name, context)?;
        let (metrics, columns): (Vec<&MetricName>, Vec<String>) =
            self.columns.iter().map(|(metric, column)| (metric, column.clone())).unzip();
        let runs = read_runs(&file, self.format, &self.model, &columns)?;
        if runs.skipped > 0 {
            context.note(&format!("skipped {} rows without a run's number", runs.skipped));
        }
        let missing: Vec<String> =
            self.models.iter().filter(|model| !runs.rows.contains_key(model)).map(u64::to_string).collect();
        if !missing.is_empty() {
            let (count, shown) = (missing.len(), first_missing(&missing, ", "));
            return Err(StageError::new(format!("{count} of {} runs are missing: {shown}", self.models.len()))
                .help("leave them out of `seeds`")
                .into());
        }
        let mut outputs = Outputs::default();
        for model in &self.models {
            outputs.json(&METRICS.of(model), &measured(&metrics, &runs.rows[model]))?;
        }
        file_unchanged(&self.source, context)?;
        Ok(outputs)
    }
}

/// How many examples there were is not in such a table: 0.
fn measured(metrics: &[&MetricName], values: &[f64]) -> Measured {
    let mut all = BTreeMap::new();
    let mut groups: BTreeMap<Vec<String>, BTreeMap<Metric, f64>> = BTreeMap::new();
    for (name, value) in metrics.iter().zip(values) {
        let Some(metric) = name.metric() else { continue };
        match name.group() {
            None => drop(all.insert(metric, *value)),
            Some(group) => {
                let group = group.into_iter().map(str::to_owned).collect();
                groups.entry(group).or_default().insert(metric, *value);
            }
        }
    }
    let group = |(values, metrics)| Group { values, examples: 0, metrics };
    Measured { examples: 0, metrics: all, groups: groups.into_iter().map(group).collect() }
}
