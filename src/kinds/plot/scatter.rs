//! `kind = "scatter"`: the centroid feature of a cluster stage against a metric.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{clustered, groups, metric_axis, metric_column, others, parts};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture, cluster_names};
use super::pick::{Pick, at, kept};
use super::raw::RawPlot;
use crate::analysis::intervals::{Band, correlation};
use crate::analysis::statistics::{least_squares, pearson};
use crate::engine::{Context, StageError};
use crate::figures::{Fit, Look, Scatter, Width};
use crate::kinds::cluster::{self, CLUSTERS_ROLE};
use crate::kinds::eval;
use crate::kinds::expand::Expander;
use crate::kinds::metrics::{metric_inputs, metric_values};
use crate::kinds::models::labels;
use crate::kinds::references::References;
use crate::study::Checker;
use crate::study::words::{MetricName, MetricRef};

pub const FIGURE: FigureKind = FigureKind {
    name: "scatter",
    about: "A metric of each model against its centroid feature.",
    example: "[plot.scatter]\nkind = \"scatter\"\nof = \"basins\"\nmetric = \"eval.paws:f1\"\n",
    needs: &["metric"],
    told_by: None,
    tag: "scatter",
    keys: &["metric", "group_by", "order", "limits", "log"],
    limits: &["x", "y"],
    log: &["y"],
    colours_are_values: false,
    read,
    draw,
};

#[derive(Debug)]
struct ScatterSpec {
    of: Spanned<String>,
    metric: Spanned<MetricRef>,
    group_by: Option<Spanned<String>>,
}

/// Inputs `clusters` and `metric:I`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "scatter")]
struct Parameters {
    eval: String,
    metric: MetricName,
    models: Vec<String>,
    /// Those of the models in the clusters, where they are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    places: Option<Vec<usize>>,
    /// Of each model, where it is not its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[cluster::KIND], checker)?;
    let metric = raw.needed_metric("a scatter needs the `metric` on its y axis", "eval.paws:f1", checker)?;
    Some(Box::new(ScatterSpec { of, metric, group_by: raw.group_by(checker)? }))
}

impl Figure for ScatterSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, cluster::KIND);
        to.metric(&self.metric, eval::KIND);
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(clustered) = clustered(&self.of, from) else { return Ok(None) };
        clustered.with_distances(&self.of)?;
        let picked = pick.of(&clustered.models, from)?;
        let models = at(&picked, &clustered.models);
        let mut inputs = vec![clustered.input(&CLUSTERS_ROLE)];
        inputs.extend(metric_inputs(&self.metric, &models, from)?);
        let groups = self.group_by.as_ref().map(|by| groups(by, &models, from)).transpose()?;
        let MetricRef { eval, metric } = self.metric.get_ref().clone();
        let parameters =
            Parameters { eval: eval.clone(), metric, models: labels(&models), places: pick.places(&picked), groups };
        let named = parameters.groups.clone().into_iter().flatten();
        Ok(Some(Drawing::new(&parameters, inputs).of(&models, from).naming(&eval).naming_all(named)))
    }

    fn groups(&self) -> Vec<String> {
        cluster_names(|cluster| format!("cluster {cluster}"))
    }
}

fn draw(parameters: Value, look: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { eval, metric, models, places, groups } = serde_json::from_value(parameters)?;
    let clusters = context.json(&CLUSTERS_ROLE)?;
    let of = kept(places.as_deref(), &clusters.clusters).ok_or_else(others)?;
    let doubt = clusters.doubt();
    let Some(x) = clusters.centroid_feature else {
        return Err(StageError::new("a centroid feature needs exactly two clusters")
            .help("set clusters = 2 in the cluster stage"));
    };
    let x = kept(places.as_deref(), &x).ok_or_else(others)?;
    let y = metric_values(&metric, x.len(), context)?;
    let y_label = metric_axis(&eval, &metric, look);
    let (groups, of) = groups.map_or((Vec::new(), of), |groups| parts(&groups));
    Ok(Box::new(Scatter {
        fit: fit(&x, &y),
        x,
        y,
        clusters: Some(of),
        groups,
        names: Some(models),
        x_label: "centroid feature (positive towards the larger cluster)".to_owned(),
        y_column: metric_column(&eval, &metric),
        y_label,
        title: metric.group_title(),
        width: Width::Column,
        look: Look { doubt, ..Look::default() },
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
