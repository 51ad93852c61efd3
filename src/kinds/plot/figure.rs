//! What all kinds of figures have in common.

use std::fmt::Debug;

use serde::Serialize;
use serde_json::Value;

use super::raw::RawPlot;
use crate::engine::{Context, Input, StageError};
use crate::figures::{self, Numbers, PlotError, Rendered, Width};
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::study::{Checker, Diagnostic};

/// A validated table of one kind of figure.
pub trait Figure: Debug {
    fn references(&self, to: &mut References<'_>);

    fn expand(&self, from: &Expander<'_>) -> Expanded;
}

/// The parameters of a figure and what it is drawn from; `None` where a stage that it names could not be expanded and
/// has said so.
pub type Expanded = Result<Option<Drawing>, Diagnostic>;

pub struct Drawing {
    pub parameters: Value,
    pub inputs: Vec<Input>,
}

impl Drawing {
    /// The parameters name their kind in `kind`.
    pub fn new(parameters: &impl Serialize, inputs: Vec<Input>) -> Self {
        Self { parameters: serde_json::to_value(parameters).unwrap_or_default(), inputs }
    }
}

/// Draws a figure from its parameters, with its title.
pub type Draw = fn(Value, Option<String>, &mut Context<'_>) -> Result<Box<dyn Picture>, StageError>;

/// How a kind of figure is read from an experiment and drawn from results.
pub struct FigureKind {
    /// In an experiment file: `kind = "heatmap"`.
    pub name: &'static str,
    /// A key that tells it from another kind of that name.
    pub told_by: Option<&'static str>,
    /// In keys.
    pub tag: &'static str,
    /// The keys of its table, beside those that every figure has.
    pub keys: &'static [&'static str],
    pub read: fn(&RawPlot, &mut Checker) -> Option<Box<dyn Figure>>,
    pub draw: Draw,
}

/// A figure that can be drawn.
pub trait Picture {
    fn title(&mut self) -> &mut Option<String>;
    fn width(&mut self) -> &mut Width;
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
