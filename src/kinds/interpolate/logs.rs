//! Lines that others published as text logs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use super::line::{LINE, Line, Lines};
use crate::data::published::{LineLogs, is_line_log};
use crate::engine::{Context, Outputs, StageEnd, StageError, StageId, StepKind};
use crate::kinds::expand::Expander;
use crate::kinds::models::Member;
use crate::kinds::offers::Offers;
use crate::kinds::pairs::{self, RawPairs, all_pairs};
use crate::kinds::published::{self, Logs, LogsSpec, note_skipped};
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::words::{Metric, Seeds};
use crate::study::{Checker, Diagnostic, OneOf, Text};
use crate::words::Word;

table! {
    struct RawLines {
        /// Text logs: `hf:REPO` or `path:FOLDER`, any number of lines in a file.
        logs: Text,
        /// Of the repository or folder; all of it where this is left out.
        folder: Option<Text>,
        /// The models that are expected, by number.
        seeds: Spanned<Seeds>,
        /// What is read of each point.
        metrics: Option<Vec<OneOf<Metric>>>,
        /// The lines that are expected: `[[7, 22], [7, 31]]` [default: all pairs].
        pairs: Option<Spanned<RawPairs>>,
    }
}

#[derive(Debug)]
pub struct PublishedLines {
    logs: LogsSpec,
    seeds: Vec<u64>,
    metrics: Vec<Metric>,
    /// Pairs of numbers; all pairs without.
    pairs: Option<Spanned<Vec<[u64; 2]>>>,
}

pub fn written() -> Written {
    Written::new::<RawLines>(
        "lines that others published",
        "Text logs take the place of measured lines.",
        "[interpolate.lines]\nlogs = \"hf:connectivity/interpolation_logs\"\nseeds = \"0..100\"\n",
    )
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<PublishedLines> {
    let raw: RawLines = checker.table(value)?;
    let seeds = published::check_seeds(&raw.seeds, checker)?;
    if seeds.len() < 2 {
        return checker.fail(Diagnostic::new("a line needs two models", raw.seeds.span()));
    }
    let pairs = match raw.pairs {
        None => None,
        Some(pairs) => {
            let span = pairs.span();
            match pairs.into_inner() {
                RawPairs::Named(all) if all == pairs::ALL => None,
                RawPairs::Seeds(list) => match list.iter().flatten().find(|seed| !seeds.contains(seed)) {
                    Some(seed) => {
                        return checker.fail(Diagnostic::new(format!("model {seed} is not one of `seeds`"), span));
                    }
                    None => Some(Spanned::new(span, list)),
                },
                RawPairs::Named(_) | RawPairs::Labels(_) => {
                    return checker.fail(Diagnostic::new("these are no pairs of numbers", span).help(pairs::HELP));
                }
            }
        }
    };
    let logs = LogsSpec::check(&raw.logs, raw.folder, checker)?;
    Some(PublishedLines { logs, seeds, metrics: checker.metrics(raw.metrics, &[Metric::Loss]), pairs })
}

impl Offers for PublishedLines {
    fn measures(&self) -> Option<(Vec<Metric>, &'static str)> {
        Some((self.metrics.clone(), "metrics"))
    }
}

impl Spec for PublishedLines {
    fn references(&self, _: &mut References<'_>) {}

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        let metrics: Vec<String> = self.metrics.iter().map(ToString::to_string).collect();
        vec![("metrics", metrics.into())]
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let (logs, location) = self.logs.resolve(&is_line_log, to)?;
        let pairs = self.numbered_pairs()?;
        let all = match &pairs {
            Some(pairs) => pairs.clone(),
            None => all_pairs(self.seeds.len(), self.logs.span())?,
        };
        let params = Params { logs, models: self.seeds.clone(), pairs, metrics: self.metrics.clone() };
        let step = to.push_at(location, stage, "", params, vec![]);
        let line = |[i, j]: [usize; 2]| LINE.of(format_args!("{},{}", self.seeds[i], self.seeds[j]));
        let pairs = all.into_iter().map(|pair| ((pair[0], pair[1]), (step, line(pair)))).collect();
        let models = Member::published(&self.seeds);
        to.about(step, &models);
        to.publish(stage, Lines { models, pairs });
        Ok(())
    }
}

impl PublishedLines {
    /// How many there are.
    pub fn models(&self) -> usize {
        self.seeds.len()
    }

    /// The pairs that are listed, by place in `seeds`.
    fn numbered_pairs(&self) -> Result<Option<Vec<[usize; 2]>>, Diagnostic> {
        let Some(listed) = &self.pairs else { return Ok(None) };
        let place = |seed: u64| self.seeds.iter().position(|known| *known == seed).unwrap_or_default();
        let mut pairs = Vec::new();
        for pair in listed.get_ref() {
            let [i, j] = pair.map(place);
            if i == j {
                let message = format!("`{}` is paired with itself", pair[0]);
                return Err(Diagnostic::new(message, listed.span()));
            }
            pairs.push([i.min(j), i.max(j)]);
        }
        pairs.sort_unstable();
        pairs.dedup();
        Ok(Some(pairs))
    }
}

/// The artifacts are `line:7,22`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub logs: Logs,
    /// The models by number.
    pub models: Vec<u64>,
    /// Places in `models` of both ends; all pairs without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Vec<[usize; 2]>>,
    pub metrics: Vec<Metric>,
}

impl Params {
    /// The models of each line.
    pub fn named_pairs(&self) -> Vec<(u64, u64)> {
        let models = &self.models;
        match &self.pairs {
            Some(pairs) => pairs.iter().map(|[i, j]| (models[*i], models[*j])).collect(),
            None => {
                (0..models.len()).flat_map(|i| (i + 1..models.len()).map(move |j| (models[i], models[j]))).collect()
            }
        }
    }
}

impl StepKind for Params {
    const KIND: &'static str = "import-lines";
    const VERSION: u32 = published::VERSION;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let files = self.logs.files(&is_line_log, context)?;
        let logs = LineLogs::read(&files)?;
        note_skipped("in which no line begins", &logs.without, context);
        let pairs = self.named_pairs();
        let found = logs.of(&pairs).map_err(|error| {
            StageError::new(error.to_string()).help("leave models out of `seeds`, or name the `pairs` that there are")
        })?;
        let others = logs.others(&self.models);
        if others > 0 {
            context.note(&format!("left out {others} lines between other models"));
        }
        let mut outputs = Outputs::default();
        for ((first, second), published) in pairs.into_iter().zip(found) {
            let metric = |metric: &Metric| Ok((*metric, published.metric(metric.name())?.to_vec()));
            let last = published.points - 1;
            let line = Line {
                examples: 0,
                distance: published.distance,
                coefficients: (0..published.points).map(|point| point as f64 / last as f64).collect(),
                metrics: self.metrics.iter().map(metric).collect::<Result<BTreeMap<_, _>, StageError>>()?,
                only: None,
            };
            outputs.json(&LINE.of(format_args!("{first},{second}")), &line)?;
        }
        self.logs.unchanged(&is_line_log, context)?;
        Ok(outputs)
    }
}
