//! A model's outputs on a whole split.

use super::TrainError;
use crate::data::Batch;
use crate::model::{Head, Transformer};
use std::ops::ControlFlow;

const QUEUED: usize = 8;

/// Logits of every row, `[rows, labels]` flat, in the order of the split: row `i` is the one whose `index` is `i`.
///
/// Dropout is off. Batches may come in any order and of any length; together they hold each row once.
///
/// # Errors
/// Tokens that the model cannot take, or batches that leave rows out or repeat them.
pub fn logits(model: &Transformer, batches: &[Batch]) -> Result<Vec<f32>, TrainError> {
    logits_from(model, batches, None, &mut |_| ControlFlow::Continue(()))
}

/// The logits of the first so many batches.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialLogits {
    /// `[rows, labels]` of the whole split, 0 where a row is not done.
    pub values: Vec<f32>,
    /// How many batches are done.
    pub batches: usize,
}

/// [`logits`] from the beginning or from a part of the same evaluation; `on_part`, told after every few batches, can stop
/// it.
pub fn logits_from(
    model: &Transformer,
    batches: &[Batch],
    start: Option<PartialLogits>,
    on_part: &mut dyn FnMut(&PartialLogits) -> ControlFlow<()>,
) -> Result<Vec<f32>, TrainError> {
    let Head::Classifier { labels } = model.head() else {
        return Err(TrainError::Data("a masked language model has no classifier to evaluate".into()));
    };
    let rows = batches.iter().map(|batch| batch.rows).sum::<usize>();
    let mut seen = vec![false; rows];
    for index in batches.iter().flat_map(|batch| &batch.index) {
        match seen.get_mut(*index) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(TrainError::Data(format!("row {index} is twice in the batches, or outside their {rows}"))),
        }
    }
    let mut part = start.unwrap_or_else(|| PartialLogits { values: vec![0.0; rows * labels], batches: 0 });
    if part.values.len() != rows * labels || part.batches > batches.len() {
        return Err(TrainError::Data("a part of another evaluation cannot be gone on with".into()));
    }
    // What a model makes of its parameters for many batches goes with the clone.
    let model = &model.clone();
    // Several batches are queued before the first result is read, so that a GPU hardly waits for the host.
    while part.batches < batches.len() {
        let queued = &batches[part.batches..(part.batches + QUEUED).min(batches.len())];
        let outputs = queued.iter().map(|batch| model.forward(batch, None)).collect::<Result<Vec<_>, _>>()?;
        for (batch, output) in queued.iter().zip(outputs) {
            let data = output.into_data();
            let values: &[f32] = data.as_slice().map_err(|error| TrainError::Data(format!("{error:?}")))?;
            for (index, values) in batch.index.iter().zip(values.chunks_exact(labels)) {
                part.values[index * labels..][..labels].copy_from_slice(values);
            }
        }
        part.batches += queued.len();
        if on_part(&part).is_break() && part.batches < batches.len() {
            return Err(TrainError::Interrupted { step: part.batches });
        }
    }
    Ok(part.values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::reference::{batch, config, cpu, expected, floats, weights};

    /// One row of a batch as a batch of its own, without its padding.
    fn single(batch: &Batch, row: usize) -> Batch {
        let length = batch.attention_mask[row * batch.width..][..batch.width].iter().sum::<f32>() as usize;
        let range = row * batch.width..row * batch.width + length;
        Batch {
            rows: 1,
            width: length,
            input_ids: batch.input_ids[range.clone()].to_vec(),
            token_type_ids: batch.token_type_ids[range].to_vec(),
            attention_mask: vec![1.0; length],
            labels: vec![batch.labels[row]],
            index: vec![row],
        }
    }

    #[test]
    fn rows_come_back_in_the_order_of_the_split() {
        let model =
            Transformer::new(&config(), Head::Classifier { labels: 3 }, &weights("model.safetensors"), &cpu()).unwrap();
        let batches: Vec<Batch> = [3, 0, 5, 1, 4, 2].map(|row| single(&batch(), row)).into();
        let found = logits(&model, &batches).unwrap();
        for (found, wanted) in found.iter().zip(floats(&expected()["gelu"]["logits"])) {
            assert!((f64::from(*found) - wanted).abs() < 1e-5);
        }
        assert!(logits(&model, &batches[..5]).is_err());
        assert!(logits(&model, &[batches.clone(), batches].concat()).is_err());
    }
}
