//! Figures of finished plot steps, under their stage's name, and the numbers in them.

use std::path::Path;

use super::tables::TABLES;
use super::{ResultsError, put};
use crate::engine::Plan;
use crate::graph::Graph;
use crate::stages::Params;
use crate::store::Store;

pub fn write(graph: &Graph, plan: &Plan, store: &Store, folder: &Path) -> Result<(), ResultsError> {
    for (step, state) in graph.steps.iter().zip(&plan.states) {
        if let (Params::Plot(_), Some(manifest)) = (&step.params, state.manifest()) {
            for format in ["svg", "png", "pdf", "csv"] {
                let bytes = store.output(manifest, &format!("figure.{format}"))?;
                put(&folder.join(file_name(&step.stage.name, format)), &bytes)?;
            }
        }
    }
    Ok(())
}

/// `NAME.csv`, or `NAME.figure.csv` where that is a table of the study.
fn file_name(stage: &str, format: &str) -> String {
    match format {
        "csv" if TABLES.contains(&stage) => format!("{stage}.figure.csv"),
        format => format!("{stage}.{format}"),
    }
}
