//! Clusters over training: one step with the clusterings of all checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::super::Input;
use super::super::models::Model;
use super::Expander;
use crate::experiment::{Checkpoint, Diagnostic, Dynamics, StageId};
use crate::stages::{Params, dynamics};

impl Expander<'_> {
    pub(super) fn dynamics(&mut self, id: &StageId, dynamics: &Dynamics) -> Result<(), Diagnostic> {
        let mut inputs = Vec::new();
        let mut clusterings = Vec::new();
        for (time, of) in dynamics.of.iter().enumerate() {
            let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(()) };
            let role = format!("clusters:{time}");
            inputs.push(Input { role, from: clustered.step, output: "clusters".to_owned() });
            clusterings.push((of, clustered.models.as_slice()));
        }
        let models: Vec<String> = clusterings[0].1.iter().map(|model| model.over_training().to_owned()).collect();
        let orders: Vec<Vec<usize>> =
            clusterings.iter().map(|(of, found)| order(&models, of, found)).collect::<Result<_, _>>()?;
        let names = names(&clusterings);
        let times = names.into_iter().zip(orders).map(|(name, order)| dynamics::Time { name, order }).collect();
        let step = self.push(id, String::new(), Params::Dynamics(dynamics::Params { models, times }), inputs);
        self.dynamics.insert(id.name.clone(), step);
        Ok(())
    }
}

/// For each of `models` its number in one clustering, which must be of the same models.
fn order(models: &[String], of: &Spanned<String>, found: &[Model]) -> Result<Vec<usize>, Diagnostic> {
    let wrong = |message: String| {
        Diagnostic::new(message, of.span()).help("let every clustering be of the same models, each at one checkpoint")
    };
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, model) in found.iter().enumerate() {
        if places.insert(model.over_training(), place).is_some() {
            let message = format!("[cluster.{}] has the model `{}` twice", of.get_ref(), model.over_training());
            return Err(wrong(message));
        }
    }
    if let Some(extra) = places.keys().find(|name| !models.iter().any(|model| model == *name)) {
        return Err(wrong(format!("[cluster.{}] has a model `{extra}` that the first clustering lacks", of.get_ref())));
    }
    models
        .iter()
        .map(|model| {
            let place = places.get(model.as_str()).copied();
            place.ok_or_else(|| wrong(format!("[cluster.{}] lacks the model `{model}`", of.get_ref())))
        })
        .collect()
}

/// The checkpoint of each clustering; the clusterings' own names where one has several, or two have the same.
fn names(clusterings: &[(&Spanned<String>, &[Model])]) -> Vec<String> {
    let checkpoint = |models: &[Model]| {
        let first = models.first()?.checkpoint;
        let name = match first {
            Checkpoint::Step(step) => step.to_string(),
            Checkpoint::Last => "last".to_owned(),
        };
        models.iter().all(|model| model.checkpoint == first).then_some(name)
    };
    let checkpoints: Option<Vec<String>> = clusterings.iter().map(|(_, models)| checkpoint(models)).collect();
    match checkpoints {
        Some(names) if names.iter().collect::<BTreeSet<_>>().len() == names.len() => names,
        _ => clusterings.iter().map(|(of, _)| of.get_ref().clone()).collect(),
    }
}
