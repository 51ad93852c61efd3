//! Clusters whose members somebody else found: nothing is computed.

use serde::{Deserialize, Serialize};

use super::cluster::Clusters;
use crate::engine::{Context, Outputs, StageError};

pub const VERSION: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub models: Vec<String>,
    /// Cluster of each model; clusters are numbered by their first member.
    pub clusters: Vec<usize>,
}

/// The output `clusters`, without distances or an embedding.
pub fn run(params: &Params, _: &mut Context) -> Result<Outputs, StageError> {
    let mut outputs = Outputs::default();
    let (models, clusters) = (params.models.clone(), params.clusters.clone());
    outputs.json("clusters", &Clusters { models, clusters, ..Clusters::default() })?;
    Ok(outputs)
}
