//! Evaluations in the middle: what is measured already is kept in the step's scratch when it is time to, or when the
//! step is asked to stop, and gone on with on the same device. A step that ends before that writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::data::Batch;
use crate::engine::{Context, StageEnd, StageError};
use crate::model::Transformer;
use crate::store::StoreError;
use crate::study::words::Metric;
use crate::train::{self, PartialLogits, TrainError, read_numbers, write_numbers};

/// The first line of a file of logits; the numbers follow.
#[derive(Serialize, Deserialize, PartialEq)]
struct Header {
    /// What another device computed is not gone on with: the manifest names one.
    device: String,
    numbers: usize,
    /// How many batches there are, and how many of them are done.
    batches: [usize; 2],
}

/// The model's logits, `[examples, outputs]`. `also` is called before a part of them is kept under `name`.
pub fn logits(
    context: &mut Context,
    name: &str,
    model: &Transformer,
    batches: &[Batch],
    also: &mut dyn FnMut(&mut Context),
) -> Result<Vec<f32>, StageEnd> {
    let rows = batches.iter().map(|batch| batch.rows).sum();
    let start = read(context, name, batches.len())?;
    if let Some(part) = &start {
        context.fact("batches_of_an_interrupted_run", part.batches.to_string());
        context.tell(&format!("goes on from batch {} of {}", part.batches, batches.len()));
    }
    let ended = train::logits_from(model, batches, start, &mut |part| {
        context.progress(batches[..part.batches].iter().map(|batch| batch.rows).sum(), rows);
        let stopping = context.stopping();
        if stopping || context.pace().time_is_up() {
            also(context);
            write(context, name, batches.len(), part);
        }
        if stopping { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    or_stopped(ended)
}

/// The logits of one of many points, which is not worth being kept in part.
pub fn logits_of_point(context: &Context, model: &Transformer, batches: &[Batch]) -> Result<Vec<f32>, StageEnd> {
    context.go_on()?;
    let flow = || if context.stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    or_stopped(train::logits_from(model, batches, None, &mut |_| flow()))
}

/// Work that was broken off on purpose is no failure.
pub fn or_stopped<T>(ended: Result<T, TrainError>) -> Result<T, StageEnd> {
    match ended {
        Err(TrainError::Interrupted { .. }) => Err(StageEnd::Stopped),
        ended => Ok(ended?),
    }
}

fn read(context: &Context, name: &str, batches: usize) -> Result<Option<PartialLogits>, StageError> {
    let device = context.device()?.name.clone();
    let Some((input, size)) = context.scratch().open(name) else { return Ok(None) };
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    let header = input.read_until(b'\n', &mut line).ok().and_then(|_| serde_json::from_slice::<Header>(&line).ok());
    Ok(header.and_then(|header| {
        let [all, done] = header.batches;
        let whole = Some(size) == header.numbers.checked_mul(4).map(|bytes| (bytes + line.len()) as u64);
        let fits = whole && header.device == device && all == batches && done <= all;
        let values = fits.then(|| read_numbers(header.numbers, &mut input).ok())??;
        Some(PartialLogits { values, batches: done })
    }))
}

fn write(context: &mut Context, name: &str, batches: usize, part: &PartialLogits) {
    let device = context.device().map_or_else(|_| String::new(), |device| device.name.clone());
    let header = Header { device, numbers: part.values.len(), batches: [batches, part.batches] };
    let written = context.scratch().write_with(name, 4 * part.values.len() as u64, &mut |out: &mut dyn Write| {
        serde_json::to_writer(&mut *out, &header)?;
        out.write_all(b"\n")?;
        write_numbers(&part.values, out)
    });
    after(context, written);
}

/// Metrics of the first points of several.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Points {
    device: String,
    pub metrics: Vec<BTreeMap<Metric, f64>>,
}

impl Points {
    /// Those that an earlier run kept under `name`, at most `points`, each with these metrics.
    pub fn open(context: &Context, name: &str, points: usize, metrics: &[Metric]) -> Result<Self, StageError> {
        let device = context.device()?.name.clone();
        let kept = context.scratch().read(name).and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let wanted: BTreeSet<&Metric> = metrics.iter().collect();
        let complete = |point: &BTreeMap<Metric, f64>| point.keys().eq(wanted.iter().copied());
        let fits =
            |kept: &Self| kept.device == device && kept.metrics.len() <= points && kept.metrics.iter().all(complete);
        Ok(kept.filter(fits).unwrap_or(Self { device, metrics: Vec::new() }))
    }

    pub fn keep(&self, context: &mut Context, name: &str) {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let written = context.scratch().write(name, &bytes);
        after(context, written);
    }
}

fn after(context: &mut Context, written: Result<(), StoreError>) {
    context.pace().restart();
    if let Err(error) = written {
        context.log(&format!("what is measured so far could not be kept: {error}"));
    }
}
