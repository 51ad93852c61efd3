//! Which models a reference means, and how they are called.

use toml::Spanned;

use crate::experiment::{Checkpoint, Coordinates, ModelRef};

/// One model among those that a stage measures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// `7`, `7@15000`, `h0o3`, `other/7`, or the name of a stage that makes one model.
    pub label: String,
    /// The step that makes it, and which of its checkpoints.
    pub step: usize,
    pub checkpoint: Checkpoint,
}

impl Model {
    /// The label without the checkpoint: what stays the same over training.
    pub fn over_training(&self) -> &str {
        match self.checkpoint {
            Checkpoint::Last => &self.label,
            Checkpoint::Step(_) => self.label.rsplit_once('@').map_or(&self.label, |(name, _)| name),
        }
    }

    /// In the place of a step: no step here makes the model, and only its label is known.
    const IMPORTED: usize = usize::MAX;

    pub fn imported(label: String) -> Self {
        Self { label, step: Self::IMPORTED, checkpoint: Checkpoint::Last }
    }

    pub fn is_imported(&self) -> bool {
        self.step == Self::IMPORTED
    }

    /// By the label alone where one of them is imported.
    pub fn is_same(&self, other: &Self) -> bool {
        self == other || ((self.is_imported() || other.is_imported()) && self.label == other.label)
    }
}

/// A stage that makes models: its steps, and what tells them apart.
#[derive(Debug)]
pub struct Maker {
    pub name: String,
    pub steps: Vec<(Coordinates, usize)>,
    /// Tokens, where the stage says how long the texts of its models are.
    pub max_length: Option<usize>,
}

impl Maker {
    fn models(&self, reference: &ModelRef, prefix: bool) -> Vec<Model> {
        let wanted = |member: &Coordinates| reference.pick.as_ref().is_none_or(|pick| pick.includes(member));
        let label = |member: &Coordinates| {
            let name = match member.label() {
                Some(label) if prefix => format!("{}/{label}", self.name),
                Some(label) => label,
                None => self.name.clone(),
            };
            match reference.checkpoint {
                Checkpoint::Last => name,
                Checkpoint::Step(step) => format!("{name}@{step}"),
            }
        };
        let steps = self.steps.iter().filter(|(member, _)| wanted(member));
        let model =
            |(member, step): &(_, usize)| Model { label: label(member), step: *step, checkpoint: reference.checkpoint };
        steps.map(model).collect()
    }
}

/// All models that the references mean, each once, in their order.
pub fn resolve(makers: &[Maker], references: &[Spanned<ModelRef>]) -> Vec<Model> {
    let several = references.iter().any(|reference| reference.get_ref().stage != references[0].get_ref().stage);
    let mut models = Vec::new();
    for reference in references {
        let maker = makers.iter().find(|maker| maker.name == reference.get_ref().stage);
        for model in maker.into_iter().flat_map(|maker| maker.models(reference.get_ref(), several)) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
    }
    models
}
