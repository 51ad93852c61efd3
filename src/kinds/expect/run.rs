//! One expectation held against what came out.

use serde::{Deserialize, Serialize};

use super::spec::{Bounds, Measure, Statistic, Which};
use crate::analysis::partition::adjusted_rand_index;
use crate::analysis::statistics::pearson;
use crate::engine::{Artifact, Context, Outputs, Role, StageEnd, StageError, StepKind};
use crate::kinds::cluster::{CLUSTERS_ROLE, Clusters};
use crate::kinds::eval::Measured;
use crate::kinds::metrics::{metric_values, metric_values_as};
use crate::study::words::MetricName;

pub const VERDICT: Artifact<Verdict> = Artifact::new("verdict");

/// `against:I`: the second of two metrics.
pub const AGAINST: Role<Measured> = Role::new("against");
/// Clusters that others are compared with.
pub const OTHER: Role<Clusters> = Role::new("other");

/// Inputs `metric:I`, `against:I` of the models, `clusters`, `other`, as far as the claim is about them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// Labels of the models.
    pub models: Vec<String>,
    pub claim: Claim,
    /// What the number may be; of clusters, the adjusted Rand index. Without it, clusters must be the same.
    pub between: Option<Bounds>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Claim {
    Metric {
        eval: String,
        metric: MetricName,
        statistic: Statistic,
        cluster: Option<OfCluster>,
    },
    /// The models with the lowest or the highest values, by their places.
    Ends {
        eval: String,
        metric: MetricName,
        highest: bool,
        expected: Vec<usize>,
    },
    Centroid {
        clustering: String,
        eval: String,
        metric: MetricName,
    },
    Metrics {
        eval: String,
        metric: MetricName,
        other_eval: String,
        other_metric: MetricName,
    },
    /// The group of each model.
    Members {
        clustering: String,
        expected: Vec<usize>,
    },
    /// The place of each model among those of the other clustering.
    SameAs {
        clustering: String,
        other: String,
        places: Vec<usize>,
    },
    Measure {
        clustering: String,
        measure: Measure,
        cluster: Option<Which>,
    },
}

/// One cluster of a clustering.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfCluster {
    pub clustering: String,
    pub which: Which,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub holds: bool,
    /// The number that came out; of clusters, the adjusted Rand index.
    pub value: Option<f64>,
    /// Models that are not as expected, by their places.
    pub models: Vec<usize>,
    /// Why there is no number, or how clusters differ.
    pub problem: Option<String>,
}

impl Verdict {
    fn none(problem: String) -> Self {
        Self { holds: false, value: None, models: Vec::new(), problem: Some(problem) }
    }

    fn of(value: f64, between: Option<&Bounds>) -> Self {
        let holds = between.is_none_or(|between| between.holds(value));
        Self { holds, value: Some(value), models: Vec::new(), problem: None }
    }
}

impl StepKind for Params {
    const KIND: &'static str = "expect";
    const VERSION: u32 = 1;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let mut outputs = Outputs::default();
        outputs.json(&VERDICT, &self.judge(context)?)?;
        Ok(outputs)
    }
}

/// What a step was made of does not go with its parameters.
fn others() -> StageError {
    StageError::new("the clusters are of other models")
}

impl Params {
    fn judge(&self, context: &Context<'_>) -> Result<Verdict, StageError> {
        let (n, between) = (self.models.len(), self.between.as_ref());
        let clusters = || -> Result<Clusters, StageError> {
            let clusters = context.json(&CLUSTERS_ROLE)?;
            if clusters.clusters.len() == n { Ok(clusters) } else { Err(others()) }
        };
        Ok(match &self.claim {
            Claim::Metric { metric, statistic, cluster, .. } => {
                let values = metric_values(metric, n, context)?;
                let places = match cluster {
                    None => (0..n).collect(),
                    Some(OfCluster { which, .. }) => match members(&clusters()?, *which) {
                        Ok(members) => members,
                        Err(problem) => return Ok(Verdict::none(problem)),
                    },
                };
                self.of_values(&values, &places, *statistic)
            }
            Claim::Ends { metric, highest, expected, .. } => {
                ends(&metric_values(metric, n, context)?, *highest, expected)
            }
            Claim::Centroid { metric, .. } => match clusters()?.centroid_feature {
                Some(x) => self.correlation(&x, &metric_values(metric, n, context)?),
                None => Verdict::none("a centroid feature needs exactly two clusters of distances".to_owned()),
            },
            Claim::Metrics { metric, other_metric, .. } => self.correlation(
                &metric_values(metric, n, context)?,
                &metric_values_as(&AGAINST, other_metric, n, context)?,
            ),
            Claim::Members { expected, .. } => partition(&clusters()?.clusters, expected, between)?,
            Claim::SameAs { places, .. } => {
                let other = context.json(&OTHER)?.clusters;
                let expected: Option<Vec<usize>> = places.iter().map(|place| other.get(*place).copied()).collect();
                partition(&clusters()?.clusters, &expected.ok_or_else(others)?, between)?
            }
            Claim::Measure { measure, cluster, .. } => {
                let clusters = clusters()?;
                match (measure, cluster) {
                    (Measure::Size, Some(which)) => match members(&clusters, *which) {
                        Ok(members) => Verdict::of(members.len() as f64, between),
                        Err(problem) => Verdict::none(problem),
                    },
                    _ => {
                        let value = match measure {
                            Measure::Silhouette => clusters.silhouette(),
                            Measure::Eigengap => clusters.eigengap,
                            Measure::Stability => clusters.steadiness(),
                            Measure::Size => None,
                        };
                        let none = || Verdict::none(format!("there is no {measure} of these clusters"));
                        value.map_or_else(none, |value| Verdict::of(value, between))
                    }
                }
            }
        })
    }

    fn of_values(&self, values: &[f64], places: &[usize], statistic: Statistic) -> Verdict {
        if let Some(place) = places.iter().find(|place| !values[**place].is_finite()) {
            return Verdict { models: vec![*place], ..Verdict::none("a model has no finite value".to_owned()) };
        }
        let between = self.between.as_ref();
        let mut sorted: Vec<f64> = places.iter().map(|place| values[*place]).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let (Some(least), Some(greatest)) = (sorted.first(), sorted.last()) else {
            return Verdict::none("there are no models".to_owned());
        };
        match statistic {
            Statistic::Mean => Verdict::of(sorted.iter().sum::<f64>() / n as f64, between),
            Statistic::Median => Verdict::of((sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0, between),
            Statistic::Min => Verdict::of(*least, between),
            Statistic::Max => Verdict::of(*greatest, between),
            Statistic::Every => {
                let outside = |value: f64| {
                    let Some(Bounds { low, high }) = between else { return 0.0 };
                    low.map_or(0.0, |low| low - value).max(high.map_or(0.0, |high| value - high)).max(0.0)
                };
                // The one that is the farthest outside, or the least.
                let worst = if outside(*greatest) > outside(*least) { greatest } else { least };
                let models: Vec<usize> = places.iter().copied().filter(|place| outside(values[*place]) > 0.0).collect();
                Verdict { holds: models.is_empty(), models, value: Some(*worst), problem: None }
            }
        }
    }

    fn correlation(&self, x: &[f64], y: &[f64]) -> Verdict {
        match pearson(x, y) {
            Ok(found) => Verdict::of(found.r, self.between.as_ref()),
            Err(error) => Verdict::none(error.to_string()),
        }
    }
}

/// Models of a cluster, or why none is meant.
fn members(clusters: &Clusters, which: Which) -> Result<Vec<usize>, String> {
    let all = clusters.members();
    let size = |wanted: fn(usize, usize) -> bool, word: &str| {
        let of_all = all.values().map(Vec::len);
        let end = of_all.fold(None, |end: Option<usize>, size| match end {
            Some(end) if !wanted(size, end) => Some(end),
            _ => Some(size),
        });
        let mut fitting = all.values().filter(|members| Some(members.len()) == end);
        match (fitting.next(), fitting.next()) {
            (Some(members), None) => Ok(members.clone()),
            (Some(members), Some(_)) => Err(format!("no cluster is the {word}: several have {} models", members.len())),
            (None, _) => Err("there are no clusters".to_owned()),
        }
    };
    match which {
        Which::Smallest => size(|one, other| one < other, "smallest"),
        Which::Largest => size(|one, other| one > other, "largest"),
        Which::Number(number) => {
            all.get(&number).cloned().ok_or_else(|| format!("there is no cluster {number}: there are {}", all.len()))
        }
    }
}

/// Whether these models have the lowest values, or the highest. Where a further one has the same value as the last of
/// them, nothing says who it is.
fn ends(values: &[f64], highest: bool, expected: &[usize]) -> Verdict {
    if let Some(place) = values.iter().position(|value| !value.is_finite()) {
        return Verdict { models: vec![place], ..Verdict::none("a model has no finite value".to_owned()) };
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    if highest {
        order.reverse();
    }
    let (found, rest) = order.split_at(expected.len().min(order.len()));
    let mut models: Vec<usize> = found.iter().copied().filter(|place| !expected.contains(place)).collect();
    models.extend(expected.iter().copied().filter(|place| !found.contains(place)));
    models.sort_unstable();
    // Of equal values any may stand first.
    let last = found.last().map(|place| values[*place]);
    let tie = rest.first().is_some_and(|next| Some(values[*next]) == last);
    let as_good = |place: &usize| Some(values[*place]) == last;
    if tie && models.iter().all(as_good) {
        let problem = "several models have the last of these values".to_owned();
        return Verdict { models, value: last, ..Verdict::none(problem) };
    }
    Verdict { holds: models.is_empty(), models, value: last, problem: None }
}

/// Whether clusters are these groups, or agree with them so far.
fn partition(found: &[usize], expected: &[usize], between: Option<&Bounds>) -> Result<Verdict, StageError> {
    let index = adjusted_rand_index(found, expected)?;
    let count = |labels: &[usize]| labels.iter().collect::<std::collections::BTreeSet<_>>().len();
    let (here, there) = (count(found), count(expected));
    let models = apart(found, expected);
    let same = models.is_empty() && here == there;
    let problem = (here != there).then(|| format!("{here} clusters, not {there}"));
    Ok(Verdict { holds: between.map_or(same, |between| between.holds(index)), value: Some(index), models, problem })
}

/// Models that are not with most of those that they should be with: of each cluster all but its largest group.
fn apart(found: &[usize], expected: &[usize]) -> Vec<usize> {
    use std::collections::BTreeMap;
    let mut groups: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
    for (found, expected) in found.iter().zip(expected) {
        *groups.entry(*found).or_default().entry(*expected).or_default() += 1;
    }
    let main: BTreeMap<usize, usize> = groups
        .into_iter()
        .filter_map(|(cluster, counts)| {
            let (group, _) = counts.into_iter().max_by_key(|(group, count)| (*count, std::cmp::Reverse(*group)))?;
            Some((cluster, group))
        })
        .collect();
    (0..found.len()).filter(|place| main.get(&found[*place]) != Some(&expected[*place])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(claim: Claim, between: [f64; 2]) -> Params {
        let [low, high] = between.map(Some);
        Params { models: Vec::new(), claim, between: Some(Bounds { low, high }) }
    }

    #[test]
    fn a_statistic_of_some_models_is_between_its_ends_or_not() {
        let values = [0.5, 0.9, 0.1, 0.7, f64::NAN];
        let claim = Claim::Measure { clustering: String::new(), measure: Measure::Size, cluster: None };
        let judge =
            |between, statistic, places: &[usize]| params(claim.clone(), between).of_values(&values, places, statistic);
        for (statistic, value) in
            [(Statistic::Mean, 0.55), (Statistic::Median, 0.6), (Statistic::Min, 0.1), (Statistic::Max, 0.9)]
        {
            let verdict = judge([value - 1e-9, value + 1e-9], statistic, &[0, 1, 2, 3]);
            assert!(verdict.holds && (verdict.value.unwrap() - value).abs() < 1e-12, "{statistic}: {verdict:?}");
            assert!(!judge([value + 1e-9, 1.0], statistic, &[0, 1, 2, 3]).holds, "{statistic}");
        }
        // Both ends are in.
        assert!(judge([0.5, 0.9], Statistic::Every, &[0, 1, 3]).holds);
        let every = judge([0.5, 0.8], Statistic::Every, &[0, 1, 2, 3]);
        assert_eq!((every.holds, every.models, every.value), (false, vec![1, 2], Some(0.1)));
        let none = judge([0.0, 1.0], Statistic::Mean, &[0, 4]);
        assert_eq!((none.holds, none.models, none.value), (false, vec![4], None));
    }

    #[test]
    fn the_models_with_the_lowest_and_the_highest_values() {
        let values = [3.0, 1.0, 2.0, 9.0, 2.0];
        for (highest, expected, holds, models) in [
            (false, vec![1], true, vec![]),
            (false, vec![4, 2, 1], true, vec![]),
            (false, vec![1, 0], false, vec![0, 2]),
            (true, vec![3, 0], true, vec![]),
            (true, vec![3, 1], false, vec![0, 1]),
        ] {
            let verdict = ends(&values, highest, &expected);
            assert_eq!((verdict.holds, verdict.models), (holds, models), "{highest} {expected:?}");
        }
        // 2 and 4 have the same value: neither is the second lowest.
        let tie = ends(&values, false, &[1, 2]);
        assert!(!tie.holds && tie.problem.is_some(), "{tie:?}");
    }

    #[test]
    fn clusters_are_groups_whatever_their_numbers() {
        let bounds = |low| Some(Bounds { low: Some(low), high: None });
        let judge = |found: &[usize], expected: &[usize], between: Option<Bounds>| {
            partition(found, expected, between.as_ref()).unwrap()
        };
        assert!(judge(&[0, 0, 1, 1], &[7, 7, 2, 2], None).holds);
        let one_off = judge(&[0, 0, 0, 1, 1, 1], &[0, 0, 0, 0, 1, 1], None);
        assert_eq!((one_off.holds, one_off.models), (false, vec![3]));
        assert!(judge(&[0, 0, 0, 1, 1, 1], &[0, 0, 0, 0, 1, 1], bounds(0.2)).holds);
        assert!(!judge(&[0, 0, 0, 1, 1, 1], &[0, 0, 0, 0, 1, 1], bounds(0.9)).holds);
        let finer = judge(&[0, 0, 1, 2], &[0, 0, 1, 1], None);
        assert_eq!((finer.holds, finer.problem.as_deref()), (false, Some("3 clusters, not 2")));
    }

    #[test]
    fn the_smallest_cluster_is_one_or_none() {
        let of = |clusters: &[usize]| Clusters { clusters: clusters.to_vec(), ..Clusters::default() };
        assert_eq!(members(&of(&[0, 1, 0, 2, 2]), Which::Smallest), Ok(vec![1]));
        assert_eq!(members(&of(&[0, 1, 0]), Which::Largest), Ok(vec![0, 2]));
        assert_eq!(members(&of(&[0, 1, 0]), Which::Number(1)), Ok(vec![1]));
        let tie = members(&of(&[0, 1, 0, 1]), Which::Smallest).unwrap_err();
        assert_eq!(tie, "no cluster is the smallest: several have 2 models");
        assert_eq!(members(&of(&[0, 1]), Which::Number(2)).unwrap_err(), "there is no cluster 2: there are 2");
    }
}
