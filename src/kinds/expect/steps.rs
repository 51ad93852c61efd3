//! One step an expectation.

use std::ops::Range;

use toml::Spanned;

use super::run::{AGAINST, Claim, OTHER, OfCluster, Params};
use super::spec::{Bounds, Expect};
use crate::engine::{Input, StageId};
use crate::kinds::cluster::{self, CLUSTERS, CLUSTERS_ROLE, Clustered};
use crate::kinds::eval::{self, Evaluations};
use crate::kinds::expand::Expander;
use crate::kinds::metrics::{metric_inputs, metric_inputs_as};
use crate::kinds::models::{Member, labels};
use crate::kinds::offers::Offers;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::Diagnostic;
use crate::study::words::{MetricRef, ModelRef};

impl Offers for Expect {}

impl Expect {
    fn metrics(&self) -> Vec<&Spanned<MetricRef>> {
        match self {
            Self::Metric { metric, .. } | Self::Ends { metric, .. } | Self::OfClusters { metric, .. } => vec![metric],
            Self::OfMetrics { metrics, .. } => metrics.iter().collect(),
            Self::Members { .. } | Self::SameAs { .. } | Self::Measure { .. } => Vec::new(),
        }
    }

    fn clusterings(&self) -> Vec<&Spanned<String>> {
        match self {
            Self::Metric { cluster, .. } => cluster.iter().map(|(clusters, _)| clusters).collect(),
            Self::OfClusters { clusters, .. } | Self::Members { clusters, .. } | Self::Measure { clusters, .. } => {
                vec![clusters]
            }
            Self::SameAs { clusters, other, .. } => vec![clusters, other],
            Self::Ends { .. } | Self::OfMetrics { .. } => Vec::new(),
        }
    }

    fn models(&self) -> Option<&[Spanned<ModelRef>]> {
        match self {
            Self::Metric { models, .. } | Self::Ends { models, .. } | Self::OfMetrics { models, .. } => {
                models.as_deref()
            }
            Self::OfClusters { .. } | Self::Members { .. } | Self::SameAs { .. } | Self::Measure { .. } => None,
        }
    }

    fn between(&self) -> Option<Bounds> {
        match self {
            Self::Metric { between, .. }
            | Self::OfClusters { between, .. }
            | Self::OfMetrics { between, .. }
            | Self::Measure { between, .. } => Some(*between),
            Self::Members { between, .. } | Self::SameAs { between, .. } => *between,
            Self::Ends { .. } => None,
        }
    }
}

impl Spec for Expect {
    fn references(&self, to: &mut References<'_>) {
        self.metrics().into_iter().for_each(|metric| to.metric(metric, eval::KIND));
        self.clusterings().into_iter().for_each(|clusters| to.named(clusters, cluster::KIND));
        self.models().into_iter().flatten().for_each(|model| to.model(model, false));
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        // What could not be expanded said so.
        let expanded = match self.expand(to) {
            // It may name a model that is left out, and is not judged.
            Err(_) if to.is_partial() => None,
            expanded => expanded?,
        };
        let Some((models, claim, inputs)) = expanded else { return Ok(()) };
        let params = Params { models: labels(&models), claim, between: self.between() };
        let step = to.push(stage, "", params, inputs);
        to.about(step, &models);
        Ok(())
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        match self {
            Self::Metric { statistic, .. } => vec![("statistic", statistic.to_string().into())],
            _ => Vec::new(),
        }
    }
}

type Expanded = Result<Option<(Vec<Member>, Claim, Vec<Input>)>, Diagnostic>;

impl Expect {
    fn expand(&self, from: &Expander<'_>) -> Expanded {
        match self {
            Self::Metric { metric, statistic, cluster, .. } => {
                let (models, mut inputs) = match cluster {
                    None => (self.evaluated(metric, from)?, Vec::new()),
                    Some((clusters, _)) => match clustered(clusters, from) {
                        Some(found) => (Some(found.models.clone()), vec![found.input(&CLUSTERS_ROLE)]),
                        None => (None, Vec::new()),
                    },
                };
                let Some(models) = models else { return Ok(None) };
                inputs.extend(metric_inputs(metric, &models, from)?);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                let cluster = cluster
                    .as_ref()
                    .map(|(clusters, which)| OfCluster { clustering: clusters.get_ref().clone(), which: *which });
                Ok(Some((models, Claim::Metric { eval, metric, statistic: *statistic, cluster }, inputs)))
            }
            Self::Ends { metric, highest, expected, .. } => {
                let Some(models) = self.evaluated(metric, from)? else { return Ok(None) };
                let inputs = metric_inputs(metric, &models, from)?;
                let expected = places(expected.get_ref(), expected.span(), &models)?;
                let MetricRef { eval, metric } = metric.get_ref().clone();
                Ok(Some((models, Claim::Ends { eval, metric, highest: *highest, expected }, inputs)))
            }
            Self::OfClusters { clusters, metric, .. } => {
                let Some(found) = clustered(clusters, from) else { return Ok(None) };
                found.with_distances(clusters)?;
                let models = found.models.clone();
                let mut inputs = vec![found.input(&CLUSTERS_ROLE)];
                inputs.extend(metric_inputs(metric, &models, from)?);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                Ok(Some((models, Claim::Centroid { clustering: clusters.get_ref().clone(), eval, metric }, inputs)))
            }
            Self::OfMetrics { metrics: [one, other], .. } => {
                let Some(models) = self.evaluated(one, from)? else { return Ok(None) };
                let mut inputs = metric_inputs(one, &models, from)?;
                inputs.extend(metric_inputs_as(&AGAINST, other, &models, from)?);
                let (MetricRef { eval, metric }, other) = (one.get_ref().clone(), other.get_ref().clone());
                let claim = Claim::Metrics { eval, metric, other_eval: other.eval, other_metric: other.metric };
                Ok(Some((models, claim, inputs)))
            }
            Self::Members { clusters, expected, .. } => {
                let Some(found) = clustered(clusters, from) else { return Ok(None) };
                // Whoever is named nowhere is in the last group.
                let mut groups = vec![expected.get_ref().len(); found.models.len()];
                for (number, group) in expected.get_ref().iter().enumerate() {
                    for place in places(group, expected.span(), &found.models)? {
                        groups[place] = number;
                    }
                }
                let claim = Claim::Members { clustering: clusters.get_ref().clone(), expected: groups };
                Ok(Some((found.models.clone(), claim, vec![found.input(&CLUSTERS_ROLE)])))
            }
            Self::SameAs { clusters, other, .. } => {
                let (Some(found), Some(expected)) = (clustered(clusters, from), clustered(other, from)) else {
                    return Ok(None);
                };
                let place = |model: &Member| {
                    expected.models.iter().position(|other| model.is_same(other)).ok_or_else(|| {
                        let message =
                            format!("[cluster.{}] does not cluster the model `{}`", other.get_ref(), model.label());
                        Diagnostic::new(message, other.span()).help("name a clustering of the same models")
                    })
                };
                let places = found.models.iter().map(place).collect::<Result<_, _>>()?;
                let (clustering, name) = (clusters.get_ref().clone(), other.get_ref().clone());
                let inputs = vec![found.input(&CLUSTERS_ROLE), Input::new(&OTHER, expected.step, &CLUSTERS)];
                Ok(Some((found.models.clone(), Claim::SameAs { clustering, other: name, places }, inputs)))
            }
            Self::Measure { clusters, measure, cluster, .. } => {
                let Some(found) = clustered(clusters, from) else { return Ok(None) };
                if cluster.is_none() {
                    found.with_distances(clusters)?;
                }
                let claim =
                    Claim::Measure { clustering: clusters.get_ref().clone(), measure: *measure, cluster: *cluster };
                Ok(Some((found.models.clone(), claim, vec![found.input(&CLUSTERS_ROLE)])))
            }
        }
    }

    /// Those that the file picks, or all that are evaluated.
    fn evaluated(&self, metric: &Spanned<MetricRef>, from: &Expander<'_>) -> Result<Option<Vec<Member>>, Diagnostic> {
        let eval = &metric.get_ref().eval;
        let Some(evaluations) = from.find::<Evaluations>(eval::KIND, eval) else { return Ok(None) };
        if let Some(references) = self.models() {
            return Ok(Some(from.models(references).into_iter().map(Member::Here).collect()));
        }
        let all: Vec<Member> = evaluations.all().iter().map(|one| one.model.clone()).collect();
        let runs = all.iter().map(|model| model.over_training()).collect::<std::collections::BTreeSet<_>>().len();
        if runs < all.len() {
            let message = format!(
                "[eval.{eval}] evaluates {runs} models at several checkpoints, and each would count as several"
            );
            return Err(
                Diagnostic::new(message, metric.span()).help("say which with `models`, such as models = \"NAME@2\"")
            );
        }
        Ok(Some(all))
    }
}

fn clustered<'a>(of: &Spanned<String>, from: &'a Expander<'_>) -> Option<&'a Clustered> {
    from.find(cluster::KIND, of.get_ref())
}

/// Models by their labels.
fn places(named: &[String], at: Range<usize>, models: &[Member]) -> Result<Vec<usize>, Diagnostic> {
    let place = |label: &String| {
        models.iter().position(|model| model.label() == label).ok_or_else(|| {
            let known: Vec<&str> = models.iter().map(Member::label).collect();
            Diagnostic::new(format!("there is no model `{label}` here"), at.clone()).suggest(label, known)
        })
    };
    named.iter().map(place).collect()
}
