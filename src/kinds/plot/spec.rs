//! The table of a figure, and its one step.

use toml::Spanned;
use toml::de::DeValue;

use super::figure::{Figure, FigureKind};
use super::figures::FIGURES;
use super::raw::{RawPlot, RawTitle};
use super::run::{Params, Title};
use crate::engine::{Kind, StageId};
use crate::figures::Width;
use crate::kinds::expand::Expander;
use crate::kinds::offers::Offers;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::{Checker, Diagnostic, Text};

pub const KIND: Kind = Kind::new("plot");

/// More than any page has room for.
const LONGEST_TITLE: usize = 500;

#[derive(Debug)]
pub struct Plot {
    figure: Box<dyn Figure>,
    /// The figure's own where there is none.
    title: Option<Title>,
    /// The figure's own where there is none.
    width: Option<Width>,
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Plot> {
    let raw: RawPlot = checker.table(value)?;
    let name = raw.kind.get_ref().as_str();
    let Some(kind) = kind_of(&raw) else {
        let mut names: Vec<&str> = FIGURES.iter().map(|kind| kind.name).collect();
        names.dedup();
        let message = format!("unknown kind of plot `{name}`");
        return checker.fail(Diagnostic::new(message, raw.kind.span()).suggest(name, names));
    };
    for (key, span) in raw.given().into_iter().filter(|(key, _)| !kind.keys.contains(key)) {
        checker.fail::<()>(Diagnostic::new(format!("a {name} has no `{key}`"), span));
    }
    let (title, width) = (title(raw.title.as_ref(), checker), width(raw.width.as_ref(), checker));
    Some(Plot { figure: (kind.read)(&raw, checker)?, title, width })
}

/// One that is told by a key goes before its namesake.
fn kind_of(raw: &RawPlot) -> Option<&'static FigureKind> {
    let named = || FIGURES.into_iter().filter(|kind| kind.name == raw.kind.get_ref());
    let told = named().find(|kind| kind.told_by.is_some_and(|key| raw.given().iter().any(|(given, _)| *given == key)));
    told.or_else(|| named().find(|kind| kind.told_by.is_none()))
}

/// `title = true` is what a figure does anyway.
fn title(title: Option<&Spanned<RawTitle>>, checker: &mut Checker) -> Option<Title> {
    match title?.get_ref() {
        RawTitle::Shown(true) => None,
        RawTitle::Shown(false) => Some(Title::Shown(false)),
        RawTitle::Text(text) if text.trim().is_empty() => {
            let message = "an empty title: leave the title out with `title = false`";
            checker.fail(Diagnostic::new(message, title?.span()))
        }
        RawTitle::Text(text) if text.chars().count() > LONGEST_TITLE => {
            let message = format!("a title has at most {LONGEST_TITLE} characters");
            checker.fail(Diagnostic::new(message, title?.span()))
        }
        RawTitle::Text(text) => Some(Title::Text(text.clone())),
    }
}

fn width(width: Option<&Text>, checker: &mut Checker) -> Option<Width> {
    let width = width?;
    match width.get_ref().as_str() {
        "column" => Some(Width::Column),
        "page" => Some(Width::Page),
        other => {
            let message = format!("unknown width `{other}`: \"column\" (3.25 inches) or \"page\" (6.75 inches)");
            checker.fail(Diagnostic::new(message, width.span()).suggest(other, ["column", "page"]))
        }
    }
}

impl Offers for Plot {}

impl Spec for Plot {
    fn references(&self, to: &mut References<'_>) {
        self.figure.references(to);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        if let Some(drawing) = self.figure.expand(to)? {
            let (figure, title, width) = (drawing.parameters, self.title.clone(), self.width);
            let step = to.push(stage, "", Params { figure, title, width, partial: None }, drawing.inputs);
            to.about_inputs(step);
        }
        Ok(())
    }
}
