//! A step a model.

use super::run::Params;
use super::sharpened::{SHARPNESS, Sharpened};
use super::spec::SharpnessSpec;
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::models::{MODEL, Member};
use crate::kinds::offers::Offers;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::Diagnostic;

impl Offers for SharpnessSpec {}

impl Spec for SharpnessSpec {
    fn references(&self, to: &mut References<'_>) {
        self.measure.references(to);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let data = to.split(&self.measure.data)?;
        let selection = self.measure.selection(to);
        let mut all = Vec::new();
        for model in to.models(&self.measure.models) {
            let params = Params {
                selection: selection.clone(),
                epsilon: self.epsilon,
                shape: self.shape,
                directions: self.directions,
                learning_rate: self.learning_rate,
                batch_size: self.batch_size,
                dropout: self.dropout,
                seed: self.seed,
                precision: to.precision(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model.inputs(&MODEL));
            let step = to.push(stage, model.label.clone(), params, inputs);
            let model = Member::Here(model);
            to.about(step, [&model]);
            all.push((model, step, SHARPNESS));
        }
        to.publish(stage, Sharpened(all));
        Ok(())
    }
}
