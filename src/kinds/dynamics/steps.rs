//! One step with the clusterings of all checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::run::{CLUSTERS_OF, Params, Time};
use super::spec::DynamicsSpec;
use crate::engine::StageId;
use crate::kinds::cluster::{self, Clustered};
use crate::kinds::expand::Expander;
use crate::kinds::models::Member;
use crate::kinds::offers::Offers;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::Diagnostic;

/// What a dynamics stage became.
pub struct Followed {
    pub step: usize,
    /// At the last time.
    pub models: Vec<Member>,
}

impl Offers for DynamicsSpec {}

impl Spec for DynamicsSpec {
    fn references(&self, to: &mut References<'_>) {
        self.of.iter().for_each(|of| to.named(of, cluster::KIND));
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let mut inputs = Vec::new();
        let mut clusterings = Vec::new();
        for (time, of) in self.of.iter().enumerate() {
            let Some(clustered) = to.find::<Clustered>(cluster::KIND, of.get_ref()) else { return Ok(()) };
            clustered.with_distances(of)?;
            inputs.push(clustered.input(&CLUSTERS_OF.of(time)));
            clusterings.push((of, clustered.models.as_slice()));
        }
        // Time by time.
        let mut about: Vec<Member> = Vec::new();
        let models: Vec<String> = clusterings[0].1.iter().map(|model| model.over_training().to_owned()).collect();
        let orders: Vec<Vec<usize>> =
            clusterings.iter().map(|(of, found)| order(&models, of, found)).collect::<Result<_, _>>()?;
        for ((_, found), order) in clusterings.iter().zip(&orders) {
            about.extend(order.iter().map(|place| found[*place].clone()));
        }
        let names = names(&clusterings);
        let times = names.into_iter().zip(orders).map(|(name, order)| Time { name, order }).collect();
        let models_followed = models.len();
        let step = to.push(stage, "", Params { models, times }, inputs);
        to.about(step, &about);
        let models = about.split_off(about.len() - models_followed);
        to.publish(stage, Followed { step, models });
        Ok(())
    }
}

/// For each of `models` its number in one clustering, which must be of the same models.
fn order(models: &[String], of: &Spanned<String>, found: &[Member]) -> Result<Vec<usize>, Diagnostic> {
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
fn names(clusterings: &[(&Spanned<String>, &[Member])]) -> Vec<String> {
    let checkpoint = |models: &[Member]| {
        let first = models.first()?.checkpoint();
        models.iter().all(|model| model.checkpoint() == first).then(|| first.to_string())
    };
    let checkpoints: Option<Vec<String>> = clusterings.iter().map(|(_, models)| checkpoint(models)).collect();
    match checkpoints {
        Some(names) if names.iter().collect::<BTreeSet<_>>().len() == names.len() => names,
        _ => clusterings.iter().map(|(of, _)| of.get_ref().clone()).collect(),
    }
}
