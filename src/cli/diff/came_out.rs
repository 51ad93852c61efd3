//! What both versions have in the cache, side by side: metrics, clusters, figures, expectations.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::side::Steps;
use crate::analysis::intervals::student;
use crate::analysis::partition::adjusted_rand_index;
use crate::analysis::statistics::summary;
use crate::fingerprint::Key;
use crate::kinds::cluster::{Finding, findings};
use crate::kinds::eval::metric_rows;
use crate::kinds::expect::{Expectation, State, expectations};
use crate::kinds::finished::{Done, Finished};
use crate::kinds::plot::Params;
use crate::results::numbers_of_figure;
use crate::store::Store;
use crate::tables::TableError;

#[derive(Debug, Serialize)]
pub struct CameOut {
    /// Those that are not of the same steps.
    pub metrics: Vec<MetricDiff>,
    /// Metrics that are of the same steps in both.
    pub same_metrics: usize,
    pub clusters: Vec<ClusterDiff>,
    pub figures: Vec<FigureDiff>,
    pub expectations: Vec<ExpectationDiff>,
}

#[derive(Debug, Serialize)]
pub struct MetricDiff {
    /// `paws:f1`
    pub metric: String,
    pub first: Option<Mean>,
    pub second: Option<Mean>,
    /// The second less the first, model by model, of those that both have by name.
    pub difference: Option<Mean>,
}

/// A mean over models with its 95 % interval, by Student's t; none for one model.
#[derive(Debug, PartialEq, Serialize)]
pub struct Mean {
    pub models: usize,
    pub mean: f64,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl Mean {
    /// Nothing of no values, or of one that is no number.
    fn of(values: &[f64]) -> Option<Self> {
        let found = summary(values).ok()?;
        let reach =
            found.standard_deviation.map(|deviation| student(found.n - 1) * deviation / (found.n as f64).sqrt());
        let (low, high) = (reach.map(|reach| found.mean - reach), reach.map(|reach| found.mean + reach));
        Some(Self { models: found.n, mean: found.mean, low, high })
    }
}

#[derive(Debug, Serialize)]
pub struct ClusterDiff {
    pub stage: String,
    /// Models in each cluster.
    pub first: Vec<usize>,
    pub second: Vec<usize>,
    /// Of the models that both have by name, how much the two partitions agree.
    pub adjusted_rand: Option<f64>,
    pub common: usize,
    pub silhouettes: [Option<f64>; 2],
    /// The same step made both.
    pub same: bool,
}

#[derive(Debug, Serialize)]
pub struct FigureDiff {
    pub stage: String,
    pub what: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Same,
    /// The same numbers, drawn in another way.
    Look,
    Numbers,
    OnlyFirst,
    OnlySecond,
    /// The other version has it too, and it is not drawn.
    NotYetFirst,
    NotYetSecond,
}

#[derive(Debug, Serialize)]
pub struct ExpectationDiff {
    pub name: String,
    pub claim: String,
    /// Whether it holds, where that is known.
    pub first: Option<bool>,
    pub second: Option<bool>,
    pub values: [Option<f64>; 2],
}

/// The value of a model, and the step that it comes from.
type Values = BTreeMap<String, (f64, Key)>;

impl CameOut {
    pub fn of(first: &Steps, second: &Steps, store: &Store) -> Result<Self, TableError> {
        let one = Finished::new(&first.graph, &first.plan, store);
        let other = Finished::new(&second.graph, &second.plan, store);
        let (metrics, same_metrics) = metrics(&one, &other)?;
        Ok(Self {
            metrics,
            same_metrics,
            clusters: clusters(&findings(&one)?, &findings(&other)?),
            figures: figures(&one, &other)?,
            expectations: expected(expectations(&one)?, expectations(&other)?),
        })
    }
}

/// The first's in their order, then those that only the second has.
fn both<'a, T>(one: &'a [(String, T)], other: &'a [(String, T)]) -> Vec<(&'a str, Option<&'a T>, Option<&'a T>)> {
    let find = |all: &'a [(String, T)], name: &str| all.iter().find(|(known, _)| known == name).map(|(_, of)| of);
    let mut found: Vec<_> = one.iter().map(|(name, of)| (name.as_str(), Some(of), find(other, name))).collect();
    let new = other.iter().filter(|(name, _)| find(one, name).is_none());
    found.extend(new.map(|(name, of)| (name.as_str(), None, Some(of))));
    found
}

fn metrics(one: &Finished<'_>, other: &Finished<'_>) -> Result<(Vec<MetricDiff>, usize), TableError> {
    let gathered = |finished: &Finished<'_>| -> Result<Vec<(String, Values)>, TableError> {
        let mut all: Vec<(String, Values)> = Vec::new();
        let mut at: BTreeMap<String, usize> = BTreeMap::new();
        for row in metric_rows(finished)? {
            let name = row.full_name();
            let place = *at.entry(name.clone()).or_insert_with(|| {
                all.push((name, Values::new()));
                all.len() - 1
            });
            all[place].1.insert(row.model, (row.value, row.key));
        }
        Ok(all)
    };
    let (one, other) = (gathered(one)?, gathered(other)?);
    let (mut found, mut same) = (Vec::new(), 0);
    for (metric, first, second) in both(&one, &other) {
        if first == second {
            same += 1;
            continue;
        }
        let mean = |values: Option<&Values>| Mean::of(&values?.values().map(|(value, _)| *value).collect::<Vec<f64>>());
        let differences = first.zip(second).map(|(first, second)| {
            let pairs = second.iter().filter_map(|(model, (now, _))| Some(now - first.get(model)?.0));
            pairs.collect::<Vec<f64>>()
        });
        found.push(MetricDiff {
            metric: metric.to_owned(),
            first: mean(first),
            second: mean(second),
            difference: differences.and_then(|differences| Mean::of(&differences)),
        });
    }
    Ok((found, same))
}

fn clusters(one: &[Finding], other: &[Finding]) -> Vec<ClusterDiff> {
    let sizes = |finding: &Finding| finding.clusters.members().values().map(Vec::len).collect::<Vec<usize>>();
    let mut found = Vec::new();
    for first in one {
        let Some(second) = other.iter().find(|second| second.stage == first.stage) else { continue };
        let cluster = |finding: &Finding| -> BTreeMap<String, usize> {
            finding.names.iter().cloned().zip(finding.clusters.clusters.iter().copied()).collect()
        };
        let (here, there) = (cluster(first), cluster(second));
        let pairs: Vec<(usize, usize)> =
            here.iter().filter_map(|(model, cluster)| Some((*cluster, *there.get(model)?))).collect();
        let (before, after): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        found.push(ClusterDiff {
            stage: first.stage.clone(),
            first: sizes(first),
            second: sizes(second),
            common: before.len(),
            adjusted_rand: if before.len() < 2 { None } else { adjusted_rand_index(&before, &after).ok() },
            silhouettes: [first.silhouette(), second.silhouette()],
            same: first.key == second.key,
        });
    }
    found
}

fn figures(one: &Finished<'_>, other: &Finished<'_>) -> Result<Vec<FigureDiff>, TableError> {
    let of = |finished: &Finished<'_>| -> Vec<(String, Key)> {
        finished.steps::<Params>().map(|done| (done.stage().to_owned(), done.key())).collect()
    };
    let numbers = |finished: &Finished<'_>, stage: &str| {
        let mut steps = finished.steps::<Params>();
        steps.find(|done: &Done<'_, Params>| done.stage() == stage).map(|done| numbers_of_figure(&done)).transpose()
    };
    let has = |finished: &Finished<'_>, stage: &str| {
        finished.every().any(|step| step.stage.name == stage && step.work.of::<Params>().is_some())
    };
    let mut found = Vec::new();
    for (stage, first, second) in both(&of(one), &of(other)) {
        let what = match (first, second) {
            (Some(first), Some(second)) if first == second => Change::Same,
            (Some(_), Some(_)) if numbers(one, stage)? == numbers(other, stage)? => Change::Look,
            (Some(_), Some(_)) => Change::Numbers,
            (Some(_), None) if has(other, stage) => Change::NotYetSecond,
            (Some(_), None) => Change::OnlyFirst,
            (None, _) if has(one, stage) => Change::NotYetFirst,
            (None, _) => Change::OnlySecond,
        };
        found.push(FigureDiff { stage: stage.to_owned(), what });
    }
    Ok(found)
}

fn expected(one: Vec<Expectation>, other: Vec<Expectation>) -> Vec<ExpectationDiff> {
    let named = |all: Vec<Expectation>| all.into_iter().map(|one| (one.name.clone(), one)).collect::<Vec<_>>();
    let (one, other) = (named(one), named(other));
    let state = |one: Option<&Expectation>| match one.map(|one| &one.state) {
        Some(State::Known { holds, value, .. }) => (Some(*holds), *value),
        Some(State::Unknown) | None => (None, None),
    };
    let diff = |(name, first, second): (&str, Option<&Expectation>, Option<&Expectation>)| {
        let claim = second.or(first).map_or_else(String::new, |one| one.claim.clone());
        let ((first, one), (second, other)) = (state(first), state(second));
        ExpectationDiff { name: name.to_owned(), claim, first, second, values: [one, other] }
    };
    both(&one, &other).into_iter().map(diff).collect()
}

impl CameOut {
    /// Whether nothing came out otherwise.
    pub fn is_nothing(&self) -> bool {
        let clusters = self.clusters.iter().all(|one| one.same);
        let figures: BTreeSet<bool> = self.figures.iter().map(|one| one.what == Change::Same).collect();
        let expectations = self.expectations.iter().all(|one| one.first == one.second);
        self.metrics.is_empty() && clusters && !figures.contains(&false) && expectations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy: `scipy.stats.t.interval(.95, 3, mean, scipy.stats.sem(values))`.
    #[test]
    fn a_mean_has_students_interval_and_one_value_has_none() {
        let mean = Mean::of(&[0.5, 0.75, 0.625, 1.0]).unwrap();
        assert_eq!((mean.models, mean.mean), (4, 0.71875));
        let close = |one: Option<f64>, other: f64| (one.unwrap() - other).abs() < 1e-12;
        assert!(close(mean.low, 0.3790586395254981) && close(mean.high, 1.058441360474502), "{mean:?}");
        assert_eq!(Mean::of(&[0.5]), Some(Mean { models: 1, mean: 0.5, low: None, high: None }));
        assert_eq!((Mean::of(&[]), Mean::of(&[f64::NAN])), (None, None));
    }
}
