//! What a stage has at hand when it becomes steps: those of the stages before it, by what they are.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use toml::Spanned;

use super::models::{Made, Maker, Member, Model, resolve};
use crate::engine::{Input, Kind, StageId, Step, StepKind, Work};
use crate::study::Diagnostic;
use crate::study::words::{Axis, Checkpoint, Coordinates, DataRef, ModelRef, Precision, Value};

pub struct Expander<'a> {
    precision: Precision,
    /// Where relative paths start.
    directory: &'a Path,
    steps: Vec<Step>,
    /// By their stages' names.
    makers: BTreeMap<String, Maker>,
    /// What stages became, by kind and name.
    published: BTreeMap<StageId, Box<dyn Any>>,
    /// Data sets by name, with their stages.
    datasets: BTreeMap<String, (StageId, Rc<dyn DataSet>)>,
    /// Steps of splits; only those that something reads are fetched.
    splits: BTreeMap<(String, String), usize>,
    /// Models that are left out, by their names in tables.
    without: &'a BTreeSet<String>,
    /// The same without further columns, where the data set keeps some.
    bare_splits: BTreeMap<(String, String), usize>,
    errors: Vec<Diagnostic>,
    /// The stage whose values are gone through, with those that it has now, and what it has made so far.
    variant: Option<(StageId, Coordinates, Vec<Made>)>,
}

impl<'a> Expander<'a> {
    pub fn new(precision: Precision, directory: &'a Path, without: &'a BTreeSet<String>) -> Self {
        Self {
            precision,
            without,
            directory,
            datasets: BTreeMap::new(),
            steps: Vec::new(),
            makers: BTreeMap::new(),
            published: BTreeMap::new(),
            splits: BTreeMap::new(),
            bare_splits: BTreeMap::new(),
            errors: Vec::new(),
            variant: None,
        }
    }

    /// Notes what is wrong with a stage; the same for several of its splits is said once.
    pub fn fail(&mut self, error: Diagnostic) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// # Errors
    /// What is wrong with any of the stages.
    pub fn finish(self) -> Result<(Vec<Step>, Built), Vec<Diagnostic>> {
        let mut splits = self.bare_splits;
        splits.extend(self.splits);
        let built = Built { makers: self.makers, splits };
        if self.errors.is_empty() { Ok((self.steps, built)) } else { Err(self.errors) }
    }

    /// Whether all stages so far could be expanded. What builds on one that could not need not complain too.
    pub fn is_sound(&self) -> bool {
        self.errors.is_empty()
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Where relative paths start.
    pub fn directory(&self) -> &'a Path {
        self.directory
    }

    /// Adds a step and says its number.
    pub fn push(
        &mut self,
        stage: &StageId,
        instance: impl Into<String>,
        work: impl StepKind,
        inputs: Vec<Input>,
    ) -> usize {
        self.push_shared(stage, instance, &(Rc::new(work) as Rc<dyn Work>), inputs)
    }

    /// One of many steps that differ in their inputs alone.
    pub fn push_shared(
        &mut self,
        stage: &StageId,
        instance: impl Into<String>,
        work: &Rc<dyn Work>,
        inputs: Vec<Input>,
    ) -> usize {
        let (stage, mut instance) = (stage.clone(), instance.into());
        if let Some((_, outer, _)) = self.variant.as_ref().filter(|(own, ..)| *own == stage) {
            let parts = [outer.instance(), instance];
            instance = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
        }
        self.steps.push(Step {
            stage,
            instance,
            work: work.clone(),
            inputs,
            location: None,
            subjects: Vec::new(),
            out_of: None,
        });
        self.steps.len() - 1
    }

    /// A step of something that lies somewhere: the key holds its content instead.
    pub fn push_at(
        &mut self,
        location: Option<String>,
        stage: &StageId,
        instance: impl Into<String>,
        work: impl StepKind,
        inputs: Vec<Input>,
    ) -> usize {
        let step = self.push(stage, instance, work, inputs);
        self.steps[step].location = location;
        step
    }

    /// The models that a step is about, by their names in tables.
    pub fn subjects(&self, step: usize) -> &[String] {
        &self.steps[step].subjects
    }

    /// The stage of a step.
    pub fn stage(&self, step: usize) -> &StageId {
        &self.steps[step].stage
    }

    /// Says which models a stage makes.
    pub fn make(&mut self, stage: &StageId, made: Vec<Made>) {
        if let Some((_, outer, all)) = self.variant.as_mut().filter(|(own, ..)| own == stage) {
            let within = |made: Made| Made { coordinates: outer.and(&made.coordinates), ..made };
            all.extend(made.into_iter().map(within));
            return;
        }
        let maker = Maker::new(&stage.name, made);
        for made in &maker.made {
            self.steps[made.step].subjects = vec![maker.model(&made.coordinates)];
        }
        self.makers.insert(maker.name.clone(), maker);
    }

    /// The steps of a stage that is so many with one name: what each makes has these values, before what tells its own
    /// models apart.
    ///
    /// # Errors
    /// As that of one of them.
    pub fn each<'v, T: 'v>(
        &mut self,
        stage: &StageId,
        variants: impl IntoIterator<Item = (&'v Coordinates, T)>,
        mut steps: impl FnMut(T, &mut Self) -> Result<(), Diagnostic>,
    ) -> Result<(), Diagnostic> {
        let mut all = Vec::new();
        for (values, variant) in variants {
            self.variant = Some((stage.clone(), values.clone(), all));
            let done = steps(variant, self);
            all = self.variant.take().map_or(Vec::new(), |(.., made)| made);
            done?;
        }
        self.make(stage, all);
        Ok(())
    }

    /// Says which models a step is about, in the order of its result.
    pub fn about<'m>(&mut self, step: usize, models: impl IntoIterator<Item = &'m Member>) {
        let names = models.into_iter().map(|model| self.name(model)).collect();
        self.steps[step].subjects = names;
    }

    /// What tables call a model, whatever stage names it: `agents/7`, `agents/7@15000`, or `bert` where its stage makes
    /// one. A published one is the study's own of that label, where there is one.
    pub fn name(&self, model: &Member) -> String {
        match model {
            Member::Here(model) => {
                let name = self.steps[model.step].subjects.concat();
                match model.checkpoint {
                    Checkpoint::Last => name,
                    Checkpoint::Step(step) => format!("{name}@{step}"),
                }
            }
            Member::Published(label) => {
                let mut own = self.makers.values().filter_map(|maker| maker.labelled(label));
                match (own.next(), own.next()) {
                    (Some(name), None) => name,
                    _ => format!("published/{label}"),
                }
            }
        }
    }

    pub fn maker(&self, name: &str) -> Option<&Maker> {
        self.makers.get(name)
    }

    /// Tokens, where the stage that makes the model says how long its texts are.
    pub fn max_length_of(&self, model: &Model) -> Option<usize> {
        self.makers.get(&self.steps[model.step].stage.name)?.by(model.step)?.max_length
    }

    /// What tells a model from the others of its stage.
    pub fn axes_of(&self, model: &Model) -> impl Iterator<Item = &str> {
        let maker = self.makers.get(&self.steps[model.step].stage.name);
        let made = maker.and_then(|maker| maker.by(model.step));
        made.into_iter().flat_map(|made| made.coordinates.axes()).map(Axis::name)
    }

    /// The value of a model on an axis of its stage.
    pub fn value_of(&self, model: &Model, axis: &str) -> Option<&Value> {
        self.makers.get(&self.steps[model.step].stage.name)?.by(model.step)?.coordinates.value(axis)
    }

    /// All models that the references mean, but those that are left out; none where the stage that makes them could not
    /// be expanded.
    pub fn models(&self, references: &[Spanned<ModelRef>]) -> Vec<Model> {
        let mut models = resolve(&self.makers, references);
        models.retain(|model| !self.leaves_out(model.step));
        models
    }

    /// Whether models are left out.
    pub fn is_partial(&self) -> bool {
        !self.without.is_empty()
    }

    /// Whether the models of a step that makes some are left out.
    pub fn leaves_out(&self, step: usize) -> bool {
        self.steps[step].subjects.iter().any(|name| self.without.contains(name))
    }

    /// Whether one of the models that the references mean and that has this label is left out.
    pub fn leaves_out_label(&self, references: &[Spanned<ModelRef>], label: &str) -> bool {
        resolve(&self.makers, references).iter().any(|model| model.label == label && self.leaves_out(model.step))
    }

    /// Says that a step is about the models that its inputs are about.
    pub fn about_inputs(&mut self, step: usize) {
        let mut names = BTreeSet::new();
        for need in self.steps[step].needs() {
            names.extend(self.steps[need].subjects.iter().cloned());
        }
        self.steps[step].subjects = names.into_iter().collect();
    }

    /// Says what a stage became, for those that build on it.
    pub fn publish<T: Any>(&mut self, stage: &StageId, what: T) {
        self.published.insert(stage.clone(), Box::new(what));
    }

    /// What a stage became; nothing where it could not be expanded, and said so.
    pub fn find<T: Any>(&self, kind: Kind, name: &str) -> Option<&T> {
        self.published.get(&StageId { kind, name: name.to_owned() })?.downcast_ref()
    }

    /// The step of a split, made when it is first asked for.
    ///
    /// # Errors
    /// No such data set; a file that is not there.
    pub fn split(&mut self, data: &Spanned<DataRef>) -> Result<usize, Diagnostic> {
        self.split_with(data, true)
    }

    /// The step of a split for those who read texts and labels alone: a further column that is kept for others must not
    /// change their keys.
    ///
    /// # Errors
    /// As [`Self::split`].
    pub fn bare_split(&mut self, data: &Spanned<DataRef>) -> Result<usize, Diagnostic> {
        self.split_with(data, false)
    }

    fn split_with(&mut self, data: &Spanned<DataRef>, columns: bool) -> Result<usize, Diagnostic> {
        let reference = data.get_ref();
        let name = (reference.dataset.clone(), reference.split.clone());
        let found = self.datasets.get(&reference.dataset).cloned();
        let (stage, dataset) = found.ok_or_else(|| Diagnostic::new("there is no such data set", data.span()))?;
        let columns = columns || !dataset.keeps_columns();
        let known = if columns { &self.splits } else { &self.bare_splits };
        if let Some(step) = known.get(&name) {
            return Ok(*step);
        }
        let step = dataset.split(&stage, data, columns, self)?;
        if columns { &mut self.splits } else { &mut self.bare_splits }.insert(name, step);
        Ok(step)
    }

    pub fn add_dataset(&mut self, stage: &StageId, dataset: Rc<dyn DataSet>) {
        self.datasets.insert(stage.name.clone(), (stage.clone(), dataset));
    }
}

/// Which steps make what stages name.
#[derive(Debug)]
pub struct Built {
    pub makers: BTreeMap<String, Maker>,
    /// By data set and split, with all columns where something reads them.
    pub splits: BTreeMap<(String, String), usize>,
}

/// A data set, of which only those splits become steps that something reads.
pub trait DataSet {
    /// Whether it has columns beside texts and labels.
    fn keeps_columns(&self) -> bool;

    /// The step of a split; with those columns or without.
    ///
    /// # Errors
    /// A file that is not there, or no such split.
    fn split(
        &self,
        stage: &StageId,
        data: &Spanned<DataRef>,
        columns: bool,
        to: &mut Expander<'_>,
    ) -> Result<usize, Diagnostic>;
}
