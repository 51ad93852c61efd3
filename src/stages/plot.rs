//! Figures of what was measured.

use serde::{Deserialize, Serialize};

use super::cluster::Clusters;
use super::eval::Measured;
use super::interpolate::Line;
use super::measure::Metric;
use crate::analysis::statistics::{least_squares, pearson};
use crate::engine::{Context, Outputs, StageError};
use crate::plot::{Curve, Curves, Fit, Heatmap, Scatter, Width};

pub const VERSION: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub figure: Figure,
    pub title: Option<String>,
}

/// What is drawn. Every list of models holds their labels, in the order of the inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Figure {
    /// Inputs `pair:I,J` by number, and `clusters` where lines are grouped.
    Curves { metric: String, pairs: Vec<[usize; 2]>, models: Vec<String> },
    /// Input `clusters`, and `metric:I` for every model where they are ordered by one.
    Heatmap { order_by: Order, models: Vec<String> },
    /// Inputs `clusters` and `metric:I`.
    Scatter { eval: String, metric: String, models: Vec<String> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Order {
    Seed,
    Cluster,
    Metric { eval: String, metric: String },
}

pub fn run(params: &Params, context: &mut Context) -> Result<Outputs, StageError> {
    let provenance = context.provenance();
    let title = params.title.clone();
    let drawn = match &params.figure {
        Figure::Curves { metric, pairs, .. } => curves(metric, pairs, title, context)?.render(&provenance)?,
        Figure::Heatmap { order_by, models } => heatmap(order_by, models, title, context)?.render(&provenance)?,
        Figure::Scatter { eval, metric, .. } => scatter(eval, metric, title, context)?.render(&provenance)?,
    };
    let mut outputs = Outputs::default();
    outputs.bytes("figure.svg", drawn.svg);
    outputs.bytes("figure.png", drawn.png);
    Ok(outputs)
}

fn curves(metric: &str, pairs: &[[usize; 2]], title: Option<String>, context: &Context) -> Result<Curves, StageError> {
    let clusters: Option<Clusters> = if context.has_input("clusters") { Some(context.json("clusters")?) } else { None };
    let (groups, group_of) = match &clusters {
        None => (vec!["pairs".to_owned()], vec![0; pairs.len()]),
        Some(clusters) => {
            let count = clusters.clusters.iter().max().map_or(0, |last| last + 1);
            let mut groups: Vec<String> = (0..count).map(|cluster| format!("within cluster {cluster}")).collect();
            groups.push("between clusters".to_owned());
            let group = |[i, j]: &[usize; 2]| match (clusters.clusters[*i], clusters.clusters[*j]) {
                (one, other) if one == other => one,
                _ => count,
            };
            (groups, pairs.iter().map(group).collect())
        }
    };
    let curve = |([i, j], group): (&[usize; 2], usize)| {
        let mut line: Line = context.json(&format!("pair:{i},{j}"))?;
        let y = line.metrics.remove(metric);
        let y = y.ok_or_else(|| StageError::new(format!("the lines do not measure `{metric}`")))?;
        Ok(Curve { x: line.coefficients, y, group })
    };
    Ok(Curves {
        curves: pairs.iter().zip(group_of).map(curve).collect::<Result<_, StageError>>()?,
        groups,
        x_label: "interpolation coefficient".to_owned(),
        y_label: metric_title(metric),
        title,
        width: Width::Column,
    })
}

fn heatmap(
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

fn scatter(eval: &str, metric: &str, title: Option<String>, context: &Context) -> Result<Scatter, StageError> {
    let clusters: Clusters = context.json("clusters")?;
    let Some(x) = clusters.centroid_feature else {
        return Err(StageError::new("a centroid feature needs exactly two clusters")
            .help("set clusters = 2 in the cluster stage"));
    };
    let y = metric_values(metric, x.len(), context)?;
    // A metric that is the same for all models has no correlation with anything.
    let fit = match (pearson(&x, &y), least_squares(&x, &y)) {
        (Ok(correlation), Ok(line)) => Some(Fit { slope: line.slope, intercept: line.intercept, r: correlation.r }),
        _ => None,
    };
    Ok(Scatter {
        x,
        y,
        clusters: Some(clusters.clusters),
        names: Some(clusters.models),
        fit,
        x_label: "centroid feature (positive towards the larger cluster)".to_owned(),
        y_label: metric_axis(eval, metric),
        title: title.or_else(|| group_title(metric)),
        width: Width::Column,
    })
}

fn metric_values(metric: &str, models: usize, context: &Context) -> Result<Vec<f64>, StageError> {
    let value = |model| {
        let measured: Measured = context.json(&format!("metric:{model}"))?;
        measured.get(metric).map_err(StageError::new)
    };
    (0..models).map(value).collect()
}

/// `accuracy`, with its unit where it has one; the group is left to [`group_title`].
fn metric_title(metric: &str) -> String {
    let name = metric.split('[').next().unwrap_or(metric);
    Metric::named(name).map_or(name, |metric| metric.title()).to_owned()
}

/// `accuracy on passive`
fn metric_axis(eval: &str, metric: &str) -> String {
    format!("{} on {}", metric_title(metric), eval.replace('_', " "))
}

/// `lexical overlap, non-entailment`: too long for an axis, so it is the title where no other is given.
fn group_title(metric: &str) -> Option<String> {
    let (_, group) = metric.split_once('[')?;
    Some(group.trim_end_matches(']').replace('_', " ").split(',').map(str::trim).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_name_the_metric_and_titles_the_group() {
        assert_eq!(metric_axis("out_of_domain", "loss"), "loss (nats) on out of domain");
        let grouped = "accuracy[lexical_overlap, non-entailment]";
        assert_eq!(metric_axis("hans", grouped), "accuracy on hans");
        assert_eq!(group_title(grouped).as_deref(), Some("lexical overlap, non-entailment"));
        assert_eq!(group_title("accuracy"), None);
    }
}
