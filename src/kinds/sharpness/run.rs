//! ε-sharpness of one model on one data set: its loss, one ascent inside the box, its loss again.

use serde::{Deserialize, Serialize};

use super::sharpened::{SHARPNESS, Sharpness};
use crate::data::Encoded;
use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::kinds::inputs::model;
use crate::kinds::measure::{Examples, Scored, Selection, logits, or_stopped};
use crate::kinds::models::MODEL;
use crate::kinds::snapshots::Snapshots;
use crate::kinds::training::estimated_memory;
use crate::model::DropoutRates;
use crate::study::words::{Metric, Precision};
use crate::train::{self, Ascent, BoxShape, SharpnessJob};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub selection: Selection,
    pub epsilon: f64,
    #[serde(rename = "box")]
    pub shape: BoxShape,
    /// How many parameters move, drawn at random; all of them where it is `None`.
    pub directions: Option<usize>,
    pub learning_rate: f64,
    pub batch_size: usize,
    /// Everywhere; the rates of the model's configuration where it is `None`.
    pub dropout: Option<f64>,
    pub seed: u64,
    pub precision: Precision,
}

impl StepKind for Params {
    const KIND: &'static str = "sharpness";
    const VERSION: u32 = 1;
    const NEEDS_DEVICE: bool = true;

    fn memory(&self, read: u64) -> u64 {
        estimated_memory(read, self.batch_size.saturating_mul(self.selection.max_length))
    }

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let examples = self.selection.prepare(context)?;
        let model = model(context, &MODEL)?;
        let classes = examples.classes(&self.selection, &model)?;
        let outputs_of_classes = one_output_a_class(&classes, &model.labels)?;
        let labels = examples.class_labels(&classes);
        let targets: Vec<u32> = labels.iter().map(|class| outputs_of_classes[*class as usize] as u32).collect();
        let everywhere = |rate| DropoutRates { hidden: rate, attention: rate, classifier: rate };
        let job = SharpnessJob {
            model: &model.bert,
            examples: &rows(&examples),
            targets: &targets,
            epsilon: self.epsilon,
            shape: self.shape,
            directions: self.directions,
            learning_rate: self.learning_rate,
            batch_size: self.batch_size,
            dropout: self.dropout.map_or_else(|| DropoutRates::of(model.bert.config()), everywhere),
            seed: self.seed,
        };
        let (mut snapshots, start) = Snapshots::open(context, &job.shape())?;
        let before = match snapshots.kept.before {
            Some(before) => before,
            None => loss(&examples.score(&self.selection, &model, context)?)?,
        };
        snapshots.kept.before = Some(before);
        let steps = job.steps();
        let raised = or_stopped(train::ascend_from(&job, start, &mut |ascent| {
            context.progress_with_loss(ascent.state.step, steps, ascent.loss);
            snapshots.after_step(context, &ascent.state)
        }))?;
        let end = Ascent::finished(&job, &raised);
        // Half an evaluation is worth nothing without the model that it is of.
        let raw = logits(context, "after", &raised, &examples.batches, &mut |context| snapshots.keep(context, &end))?;
        let scored = examples.combine(&self.selection, &classes, &raw, model.labels.len());
        let scored = scored.map_err(|error| StageError { message: format!("after the ascent: {error}"), ..error })?;
        let after = loss(&scored)?;
        let rise = train::sharpness(before, after);
        let sharpness =
            Sharpness { examples: targets.len(), before: Some(before), after: Some(after), sharpness: rise };
        let mut outputs = Outputs::default();
        outputs.json(&SHARPNESS, &sharpness)?;
        Ok(outputs)
    }
}

fn loss(scored: &Scored) -> Result<f64, StageError> {
    let measured = scored.measure(&[Metric::Loss])?;
    measured.get(&Metric::Loss).copied().ok_or_else(|| StageError::new("the loss was not measured"))
}

/// The model's output for each class. The ascent is on the loss that the model was trained with, so every output must
/// be a class of its own.
pub fn one_output_a_class(classes: &[(String, Vec<usize>)], labels: &[String]) -> Result<Vec<usize>, StageError> {
    let single: Option<Vec<usize>> =
        classes.iter().map(|(_, members)| if let [output] = members[..] { Some(output) } else { None }).collect();
    match single {
        Some(outputs) if (0..labels.len()).all(|output| outputs.contains(&output)) => Ok(outputs),
        _ => Err(StageError::new(format!(
            "sharpness needs one class of the data for each output of the model, [{}]",
            labels.join(", ")
        ))
        .help("measure it on data with the labels that the model was trained with")),
    }
}

/// The tokenised examples in their own order, taken out of the batches they were sorted into.
fn rows(examples: &Examples) -> Vec<Encoded> {
    let mut rows = vec![Encoded::default(); examples.labels.len()];
    for batch in &examples.batches {
        for (place, row) in batch.index.iter().enumerate() {
            let cells = place * batch.width..(place + 1) * batch.width;
            let length = batch.attention_mask[cells.clone()].iter().filter(|mask| **mask > 0.0).count();
            let tokens = cells.start..cells.start + length;
            rows[*row] = Encoded {
                input_ids: batch.input_ids[tokens.clone()].to_vec(),
                token_type_ids: batch.token_type_ids[tokens].to_vec(),
            };
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, by_length};

    #[test]
    fn rows_come_out_of_their_batches_as_they_went_in() {
        let wanted: Vec<Encoded> = [3usize, 9, 1, 4, 9]
            .iter()
            .map(|length| Encoded {
                input_ids: (0..*length as i32).map(|at| 7 * *length as i32 + at).collect(),
                token_type_ids: (0..*length as i32).map(|at| at % 2).collect(),
            })
            .collect();
        let labels = vec![0; wanted.len()];
        let batches = by_length(&wanted, &labels, 12, 0);
        assert_eq!(rows(&Examples { dataset: Dataset::default(), labels, batches, digest: None }), wanted);
    }
}
