//! Figures of finished plot steps, under their stage's name.

use std::path::Path;

use super::put;
use crate::engine::{Plan, StageError};
use crate::graph::Graph;
use crate::stages::Params;
use crate::store::Store;

pub fn write(graph: &Graph, plan: &Plan, store: &Store, folder: &Path) -> Result<(), StageError> {
    for (step, state) in graph.steps.iter().zip(&plan.states) {
        if let (Params::Plot(_), Some(manifest)) = (&step.params, state.manifest()) {
            for format in ["svg", "png"] {
                let bytes = store.output(manifest, &format!("figure.{format}"))?;
                put(&folder.join(format!("{}.{format}", step.stage.name)), &bytes)?;
            }
        }
    }
    Ok(())
}
