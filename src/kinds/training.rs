//! The log of a training, and the Parquet file with those of all models of a stage.

use std::path::Path;

use polars::prelude::{Column, DataFrame};

use super::finished::{Finished, by_stage, stacked};
use super::room::Write;
use crate::data::write_parquet;
use crate::engine::{Artifact, PROCESS, StageError, StepKind};
use crate::tables::TableError;
use crate::train::StepLog;

/// Stands for a Parquet table with a row a training step.
pub enum TrainingLog {}

pub const TRAINING_LOG: Artifact<TrainingLog> = Artifact::new("training-log");

/// Bytes that training takes, with `weights` bytes of parameters and batches of so many tokens: the parameters, their
/// gradients, two moments, the start and a copy that is written; and for each token what the way back needs. From tiny
/// models to BERT-large the latter grows as the parameters to the power of 2/3 (width and depth grow together).
pub fn memory_of_training(weights: u64, tokens: usize) -> u64 {
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
