//! What the table of a figure says of its look, whatever its kind.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;

use super::figure::FigureKind;
use super::pick::Pick;
use super::raw::{AUTO, Pictures, RawEnd, RawPlot};
use super::run::FORMATS;
use crate::data::Source;
use crate::figures::{AxisLook, Colours, Look};
use crate::study::shape::Choice;
use crate::study::words::ModelRef;
use crate::study::{Checker, Diagnostic, OneOrMany, Text};
use crate::words::Word;

/// Colours of groups by name: the house's own (Okabe and Ito's), matplotlib's and ColorBrewer's.
const PALETTES: [(&str, &[&str]); 5] = [
    ("okabe-ito", &[]),
    (
        "tab10",
        &["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"],
    ),
    ("Set2", &["#66c2a5", "#fc8d62", "#8da0cb", "#e78ac3", "#a6d854", "#ffd92f", "#e5c494", "#b3b3b3"]),
    ("Dark2", &["#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#e6ab02", "#a6761d", "#666666"]),
    ("greys", &["#000000", "#666666", "#aaaaaa"]),
];

pub fn look(raw: &RawPlot, kind: &FigureKind, checker: &mut Checker) -> Option<Look> {
    let mut look = Look::default();
    look.x.name = words(raw.xlabel.as_ref(), "xlabel", checker);
    look.y.name = words(raw.ylabel.as_ref(), "ylabel", checker);
    limits(raw, kind, &mut look, checker);
    log(raw, kind, &mut look, checker);
    if let Some(clip) = &raw.clip {
        look.clip = ends(clip, "clip", checker)?;
    }
    if let Some(palette) = &raw.palette {
        match kind.colours_are_values {
            true => look.colours = map(palette, kind, checker)?,
            false => look.palette = palette_of(palette, checker)?,
        }
    }
    look.order = raw.order.iter().flat_map(|order| order.get_ref()).map(|name| name.get_ref().clone()).collect();
    for (name, text) in raw.labels.iter().flatten() {
        words(Some(text), name, checker);
    }
    let labels = raw.labels.iter().flatten().map(|(name, text)| (name.clone(), text.get_ref().clone()));
    look.labels = labels.collect::<BTreeMap<_, _>>();
    look.svg_text = raw.svg_text.unwrap_or(false);
    Some(look)
}

/// Words to be written; none are for `title = false` to say.
fn words(text: Option<&Text>, name: &str, checker: &mut Checker) -> Option<String> {
    let text = text?;
    if text.get_ref().trim().is_empty() {
        checker.fail::<()>(
            Diagnostic::new(format!("`{name}` is empty"), text.span()).help("write some words, or leave it out"),
        );
    }
    Some(text.get_ref().clone())
}

/// Two ends, of which each may be left to the data.
fn ends(range: &Spanned<[RawEnd; 2]>, name: &str, checker: &mut Checker) -> Option<[Option<f64>; 2]> {
    let mut found = [None; 2];
    for (end, found) in range.get_ref().iter().zip(&mut found) {
        match end {
            RawEnd::Number(number) if number.is_finite() => *found = Some(*number),
            RawEnd::Word(word) if word == AUTO => {}
            RawEnd::Number(_) | RawEnd::Word(_) => {
                let message = format!("an end of `{name}` is a number, or \"auto\" for that of the data");
                return checker.fail(Diagnostic::new(message, range.span()).help("for example [0, \"auto\"]"));
            }
        }
    }
    if let [Some(low), Some(high)] = found
        && low >= high
    {
        let message = format!("`{name}` must be two numbers, the lower one first");
        return checker.fail(Diagnostic::new(message, range.span()));
    }
    Some(found)
}

fn axis<'a>(look: &'a mut Look, name: &str) -> &'a mut AxisLook {
    if name == "x" { &mut look.x } else { &mut look.y }
}

fn limits(raw: &RawPlot, kind: &FigureKind, look: &mut Look, checker: &mut Checker) {
    let Some(limits) = &raw.limits else { return };
    for (name, range) in [("x", &limits.get_ref().x), ("y", &limits.get_ref().y)] {
        let Some(range) = range else { continue };
        if !kind.limits.contains(&name) {
            let message = format!("the {name} axis of a {} takes no limits", kind.name);
            checker.fail::<()>(Diagnostic::new(message, range.span()));
        } else if let Some(found) = ends(range, "limits", checker) {
            axis(look, name).limits = found;
        }
    }
}

/// `log = "y"`, or both axes in a list.
fn log(raw: &RawPlot, kind: &FigureKind, look: &mut Look, checker: &mut Checker) {
    let Some(log) = &raw.log else { return };
    for name in log.get_ref().clone().into_vec() {
        match name.as_str() {
            "x" | "y" if kind.log.contains(&name.as_str()) => {
                let axis = axis(look, &name);
                axis.log = true;
                if let Some(low) = axis.limits[0].filter(|low| *low <= 0.0) {
                    let message = format!("a logarithmic axis cannot begin at {low}");
                    checker
                        .fail::<()>(Diagnostic::new(message, log.span()).help("raise the lower end of its `limits`"));
                }
            }
            "x" | "y" => {
                let message = format!("the {name} axis of a {} cannot be logarithmic", kind.name);
                checker.fail::<()>(Diagnostic::new(message, log.span()));
            }
            other => {
                let message = format!("there is no axis `{other}`: write \"x\", \"y\" or [\"x\", \"y\"]");
                checker.fail::<()>(Diagnostic::new(message, log.span()).suggest(other, ["x", "y"]));
            }
        }
    }
}

fn map(palette: &Spanned<OneOrMany<String>>, kind: &FigureKind, checker: &mut Checker) -> Option<Colours> {
    let found = match palette.get_ref() {
        OneOrMany::One(name) => Colours::named(name).ok_or(name.as_str()),
        OneOrMany::Many(_) => Err(""),
    };
    found.map_or_else(
        |name| {
            let message = format!("the palette of a {} is the name of a map of values to colours", kind.name);
            let known = Colours::names();
            let diagnostic = Diagnostic::new(message, palette.span());
            checker.fail(if name.is_empty() {
                diagnostic.help(known.join(", "))
            } else {
                diagnostic.suggest(name, known)
            })
        },
        Some,
    )
}

/// `#rrggbb` for each group.
fn palette_of(palette: &Spanned<OneOrMany<String>>, checker: &mut Checker) -> Option<Vec<String>> {
    match palette.get_ref() {
        OneOrMany::One(name) => match PALETTES.iter().find(|(known, _)| known == name) {
            Some((_, colours)) => Some(colours.iter().map(|colour| (*colour).to_owned()).collect()),
            None => {
                let message = format!("unknown palette `{name}`");
                let known = PALETTES.iter().map(|(known, _)| *known);
                checker.fail(Diagnostic::new(message, palette.span()).suggest(name, known))
            }
        },
        OneOrMany::Many(colours) => {
            let wrong = colours.iter().find(|colour| {
                let digits = colour.strip_prefix('#').unwrap_or_default();
                digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit())
            });
            if let Some(wrong) = wrong {
                let message = format!("`{wrong}` is no colour");
                return checker.fail(Diagnostic::new(message, palette.span()).help("write colours as \"#0072b2\""));
            }
            if colours.is_empty() {
                return checker.fail(Diagnostic::new("the palette is empty", palette.span()));
            }
            Some(colours.iter().map(|colour| colour.to_ascii_lowercase()).collect())
        }
    }
}

pub fn pick(raw: &RawPlot, checker: &mut Checker) -> Option<Pick> {
    let Some(models) = &raw.models else { return Some(Pick::default()) };
    let texts = models.get_ref().clone().into_vec();
    if texts.is_empty() {
        let message = "`models` is empty: name some of the figure's models, or leave it out for all";
        return checker.fail(Diagnostic::new(message, models.span()));
    }
    let parsed = texts.into_iter().map(|text| checker.parse_text(Spanned::new(models.span(), text), ModelRef::parse));
    Some(Pick(Some(parsed.collect::<Option<_>>()?)))
}

/// A file on this machine: what is drawn must not depend on what is installed.
pub fn font(raw: &RawPlot, checker: &mut Checker) -> Option<Spanned<PathBuf>> {
    let written = raw.font.clone()?;
    let source =
        checker.parse_text(written.clone(), |text| text.parse::<Source>().map_err(|error| error.to_string()))?;
    match source.get_ref() {
        Source::Path(path) => Some(Spanned::new(written.span(), path.clone())),
        Source::Hub { .. } | Source::Https(_) | Source::Builtin(_) => {
            let message = "a font is a file on this machine";
            checker.fail(Diagnostic::new(message, written.span()).help("write font = \"path:FILE.ttf\""))
        }
    }
}

impl Choice for Pictures {
    fn choices() -> Vec<(&'static str, &'static str)> {
        FORMATS.iter().filter(|(format, _)| *format != "csv").map(|(format, _)| (*format, "")).collect()
    }
}

/// Of the pictures; the numbers beside them are always written. Empty for all.
pub fn formats(raw: &RawPlot, checker: &mut Checker) -> Option<Vec<String>> {
    let Some(formats) = &raw.formats else { return Some(Vec::new()) };
    let known: Vec<&str> = Pictures::choices().into_iter().map(|(format, _)| format).collect();
    for format in formats.get_ref() {
        if !known.contains(&format.get_ref().as_str()) {
            let message = format!("a figure is not written as `{}`", format.get_ref());
            let diagnostic = Diagnostic::new(message, format.span());
            checker.fail::<()>(match format.get_ref().as_str() {
                "csv" => diagnostic.help("its numbers are always written beside it"),
                other => diagnostic.suggest(other, known.iter().copied()),
            });
        }
    }
    if formats.get_ref().is_empty() {
        let message = "`formats` is empty: a figure is written as one format at least";
        return checker.fail(Diagnostic::new(message, formats.span()).help("for example formats = [\"pdf\"]"));
    }
    // In one order and each once, so that one wish has one key.
    let wanted = known.iter().filter(|known| formats.get_ref().iter().any(|format| format.get_ref() == *known));
    let wanted: Vec<String> = wanted.map(|format| (*format).to_owned()).collect();
    Some(if wanted.len() == known.len() { Vec::new() } else { wanted })
}
