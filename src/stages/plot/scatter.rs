//! The centroid feature against a metric.

use super::{group_title, metric_axis, metric_values};
use crate::analysis::intervals::{Band, correlation};
use crate::analysis::statistics::{least_squares, pearson};
use crate::engine::{Context, StageError};
use crate::figures::{Fit, Scatter, Width};
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
    Ok(Scatter {
        fit: fit(&x, &y),
        x,
        y,
        clusters: Some(clusters.clusters),
        names: Some(clusters.models),
        x_label: "centroid feature (positive towards the larger cluster)".to_owned(),
        y_label: metric_axis(eval, metric),
        title: title.or_else(|| group_title(metric)),
        width: Width::Column,
    })
}

/// The least-squares line with its correlation and their intervals; `None` where a side is the same for all models,
/// which then correlates with nothing.
pub(super) fn fit(x: &[f64], y: &[f64]) -> Option<Fit> {
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
