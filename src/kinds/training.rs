//! The log of a training, and the Parquet file with those of all models of a stage.

use std::path::Path;

use polars::prelude::{Column, DataFrame};

use super::finished::{Finished, by_stage, stacked};
use super::room::Write;
use crate::data::{Encoded, write_parquet};
use crate::device::Backend;
use crate::engine::{Artifact, Context, PROCESS, StageError, StepKind};
use crate::model::{Head, TransformerConfig};
use crate::tables::TableError;
use crate::train::{StepLog, memory_of_training};

/// Stands for a Parquet table with a row a training step.
pub enum TrainingLog {}

pub const TRAINING_LOG: Artifact<TrainingLog> = Artifact::new("training-log");

/// Bytes that training takes, roughly and rather too many, with `weights` bytes of parameters and batches of so many tokens: the parameters, their
/// gradients, two moments, the start and a copy that is written; and for each token what the way back needs. From tiny
/// models to BERT-large the latter grows as the parameters to the power of 2/3 (width and depth grow together).
pub fn estimated_memory(weights: u64, tokens: usize) -> u64 {
    const BERT_BASE: f64 = 440e6;
    const A_TOKEN_OF_BERT_BASE: f64 = 600e3;
    let a_token = A_TOKEN_OF_BERT_BASE * (weights as f64 / BERT_BASE).powf(2.0 / 3.0);
    PROCESS + 6 * weights + (a_token * tokens as f64) as u64
}

pub fn training_log(log: &[StepLog]) -> Result<Vec<u8>, StageError> {
    let numbers = |name: &str, number: fn(&StepLog) -> f64| {
        Column::new(name.into(), log.iter().map(number).collect::<Vec<f64>>())
    };
    let steps: Vec<u64> = log.iter().map(|row| row.step as u64).collect();
    let columns = vec![
        Column::new("step".into(), steps),
        numbers("epoch", |row| row.epoch),
        numbers("loss", |row| row.loss),
        numbers("learning_rate", |row| row.learning_rate),
        numbers("gradient_norm", |row| row.gradient_norm),
    ];
    Ok(write_parquet(&mut DataFrame::new_infer_height(columns)?)?)
}

/// Whether the machine has the memory that a training on the CPU takes at least, by the mean length of the rows.
///
/// # Errors
/// It has not.
pub fn check_memory(
    context: &Context<'_>,
    config: &TransformerConfig,
    head: Head,
    examples: &[Encoded],
    rows: usize,
) -> Result<(), StageError> {
    if context.device()?.backend != Backend::Cpu || examples.is_empty() {
        return Ok(());
    }
    let tokens = examples.iter().map(Encoded::len).sum::<usize>() / examples.len();
    let rows = rows.min(examples.len());
    enough(memory_of_training(config, head, rows, tokens), std::fs::read_to_string("/proc/meminfo").ok().as_deref())
}

/// `machine`: what Linux says of its memory. Where nothing is known, there is enough.
fn enough(needed: u64, machine: Option<&str>) -> Result<(), StageError> {
    let kilobytes = machine.and_then(|text| text.lines().find_map(|line| line.strip_prefix("MemTotal:")));
    let there = kilobytes.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let there = there.map_or(u64::MAX, |kilobytes| kilobytes.saturating_mul(1024));
    if needed <= there {
        return Ok(());
    }
    let text =
        format!("this training takes at least {} GB of memory, and the machine has {}", needed >> 30, there >> 30);
    Err(StageError::new(text).help("lower `batch_size` or `max_length`, or train a smaller model"))
}

/// `training/<stage>.parquet`; a CSV of a real study would be hundreds of megabytes.
pub fn files<T: StepKind>(finished: &Finished<'_>, write: Write<'_>) -> Result<(), TableError> {
    for (stage, steps) in by_stage(finished.steps::<T>()) {
        let logs = steps.iter().map(|done| Ok((done.subjects().concat(), done.bytes(&TRAINING_LOG)?, done.key())));
        if let Some((file, keys)) = stacked("model", logs)? {
            write(Path::new("training").join(format!("{stage}.parquet")), file, keys)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused_in_words() {
        let machine = "MemFree: 1 kB\nMemTotal:       24676252 kB\n";
        assert!(enough(23 << 30, Some(machine)).is_ok());
        let error = enough(300 << 30, Some(machine)).unwrap_err();
        assert_eq!(error.message, "this training takes at least 300 GB of memory, and the machine has 23");
        for unknown in [None, Some(""), Some("MemTotal: many")] {
            assert!(enough(u64::MAX, unknown).is_ok());
        }
    }
}
