//! One step for all models that an interpolate stage joins.

use super::clusters::Clustered;
use super::run::Params;
use super::spec::{Cluster, Width};
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::interpolate::{self, Lines};
use crate::kinds::models::labels;
use crate::kinds::offers::Offers;
use crate::kinds::references::References;
use crate::kinds::room::{Spec, whole};
use crate::study::Diagnostic;

impl Offers for Cluster {}

impl Spec for Cluster {
    fn references(&self, to: &mut References<'_>) {
        to.measures(&self.of, interpolate::KIND, self.metric);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let name = self.of.get_ref();
        let Some(lines) = to.find::<Lines>(interpolate::KIND, name) else { return Ok(()) };
        let n = lines.models.len();
        if lines.pairs.len() != n * (n - 1) / 2 {
            let message = format!("[interpolate.{name}] does not have all pairs, and clusters need them");
            return Err(Diagnostic::new(message, self.of.span()).help("set pairs = \"all\" there"));
        }
        if n < self.clusters {
            let message = format!("{n} models cannot form {} clusters", self.clusters);
            return Err(Diagnostic::new(message, self.of.span()));
        }
        let (models, inputs) = (lines.models.clone(), lines.inputs());
        let params = Params {
            distance: self.distance,
            metric: self.metric,
            clusters: self.clusters,
            delta: self.delta,
            moves: self.clusters > 2,
            models: labels(&models),
        };
        let step = to.push(stage, "", params, inputs);
        to.about(step, &models);
        to.publish(stage, Clustered { step, models, has_distances: true });
        Ok(())
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        vec![
            ("distance", self.distance.to_string().into()),
            ("metric", self.metric.to_string().into()),
            ("clusters", whole(self.clusters)),
            (
                "delta",
                match self.delta {
                    Width::Number(delta) => delta.into(),
                    Width::Of(median) => median.to_string().into(),
                },
            ),
        ]
    }
}
