//! What a plan will take, roughly: time, room on the disk, memory.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::units::size;
use crate::engine::{Graph, Plan};
use crate::kinds::cost::StudyCosts;
use crate::progress::Estimate;
use crate::units::duration;

/// Operations a second, where nothing was timed: what four cores of a CPU and a GPU of a data centre do with such models.
pub(super) const CPU: f64 = 5e10;
pub(super) const GPU: f64 = 2e13;

pub(super) fn forecast(graph: &Graph, plan: &Plan, selected: &BTreeSet<usize>, costs: StudyCosts) -> String {
    let open: Vec<usize> = selected.iter().copied().filter(|step| plan.states[*step].finished().is_none()).collect();
    let mut text = String::new();
    if open.is_empty() {
        return text;
    }
    let known: Vec<_> = open.iter().filter_map(|step| Some((*step, costs.of(graph, *step)?))).collect();
    let operations: f64 = known.iter().map(|(_, cost)| cost.operations).sum();
    let disk: f64 = known.iter().map(|(_, cost)| cost.disk).sum();
    let largest = known.iter().max_by(|(_, a), (_, b)| a.memory.total_cmp(&b.memory));
    let guessed = costs.guessed(graph, &open);
    let timed = costs.timed(graph, plan, &open);
    let mut estimate = Estimate::new(Box::new(costs));
    estimate.plan(graph, plan, selected);
    let left = estimate.left(1);
    // Steps that hardly compute are not what a person waits for.
    let computing = open.iter().filter(|step| graph.steps[**step].work.needs_device()).count();
    if timed.is_empty() && operations > 0.0 {
        let time = |seconds: f64| if seconds < 1.0 { "under 1 s".to_owned() } else { duration(seconds) };
        let [cpu, gpu] = [CPU, GPU].map(|rate| time(operations / rate));
        writeln!(text, "roughly {operations:.1e} operations: {cpu} on four cores, {gpu} on a large GPU; nothing like it was timed here").ok();
    } else if left.unknown < left.steps {
        let by = if timed.is_empty() { String::new() } else { format!(", by {}", timed.join(", ")) };
        let but = match left.unknown {
            0 => String::new(),
            unknown => format!("; {unknown} steps of unknown length are not in it"),
        };
        writeln!(text, "roughly {} with one worker{by}{but}", duration(left.seconds)).ok();
    } else {
        writeln!(text, "how long it takes is unknown").ok();
    }
    if let Some((step, cost)) = largest {
        let (room, memory) = (size(disk as u64), size(cost.memory as u64));
        writeln!(text, "roughly {room} on the disk, and {memory} of memory for {}", graph.steps[*step].name()).ok();
    }
    let unknown =
        computing.saturating_sub(known.iter().filter(|(step, _)| graph.steps[*step].work.needs_device()).count());
    if unknown > 0 {
        writeln!(text, "without {unknown} steps whose data or model is not known before it is fetched").ok();
    }
    if !guessed.is_empty() {
        writeln!(text, "sizes by their names alone: {}", guessed.join(", ")).ok();
    }
    text
}
