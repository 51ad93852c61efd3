//! One step.

use super::run::Params;
use super::spec::Pretrain;
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::known::Blueprint;
use crate::kinds::models::Made;
use crate::kinds::offers::{Models, NoCheckpoint, Offers};
use crate::kinds::preflight::Preflight;
use crate::kinds::references::References;
use crate::kinds::room::{Spec, seed, whole};
use crate::study::Diagnostic;
use crate::study::words::{Checkpoint, Coordinates, Precision};

impl Offers for Pretrain {
    fn models(&self) -> Option<Models<'_>> {
        Some(Models {
            members: vec![Coordinates::default()],
            checkpoints: &[Checkpoint::Last],
            no_checkpoint: NoCheckpoint::Never,
        })
    }
}

impl Spec for Pretrain {
    fn references(&self, to: &mut References<'_>) {
        to.data(&self.data);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let data = to.bare_split(&self.data)?;
        let step = to.push(stage, "", self.params(to.precision()), data_inputs(data));
        to.make(stage, vec![Made { coordinates: Coordinates::default(), step, max_length: Some(self.max_length) }]);
        Ok(())
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        vec![
            ("vocabulary", whole(self.vocabulary)),
            ("intermediate", whole(self.intermediate)),
            ("max_length", whole(self.max_length)),
            ("initializer_range", self.initializer_range.into()),
            ("dropout", self.dropout.into()),
            ("mask", self.mask.into()),
            ("batch_size", whole(self.batch_size)),
            ("warmup", self.warmup.into()),
            ("weight_decay", self.weight_decay.into()),
            ("seed", seed(self.seed)),
        ]
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        let Some(data) = to.rows(self.data.get_ref()) else { return };
        // The seed and the numbers are not looked at.
        let begun = self.params(Precision::F32).begin(&data);
        match begun.and_then(|(config, tokenizer)| Blueprint::new(config, tokenizer)) {
            Ok(model) => {
                let name = format!("{}.{}", self.data.get_ref().dataset, self.data.get_ref().split);
                to.length(&name, &data, &model, self.max_length, true);
                to.will_be(&model);
            }
            Err(error) => to.fail("vocabulary", error.to_string(), ""),
        }
    }
}

impl Pretrain {
    fn params(&self, precision: Precision) -> Params {
        Params {
            rows: self.data.get_ref().rows.clone(),
            vocabulary: self.vocabulary,
            layers: self.layers,
            hidden: self.hidden,
            heads: self.heads,
            intermediate: self.intermediate,
            max_length: self.max_length,
            initializer_range: self.initializer_range,
            dropout: self.dropout,
            mask: self.mask,
            steps: self.steps,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            seed: self.seed,
            precision,
        }
    }
}
