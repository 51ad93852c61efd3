//! The centroid feature against a metric.

use super::{group_title, metric_axis, metric_values};
use crate::analysis::statistics::{least_squares, pearson};
use crate::engine::{Context, StageError};
use crate::plot::{Fit, Scatter, Width};
use crate::stages::cluster::Clusters;

pub(super) fn scatter(
    eval: &str,
    metric: &str,
    title: Option<String>,
    context: &Context,
) -> Result<Scatter, StageError> {
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
