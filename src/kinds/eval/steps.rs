//! A step a model.

use super::measured::{EXAMPLES, Evaluated, Evaluations, METRICS};
use super::run::Params;
use super::spec::Eval;
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::models::{MODEL, Member};
use crate::kinds::offers::{MissingMetric, Offers};
use crate::kinds::preflight::Preflight;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::Diagnostic;
use crate::study::words::MetricName;
use crate::words::Word;

impl Offers for Eval {
    fn evaluates(&self, metric: &MetricName) -> Option<Result<(), MissingMetric>> {
        let known: Vec<&str> = self.measure.metrics.iter().map(|metric| metric.name()).collect();
        let base = metric.name();
        Some(match known.contains(&base) {
            true => Ok(()),
            false => Err(MissingMetric {
                metric: base.to_owned(),
                help: format!("add it to its `metrics`, which are {}", known.join(", ")),
            }),
        })
    }
}

impl Spec for Eval {
    fn references(&self, to: &mut References<'_>) {
        self.measure.references(to);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let data = to.split(&self.measure.data)?;
        let mut all = Vec::new();
        for model in to.models(&self.measure.models) {
            let params = Params {
                selection: self.measure.selection(&model, to),
                metrics: self.measure.metrics.clone(),
                by: self.by.clone(),
                precision: to.precision(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model.inputs(&MODEL));
            let step = to.push(stage, model.label.clone(), params, inputs);
            let (model, metrics, examples) = (Member::Here(model), METRICS, Some(EXAMPLES));
            to.about(step, [&model]);
            all.push(Evaluated { model, step, metrics, examples, sentences: None });
        }
        to.publish(stage, Evaluations::new(all));
        Ok(())
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        self.measure.defaults(false)
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        self.measure.preflight_each(&self.by, to);
    }
}
