//! Models as stages name them: which ones a reference means, how they are called, and the artifacts that they are.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use crate::data::Tokenizer;
use crate::engine::{Artifact, Input, Role};
use crate::model::{TransformerConfig, Weights};
use crate::study::words::{Apart, Checkpoint, Coordinates, ModelRef};

pub const CONFIG: Artifact<TransformerConfig> = Artifact::new("config");
pub const TOKENIZER: Artifact<Tokenizer> = Artifact::new("tokenizer");

/// The weights at a point of training.
pub fn weights(checkpoint: Checkpoint) -> Artifact<Weights> {
    let last = Artifact::new("weights");
    match checkpoint {
        Checkpoint::Step(step) => last.at(step),
        Checkpoint::Last => last,
    }
}

/// The point of training whose weights an artifact of this name is; nothing for other artifacts.
pub fn checkpoint_of(artifact: &str) -> Option<Checkpoint> {
    match artifact.strip_prefix("weights@") {
        Some(step) => step.parse().ok().map(Checkpoint::Step),
        None => (artifact == "weights").then_some(Checkpoint::Last),
    }
}

/// Stands for the three artifacts of a model, which are read as parts of one role.
pub enum WholeModel {}

pub const MODEL: Role<WholeModel> = Role::new("model");

/// The parts of a role that a model has.
pub struct Parts {
    pub config: Role<TransformerConfig>,
    pub tokenizer: Role<Tokenizer>,
    pub weights: Role<Weights>,
}

pub fn parts(role: &Role<WholeModel>) -> Parts {
    Parts { config: role.part("config"), tokenizer: role.part("tokenizer"), weights: role.part("weights") }
}

/// A model that a step of this study makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// `7`, `7@15000`, `h0o3`, `learning_rate=2e-4/7`, `other/7`, or the name of a stage that makes one model.
    pub label: String,
    /// The step that makes it, and which of its checkpoints.
    pub step: usize,
    pub checkpoint: Checkpoint,
}

impl Model {
    /// Its artifacts, as a step reads them.
    pub fn inputs(&self, role: &Role<WholeModel>) -> Vec<Input> {
        let parts = parts(role);
        vec![
            Input::new(&parts.config, self.step, &CONFIG),
            Input::new(&parts.tokenizer, self.step, &TOKENIZER),
            Input::new(&parts.weights, self.step, &weights(self.checkpoint)),
        ]
    }

    /// Whatever it is called.
    pub fn is(&self, other: &Self) -> bool {
        (self.step, self.checkpoint) == (other.step, other.checkpoint)
    }
}

/// One model among those that something was measured of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Here(Model),
    /// No step here makes it: only its label is known.
    Published(String),
}

impl Member {
    pub fn label(&self) -> &str {
        match self {
            Self::Here(model) => &model.label,
            Self::Published(label) => label,
        }
    }

    /// The model, where it is made here.
    pub fn here(&self) -> Option<&Model> {
        match self {
            Self::Here(model) => Some(model),
            Self::Published(_) => None,
        }
    }

    pub fn is_published(&self) -> bool {
        matches!(self, Self::Published(_))
    }

    /// The label without the checkpoint: what stays the same over training.
    pub fn over_training(&self) -> &str {
        match self {
            Self::Here(Model { label, checkpoint: Checkpoint::Step(_), .. }) => {
                label.rsplit_once('@').map_or(label, |(name, _)| name)
            }
            other => other.label(),
        }
    }

    pub fn checkpoint(&self) -> Checkpoint {
        match self {
            Self::Here(model) => model.checkpoint,
            Self::Published(_) => Checkpoint::Last,
        }
    }

    /// By the label alone where one of them was published.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Here(one), Self::Here(other)) => one.is(other),
            (one, other) => one.label() == other.label(),
        }
    }

    pub fn published(seeds: &[u64]) -> Vec<Self> {
        seeds.iter().map(|seed| Self::Published(seed.to_string())).collect()
    }
}

pub fn labels(members: &[Member]) -> Vec<String> {
    members.iter().map(|member| member.label().to_owned()).collect()
}

/// The same models in the same order, called the same.
pub fn same_models(one: &[Member], other: &[Member]) -> bool {
    let same = |(a, b): (&Member, &Member)| a.label() == b.label() && a.is_same(b);
    one.len() == other.len() && one.iter().zip(other).all(same)
}

/// One model that a stage makes.
#[derive(Debug)]
pub struct Made {
    pub coordinates: Coordinates,
    pub step: usize,
    /// Tokens, where the stage says how long the texts of this model are.
    pub max_length: Option<usize>,
}

/// A stage that makes models.
#[derive(Debug)]
pub struct Maker {
    pub name: String,
    /// In the order of their steps.
    pub made: Vec<Made>,
    apart: Apart,
}

impl Maker {
    pub fn new(name: &str, made: Vec<Made>) -> Self {
        let apart = Apart::of(made.iter().map(|made| &made.coordinates));
        Self { name: name.to_owned(), made, apart }
    }

    /// The one that a step makes.
    pub fn by(&self, step: usize) -> Option<&Made> {
        self.made.binary_search_by_key(&step, |made| made.step).ok().map(|place| &self.made[place])
    }

    /// The name of one of its models in tables.
    pub fn model(&self, coordinates: &Coordinates) -> String {
        coordinates.label(&self.apart).map_or(self.name.clone(), |label| format!("{}/{label}", self.name))
    }

    /// The same of the one with this label, if there is one.
    pub fn labelled(&self, label: &str) -> Option<String> {
        let mut own = self.made.iter().map(|made| &made.coordinates);
        own.find(|own| own.label(&self.apart).as_deref() == Some(label)).map(|own| self.model(own))
    }

    /// Those that a reference means.
    pub fn meant(&self, reference: &ModelRef) -> impl Iterator<Item = &Made> {
        self.made.iter().filter(|made| reference.pick.as_ref().is_none_or(|pick| pick.includes(&made.coordinates)))
    }

    fn models(&self, reference: &ModelRef, (apart, prefix): (&Apart, bool)) -> Vec<Model> {
        let label = |model: &Coordinates| {
            let name = match model.label(apart) {
                Some(label) if prefix => format!("{}/{label}", self.name),
                Some(label) => label,
                None => self.name.clone(),
            };
            match reference.checkpoint {
                Checkpoint::Last => name,
                Checkpoint::Step(step) => format!("{name}@{step}"),
            }
        };
        let model =
            |made: &Made| Model { label: label(&made.coordinates), step: made.step, checkpoint: reference.checkpoint };
        self.meant(reference).map(model).collect()
    }
}

/// All models that the references mean, each once, in their order. Labels say what tells these models apart, so more
/// values of a list elsewhere change no label here.
pub fn resolve(makers: &BTreeMap<String, Maker>, references: &[Spanned<ModelRef>]) -> Vec<Model> {
    let references = || references.iter().map(Spanned::get_ref);
    let mut meant: BTreeMap<&str, Vec<&Coordinates>> = BTreeMap::new();
    for reference in references() {
        let made = makers.get(&reference.stage).into_iter().flat_map(|maker| maker.meant(reference));
        meant.entry(&reference.stage).or_default().extend(made.map(|made| &made.coordinates));
    }
    let several = meant.len() > 1;
    let apart: BTreeMap<&str, Apart> = meant.into_iter().map(|(stage, models)| (stage, Apart::of(models))).collect();
    let models = references().flat_map(|reference| {
        let maker = makers.get(&reference.stage).zip(apart.get(reference.stage.as_str()));
        maker.into_iter().flat_map(move |(maker, apart)| maker.models(reference, (apart, several)))
    });
    let mut seen = BTreeSet::new();
    models.filter(|model| seen.insert(model.clone())).collect()
}
