//! A step a model.

use super::run::{Params, one_output_a_class};
use super::sharpened::{SHARPNESS, Sharpened};
use super::spec::SharpnessSpec;
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::models::{MODEL, Member};
use crate::kinds::offers::Offers;
use crate::kinds::preflight::Preflight;
use crate::kinds::references::References;
use crate::kinds::room::{Spec, seed, whole};
use crate::study::Diagnostic;

impl Offers for SharpnessSpec {}

impl Spec for SharpnessSpec {
    fn references(&self, to: &mut References<'_>) {
        self.measure.references(to);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let data = to.split(&self.measure.data)?;
        let mut all = Vec::new();
        for model in to.models(&self.measure.models) {
            let params = Params {
                selection: self.measure.selection(&model, to),
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

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        let own = vec![
            ("epsilon", self.epsilon.into()),
            ("box", self.shape.to_string().into()),
            ("learning_rate", self.learning_rate.into()),
            ("batch_size", whole(self.batch_size)),
            ("seed", seed(self.seed)),
        ];
        [self.measure.defaults(true), own].concat()
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        let (models, data) = self.measure.preflight_each(&[], to);
        for (model, known) in &models {
            let labels = known.as_ref().map(|known| known.config.labels());
            let Some((data, labels)) = data.as_ref().zip(labels) else { continue };
            let classes = self.measure.classes_of(data, &labels);
            if let Some(Err(error)) = classes.map(|classes| one_output_a_class(&classes, &labels)) {
                return to.fail(
                    "data",
                    format!("{} (of `{}`)", error.message, model.label),
                    error.help.unwrap_or_default(),
                );
            }
        }
    }
}
