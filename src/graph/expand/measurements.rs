//! Evaluations and lines: a step a model, a step a pair.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::Input;
use super::super::models::{Model, resolve};
use super::{Expander, Lines, data_inputs, model_inputs};
use crate::experiment::{Diagnostic, Eval, Interpolate, Measurement, StageId};
use crate::stages::{Params, eval, interpolate, measure};

/// Tokens, where neither the measurement nor the models' own stage says.
const MAX_LENGTH: usize = 128;
/// Pairs are ordered in square tiles of so many models, so that a worker with room for a few models loads each
/// of them once a tile instead of once a pair.
const TILE: usize = 8;
/// All of whose pairs are measured: half a million lines.
const MOST_MODELS: usize = 1000;

/// Every pair once.
pub(super) fn all_pairs(models: usize, at: Range<usize>) -> Result<Vec<[usize; 2]>, Diagnostic> {
    if models > MOST_MODELS {
        let message = format!("all pairs of {models} models are too many: at most {MOST_MODELS} models are taken");
        return Err(Diagnostic::new(message, at).help("name fewer models, or list `pairs`"));
    }
    Ok((0..models).flat_map(|i| (i + 1..models).map(move |j| [i, j])).collect())
}

impl Expander<'_> {
    pub(super) fn selection(&self, measure: &Measurement) -> measure::Selection {
        let stage = &measure.models[0].get_ref().stage;
        let of_models = self.makers.iter().find(|maker| maker.name == *stage).and_then(|maker| maker.max_length);
        measure::Selection {
            rows: measure.data.get_ref().rows.clone(),
            filter: measure.filter.clone(),
            permute: measure.permute,
            examples: measure.examples,
            max_length: measure.max_length.or(of_models).unwrap_or(MAX_LENGTH),
            labels: measure.labels.clone(),
            combine: measure.combine.clone(),
        }
    }

    pub(super) fn eval(&mut self, id: &StageId, eval: &Eval) -> Result<(), Diagnostic> {
        let data = self.split(&eval.measure.data)?;
        let selection = self.selection(&eval.measure);
        for model in resolve(&self.makers, &eval.measure.models) {
            let params = eval::Params {
                selection: selection.clone(),
                metrics: eval.measure.metrics.clone(),
                by: eval.by.clone(),
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model_inputs("model", &model));
            let step = self.push(id, model.label.clone(), Params::Eval(params), inputs);
            self.evals.insert((id.name.clone(), Model { label: String::new(), ..model }), step);
        }
        Ok(())
    }

    pub(super) fn interpolate(&mut self, id: &StageId, interpolate: &Interpolate) -> Result<(), Diagnostic> {
        let measure = &interpolate.measure;
        let data = self.split(&measure.data)?;
        let selection = self.selection(measure);
        let models = resolve(&self.makers, &measure.models);
        if models.len() < 2 && self.errors.is_empty() {
            let span = measure.models[0].span();
            return Err(Diagnostic::new("a line needs two models, and this names one", span));
        }
        let pairs = self.pairs(&models, interpolate)?;
        for model in &models {
            let params = interpolate::EndPointParams {
                selection: selection.clone(),
                metrics: measure.metrics.clone(),
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model_inputs("model", model));
            let step = self.push(id, model.label.clone(), Params::EndPoint(params), inputs);
            self.end_points.insert((id.name.clone(), model.clone()), step);
        }
        let mut lines = BTreeMap::new();
        for (i, j) in pairs {
            let params = interpolate::PairParams {
                selection: selection.clone(),
                metrics: measure.metrics.clone(),
                points: interpolate.points,
                precision: self.experiment.precision.clone(),
            };
            let end_point = |role: &str, model: &Model| Input {
                role: format!("{role}.end-point"),
                from: self.end_points[&(id.name.clone(), model.clone())],
                output: "end-point".to_owned(),
            };
            let mut inputs = data_inputs(data);
            inputs.push(end_point("first", &models[i]));
            inputs.push(end_point("second", &models[j]));
            inputs.extend(model_inputs("model", &models[i]));
            inputs.extend(model_inputs("second", &models[j]));
            let instance = format!("{},{}", models[i].label, models[j].label);
            lines.insert((i, j), self.push(id, instance, Params::Pair(params), inputs));
        }
        self.lines.insert(id.name.clone(), Lines { models, pairs: lines });
        Ok(())
    }

    fn pairs(&self, models: &[Model], interpolate: &Interpolate) -> Result<Vec<(usize, usize)>, Diagnostic> {
        let mut pairs = Vec::new();
        match &interpolate.pairs {
            None => {
                let all = all_pairs(models.len(), interpolate.measure.models[0].span())?;
                pairs.extend(all.into_iter().map(|[i, j]| (i, j)));
            }
            Some(listed) => {
                let number = |label: &String| {
                    models.iter().position(|model| model.label == *label).ok_or_else(|| {
                        Diagnostic::new(format!("there is no model `{label}` among those of this stage"), listed.span())
                            .suggest(label, models.iter().map(|model| model.label.as_str()))
                    })
                };
                for [first, second] in listed.get_ref() {
                    let (i, j) = (number(first)?, number(second)?);
                    if i == j {
                        let message = format!("`{first}` is paired with itself");
                        return Err(Diagnostic::new(message, listed.span()));
                    }
                    pairs.push((i.min(j), i.max(j)));
                }
            }
        }
        pairs.sort_by_key(|&(i, j)| (i / TILE, j / TILE, i, j));
        pairs.dedup();
        Ok(pairs)
    }
}
