//! Where the models are at each checkpoint, and which of them change cluster.

use crate::engine::{Context, StageError};
use crate::figures::{Movement, Width};
use crate::stages::dynamics::{Coordinate, Dynamics};

pub(super) fn movement(title: Option<String>, context: &Context) -> Result<Movement, StageError> {
    let dynamics: Dynamics = context.json("dynamics")?;
    let steps = dynamics.times.iter().all(|time| time == "last" || time.parse::<u64>().is_ok());
    Ok(Movement {
        names: dynamics.models,
        times: dynamics.times,
        positions: dynamics.positions,
        clusters: dynamics.clusters,
        x_label: if steps { "checkpoint (training step)" } else { "checkpoint" }.to_owned(),
        y_label: match dynamics.coordinate {
            Coordinate::CentroidFeature => "centroid feature (positive: larger cluster)".to_owned(),
            Coordinate::SecondEigenvector => "second eigenvector".to_owned(),
        },
        title,
        width: Width::Column,
    })
}
