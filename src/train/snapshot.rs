//! A training run in the middle, as bytes: a line of JSON, then every number of the weights and moments, f32 and little
//! endian. All random numbers are functions of a seed and the position, so nothing else is needed to go on bit for bit.

use std::io::{self, BufRead, BufReader, Read, Write};

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TrainError;
use super::log::StepLog;
use super::optimizer::Optimizer;
use crate::model::{Matrix, Transformer};

const FORMAT: &str = "pipeline.snapshot.v1";
/// A log of ten million steps is smaller.
const LONGEST_HEADER: u64 = 2 << 30;

/// What a snapshot must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunShape {
    /// Training steps in all.
    pub steps: usize,
    /// Of every parameter, in the order of the layout.
    pub parameters: Vec<[usize; 2]>,
    /// Whether each parameter has two moments.
    pub moments: bool,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    shape: RunShape,
    step: usize,
    updates: i32,
    log: Vec<StepLog>,
    with: Value,
}

/// A run between two steps.
#[derive(Debug)]
pub struct TrainingState<'a> {
    /// Training steps done.
    pub step: usize,
    pub(super) steps: usize,
    pub(super) log: &'a [StepLog],
    pub(super) model: &'a Transformer,
    pub(super) optimizer: Option<&'a Optimizer>,
}

impl TrainingState<'_> {
    fn moments(&self) -> &[(Matrix, Matrix)] {
        self.optimizer.map_or(&[], |optimizer| optimizer.state().1)
    }

    /// About how many bytes [`Self::write`] writes.
    pub fn size(&self) -> u64 {
        let numbers: usize = self.model.parameters().iter().map(|p| p.dims().iter().product::<usize>()).sum();
        let sets = if self.optimizer.is_some() { 3 } else { 1 };
        (4 * sets * numbers + 200 * self.log.len() + 1000) as u64
    }

    /// `with` is the caller's own and comes back from [`SavedState::read`]. One tensor at a time is in memory.
    pub fn write(&self, with: &Value, out: &mut dyn Write) -> io::Result<()> {
        let parameters = self.model.parameters();
        let shape = RunShape {
            steps: self.steps,
            parameters: parameters.iter().map(|p| p.dims()).collect(),
            moments: self.optimizer.is_some(),
        };
        let updates = self.optimizer.map_or(0, |optimizer| optimizer.state().0);
        let (log, with) = (self.log.to_vec(), with.clone());
        let header = Header { format: FORMAT.to_owned(), shape, step: self.step, updates, log, with };
        serde_json::to_writer(&mut *out, &header)?;
        out.write_all(b"\n")?;
        for tensor in parameters.iter().chain(self.moments().iter().flat_map(|(m, v)| [m, v])) {
            let data = tensor.to_data();
            let values: &[f32] = data.as_slice().map_err(|error| io::Error::other(format!("{error:?}")))?;
            write_numbers(values, out)?;
        }
        Ok(())
    }
}

/// What [`TrainingState::write`] wrote.
#[derive(Debug)]
pub struct SavedState {
    pub step: usize,
    pub with: Value,
    shape: RunShape,
    updates: i32,
    log: Vec<StepLog>,
    /// Parameters, then the first and second moment of each.
    tensors: Vec<Vec<f32>>,
}

impl SavedState {
    /// Reads a state of `size` bytes; `None` where it is none, or not of a run like `expected`.
    pub fn read(input: impl Read, size: u64, expected: &RunShape) -> Option<Self> {
        let mut input = BufReader::new(input);
        let mut line = Vec::new();
        let read = (&mut input).take(LONGEST_HEADER).read_until(b'\n', &mut line).ok()?;
        let Header { format, shape, step, updates, log, with } = serde_json::from_slice(&line).ok()?;
        if format != FORMAT || shape != *expected {
            return None;
        }
        let counts: Vec<usize> = shape.parameters.iter().map(|shape| shape[0] * shape[1]).collect();
        let moments = if shape.moments { &counts[..] } else { &[] };
        let counts: Vec<usize> = counts.iter().copied().chain(moments.iter().flat_map(|count| [*count; 2])).collect();
        let fits = (1..=shape.steps).contains(&step)
            && (log.len() == step || !shape.moments)
            && Some(4 * counts.iter().sum::<usize>() as u64) == size.checked_sub(read as u64);
        if !fits {
            return None;
        }
        let tensors =
            counts.into_iter().map(|count| read_numbers(count, &mut input)).collect::<io::Result<_>>().ok()?;
        Some(Self { step, with, shape, updates, log, tensors })
    }

    /// Puts the numbers into a model of that shape and, for a training, its optimiser; gives the log so far.
    pub(super) fn restore(
        self,
        steps: usize,
        model: &mut Transformer,
        optimizer: Option<&mut Optimizer>,
    ) -> Result<Vec<StepLog>, TrainError> {
        let parameters: Vec<[usize; 2]> = model.parameters().iter().map(|p| p.dims()).collect();
        if self.shape != (RunShape { steps, parameters, moments: optimizer.is_some() }) {
            return Err(TrainError::Data("a snapshot of another training run cannot be gone on with".into()));
        }
        let device = model.device().clone();
        let count = self.shape.parameters.len();
        let shapes = self.shape.parameters.iter();
        let shapes = shapes.clone().chain(shapes.flat_map(|shape| [shape; 2]));
        let tensor = |(data, shape): (Vec<f32>, &[usize; 2])| Tensor::from_data(TensorData::new(data, *shape), &device);
        let mut tensors = self.tensors.into_iter().zip(shapes).map(tensor);
        *model.parameters_mut() = tensors.by_ref().take(count).collect();
        if let Some(optimizer) = optimizer {
            let mut moments = Vec::with_capacity(count);
            while let (Some(m), Some(v)) = (tensors.next(), tensors.next()) {
                moments.push((m, v));
            }
            optimizer.restore(self.updates, moments);
        }
        Ok(self.log)
    }
}

/// f32, little endian.
pub fn write_numbers(values: &[f32], out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = [0; 1 << 14];
    for values in values.chunks(bytes.len() / 4) {
        for (bytes, value) in bytes.chunks_exact_mut(4).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        out.write_all(&bytes[..4 * values.len()])?;
    }
    Ok(())
}

pub fn read_numbers(count: usize, input: &mut dyn Read) -> io::Result<Vec<f32>> {
    let mut values = Vec::with_capacity(count);
    let mut bytes = [0; 1 << 14];
    while values.len() < count {
        let wanted = (4 * (count - values.len())).min(bytes.len());
        input.read_exact(&mut bytes[..wanted])?;
        values.extend(bytes[..wanted].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    }
    Ok(values)
}
