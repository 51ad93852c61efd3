//! Agreement: one step for all models of an evaluation.

use super::super::Input;
use super::super::models::{Model, resolve};
use super::{Clustered, Expander, labels};
use crate::experiment::{Agreement, Diagnostic, Kind, Spec, StageId};
use crate::stages::{Params, agreement};

impl Expander<'_> {
    pub(super) fn agreement(&mut self, id: &StageId, stage: &Agreement) -> Result<(), Diagnostic> {
        let of = &stage.of;
        let experiment = self.experiment;
        let found = experiment.stages.iter().find(|one| one.id.kind == Kind::Eval && one.id.name == *of.get_ref());
        let Some(Spec::Eval(eval)) = found.map(|one| &one.spec) else {
            return Err(Diagnostic::new(format!("there is no stage [eval.{}]", of.get_ref()), of.span()));
        };
        let models = resolve(&self.makers, &eval.measure.models);
        let step_of = |model: &Model| {
            self.evals.get(&(of.get_ref().clone(), Model { label: String::new(), ..model.clone() })).copied()
        };
        let Some(steps) = models.iter().map(step_of).collect::<Option<Vec<usize>>>() else {
            // The evaluation could not be expanded, and said so.
            return Ok(());
        };
        if models.len() < 2 && self.errors.is_empty() {
            let message = format!("[eval.{}] evaluates one model, and agreement is between two", of.get_ref());
            return Err(Diagnostic::new(message, of.span()).help("let its `models` name more"));
        }
        let input = |(number, from): (usize, usize)| Input {
            role: format!("examples:{number}"),
            from,
            output: "examples".to_owned(),
        };
        let inputs = steps.into_iter().enumerate().map(input).collect();
        let params = agreement::Params { models: labels(&models) };
        let step = self.push(id, String::new(), Params::Agreement(params), inputs);
        self.agreements.insert(id.name.clone(), Clustered { step, models });
        Ok(())
    }
}
