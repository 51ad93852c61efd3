//! How a metric is distributed: by cluster, or two against each other.

use super::{Measurement, group_title, metric_axis, metric_title, metric_values};
use crate::engine::{Context, StageError};
use crate::figures::{Histogram, HistogramGroup, Width};
use crate::stages::cluster::Clusters;
use crate::stages::eval::Measured;

pub(super) fn histogram(
    eval: &str,
    metric: &str,
    title: Option<String>,
    context: &Context,
) -> Result<Histogram, StageError> {
    let clusters: Clusters = context.json("clusters")?;
    let values = metric_values(metric, clusters.models.len(), context)?;
    let group = |(cluster, members): (usize, Vec<usize>)| HistogramGroup {
        name: format!("cluster {cluster}"),
        models: members.iter().map(|model| clusters.models[*model].clone()).collect(),
        values: members.iter().map(|model| values[*model]).collect(),
    };
    Ok(Histogram {
        groups: clusters.members().into_iter().map(group).collect(),
        mirrored: false,
        x_label: metric_axis(eval, metric),
        y_label: "models".to_owned(),
        title: title.or_else(|| group_title(metric)),
        width: Width::Column,
    })
}

pub(super) fn two(
    first: &Measurement,
    second: &Measurement,
    title: Option<String>,
    context: &Context,
) -> Result<Histogram, StageError> {
    let group = |role: &str, of: &Measurement| -> Result<HistogramGroup, StageError> {
        let value = |model| {
            let measured: Measured = context.json(&format!("{role}:{model}"))?;
            measured.get(&of.metric).map_err(StageError::new)
        };
        // Two of one evaluation are told apart by their groups or metrics, else by the evaluation and its group.
        let within = group_title(&of.metric);
        let name = match within {
            Some(within) if first.eval == second.eval => within,
            Some(within) => format!("{}, {within}", of.eval.replace('_', " ")),
            None if first.eval == second.eval => metric_title(&of.metric),
            None => of.eval.replace('_', " "),
        };
        Ok(HistogramGroup {
            name,
            models: of.models.clone(),
            values: (0..of.models.len()).map(value).collect::<Result<_, StageError>>()?,
        })
    };
    let (one, other) = (metric_title(&first.metric), metric_title(&second.metric));
    Ok(Histogram {
        groups: vec![group("first", first)?, group("second", second)?],
        mirrored: true,
        x_label: if one == other { one } else { format!("{one}, {other}") },
        y_label: "models".to_owned(),
        title,
        width: Width::Column,
    })
}
