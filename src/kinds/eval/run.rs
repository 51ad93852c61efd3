//! Every example's logits, loss and label, and the metrics over all and by group.

use serde::{Deserialize, Serialize};

use super::measured::{EXAMPLES, METRICS, Measured};
use crate::engine::{Context, Outputs, StageEnd, StepKind};
use crate::kinds::inputs::model;
use crate::kinds::measure::{Selection, table_of_examples};
use crate::kinds::models::MODEL;
use crate::study::words::{Metric, Precision};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub selection: Selection,
    pub metrics: Vec<Metric>,
    /// Columns whose values part the examples into groups; `label` is the label's name.
    pub by: Vec<String>,
    pub precision: Precision,
}

impl StepKind for Params {
    const KIND: &'static str = "eval";
    const VERSION: u32 = 1;
    const NEEDS_DEVICE: bool = true;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let examples = match self.metrics.is_empty() {
            true => self.selection.prepare_unlabelled(context)?,
            false => self.selection.prepare(context)?,
        };
        let model = model(context, &MODEL)?;
        let scored = examples.score(&self.selection, &model, context)?;
        if examples.dataset.label.is_some() {
            scored.suspicions()?.iter().for_each(|note| context.note(note));
        }

        let measured = Measured::of(&examples, &scored, &self.metrics, &self.by, 0..scored.labels.len())?;
        let mut outputs = Outputs::default();
        outputs.json(&METRICS, &measured)?;
        outputs.bytes(&EXAMPLES, table_of_examples(&examples, &scored)?);
        Ok(outputs)
    }
}
