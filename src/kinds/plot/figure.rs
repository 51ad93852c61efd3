//! What all kinds of figures have in common.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde_json::Value;

use super::pick::Pick;
use super::raw::RawPlot;
use crate::engine::{Context, Input, StageError};
use crate::figures::{self, Look, Numbers, PlotError, Rendered, Width};
use crate::kinds::expand::Expander;
use crate::kinds::models::Member;
use crate::kinds::references::References;
use crate::study::{Checker, Diagnostic};

/// A validated table of one kind of figure.
pub trait Figure: Debug {
    fn references(&self, to: &mut References<'_>);

    /// Its step, of the models that are picked.
    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded;

    /// Names of groups that it may draw, beside models and stages: what `labels` and `order` can name.
    fn groups(&self) -> Vec<String> {
        Vec::new()
    }
}

/// `cluster 0` and so on: how many there are is known when they are drawn.
pub fn cluster_names(name: impl Fn(usize) -> String) -> Vec<String> {
    const MOST: usize = 100;
    (0..MOST).map(name).collect()
}

/// The parameters of a figure and what it is drawn from; `None` where a stage that it names could not be expanded and
/// has said so.
pub type Expanded = Result<Option<Drawing>, Diagnostic>;

pub struct Drawing {
    pub parameters: Value,
    pub inputs: Vec<Input>,
    /// What the figure calls its models → what tables call them.
    pub names: BTreeMap<String, String>,
    /// Stages that the figure names.
    pub stages: Vec<String>,
}

impl Drawing {
    /// The parameters name their kind in `kind`.
    pub fn new(parameters: &impl Serialize, inputs: Vec<Input>) -> Self {
        let parameters = serde_json::to_value(parameters).unwrap_or_default();
        Self { parameters, inputs, names: BTreeMap::new(), stages: Vec::new() }
    }

    /// It shows these models.
    pub fn of<'m>(mut self, models: impl IntoIterator<Item = &'m Member>, from: &Expander<'_>) -> Self {
        self.names.extend(models.into_iter().map(|model| (model.label().to_owned(), from.name(model))));
        self
    }

    /// It names this stage, if it is one.
    pub fn naming_all(mut self, stages: impl IntoIterator<Item = String>) -> Self {
        self.stages.extend(stages);
        self
    }

    /// It names this stage.
    pub fn naming(mut self, stage: &str) -> Self {
        self.stages.push(stage.to_owned());
        self
    }
}

/// Draws a figure from its parameters, and with the words that its look has for stages.
pub type Draw = fn(Value, &Look, &mut Context<'_>) -> Result<Box<dyn Picture>, StageError>;

/// How a kind of figure is read from an experiment and drawn from results.
pub struct FigureKind {
    /// In an experiment file: `kind = "heatmap"`.
    pub name: &'static str,
    /// What it shows, for the reference.
    pub about: &'static str,
    /// The least that is a whole table of it.
    pub example: &'static str,
    /// What cannot be left out, beside `kind` and `of`.
    pub needs: &'static [&'static str],
    /// A key that tells it from another kind of that name.
    pub told_by: Option<&'static str>,
    /// In keys.
    pub tag: &'static str,
    /// The keys of its table, beside those that every figure has.
    pub keys: &'static [&'static str],
    /// Axes that may have `limits`, and those that may be logarithmic.
    pub limits: &'static [&'static str],
    pub log: &'static [&'static str],
    /// Whether its `palette` is a map of values to colours, or colours of groups.
    pub colours_are_values: bool,
    pub read: fn(&RawPlot, &mut Checker) -> Option<Box<dyn Figure>>,
    pub draw: Draw,
}

/// A figure that can be drawn.
pub trait Picture {
    fn title(&mut self) -> &mut Option<String>;
    fn width(&mut self) -> &mut Width;
    fn look(&mut self) -> &mut Look;
    fn render(&self, provenance: &str) -> Result<Rendered, PlotError>;
    fn numbers(&self) -> Numbers;
}

macro_rules! pictures {
    ($($Figure:ident),+) => {
        $(impl Picture for figures::$Figure {
            fn title(&mut self) -> &mut Option<String> {
                &mut self.title
            }

            fn width(&mut self) -> &mut Width {
                &mut self.width
            }

            fn look(&mut self) -> &mut Look {
                &mut self.look
            }

            fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
                self.render(provenance)
            }

            fn numbers(&self) -> Numbers {
                self.numbers()
            }
        })+
    };
}

pictures!(Curves, Heatmap, Scatter, Histogram, Movement, Training, PairMatrix, Surfaces);
