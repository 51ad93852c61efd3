//! The stages: how they build on one another, and what each took.

use std::collections::BTreeSet;

use serde_json::Value;

use super::sheet::{Field, Form, Sheet, rounded};
use super::steps::Steps;
use super::subject::Report;
use crate::engine::StageId;
use crate::experiment::{Node, picture};

struct Took<'a> {
    stage: &'a StageId,
    steps: usize,
    seconds: Vec<f64>,
    bytes: u64,
    devices: BTreeSet<String>,
}

impl Took<'_> {
    /// Of those that are finished.
    fn together(&self) -> Option<f64> {
        (!self.seconds.is_empty()).then(|| self.seconds.iter().sum())
    }
}

pub fn stages(of: &Report<'_>, steps: &Steps<'_>, sheets: &mut Vec<(String, Value)>) -> String {
    let mut of_stages = of.graph.by_stage();
    let took: Vec<Took<'_>> = (of.graph.stages().into_iter())
        .map(|stage| {
            let own = of_stages.remove(stage).unwrap_or_default();
            let ran = || own.iter().filter_map(|step| steps.ran[*step].as_ref());
            let made = own.iter().filter_map(|step| of.plan.states[*step].finished());
            Took {
                stage,
                steps: own.len(),
                seconds: ran().map(|ran| ran.seconds).collect(),
                bytes: made.flat_map(|finished| finished.outputs()).map(|made| made.size).sum(),
                devices: ran().map(|ran| ran.device.clone()).filter(|device| !device.is_empty()).collect(),
            }
        })
        .collect();
    let node = |stage: &StageId| {
        let (done, all) =
            took.iter().find(|one| one.stage == stage).map_or((0, 0), |one| (one.seconds.len(), one.steps));
        let below = match (done == all, all) {
            (true, 1) => "1 step".to_owned(),
            (true, all) => format!("{all} steps"),
            (false, all) => format!("{done} of {all}"),
        };
        let class = if done == all { "stage" } else { "stage open" };
        Node { below, class, link: Some(format!("#stage-{stage}")) }
    };
    let mut html = format!(
        "<div class=\"scroll drawn\" tabindex=\"0\" role=\"region\" aria-label=\"The graph of stages\">{}</div>\n",
        picture(of.graph, &node)
    );
    let known = |seconds: Option<f64>| seconds.map_or(Value::Null, rounded);
    let column =
        |name: &str, form, value: &dyn Fn(&Took<'_>) -> Value| Field::new(name, form, took.iter().map(value).collect());
    let sheet = Sheet {
        id: "stages-times".to_owned(),
        title: "Times and costs".to_owned(),
        about: "Times are those of the steps added up, whoever ran them and however many at once.".to_owned(),
        fields: vec![
            column("stage", Form::Text, &|one| one.stage.to_string().into()),
            column("steps", Form::Count, &|one| one.steps.into()),
            column("finished", Form::Count, &|one| one.seconds.len().into()),
            column("together", Form::Time, &|one| known(one.together())),
            column("each", Form::Time, &|one| known(one.together().map(|all| all / one.seconds.len() as f64))),
            column("longest", Form::Time, &|one| known(one.seconds.iter().copied().reduce(f64::max))),
            column("kept", Form::Size, &|one| one.bytes.into()),
            column("on", Form::Text, &|one| match one.devices.is_empty() {
                true => Value::Null,
                false => one.devices.iter().cloned().collect::<Vec<_>>().join(", ").into(),
            }),
        ],
        file: None,
    };
    let (part, data) = sheet.parts(&|_| String::new());
    html += &part;
    sheets.push(data);
    html
}
