//! Lines between models, by cluster where there are clusters.

use super::metric_title;
use crate::engine::{Context, StageError};
use crate::plot::{Curve, Curves, Width};
use crate::stages::cluster::Clusters;
use crate::stages::interpolate::Line;

pub(super) fn curves(
    metric: &str,
    pairs: &[[usize; 2]],
    title: Option<String>,
    context: &Context,
) -> Result<Curves, StageError> {
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
