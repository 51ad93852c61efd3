//! One step for all models of an evaluation.

use super::run::{self, EXAMPLES_OF, SENTENCES_OF};
use super::spec::Agreement;
use crate::engine::{Input, StageId};
use crate::kinds::eval::{self, Evaluations};
use crate::kinds::expand::Expander;
use crate::kinds::models::{Member, labels};
use crate::kinds::offers::Offers;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::Diagnostic;

/// What an agreement stage became.
pub struct Agreed {
    pub step: usize,
    pub models: Vec<Member>,
}

impl Offers for Agreement {}

impl Spec for Agreement {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, eval::KIND);
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        vec![("divergence", self.divergence.to_string().into())]
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let name = self.of.get_ref();
        // An evaluation that could not be expanded said so.
        let Some(evaluations) = to.find::<Evaluations>(eval::KIND, name) else { return Ok(()) };
        let all = evaluations.all();
        if all.len() < 2 && to.is_sound() {
            let message = format!("[eval.{name}] evaluates one model, and agreement is between two");
            let key = if all.iter().any(|one| one.model.is_published()) { "`seeds`" } else { "`models`" };
            return Err(Diagnostic::new(message, self.of.span()).help(format!("let its {key} name more")));
        }
        let mut inputs = Vec::with_capacity(all.len());
        for (number, one) in all.iter().enumerate() {
            let Some(examples) = &one.examples else {
                let message = format!(
                    "[eval.{name}] is read from a table of metrics, and agreement compares what models say of each example"
                );
                let help = "name an evaluation with `models` or with `logs`";
                return Err(Diagnostic::new(message, self.of.span()).help(help));
            };
            inputs.push(Input::new(&EXAMPLES_OF.of(number), one.step, examples));
            // Our own are all of the same examples in the same order.
            if let Some(sentences) = &one.sentences {
                inputs.push(Input::new(&SENTENCES_OF.of(number), one.step, sentences));
            }
        }
        let models: Vec<Member> = all.iter().map(|one| one.model.clone()).collect();
        let params = run::Params { models: labels(&models), divergence: self.divergence };
        let step = to.push(stage, "", params, inputs);
        to.about(step, &models);
        to.publish(stage, Agreed { step, models });
        Ok(())
    }
}
