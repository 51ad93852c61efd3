//! Distances between all models.

use super::{Order, group_title, metric_axis, metric_title, metric_values};
use crate::engine::{Context, StageError};
use crate::figures::{Heatmap, Width};
use crate::stages::cluster::Clusters;

pub(super) fn heatmap(
    order_by: &Order,
    models: &[String],
    title: Option<String>,
    context: &Context,
) -> Result<Heatmap, StageError> {
    let clusters: Clusters = context.json("clusters")?;
    let mut order: Vec<usize> = (0..models.len()).collect();
    let mut title = title;
    let (labels, axis_label) = match order_by {
        Order::Seed => (models.to_vec(), "seed".to_owned()),
        Order::Cluster => {
            let sizes = clusters.members();
            order.sort_by_key(|model| {
                let cluster = clusters.clusters[*model];
                (std::cmp::Reverse(sizes.get(&cluster).map_or(0, Vec::len)), cluster, *model)
            });
            (models.to_vec(), "seed".to_owned())
        }
        Order::Metric { eval, metric } => {
            let values = metric_values(metric, models.len(), context)?;
            order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
            title = title.or_else(|| group_title(metric).map(|group| format!("ordered by {group}")));
            (values.iter().map(|value| format!("{value:.2}")).collect(), metric_axis(eval, metric))
        }
    };
    let cells = order.iter().flat_map(|row| order.iter().map(|column| clusters.matrix[*row][*column]));
    let distance = clusters.distance.replace('-', " ");
    Ok(Heatmap {
        values: cells.collect(),
        models: order.iter().map(|model| models[*model].clone()).collect(),
        labels: order.iter().map(|model| labels[*model].clone()).collect(),
        axis_label,
        value_label: match clusters.metric.as_str() {
            _ if clusters.distance == "euclidean" => "Euclidean distance".to_owned(),
            "loss" => format!("{distance} (nats)"),
            metric => format!("{distance} of {}", metric_title(metric)),
        },
        clusters: Some(order.iter().map(|model| clusters.clusters[*model]).collect()),
        separators: matches!(order_by, Order::Cluster),
        title,
        width: Width::Column,
    })
}
