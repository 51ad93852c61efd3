//! `kind = "histogram"`: a metric by cluster.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{clustered, metric_axis, metric_inputs, metric_values};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::raw::RawPlot;
use crate::engine::{Context, StageError};
use crate::figures::{Histogram, HistogramGroup, Width};
use crate::kinds::cluster::{self, CLUSTERS_ROLE};
use crate::kinds::eval;
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::study::Checker;
use crate::study::words::{MetricName, MetricRef};

pub const FIGURE: FigureKind =
    FigureKind { name: "histogram", told_by: None, tag: "histogram", keys: &["metric"], read, draw };

#[derive(Debug)]
struct HistogramSpec {
    of: Spanned<String>,
    metric: Spanned<MetricRef>,
}

/// Inputs `clusters` and `metric:I`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "histogram")]
struct Parameters {
    eval: String,
    metric: MetricName,
    models: Vec<String>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[cluster::KIND], checker)?;
    let metric = raw.needed_metric("a histogram needs the `metric` that it counts", "eval.hans:accuracy", checker)?;
    Some(Box::new(HistogramSpec { of, metric }))
}

impl Figure for HistogramSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, cluster::KIND);
        to.metric(&self.metric, eval::KIND);
    }

    fn expand(&self, from: &Expander<'_>) -> Expanded {
        let Some(clustered) = clustered(&self.of, from) else { return Ok(None) };
        let mut inputs = vec![clustered.input(&CLUSTERS_ROLE)];
        inputs.extend(metric_inputs(&self.metric, &clustered.models, from)?);
        let MetricRef { eval, metric } = self.metric.get_ref().clone();
        Ok(Some(Drawing::new(&Parameters { eval, metric, models: clustered.labels() }, inputs)))
    }
}

fn draw(parameters: Value, title: Option<String>, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { eval, metric, .. } = serde_json::from_value(parameters)?;
    let clusters = context.json(&CLUSTERS_ROLE)?;
    let values = metric_values(&metric, clusters.models.len(), context)?;
    let group = |(cluster, members): (usize, Vec<usize>)| HistogramGroup {
        name: format!("cluster {cluster}"),
        models: members.iter().map(|model| clusters.models[*model].clone()).collect(),
        values: members.iter().map(|model| values[*model]).collect(),
    };
    Ok(Box::new(Histogram {
        groups: clusters.members().into_iter().map(group).collect(),
        mirrored: false,
        x_label: metric_axis(&eval, &metric),
        y_label: "models".to_owned(),
        title: title.or_else(|| metric.group_title()),
        width: Width::Column,
    }))
}
