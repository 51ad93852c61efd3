//! A step for every end point, and one for every pair.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::line::{LINE, Lines};
use super::run::{END_POINT, EndPointParams, FIRST_END, PairParams, SECOND, SECOND_END};
use super::spec::Interpolate;
use crate::engine::{Input, StageId, Work};
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::models::{MODEL, Member, Model};
use crate::kinds::offers::Offers;
use crate::kinds::pairs::all_pairs;
use crate::kinds::preflight::Preflight;
use crate::kinds::references::References;
use crate::kinds::room::{Spec, whole};
use crate::study::Diagnostic;
use crate::study::words::Metric;

/// Pairs are ordered in square tiles of so many models, so that a worker with room for a few models loads each
/// of them once a tile instead of once a pair.
const TILE: usize = 8;

impl Offers for Interpolate {
    fn measures(&self) -> Option<(Vec<Metric>, &'static str)> {
        Some((self.measure.metrics.clone(), "metrics"))
    }
}

impl Spec for Interpolate {
    fn references(&self, to: &mut References<'_>) {
        self.measure.references(to);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let measure = &self.measure;
        let data = to.split(&measure.data)?;
        let selection = measure.joined_selection(to);
        let models = to.models(&measure.models);
        let members: Vec<Member> = models.iter().cloned().map(Member::Here).collect();
        if models.len() < 2 && to.is_sound() {
            let span = measure.models[0].span();
            return Err(Diagnostic::new("a line needs two models, and this names one", span));
        }
        let pairs = self.pairs(&models, &|label| to.leaves_out_label(&measure.models, label))?;
        let mut end_points = Vec::with_capacity(models.len());
        let params = EndPointParams {
            selection: selection.clone(),
            metrics: measure.metrics.clone(),
            precision: to.precision(),
        };
        let end_point: Rc<dyn Work> = Rc::new(params);
        for model in &models {
            let mut inputs = data_inputs(data);
            inputs.extend(model.inputs(&MODEL));
            end_points.push(to.push_shared(stage, model.label.clone(), &end_point, inputs));
        }
        for (end_point, member) in end_points.iter().zip(&members) {
            to.about(*end_point, [member]);
        }
        let mut lines = BTreeMap::new();
        let params =
            PairParams { selection, metrics: measure.metrics.clone(), points: self.points, precision: to.precision() };
        let pair: Rc<dyn Work> = Rc::new(params);
        for (i, j) in pairs {
            let ends = [(&FIRST_END, i), (&SECOND_END, j)];
            let ends = ends.map(|(role, end)| Input::new(role, end_points[end], &END_POINT));
            let models_of = [models[i].inputs(&MODEL), models[j].inputs(&SECOND)];
            // Exactly as long as it is: there may be half a million of them.
            let inputs = [data_inputs(data), ends.into(), models_of.concat()].concat();
            let instance = format!("{},{}", models[i].label, models[j].label);
            let step = to.push_shared(stage, instance, &pair, inputs);
            to.about(step, [&members[i], &members[j]]);
            lines.insert((i, j), (step, LINE));
        }
        to.publish(stage, Lines { models: members, pairs: lines });
        Ok(())
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        let pairs = self.pairs.is_none().then(|| ("pairs", "all".into()));
        let own = std::iter::once(("points", whole(self.points))).chain(pairs);
        self.measure.defaults(false).into_iter().chain(own).collect()
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        let models: Vec<Model> = to.models(&self.measure.models).into_iter().map(|(model, _)| model).collect();
        // What is wrong with the list of pairs was said when it became steps.
        let listed = self.pairs.as_ref().and_then(|_| self.pairs(&models, &|_| false).ok());
        let pairs: Vec<[usize; 2]> = match listed {
            Some(pairs) => pairs.into_iter().map(|(i, j)| [i, j]).collect(),
            None => (1..models.len()).map(|other| [0, other]).collect(),
        };
        self.measure.preflight_joined(&pairs, "no line lies between", to);
    }
}

impl Interpolate {
    /// `left_out`: whether a model that may be named is not there on purpose.
    fn pairs(&self, models: &[Model], left_out: &dyn Fn(&str) -> bool) -> Result<Vec<(usize, usize)>, Diagnostic> {
        let mut pairs = Vec::new();
        match &self.pairs {
            None => {
                let all = all_pairs(models.len(), self.measure.models[0].span())?;
                pairs.extend(all.into_iter().map(|[i, j]| (i, j)));
            }
            Some(listed) => {
                let number = |label: &String| {
                    models.iter().position(|model| model.label == *label).ok_or_else(|| {
                        Diagnostic::new(format!("there is no model `{label}` among those of this stage"), listed.span())
                            .suggest(label, models.iter().map(|model| model.label.as_str()))
                    })
                };
                let there = |label: &String| !left_out(label);
                for [first, second] in listed.get_ref().iter().filter(|pair| pair.iter().all(there)) {
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
