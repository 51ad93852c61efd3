//! Pre-trainings and fine-tunes: a step a run.

use super::super::models::{Maker, resolve};
use super::{Expander, data_inputs, model_inputs};
use crate::experiment::{Checkpoint, Coordinates, Diagnostic, Finetune, Pretrain, StageId};
use crate::stages::{Params, finetune, pretrain};

impl Expander<'_> {
    pub(super) fn pretrain(&mut self, id: &StageId, pretrain: &Pretrain) -> Result<(), Diagnostic> {
        let data = self.split(&pretrain.data)?;
        let params = pretrain::Params {
            rows: pretrain.data.get_ref().rows.clone(),
            vocabulary: pretrain.vocabulary,
            layers: pretrain.layers,
            hidden: pretrain.hidden,
            heads: pretrain.heads,
            intermediate: pretrain.intermediate,
            max_length: pretrain.max_length,
            initializer_range: pretrain.initializer_range,
            dropout: pretrain.dropout,
            mask: pretrain.mask,
            steps: pretrain.steps,
            batch_size: pretrain.batch_size,
            learning_rate: pretrain.learning_rate,
            warmup: pretrain.warmup,
            weight_decay: pretrain.weight_decay,
            seed: pretrain.seed,
            precision: self.experiment.precision.clone(),
        };
        let step = self.push(id, String::new(), Params::Pretrain(params), data_inputs(data));
        self.makers.push(Maker {
            name: id.name.clone(),
            steps: vec![(Coordinates::default(), step)],
            max_length: Some(pretrain.max_length),
        });
        Ok(())
    }

    pub(super) fn finetune(&mut self, id: &StageId, finetune: &Finetune) -> Result<(), Diagnostic> {
        let data = self.split(&finetune.data)?;
        let Some(start) = resolve(&self.makers, std::slice::from_ref(&finetune.model)).into_iter().next() else {
            // The stage that makes it has failed already, and said so.
            return Ok(());
        };
        let checkpoints: Vec<usize> = finetune
            .checkpoints
            .iter()
            .filter_map(|checkpoint| match checkpoint {
                Checkpoint::Step(step) => Some(*step),
                Checkpoint::Last => None,
            })
            .collect();
        let mut steps = Vec::new();
        for run in &finetune.runs {
            let params = finetune::Params {
                rows: finetune.data.get_ref().rows.clone(),
                recipe: finetune.recipe.clone(),
                head_seed: run.head_seed,
                order_seed: run.order_seed,
                dropout_seed: run.dropout_seed,
                checkpoints: checkpoints.clone(),
                keep_last: finetune.checkpoints.contains(&Checkpoint::Last),
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model_inputs("model", &start));
            let step = self.push(id, run.coordinates.instance(), Params::Finetune(params), inputs);
            steps.push((run.coordinates.clone(), step));
        }
        let max_length = Some(finetune.recipe.max_length);
        self.makers.push(Maker { name: id.name.clone(), steps, max_length });
        Ok(())
    }
}
