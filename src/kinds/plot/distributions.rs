//! `kind = "distributions"`: two metrics, or one of two groups of examples, against each other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::metric_column;
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::pick::{Pick, at};
use super::raw::RawPlot;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Histogram, HistogramGroup, Look, Width};
use crate::kinds::eval::{self, Evaluations, Measured};
use crate::kinds::expand::Expander;
use crate::kinds::models::{Member, labels};
use crate::kinds::references::References;
use crate::study::words::{Checkpoint, MetricName, MetricRef};
use crate::study::{Checker, Diagnostic};

pub const FIGURE: FigureKind = FigureKind {
    name: "distributions",
    about: "Two metrics of the same models against each other: `of` is their names.",
    example: "[plot.distributions]\nkind = \"distributions\"\nof = [\"eval.qqp:f1\", \"eval.paws:f1\"]\n",
    needs: &[],
    told_by: None,
    tag: "distributions",
    keys: &["order", "limits"],
    limits: &["x"],
    log: &[],
    colours_are_values: false,
    read,
    draw,
};

/// `first:I` and `second:I`: the evaluations of number I of each side's models.
const FIRST: Role<Measured> = Role::new("first");
const SECOND: Role<Measured> = Role::new("second");

#[derive(Debug)]
struct DistributionsSpec {
    of: [Spanned<MetricRef>; 2],
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "distributions")]
struct Parameters {
    first: Measurement,
    second: Measurement,
}

/// A metric of some models.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Measurement {
    eval: String,
    metric: MetricName,
    models: Vec<String>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let metrics = raw.all_of(&[]).into_iter().map(|metric| checker.parse_text(metric, MetricRef::parse));
    let metrics: Vec<Spanned<MetricRef>> = metrics.collect::<Option<_>>()?;
    let Ok(of) = metrics.try_into() else {
        return checker.fail(
            Diagnostic::new("distributions are of two metrics", raw.of.span())
                .help("for example of = [\"eval.mnli:accuracy\", \"eval.hans:accuracy\"]"),
        );
    };
    Some(Box::new(DistributionsSpec { of }))
}

impl Figure for DistributionsSpec {
    fn references(&self, to: &mut References<'_>) {
        self.of.iter().for_each(|metric| to.metric(metric, eval::KIND));
    }

    /// Every model that the two evaluations measure.
    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let mut inputs = Vec::new();
        for metric in &self.of {
            let eval = &metric.get_ref().eval;
            from.find::<Evaluations>(eval::KIND, eval).map_or(Ok(()), |found| one_checkpoint(found, metric, from))?;
        }
        let mut shown: Vec<Member> = Vec::new();
        let mut side =
            |role: &Role<Measured>, metric: &Spanned<MetricRef>| -> Result<Option<Measurement>, Diagnostic> {
                let MetricRef { eval, metric } = metric.get_ref().clone();
                let Some(evaluations) = from.find::<Evaluations>(eval::KIND, &eval) else { return Ok(None) };
                let all: Vec<Member> = evaluations.all().iter().map(|one| one.model.clone()).collect();
                let picked = pick.of(&all, from)?;
                for (number, place) in picked.iter().enumerate() {
                    let one = &evaluations.all()[*place];
                    inputs.push(Input::new(&role.of(number), one.step, &one.metrics));
                }
                let models = at(&picked, &all);
                shown.extend(models.iter().cloned());
                Ok(Some(Measurement { eval, metric, models: labels(&models) }))
            };
        let (Some(first), Some(second)) = (side(&FIRST, &self.of[0])?, side(&SECOND, &self.of[1])?) else {
            return Ok(None);
        };
        let stages = [first.eval.clone(), second.eval.clone()];
        Ok(Some(Drawing::new(&Parameters { first, second }, inputs).of(&shown, from).naming_all(stages)))
    }

    fn groups(&self) -> Vec<String> {
        let [first, second] = &self.of;
        let [first, second] = [(first, second), (second, first)].map(|(one, other)| {
            let (one, other) = (one.get_ref(), other.get_ref());
            name(&one.eval, &one.metric, &other.eval, &Look::default())
        });
        vec![first, second]
    }
}

/// A model at three checkpoints is not three models.
fn one_checkpoint(
    evaluations: &Evaluations,
    metric: &Spanned<MetricRef>,
    from: &Expander<'_>,
) -> Result<(), Diagnostic> {
    let models = || evaluations.all().iter().filter_map(|one| one.model.here());
    let runs: BTreeSet<usize> = models().map(|model| model.step).collect();
    if runs.len() == models().count() {
        return Ok(());
    }
    let (eval, runs, all) = (&metric.get_ref().eval, runs.len(), models().count());
    let message =
        format!("[eval.{eval}] evaluates {runs} models at several checkpoints each, and they would be drawn as {all}");
    let at = models().find_map(|model| match model.checkpoint {
        Checkpoint::Step(step) => Some((&from.stage(model.step).name, step)),
        Checkpoint::Last => None,
    });
    let example = at.map_or(String::new(), |(stage, step)| format!(", such as models = \"{stage}@{step}\""));
    Err(Diagnostic::new(message, metric.span()).help(format!("name an evaluation of one checkpoint{example}")))
}

/// Two of one evaluation are told apart by their groups or metrics, else by the evaluation and its group.
fn name(eval: &str, metric: &MetricName, other: &str, look: &Look) -> String {
    match metric.group_title() {
        Some(within) if eval == other => within,
        Some(within) => format!("{}, {within}", look.stage(eval)),
        None if eval == other => metric.title(),
        None => look.stage(eval),
    }
}

fn draw(parameters: Value, look: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { first, second } = serde_json::from_value(parameters)?;
    let group = |role: &Role<Measured>, of: &Measurement| -> Result<HistogramGroup, StageError> {
        let value = |model| context.json(&role.of(model))?.get(&of.metric).map_err(StageError::new);
        let other = if of.eval == first.eval { &second.eval } else { &first.eval };
        Ok(HistogramGroup {
            name: name(&of.eval, &of.metric, other, look),
            models: of.models.clone(),
            values: (0..of.models.len()).map(value).collect::<Result<_, StageError>>()?,
        })
    };
    let (one, other) = (first.metric.title(), second.metric.title());
    Ok(Box::new(Histogram {
        groups: vec![group(&FIRST, &first)?, group(&SECOND, &second)?],
        mirrored: true,
        x_label: if one == other { one } else { format!("{one}, {other}") },
        columns: vec![metric_column(&first.eval, &first.metric), metric_column(&second.eval, &second.metric)],
        y_label: "models".to_owned(),
        title: None,
        width: Width::Column,
        look: Look::default(),
    }))
}
