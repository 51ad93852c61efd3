//! One JSON object a line on standard error, for programs that watch a run.

use serde_json::{Value, json};

use crate::engine::{Event, Reporter};
use crate::say;

pub struct JsonLines;

impl Reporter for JsonLines {
    fn event(&mut self, event: &Event<'_>) {
        if let Some(line) = describe(event) {
            say::event(line);
        }
    }
}

fn describe(event: &Event<'_>) -> Option<Value> {
    Some(match event {
        Event::Planned { graph, plan, selected } => {
            let fresh = plan.states.iter().filter(|state| state.finished().is_some()).count();
            let names: Vec<String> = graph.steps.iter().map(|step| step.name()).collect();
            json!({"event": "planned", "experiment": graph.experiment, "fresh": fresh, "selected": selected.len(), "steps": names})
        }
        Event::Device { description } => json!({"event": "device", "device": description}),
        Event::Started { graph, step } => {
            json!({"event": "started", "step": graph.steps[*step].name(), "number": step})
        }
        Event::Progress { step, progress } => {
            json!({"event": "progress", "number": step, "done": progress.done, "total": progress.total, "loss": progress.loss})
        }
        Event::Done { graph, step, seconds, note, .. } => {
            json!({"event": "done", "step": graph.steps[*step].name(), "number": step, "seconds": seconds, "note": note})
        }
        Event::Failed { graph, step, message, help, log, dropped } => {
            json!({"event": "failed", "step": graph.steps[*step].name(), "number": step, "message": message,
                   "help": help, "log": log, "dropped": dropped})
        }
        Event::NotSelected { graph, step } => json!({"event": "not-selected", "step": graph.steps[*step].name()}),
        Event::Stopping => json!({"event": "stopping"}),
        Event::Stopped { graph, step } => {
            json!({"event": "stopped", "step": graph.steps[*step].name(), "number": step})
        }
        Event::SetAside { step } => json!({"event": "set-aside", "number": step}),
        Event::Notice { text } => json!({"event": "notice", "text": text}),
        Event::Fresh { .. } | Event::Tick => return None,
    })
}
