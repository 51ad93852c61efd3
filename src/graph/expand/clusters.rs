//! Clusters of the models that an interpolate stage joins.

use super::{Clustered, Expander, labels, pair_inputs};
use crate::experiment::{Cluster, Diagnostic, StageId};
use crate::stages::{Params, cluster};

impl Expander<'_> {
    pub(super) fn cluster(&mut self, id: &StageId, cluster: &Cluster) -> Result<(), Diagnostic> {
        let Some(lines) = self.lines.get(cluster.of.get_ref()) else { return Ok(()) };
        let n = lines.models.len();
        if lines.pairs.len() != n * (n - 1) / 2 {
            let message =
                format!("[interpolate.{}] does not have all pairs, and clusters need them", cluster.of.get_ref());
            return Err(Diagnostic::new(message, cluster.of.span()).help("set pairs = \"all\" there"));
        }
        if n < cluster.clusters {
            let message = format!("{n} models cannot form {} clusters", cluster.clusters);
            return Err(Diagnostic::new(message, cluster.of.span()));
        }
        let models = lines.models.clone();
        let params = cluster::Params {
            distance: cluster.distance.clone(),
            metric: cluster.metric.clone(),
            clusters: cluster.clusters,
            delta: cluster.delta,
            models: labels(&models),
        };
        let inputs = pair_inputs(lines);
        let step = self.push(id, String::new(), Params::Cluster(params), inputs);
        self.clusters.insert(id.name.clone(), Clustered { step, models });
        Ok(())
    }
}
