//! The table of a figure, and its one step.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::figure::{Drawing, Figure, FigureKind};
use super::figures::FIGURES;
use super::look::{font, formats, look, pick};
use super::pick::Pick;
use super::raw::{RawPlot, RawTitle};
use super::run::{Params, Title};
use crate::engine::{Kind, StageId};
use crate::figures::{Look, OwnFont, Width};
use crate::kinds::expand::Expander;
use crate::kinds::files::{absolute, digest_of_file};
use crate::kinds::offers::Offers;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::kinds::written::Written;
use crate::plain;
use crate::study::{Checker, Diagnostic, Shape, Text};

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
    look: Look,
    formats: Vec<String>,
    pick: Pick,
    font: Option<Spanned<PathBuf>>,
    /// Where the file has names of groups, stages and models: `order`, and each of `labels`.
    named: Vec<Spanned<String>>,
}

/// A figure of each kind: with the keys that all have, and those of the others that it has too.
pub fn written() -> Vec<Written> {
    let figure = |kind: &FigureKind| {
        let others: Vec<&str> =
            FIGURES.iter().flat_map(|other| other.keys).copied().filter(|key| !kind.keys.contains(key)).collect();
        let mut written =
            Written::new::<RawPlot>(kind.name, kind.about, kind.example).without(&others).needing(kind.needs);
        for key in written.keys.iter_mut().filter(|key| key.name == "kind") {
            key.shape = Shape::words(&[kind.name]);
        }
        written
    };
    FIGURES.into_iter().map(figure).collect()
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
    let (title, width) = (title(raw.title.as_ref(), checker), width(raw.width.as_deref(), checker));
    let (look, formats, pick) = (look(&raw, kind, checker), formats(&raw, checker), pick(&raw, checker));
    let order = raw.order.iter().flat_map(|order| order.get_ref()).cloned();
    let labels = raw.labels.iter().flatten().map(|(name, words)| Spanned::new(words.span(), name.clone()));
    let named = order.chain(labels).collect();
    let font = font(&raw, checker);
    let figure = (kind.read)(&raw, checker)?;
    Some(Plot { figure, title, width, look: look?, formats: formats?, pick: pick?, font, named })
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
        self.pick.references(to);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        if let Some(drawing) = self.figure.expand(to, &self.pick)? {
            self.check_names(&drawing)?;
            let (font, location) = match &self.font {
                None => (None, None),
                Some(font) => {
                    let path = to.directory().join(font.get_ref());
                    let wrong = |message: String| Diagnostic::new(message, font.span());
                    let digest = digest_of_file(&path).map_err(wrong)?;
                    // The file is read here already, so that what is no font is told before anything runs.
                    if plain::read(&path).ok().and_then(OwnFont::read).is_none() {
                        let message = format!("`{}` is no TrueType or OpenType font", path.display());
                        return Err(Diagnostic::new(message, font.span()));
                    }
                    (Some(format!("blake3:{digest}")), Some(absolute(&path)))
                }
            };
            let names = drawing.names.into_iter().filter(|(short, name)| short != name).collect();
            let params = Params {
                figure: drawing.parameters,
                title: self.title.clone(),
                width: self.width,
                partial: None,
                look: self.look.clone(),
                formats: self.formats.clone(),
                font,
                names,
            };
            let step = to.push_at(location, stage, "", params, drawing.inputs);
            to.about_inputs(step);
        }
        Ok(())
    }
}

impl Plot {
    /// `order` and `labels` name what the figure shows, or they would do nothing.
    fn check_names(&self, drawing: &Drawing) -> Result<(), Diagnostic> {
        let mut known: Vec<String> = drawing.stages.clone();
        for model in drawing.names.keys() {
            known.extend(model.split('/').map(str::to_owned));
            known.push(model.clone());
        }
        known.extend(self.figure.groups());
        let unknown = |name: &&Spanned<String>| !known.contains(name.get_ref());
        let Some(name) = self.named.iter().find(unknown) else { return Ok(()) };
        let message = format!("this figure shows nothing called `{}`", name.get_ref());
        Err(Diagnostic::new(message, name.span()).suggest(name.get_ref(), known.iter().map(String::as_str)))
    }
}
