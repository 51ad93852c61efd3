//! `kind = "heatmap"`: distances between all models.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{Order, OrderBy, clustered, ordered, others};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture, cluster_names};
use super::pick::{Pick, at, kept};
use super::raw::RawPlot;
use crate::engine::{Context, StageError};
use crate::figures::{Heatmap, Look, Width};
use crate::kinds::cluster::{self, CLUSTERS_ROLE};
use crate::kinds::expand::Expander;
use crate::kinds::models::labels;
use crate::kinds::references::References;
use crate::study::Checker;
use crate::study::words::{Distance, Metric};
use crate::words::Word;

pub const FIGURE: FigureKind = FigureKind {
    name: "heatmap",
    about: "The distances between all pairs of models, which a clustering was made of.",
    example: "[plot.heatmap]\nkind = \"heatmap\"\nof = \"basins\"\n",
    needs: &[],
    told_by: None,
    tag: "heatmap",
    keys: &["order_by", "order", "clip"],
    limits: &[],
    log: &[],
    colours_are_values: true,
    read,
    draw,
};

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
    /// Those of the models in the clusters, where they are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    places: Option<Vec<usize>>,
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

    fn groups(&self) -> Vec<String> {
        cluster_names(|cluster| format!("cluster {cluster}"))
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(clustered) = clustered(&self.of, from) else { return Ok(None) };
        clustered.with_distances(&self.of)?;
        let picked = pick.of(&clustered.models, from)?;
        let models = at(&picked, &clustered.models);
        let mut inputs = vec![clustered.input(&CLUSTERS_ROLE)];
        let order_by = self.order_by.expand(&models, &mut inputs, from)?;
        let parameters = Parameters { order_by, models: labels(&models), places: pick.places(&picked) };
        Ok(Some(Drawing::new(&parameters, inputs).of(&models, from).naming_all(self.order_by.stage())))
    }
}

fn draw(parameters: Value, look: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { order_by, models, places } = serde_json::from_value(parameters)?;
    let clusters = context.json(&CLUSTERS_ROLE)?;
    let places = places.unwrap_or_else(|| (0..models.len()).collect());
    let of = kept(Some(&places), &clusters.clusters).ok_or_else(others)?;
    let rows = ordered(&order_by, &models, Some(&of), (look, context))?;
    let cell = |row: &usize, column: &usize| clusters.matrix[places[*row]][places[*column]];
    let cells = rows.order.iter().flat_map(|row| rows.order.iter().map(move |column| cell(row, column)));
    let value_label = match (Distance::named(&clusters.distance), Metric::named(&clusters.metric)) {
        (Some(distance), Some(metric)) => distance.title(metric),
        _ => format!("{} of {}", clusters.distance, clusters.metric),
    };
    Ok(Box::new(Heatmap {
        values: cells.collect(),
        models: rows.order.iter().map(|model| models[*model].clone()).collect(),
        beside: rows.beside,
        value_label,
        clusters: Some(rows.order.iter().map(|model| of[*model]).collect()),
        separators: rows.separators,
        title: rows.title,
        width: Width::Column,
        look: Look { doubt: clusters.doubt(), ..Look::default() },
    }))
}
