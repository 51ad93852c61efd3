//! Snapshots of a step that trains: the last two states in the step's scratch, and the way back from them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::engine::{Context, StageError};
use crate::store::OutputRecord;
use crate::train::{RunShape, SavedState, TrainingState};

const PREFIX: &str = "snapshot-";
/// The newest may turn out to be damaged.
const KEPT: usize = 2;

/// What a stage keeps beside the state of its training.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Names of the devices that computed so far, in order.
    pub devices: Vec<String>,
    /// Checkpoints that are stored already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, OutputRecord>,
    /// A loss that was measured before the training began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// Spent so far.
    #[serde(default)]
    pub seconds: f64,
}

#[derive(Debug)]
pub struct Snapshots {
    pub kept: Kept,
    last: Option<usize>,
    warned: bool,
    since: Instant,
    seconds_before: f64,
}

impl Snapshots {
    /// The newest state that an earlier run left and that fits; what is damaged or of another shape is passed over.
    pub fn open(context: &mut Context, shape: &RunShape) -> Result<(Self, Option<SavedState>), StageError> {
        let device = context.device()?.name.clone();
        let names = context.scratch().names().into_iter().filter(|name| name.starts_with(PREFIX));
        let mut found = None;
        for name in names.rev() {
            found = read(context, &name, shape);
            if found.is_some() {
                break;
            }
            context.log(&format!("{name} is damaged or of another run, and left out"));
            context.scratch().remove(&name);
        }
        let (mut kept, saved) = found.map_or_else(Default::default, |(kept, saved)| (kept, Some(saved)));
        if let Some(saved) = &saved {
            context.fact("resumed_from_step", saved.step.to_string());
            context.log(&format!("goes on after step {}", saved.step));
            context.tell(&format!("goes on from step {} of {}", saved.step, shape.steps));
            let others: Vec<&str> = kept.devices.iter().filter(|other| **other != device).map(String::as_str).collect();
            if !others.is_empty() {
                context.fact("resumed_from_device", others.join(", "));
            }
        }
        if !kept.devices.contains(&device) {
            kept.devices.push(device);
        }
        context.spent_before(kept.seconds);
        let seconds_before = kept.seconds;
        let last = saved.as_ref().map(|saved| saved.step);
        Ok((Self { kept, last, warned: false, since: Instant::now(), seconds_before }, saved))
    }

    /// Keeps the state where it is time to, or where the step is asked to stop; then it breaks.
    pub fn after_step(&mut self, context: &mut Context, state: &TrainingState<'_>) -> ControlFlow<()> {
        let stopping = context.stopping();
        if stopping || context.pace().due(state.step) {
            self.keep(context, state);
        }
        if stopping { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Keeps the state, once. Without room for it the step goes on: only a kill would cost more then.
    pub fn keep(&mut self, context: &mut Context, state: &TrainingState<'_>) {
        if self.last == Some(state.step) {
            return;
        }
        self.kept.seconds = self.seconds_before + self.since.elapsed().as_secs_f64();
        let with = serde_json::to_value(&self.kept).unwrap_or_default();
        let name = format!("{PREFIX}{:012}", state.step);
        let written = context.scratch().write_with(&name, state.size(), &mut |out| state.write(&with, out));
        context.pace().restart();
        match written {
            Ok(()) => {
                self.last = Some(state.step);
                let mut names = context.scratch().names();
                names.retain(|name| name.starts_with(PREFIX));
                names.iter().rev().skip(KEPT).for_each(|name| context.scratch().remove(name));
            }
            Err(error) => {
                context.log(&format!("no snapshot of step {}: {error}", state.step));
                if !std::mem::replace(&mut self.warned, true) {
                    context.tell(&format!(
                        "no snapshot could be written: an interruption costs what it has done: {error}"
                    ));
                }
            }
        }
    }
}

fn read(context: &Context, name: &str, shape: &RunShape) -> Option<(Kept, SavedState)> {
    let (input, size) = context.scratch().open(name)?;
    let mut saved = SavedState::read(input, size, shape)?;
    let kept: Kept = serde_json::from_value(saved.with.take()).ok()?;
    kept.outputs.values().all(|record| context.holds(record)).then_some((kept, saved))
}
