//! What is known of data sets and models before anything computes: what is fetched, what lies on this machine, and what
//! models will be that are yet to be trained.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

use toml::Spanned;

use super::expand::Built;
use super::inputs::{DATA, DataInfo, INFO};
use super::models::{CONFIG, Made, Model, TOKENIZER, resolve};
use crate::data::{DataError, Dataset, Tokenizer};
use crate::engine::{Graph, Looked, Plan, StageError, StageId, State, look};
use crate::fingerprint::Digest;
use crate::model::TransformerConfig;
use crate::store::Store;
use crate::study::words::{Coordinates, DataRef, ModelRef};

/// What a model is, whether it is trained already or not.
#[derive(Debug, Clone)]
pub struct Blueprint {
    pub config: Rc<TransformerConfig>,
    pub tokenizer: Rc<Tokenizer>,
    /// Of the tokenizer's bytes.
    pub words: Digest,
}

impl Blueprint {
    /// A model that is made from nothing.
    ///
    /// # Errors
    /// A tokenizer that cannot be written.
    pub fn new(config: TransformerConfig, tokenizer: Tokenizer) -> Result<Self, DataError> {
        let words = Digest::of(tokenizer.to_json()?.as_bytes());
        Ok(Self { config: Rc::new(config), tokenizer: Rc::new(tokenizer), words })
    }

    /// The same model with a new classifier.
    pub fn with_labels(&self, labels: &[String]) -> Self {
        let id2label = labels.iter().enumerate().map(|(id, label)| (id.to_string(), label.clone())).collect();
        Self { config: Rc::new(TransformerConfig { id2label, ..(*self.config).clone() }), ..self.clone() }
    }
}

pub struct Known<'a> {
    graph: &'a Graph,
    steps: &'a BTreeMap<&'a StageId, Vec<usize>>,
    built: &'a Built,
    plan: &'a Plan,
    store: &'a Store,
    /// What is not fetched yet is looked at where it lies, if that is on this machine.
    look: bool,
    looked: BTreeMap<usize, Looked>,
    splits: BTreeMap<usize, Option<Rc<Dataset>>>,
    models: BTreeMap<usize, Option<Blueprint>>,
    tokenizers: BTreeMap<Digest, Rc<Tokenizer>>,
    /// What was found out, by what it was made of: values in a list ask the same of the same texts.
    pub(super) lengths: BTreeMap<Digest, Option<Longer>>,
    /// Rows that are chosen, by what chooses them.
    pub(super) chosen: BTreeMap<String, Rc<Dataset>>,
}

/// Texts with more tokens than some number.
#[derive(Debug, Clone)]
pub(super) struct Longer {
    pub texts: usize,
    pub longest: usize,
    /// Whether all of them are counted.
    pub all: bool,
}

impl<'a> Known<'a> {
    /// `steps` are those of each stage.
    pub fn new(
        (graph, steps): (&'a Graph, &'a BTreeMap<&'a StageId, Vec<usize>>),
        built: &'a Built,
        plan: &'a Plan,
        store: &'a Store,
        look: bool,
    ) -> Self {
        Self {
            graph,
            steps,
            built,
            plan,
            store,
            look,
            looked: BTreeMap::new(),
            splits: BTreeMap::new(),
            models: BTreeMap::new(),
            tokenizers: BTreeMap::new(),
            lengths: BTreeMap::new(),
            chosen: BTreeMap::new(),
        }
    }

    /// Looks at what the steps of a stage fetch, where that is on this machine and not in the cache.
    ///
    /// # Errors
    /// What each of them would fail with.
    pub fn look_at(&mut self, stage: &StageId) -> Result<(), Vec<StageError>> {
        let mut errors = Vec::new();
        for step in self.steps.get(stage).into_iter().flatten().filter(|_| self.look) {
            if self.plan.states[*step].finished().is_none() {
                match look(&self.graph.steps[*step]) {
                    Ok(Some(looked)) => drop(self.looked.insert(*step, looked)),
                    Ok(None) => {}
                    Err(error) => errors.push(error),
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// An artifact of a step, where it is there.
    fn artifact(&self, step: usize, name: &str) -> Option<Vec<u8>> {
        match &self.plan.states[step] {
            State::Fresh(finished) => self.store.output(finished, name).ok(),
            _ => self.looked.get(&step)?.get(name).cloned(),
        }
    }

    pub fn split(&mut self, data: &DataRef) -> Option<Rc<Dataset>> {
        let step = *self.built.splits.get(&(data.dataset.clone(), data.split.clone()))?;
        if !self.splits.contains_key(&step) {
            let read = || {
                let info: DataInfo = serde_json::from_slice(&self.artifact(step, INFO.name())?).ok()?;
                Dataset::from_parquet(&self.artifact(step, DATA.name())?, info.labels).ok()
            };
            let read = read().map(Rc::new);
            self.splits.insert(step, read);
        }
        self.splits.get(&step).cloned().flatten()
    }

    /// All models that the references mean, in their order, with what is known of each.
    pub fn models(&mut self, references: &[Spanned<ModelRef>]) -> Vec<(Model, Option<Blueprint>)> {
        self.resolve(references).into_iter().map(|model| (model.clone(), self.model(model.step))).collect()
    }

    pub fn resolve(&self, references: &[Spanned<ModelRef>]) -> Vec<Model> {
        resolve(&self.built.makers, references)
    }

    fn model(&mut self, step: usize) -> Option<Blueprint> {
        if !self.models.contains_key(&step) {
            let read = self.read_model(step);
            self.models.insert(step, read);
        }
        self.models.get(&step).cloned().flatten()
    }

    fn read_model(&mut self, step: usize) -> Option<Blueprint> {
        let config =
            TransformerConfig::from_json(&String::from_utf8_lossy(&self.artifact(step, CONFIG.name())?)).ok()?;
        let made = self.plan.states[step].finished().and_then(|finished| finished.output(TOKENIZER.name()));
        let known = made.map(|record| record.digest).filter(|digest| self.tokenizers.contains_key(digest));
        let words = match known {
            Some(words) => words,
            None => {
                let bytes = self.artifact(step, TOKENIZER.name())?;
                let words = Digest::of(&bytes);
                if let Entry::Vacant(place) = self.tokenizers.entry(words) {
                    place.insert(Rc::new(Tokenizer::from_files(Some(&bytes), None, true).ok()?));
                }
                words
            }
        };
        let tokenizer = self.tokenizers.get(&words)?.clone();
        Some(Blueprint { config: Rc::new(config), tokenizer, words })
    }

    /// What the models of a stage with these values will be, as far as they are not there.
    pub fn will_be(&mut self, stage: &StageId, values: &Coordinates, blueprint: &Blueprint) {
        let made = self.built.makers.get(&stage.name).into_iter().flat_map(|maker| &maker.made);
        for made in made.filter(|made| made.coordinates.is_in(values)) {
            if self.plan.states[made.step].finished().is_none() {
                self.models.insert(made.step, Some(blueprint.clone()));
            }
        }
    }

    /// Tokens, where the stage of the model says how long its texts are.
    pub fn max_length_of(&self, model: &Model) -> Option<usize> {
        self.made(model)?.max_length
    }

    /// Where a model stands among those of its stage.
    pub fn coordinates(&self, model: &Model) -> Option<&Coordinates> {
        self.made(model).map(|made| &made.coordinates)
    }

    /// The stage that makes a model.
    pub fn stage(&self, model: &Model) -> &StageId {
        &self.graph.steps[model.step].stage
    }

    fn made(&self, model: &Model) -> Option<&Made> {
        self.built.makers.get(&self.stage(model).name)?.by(model.step)
    }
}
