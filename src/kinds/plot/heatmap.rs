//! `kind = "heatmap"`: distances between all models.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{Order, OrderBy, clustered, ordered};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::raw::RawPlot;
use crate::engine::{Context, StageError};
use crate::figures::{Heatmap, Width};
use crate::kinds::cluster::{self, CLUSTERS_ROLE};
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::study::Checker;
use crate::study::words::{Distance, Metric};
use crate::words::Word;

pub const FIGURE: FigureKind =
    FigureKind { name: "heatmap", told_by: None, tag: "heatmap", keys: &["order_by"], read, draw };

#[derive(Debug)]
struct HeatmapSpec {
    of: Spanned<String>,
    order_by: OrderBy,
}

/// Inputs `clusters`, and `metric:I` for every model where they are ordered by one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "heatmap")]
struct Parameters {
    order_by: Order,
    models: Vec<String>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[cluster::KIND], checker)?;
    let order_by = match raw.order_by.clone() {
        None => OrderBy::Cluster,
        Some(order) => OrderBy::read(order, checker)?,
    };
    Some(Box::new(HeatmapSpec { of, order_by }))
}

impl Figure for HeatmapSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, cluster::KIND);
        self.order_by.references(to);
    }

    fn expand(&self, from: &Expander<'_>) -> Expanded {
        let Some(clustered) = clustered(&self.of, from) else { return Ok(None) };
        clustered.with_distances(&self.of)?;
        let mut inputs = vec![clustered.input(&CLUSTERS_ROLE)];
        let order_by = self.order_by.expand(&clustered.models, &mut inputs, from)?;
        Ok(Some(Drawing::new(&Parameters { order_by, models: clustered.labels() }, inputs)))
    }
}

fn draw(parameters: Value, title: Option<String>, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { order_by, models } = serde_json::from_value(parameters)?;
    let clusters = context.json(&CLUSTERS_ROLE)?;
    let rows = ordered(&order_by, &models, Some(&clusters.clusters), context)?;
    let cells = rows.order.iter().flat_map(|row| rows.order.iter().map(|column| clusters.matrix[*row][*column]));
    let value_label = match (Distance::named(&clusters.distance), Metric::named(&clusters.metric)) {
        (Some(distance), Some(metric)) => distance.title(metric),
        _ => format!("{} of {}", clusters.distance, clusters.metric),
    };
    Ok(Box::new(Heatmap {
        values: cells.collect(),
        models: rows.order.iter().map(|model| models[*model].clone()).collect(),
        labels: rows.labels,
        axis_label: rows.axis_label,
        value_label,
        clusters: Some(rows.order.iter().map(|model| clusters.clusters[*model]).collect()),
        separators: rows.separators,
        title: title.or(rows.title),
        width: Width::Column,
    }))
}
