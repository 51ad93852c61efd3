//! `[plot.x]`: figures. What all kinds have is here, the rest in a file for each subject.

mod clusters;
mod lines;
mod models;

use toml::Spanned;

use super::raw::{OneOrMany, RawPlot, RawTitle};
use super::validate::Checker;
use super::{Diagnostic, MetricRef, Plot, PlotKind, surfaces};
use crate::figures::Width;
use crate::stages::plot::Title;

const KINDS: [&str; 10] = [
    "curves",
    "heatmap",
    "scatter",
    "histogram",
    "distributions",
    "movement",
    "sharpness",
    "training",
    "matrix",
    "surface",
];

/// The keys of a kind, beside those that every figure has; `None` for a kind that there is not.
fn keys(raw: &RawPlot) -> Option<&'static [&'static str]> {
    Some(match raw.kind.get_ref().as_str() {
        "curves" => &["metric", "clusters", "best", "worst", "by", "band", "lines"],
        // Of an agreement stage.
        "heatmap" if raw.value.is_some() => &["value", "order_by", "clusters"],
        "heatmap" => &["order_by"],
        "scatter" | "histogram" => &["metric"],
        "distributions" | "movement" => &[],
        "sharpness" => &["metric", "clusters"],
        "training" => &["smooth"],
        "matrix" => &["metric", "distance"],
        "surface" => &["metric", "clip_x", "clip_y", "clip_z"],
        _ => return None,
    })
}

pub(super) fn check(raw: RawPlot, checker: &mut Checker) -> Option<Plot> {
    let kind = raw.kind.get_ref().as_str();
    let Some(keys) = keys(&raw) else {
        let message = format!("unknown kind of plot `{kind}`");
        return checker.fail(Diagnostic::new(message, raw.kind.span()).suggest(kind, KINDS));
    };
    for (key, span) in raw.given().into_iter().filter(|(key, _)| !keys.contains(key)) {
        checker.fail::<()>(Diagnostic::new(format!("a {kind} has no `{key}`"), span));
    }
    let (title, width) = (title(raw.title.as_ref(), checker), width(raw.width.as_ref(), checker));
    let kind = match kind {
        "surface" => {
            let of = Spanned::new(raw.of.span(), raw.of.get_ref().clone().into_vec());
            surfaces::check_plot(of, raw.metric, [raw.clip_x, raw.clip_y, raw.clip_z], checker)?
        }
        "distributions" => models::distributions(&raw, checker)?,
        kind => {
            let of = one_stage(raw.of.clone(), kind, checker)?;
            match kind {
                "curves" => lines::curves(&raw, of, checker)?,
                "matrix" => lines::matrix(&raw, of, checker)?,
                "heatmap" if raw.value.is_some() => models::agreement(&raw, of, checker)?,
                "heatmap" => clusters::heatmap(&raw, of, checker)?,
                "scatter" => clusters::scatter(&raw, of, checker)?,
                "histogram" => clusters::histogram(&raw, of, checker)?,
                "sharpness" => models::sharpness(&raw, of, checker)?,
                "training" => models::training(&raw, of, checker)?,
                _ => PlotKind::Movement { of },
            }
        }
    };
    Some(Plot { kind, title, width })
}

/// The metric that a figure cannot be without.
fn metric(raw: &RawPlot, missing: &str, example: &str, checker: &mut Checker) -> Option<Spanned<MetricRef>> {
    match raw.metric.clone() {
        Some(metric) => checker.parse_text(metric, MetricRef::parse),
        None => {
            let help = format!("for example metric = \"{example}\"");
            checker.fail(Diagnostic::new(missing, raw.kind.span()).help(help))
        }
    }
}

/// The stage of a figure that is of one stage.
fn one_stage(of: Spanned<OneOrMany<String>>, kind: &str, checker: &mut Checker) -> Option<Spanned<String>> {
    let at = of.span();
    match of.into_inner() {
        OneOrMany::One(name) => Some(Spanned::new(at, name)),
        OneOrMany::Many(_) => checker
            .fail(Diagnostic::new(format!("a plot of kind `{kind}` is of one stage"), at).help("write of = \"NAME\"")),
    }
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
        RawTitle::Text(text) => Some(Title::Text(text.clone())),
    }
}

fn width(width: Option<&Spanned<String>>, checker: &mut Checker) -> Option<Width> {
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
