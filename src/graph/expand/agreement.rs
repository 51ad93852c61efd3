//! Agreement: one step for all models of an evaluation.

use super::super::Input;
use super::super::models::{Model, resolve};
use super::imports::{Evaluated, imported};
use super::{Clustered, Expander, labels};
use crate::experiment::{Agreement, Diagnostic, ImportedEval, Kind, Spec, StageId};
use crate::stages::{Params, agreement};

impl Expander<'_> {
    pub(super) fn agreement(&mut self, id: &StageId, stage: &Agreement) -> Result<(), Diagnostic> {
        let of = &stage.of;
        let experiment = self.experiment;
        let found = experiment.stages.iter().find(|one| one.id.kind == Kind::Eval && one.id.name == *of.get_ref());
        let models: Vec<Model> = match found.map(|one| &one.spec) {
            Some(Spec::Eval(eval)) => resolve(&self.makers, &eval.measure.models),
            Some(Spec::ImportedEval(ImportedEval::Logs { seeds, .. })) => imported(seeds),
            Some(Spec::ImportedEval(ImportedEval::Table { .. })) => {
                let message = format!(
                    "[eval.{}] is read from a table of metrics, and agreement compares what models say of each example",
                    of.get_ref()
                );
                return Err(Diagnostic::new(message, of.span()).help("name an evaluation with `models` or with `logs`"));
            }
            _ => return Err(Diagnostic::new(format!("there is no stage [eval.{}]", of.get_ref()), of.span())),
        };
        let evaluated = self.evaluated(of.get_ref());
        if evaluated.len() != models.len() {
            // The evaluation could not be expanded, and said so.
            return Ok(());
        }
        if models.len() < 2 && self.errors.is_empty() {
            let message = format!("[eval.{}] evaluates one model, and agreement is between two", of.get_ref());
            let help = if models.iter().any(Model::is_imported) { "`seeds`" } else { "`models`" };
            return Err(Diagnostic::new(message, of.span()).help(format!("let its {help} name more")));
        }
        let input = |what: &str, number: usize, one: &Evaluated| Input {
            role: format!("{what}:{number}"),
            from: one.step,
            output: one.output(what),
        };
        let mut inputs = Vec::new();
        for (number, one) in evaluated.iter().enumerate() {
            inputs.push(input("examples", number, one));
            // Our own are all of the same examples in the same order.
            if one.imported {
                inputs.push(input("sentences", number, one));
            }
        }
        let params = agreement::Params { models: labels(&models) };
        let step = self.push(id, String::new(), Params::Agreement(params), inputs);
        self.agreements.insert(id.name.clone(), Clustered { step, models });
        Ok(())
    }
}
