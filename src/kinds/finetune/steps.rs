//! A step a seed.

use super::run::Params;
use super::spec::Finetune;
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::models::{MODEL, Maker};
use crate::kinds::offers::{Models, NoCheckpoint, Offers};
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::Diagnostic;
use crate::study::words::{Checkpoint, ModelRef};
use toml::Spanned;

impl Offers for Finetune {
    fn models(&self) -> Option<Models<'_>> {
        Some(Models {
            members: self.runs.iter().map(|run| run.coordinates.clone()).collect(),
            checkpoints: &self.checkpoints,
            no_checkpoint: NoCheckpoint::Kept,
        })
    }

    fn starts_from(&self) -> Option<&Spanned<ModelRef>> {
        Some(&self.model)
    }
}

impl Spec for Finetune {
    fn references(&self, to: &mut References<'_>) {
        to.model(&self.model, true);
        to.data(&self.data);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let data = to.split(&self.data)?;
        let Some(start) = to.models(std::slice::from_ref(&self.model)).into_iter().next() else {
            // The stage that makes it has failed already, and said so.
            return Ok(());
        };
        let checkpoints: Vec<usize> = self
            .checkpoints
            .iter()
            .filter_map(|checkpoint| match checkpoint {
                Checkpoint::Step(step) => Some(*step),
                Checkpoint::Last => None,
            })
            .collect();
        let mut steps = Vec::new();
        for run in &self.runs {
            let params = Params {
                rows: self.data.get_ref().rows.clone(),
                filter: self.filter.clone(),
                permute: self.permute,
                examples: self.examples,
                recipe: self.recipe.clone(),
                head_seed: run.head_seed,
                order_seed: run.order_seed,
                dropout_seed: run.dropout_seed,
                checkpoints: checkpoints.clone(),
                keep_last: self.checkpoints.contains(&Checkpoint::Last),
                precision: to.precision(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(start.inputs(&MODEL));
            let step = to.push(stage, run.coordinates.instance(), params, inputs);
            steps.push((run.coordinates.clone(), step));
        }
        let max_length = Some(self.recipe.max_length);
        to.add_maker(Maker { name: stage.name.clone(), steps, max_length });
        Ok(())
    }
}
