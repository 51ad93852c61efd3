//! Sharpness: a step a model.

use super::super::models::resolve;
use super::{Expander, data_inputs, model_inputs};
use crate::experiment::{Diagnostic, Sharpness, StageId};
use crate::stages::{Params, sharpness};

impl Expander<'_> {
    pub(super) fn sharpness(&mut self, id: &StageId, stage: &Sharpness) -> Result<(), Diagnostic> {
        let data = self.split(&stage.measure.data)?;
        let selection = self.selection(&stage.measure);
        let mut steps = Vec::new();
        for model in resolve(&self.makers, &stage.measure.models) {
            let params = sharpness::Params {
                selection: selection.clone(),
                epsilon: stage.epsilon,
                shape: stage.shape,
                directions: stage.directions,
                learning_rate: stage.learning_rate,
                batch_size: stage.batch_size,
                dropout: stage.dropout,
                seed: stage.seed,
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model_inputs("model", &model));
            let step = self.push(id, model.label.clone(), Params::Sharpness(params), inputs);
            steps.push((model, step));
        }
        self.sharpnesses.insert(id.name.clone(), steps);
        Ok(())
    }
}
