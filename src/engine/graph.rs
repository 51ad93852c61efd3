//! Steps and the edges between them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use petgraph::graph::DiGraph;

use super::artifact::{Artifact, Role};
use super::work::Work;

/// A kind of stage, by the name of its tables: `finetune`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(&'static str);

impl Kind {
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `finetune.bert`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId {
    pub kind: Kind,
    pub name: String,
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.name)
    }
}

/// All steps of an experiment. A step's inputs come from steps with a lower number, so the numbers are an order in
/// which everything can run.
#[derive(Debug)]
pub struct Graph {
    pub experiment: String,
    /// Models that are left out because they lack something, by their names in tables.
    pub without: BTreeSet<String>,
    pub steps: Vec<Step>,
}

/// One unit of work.
#[derive(Debug)]
pub struct Step {
    pub stage: StageId,
    /// What tells it from the other steps of its stage: `seed=7`, or `7,22`; empty where it is alone.
    pub instance: String,
    /// The same one for steps that differ in their inputs alone, such as the pairs of a stage.
    pub work: Rc<dyn Work>,
    pub inputs: Vec<Input>,
    /// Where a fetched file lies; the key holds its content instead.
    pub location: Option<String>,
    /// What it is about, as tables call it: models, in the order of its result. Never part of a key.
    pub subjects: Vec<String>,
    /// How many models it would be about, where some are left out.
    pub out_of: Option<usize>,
}

/// An artifact of another step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    pub role: Cow<'static, str>,
    pub from: usize,
    pub output: Cow<'static, str>,
}

impl Input {
    /// What is written as a `T` is read as one.
    pub fn new<T: ?Sized>(role: &Role<T>, from: usize, output: &Artifact<T>) -> Self {
        Self { role: role.cow(), from, output: output.cow() }
    }
}

impl Step {
    /// `finetune.bert[seed=7]`
    pub fn name(&self) -> String {
        if self.instance.is_empty() { self.stage.to_string() } else { format!("{}[{}]", self.stage, self.instance) }
    }

    /// The models that it is about, whatever their checkpoint.
    pub fn runs(&self) -> BTreeSet<&str> {
        self.subjects.iter().map(|name| name.split('@').next().unwrap_or(name)).collect()
    }

    /// The steps that this one needs, each once.
    pub fn needs(&self) -> Vec<usize> {
        self.inputs.iter().map(|input| input.from).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Graph {
    /// Stages in the order of their first step.
    pub fn stages(&self) -> Vec<&StageId> {
        let mut seen = BTreeSet::new();
        self.steps.iter().map(|step| &step.stage).filter(|stage| seen.insert(*stage)).collect()
    }

    /// The steps of each stage.
    pub fn by_stage(&self) -> BTreeMap<&StageId, Vec<usize>> {
        let mut steps: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (number, step) in self.steps.iter().enumerate() {
            steps.entry(&step.stage).or_default().push(number);
        }
        steps
    }

    /// These steps with all that they need; what a step needs that is not `open` stays out.
    pub fn with_needs(&self, mut wanted: BTreeSet<usize>, open: impl Fn(usize) -> bool) -> BTreeSet<usize> {
        // A step's needs have lower numbers, so one pass from the end meets every step after all that need it.
        for step in (0..self.steps.len()).rev() {
            if wanted.contains(&step) && open(step) {
                wanted.extend(self.steps[step].needs());
            }
        }
        wanted
    }

    /// The stages with an edge from each one to those that read its artifacts.
    pub fn of_stages(&self) -> DiGraph<&StageId, ()> {
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<&StageId, _> =
            self.stages().into_iter().map(|stage| (stage, graph.add_node(stage))).collect();
        let node_of = |stage: &StageId| nodes.get(stage).copied();
        let mut edges = BTreeSet::new();
        for step in &self.steps {
            for need in step.needs() {
                if let (Some(from), Some(to)) = (node_of(&self.steps[need].stage), node_of(&step.stage))
                    && from != to
                {
                    edges.insert((from, to));
                }
            }
        }
        edges.into_iter().for_each(|(from, to)| {
            graph.add_edge(from, to, ());
        });
        graph
    }
}
