//! What stages name must be there, and no stage may wait for itself.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;
use toml::Spanned;

use super::offers::{Models, NoCheckpoint, Offers, Splits};
use crate::engine::{Kind, StageId};
use crate::study::words::{Axis, Coordinates, DataRef, Metric, MetricRef, Missing, ModelRef, Pick};
use crate::study::{Diagnostic, Text, some_of};
use crate::words::Word;

/// The name of a stage of one of these kinds, which may stand in front: `interpolate.lines`. Another kind is left there,
/// for [`References`] to find.
pub fn stage(name: Text, kinds: &[Kind]) -> Text {
    let (at, text) = (name.span(), name.get_ref());
    let bare = kinds.iter().find_map(|kind| text.strip_prefix(kind.name())?.strip_prefix('.'));
    bare.map_or(name.clone(), |bare| Spanned::new(at, bare.to_owned()))
}

/// What a stage can ask of the others, and where it notes what is wrong.
pub struct References<'a> {
    stages: BTreeMap<&'a StageId, &'a dyn Offers>,
    datasets: BTreeMap<&'a str, (&'a StageId, Splits<'a>)>,
    models: BTreeMap<&'a str, (&'a StageId, Models<'a>)>,
    errors: Vec<Diagnostic>,
    /// Whose references are looked at.
    asking: Option<&'a StageId>,
    needs: Needs,
}

/// For each stage those that it names.
pub type Needs = BTreeMap<StageId, BTreeSet<StageId>>;

/// Whoever has read so many errors looks for what they have in common.
const MOST_ERRORS: usize = 100;

/// `write a, b or c`
fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("write \"{one}\""),
        [all @ .., last] => format!("write {} or {last}", all.join(", ")),
    }
}

/// What is wrong where no model of a stage has what is picked, and what to do.
fn not_there(name: &str, pick: &Pick, members: &[Coordinates]) -> Option<(String, Option<String>)> {
    let seed = |axis: &str, seed: &dyn std::fmt::Display| match axis == Axis::Seed.name() {
        true => (format!("`{name}` has no seed {seed}"), None),
        false => (format!("`{name}` has no {axis} seed {seed}"), None),
    };
    let is_seed =
        |axis: &str| [Axis::Seed, Axis::Head, Axis::Order, Axis::Dropout].iter().any(|own| own.name() == axis);
    let list = |values: &mut dyn Iterator<Item = &str>| {
        let mut each: Vec<&str> = Vec::new();
        values.for_each(|value| {
            if !each.contains(&value) {
                each.push(value)
            }
        });
        some_of(&each.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    Some(match pick.missing(members)? {
        Missing::Axis(axis) => match pick.first(&axis).filter(|_| is_seed(&axis)) {
            Some(value) => seed(&axis, value),
            None => {
                let known = list(&mut members.iter().flat_map(Coordinates::axes).map(Axis::name));
                (format!("the models of `{name}` are not told apart by `{axis}`"), Some(format!("they are by {known}")))
            }
        },
        Missing::Value(axis, value) => {
            let is_key = members.iter().flat_map(Coordinates::axes).any(|own| *own == Axis::Key(axis.clone()));
            if !is_key {
                return Some(seed(&axis, &value));
            }
            let known = list(&mut members.iter().filter_map(|model| Some(model.value(&axis)?.as_str())));
            (format!("`{name}` has no {axis} {value}"), Some(format!("its values are {known}")))
        }
        Missing::Together => {
            let known =
                some_of(&members.iter().map(|model| format!("`{name}[{}]`", model.instance())).collect::<Vec<_>>());
            (format!("no model of `{name}` has all of these values"), Some(format!("there are {known}")))
        }
    })
}

impl<'a> References<'a> {
    pub fn new(stages: impl Iterator<Item = (&'a StageId, &'a dyn Offers)>) -> Self {
        let (mut datasets, mut models) = (BTreeMap::new(), BTreeMap::new());
        let mut errors = Vec::new();
        let stages: BTreeMap<&StageId, &dyn Offers> = stages
            .inspect(|(id, offers)| {
                let name = id.name.as_str();
                if let Some(splits) = offers.splits() {
                    datasets.insert(name, (*id, splits));
                }
                if let Some(made) = offers.models()
                    && let Some((other, _)) = models.insert(name, (*id, made))
                {
                    let message = format!("`{id}` and `{other}` both make models named `{name}`");
                    errors.push(Diagnostic { message, span: None, help: Some("rename one of them".to_owned()) });
                }
            })
            .collect();
        Self { stages, datasets, models, errors, asking: None, needs: BTreeMap::new() }
    }

    /// Whether there is no point in asking more.
    pub fn has_enough(&self) -> bool {
        self.errors.len() >= MOST_ERRORS
    }

    /// Says whose references come now.
    pub fn of(&mut self, stage: &'a StageId) {
        self.asking = Some(stage);
    }

    fn needs(&mut self, stage: StageId) {
        if let Some(asking) = self.asking {
            self.needs.entry(asking.clone()).or_default().insert(stage);
        }
    }

    /// What is wrong with them, when every stage has been asked; else who needs whom.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn finish(mut self) -> Result<Needs, Vec<Diagnostic>> {
        self.cycles();
        // Of a stage with lists, every value may say the same.
        let mut said: Vec<Diagnostic> = Vec::new();
        self.errors.retain(|error| {
            !said.contains(error) && {
                said.push(error.clone());
                true
            }
        });
        if self.errors.is_empty() { Ok(self.needs) } else { Err(self.errors) }
    }

    /// Notes it where there is no such stage.
    pub fn named(&mut self, name: &Spanned<String>, kind: Kind) {
        self.find(name, kind);
    }

    fn find(&mut self, name: &Spanned<String>, kind: Kind) -> Option<&'a dyn Offers> {
        let found = self.stages.get(&StageId { kind, name: name.get_ref().clone() }).copied();
        if found.is_none() {
            let known = self.stages.keys().filter(|stage| stage.kind == kind).map(|stage| stage.name.as_str());
            let known: Vec<&str> = known.collect();
            let written = name.get_ref();
            let other = self.other_kind(written).filter(|other| other.kind != kind);
            let diagnostic = match other {
                Some(other) => {
                    let message = format!("`{written}` is [{other}], and here a stage [{kind}.NAME] is needed");
                    let diagnostic = Diagnostic::new(message, name.span());
                    if known.is_empty() { diagnostic } else { diagnostic.help(one_of(&known)) }
                }
                None => {
                    let message = format!("there is no stage [{kind}.{written}]");
                    Diagnostic::new(message, name.span()).suggest(written, known)
                }
            };
            self.errors.push(diagnostic);
        } else {
            self.needs(StageId { kind, name: name.get_ref().clone() });
        }
        found
    }

    /// A stage of whatever kind that goes by this name, or by its kind and name.
    fn other_kind(&self, name: &str) -> Option<&'a StageId> {
        let is_it = |id: &StageId| {
            id.name == name
                || name.strip_prefix(id.kind.name()).is_some_and(|rest| rest.strip_prefix('.') == Some(&id.name))
        };
        self.stages.keys().copied().find(|id| is_it(id))
    }

    /// Whether there is such a stage; asked about what is not named else.
    pub fn is_there(&self, name: &str, kind: Kind) -> bool {
        self.stages.contains_key(&StageId { kind, name: name.to_owned() })
    }

    pub fn data(&mut self, data: &Spanned<DataRef>) {
        let reference = data.get_ref();
        match self.datasets.get(reference.dataset.as_str()) {
            None => {
                let message = format!("there is no data set [fetch.{}]", reference.dataset);
                self.errors.push(
                    Diagnostic::new(message, data.span()).suggest(&reference.dataset, self.datasets.keys().copied()),
                );
            }
            Some((_, Splits::These(splits))) if !splits.contains(&reference.split.as_str()) => {
                let message = format!("`{}` has no split `{}`", reference.dataset, reference.split);
                let whole: Vec<String> = splits.iter().map(|split| format!("{}.{split}", reference.dataset)).collect();
                let written = format!("{}.{}", reference.dataset, reference.split);
                self.errors
                    .push(Diagnostic::new(message, data.span()).suggest(&written, whole.iter().map(String::as_str)));
            }
            Some((stage, _)) => {
                let stage = (*stage).clone();
                self.needs(stage);
            }
        }
    }

    /// `single`: the place takes one model, so a fine-tune with many seeds must name one.
    pub fn model(&mut self, model: &Spanned<ModelRef>, single: bool) {
        let reference = model.get_ref();
        let mut fail = |message: String, help: Option<String>| {
            self.errors.push(Diagnostic { message, span: Some(model.span()), help });
        };
        let written =
            reference.kind.as_ref().map_or(reference.stage.clone(), |kind| format!("{kind}.{}", reference.stage));
        let found = self.models.get(reference.stage.as_str());
        let found = found.filter(|(stage, _)| reference.kind.as_ref().is_none_or(|kind| stage.kind.name() == kind));
        let Some((stage, made)) = found else {
            let names: Vec<&str> = self.models.keys().copied().collect();
            let diagnostic = match self.other_kind(&written) {
                Some(other) => {
                    let message = format!("`{written}` is [{other}], and makes no models");
                    Diagnostic::new(message, model.span()).help(one_of(&names))
                }
                None => {
                    let message = format!("there is no model `{written}`");
                    Diagnostic::new(message, model.span()).suggest(&reference.stage, names)
                }
            };
            self.errors.push(diagnostic);
            return;
        };
        if let Some(asking) = self.asking {
            self.needs.entry(asking.clone()).or_default().insert((*stage).clone());
        }
        let members = &made.members;
        let alone = members.iter().all(Coordinates::is_alone);
        let name = &reference.stage;
        match &reference.pick {
            Some(_) if alone => fail(format!("`{name}` is one model and has no seeds"), None),
            Some(pick) => {
                if let Some((message, help)) = not_there(name, pick, members) {
                    return fail(message, help);
                }
            }
            None => {}
        }
        if !made.checkpoints.contains(&reference.checkpoint) {
            let wanted = reference.checkpoint.written();
            match made.no_checkpoint {
                NoCheckpoint::Kept => {
                    let kept: Vec<String> = made.checkpoints.iter().map(|kept| kept.written()).collect();
                    fail(
                        format!("`{name}` keeps no checkpoint {wanted}"),
                        Some(format!("it keeps {}; see `checkpoints`", kept.join(", "))),
                    );
                }
                NoCheckpoint::Fetched => fail(
                    format!("`{name}` is fetched at one point of training, and `@` names another"),
                    Some(format!("write step = {wanted} in [{stage}], or in a second stage")),
                ),
                NoCheckpoint::Never => fail(format!("`{name}` has no checkpoints"), None),
            }
        }
        let picked = |member: &&Coordinates| reference.pick.as_ref().is_none_or(|pick| pick.includes(member));
        let count = members.iter().filter(picked).count();
        if single && !alone && count != 1 {
            let example = members[0].instance();
            fail(
                format!("`{name}` has {count} models here, and one is needed"),
                Some(format!(
                    "name one, for example `{name}[{}]`, or several in a list, each of which is taken in turn",
                    example.strip_prefix("seed=").unwrap_or(&example)
                )),
            );
        }
    }

    /// A stage that measures lines or planes, and a metric among those that it measures.
    pub fn measures(&mut self, of: &Spanned<String>, kind: Kind, metric: Metric) {
        let Some((metrics, key)) = self.find(of, kind).and_then(|stage| stage.measures()) else { return };
        if !metrics.contains(&metric) {
            let message = format!("[{kind}.{}] does not measure `{metric}`", of.get_ref());
            let known: Vec<&str> = metrics.iter().map(|metric| metric.name()).collect();
            let help = format!("add it to its `{key}`, which are {}", known.join(", "));
            self.errors.push(Diagnostic::new(message, of.span()).help(help));
        }
    }

    /// A metric of an evaluation.
    pub fn metric(&mut self, metric: &Spanned<MetricRef>, kind: Kind) {
        let reference = metric.get_ref();
        let eval = Spanned::new(metric.span(), reference.eval.clone());
        let evaluates = self.find(&eval, kind).and_then(|stage| stage.evaluates(&reference.metric));
        if let Some(Err(missing)) = evaluates {
            let message = format!("[{kind}.{}] does not measure `{}`", reference.eval, missing.metric);
            self.errors.push(Diagnostic::new(message, metric.span()).help(missing.help));
        }
    }

    /// Only models can be made from models, so only they can form a cycle.
    fn cycles(&mut self) {
        let mut graph = DiGraph::new();
        let started: Vec<_> = self
            .stages
            .iter()
            .map(|(stage, offers)| (*stage, offers.starts_from()))
            .filter(|(_, all)| !all.is_empty())
            .collect();
        let nodes: BTreeMap<&str, _> =
            started.iter().map(|(stage, _)| (stage.name.as_str(), graph.add_node(*stage))).collect();
        for (stage, starts) in &started {
            for start in starts {
                if let (Some(from), Some(to)) =
                    (nodes.get(start.get_ref().stage.as_str()), nodes.get(stage.name.as_str()))
                {
                    graph.update_edge(*from, *to, start.span());
                }
            }
        }
        for members in kosaraju_scc(&graph) {
            let own_start = members.len() == 1 && graph.find_edge(members[0], members[0]).is_some();
            if members.len() > 1 || own_start {
                let mut names: Vec<_> = members.iter().map(|node| graph[*node].to_string()).collect();
                names.sort();
                names.push(names[0].clone());
                let span = graph.edges(members[0]).next().map(|edge| edge.weight().clone());
                let message = format!("these stages wait for each other: {}", names.join(" → "));
                let help = Some("a fine-tune starts from a fetched, pre-trained or other fine-tuned model".to_owned());
                self.errors.push(Diagnostic { message, span, help });
            }
        }
    }
}
