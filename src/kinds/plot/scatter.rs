//! `kind = "scatter"`: the centroid feature of a cluster stage against a metric.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{clustered, metric_axis, metric_inputs, metric_values};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::raw::RawPlot;
use crate::analysis::intervals::{Band, correlation};
use crate::analysis::statistics::{least_squares, pearson};
use crate::engine::{Context, StageError};
use crate::figures::{Fit, Scatter, Width};
use crate::kinds::cluster::{self, CLUSTERS_ROLE};
use crate::kinds::eval;
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::study::Checker;
use crate::study::words::{MetricName, MetricRef};

pub const FIGURE: FigureKind =
    FigureKind { name: "scatter", told_by: None, tag: "scatter", keys: &["metric"], read, draw };

#[derive(Debug)]
struct ScatterSpec {
    of: Spanned<String>,
    metric: Spanned<MetricRef>,
}

/// Inputs `clusters` and `metric:I`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "scatter")]
struct Parameters {
    eval: String,
    metric: MetricName,
    models: Vec<String>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[cluster::KIND], checker)?;
    let metric = raw.needed_metric("a scatter needs the `metric` on its y axis", "eval.paws:f1", checker)?;
    Some(Box::new(ScatterSpec { of, metric }))
}

impl Figure for ScatterSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, cluster::KIND);
        to.metric(&self.metric, eval::KIND);
    }

    fn expand(&self, from: &Expander<'_>) -> Expanded {
        let Some(clustered) = clustered(&self.of, from) else { return Ok(None) };
        clustered.with_distances(&self.of)?;
        let mut inputs = vec![clustered.input(&CLUSTERS_ROLE)];
        inputs.extend(metric_inputs(&self.metric, &clustered.models, from)?);
        let MetricRef { eval, metric } = self.metric.get_ref().clone();
        Ok(Some(Drawing::new(&Parameters { eval, metric, models: clustered.labels() }, inputs)))
    }
}

fn draw(parameters: Value, title: Option<String>, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { eval, metric, .. } = serde_json::from_value(parameters)?;
    let clusters = context.json(&CLUSTERS_ROLE)?;
    let Some(x) = clusters.centroid_feature else {
        return Err(StageError::new("a centroid feature needs exactly two clusters")
            .help("set clusters = 2 in the cluster stage"));
    };
    let y = metric_values(&metric, x.len(), context)?;
    Ok(Box::new(Scatter {
        fit: fit(&x, &y),
        x,
        y,
        clusters: Some(clusters.clusters),
        names: Some(clusters.models),
        x_label: "centroid feature (positive towards the larger cluster)".to_owned(),
        y_label: metric_axis(&eval, &metric),
        title: title.or_else(|| metric.group_title()),
        width: Width::Column,
    }))
}

/// The least-squares line with its correlation and their intervals; `None` where a side is the same for all models,
/// which then correlates with nothing.
pub fn fit(x: &[f64], y: &[f64]) -> Option<Fit> {
    const STEPS: usize = 40;
    let (r, line) = (pearson(x, y).ok()?, least_squares(x, y).ok()?);
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    let ends = |band: Band| {
        let at = |step: usize| low + (high - low) * step as f64 / STEPS as f64;
        (0..=STEPS).map(|step| (at(step), band.at(at(step)))).map(|(x, (low, high))| [x, low, high]).collect()
    };
    Some(Fit {
        slope: line.slope,
        intercept: line.intercept,
        r: r.r,
        interval: correlation(r.r, r.n),
        band: Band::new(x, y).map_or(Vec::new(), ends),
    })
}
