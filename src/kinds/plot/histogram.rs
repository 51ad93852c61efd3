//! `kind = "histogram"`: a metric by cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{clustered, groups, metric_axis, metric_column, others, parts};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture, cluster_names};
use super::pick::{Pick, at, kept};
use super::raw::RawPlot;
use crate::engine::{Context, StageError};
use crate::figures::{Histogram, HistogramGroup, Look, Width};
use crate::kinds::cluster::{self, CLUSTERS_ROLE};
use crate::kinds::eval;
use crate::kinds::expand::Expander;
use crate::kinds::metrics::{metric_inputs, metric_values};
use crate::kinds::models::labels;
use crate::kinds::references::References;
use crate::study::Checker;
use crate::study::words::{MetricName, MetricRef};

pub const FIGURE: FigureKind = FigureKind {
    name: "histogram",
    about: "A metric of the models by cluster, with densities.",
    example: "[plot.histogram]\nkind = \"histogram\"\nof = \"basins\"\nmetric = \"eval.paws:f1\"\n",
    needs: &["metric"],
    told_by: None,
    tag: "histogram",
    keys: &["metric", "group_by", "order", "limits", "log"],
    limits: &["x", "y"],
    log: &["y"],
    colours_are_values: false,
    read,
    draw,
};

#[derive(Debug)]
struct HistogramSpec {
    of: Spanned<String>,
    metric: Spanned<MetricRef>,
    group_by: Option<Spanned<String>>,
}

/// Inputs `clusters` and `metric:I`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "histogram")]
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
    let metric = raw.needed_metric("a histogram needs the `metric` that it counts", "eval.hans:accuracy", checker)?;
    Some(Box::new(HistogramSpec { of, metric, group_by: raw.group_by(checker)? }))
}

impl Figure for HistogramSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, cluster::KIND);
        to.metric(&self.metric, eval::KIND);
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(clustered) = clustered(&self.of, from) else { return Ok(None) };
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
    let values = metric_values(&metric, models.len(), context)?;
    // What the clusters are does not matter where they are not shown.
    let doubt = if groups.is_some() { None } else { clusters.doubt() };
    let (names, of) = groups.map_or((Vec::new(), of), |groups| parts(&groups));
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    of.iter().enumerate().for_each(|(model, cluster)| members.entry(*cluster).or_default().push(model));
    let group = |(cluster, members): (usize, Vec<usize>)| HistogramGroup {
        name: names.get(cluster).cloned().unwrap_or_else(|| format!("cluster {cluster}")),
        models: members.iter().map(|model| models[*model].clone()).collect(),
        values: members.iter().map(|model| values[*model]).collect(),
    };
    Ok(Box::new(Histogram {
        groups: members.into_iter().map(group).collect(),
        mirrored: false,
        x_label: metric_axis(&eval, &metric, look),
        columns: vec![metric_column(&eval, &metric)],
        y_label: "models".to_owned(),
        title: metric.group_title(),
        width: Width::Column,
        look: Look { doubt, ..Look::default() },
    }))
}
