//! `kind = "matrix"`: every line of a small interpolate stage beside its distance.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::pick::{Pick, at};
use super::raw::RawPlot;
use crate::engine::{Context, StageError};
use crate::figures::{Look, MATRIX_MODELS, MatrixPair, PairMatrix, Width};
use crate::kinds::expand::Expander;
use crate::kinds::interpolate::{self, Lines, PAIR};
use crate::kinds::models::labels;
use crate::kinds::references::References;
use crate::study::words::{Distance, Metric};
use crate::study::{Checker, Diagnostic};

pub const FIGURE: FigureKind = FigureKind {
    name: "matrix",
    about: "Every line of at most 12 models, beside its distance.",
    example: "[plot.matrix]\nkind = \"matrix\"\nof = \"few\"\n",
    needs: &[],
    told_by: None,
    tag: "matrix",
    keys: &["metric", "distance", "order", "limits", "log"],
    limits: &["y"],
    log: &["y"],
    colours_are_values: true,
    read,
    draw,
};

#[derive(Debug)]
struct MatrixSpec {
    of: Spanned<String>,
    metric: Metric,
    distance: Distance,
}

/// Inputs `pair:I,J`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "matrix")]
struct Parameters {
    metric: Metric,
    distance: Distance,
    pairs: Vec<[usize; 2]>,
    models: Vec<String>,
    /// The pairs' numbers in the lines' own list, where it has more models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<[usize; 2]>>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[interpolate::KIND], checker)?;
    let distance = checker.one_of(raw.distance.as_deref(), Distance::ConvexityGap, "unknown distance {}")?;
    let metric = checker.metric(raw.metric.as_ref(), Metric::Loss)?;
    Some(Box::new(MatrixSpec { of, metric, distance }))
}

impl Figure for MatrixSpec {
    fn references(&self, to: &mut References<'_>) {
        to.measures(&self.of, interpolate::KIND, self.metric);
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(lines) = from.find::<Lines>(interpolate::KIND, self.of.get_ref()) else { return Ok(None) };
        let picked = pick.of(&lines.models, from)?;
        let models = at(&picked, &lines.models);
        let n = models.len();
        if n > MATRIX_MODELS {
            let message = format!("an overview has room for {MATRIX_MODELS} models, and these lines join {n}");
            let help = "draw a heatmap of a cluster stage, or name fewer `models` in this figure";
            return Err(Diagnostic::new(message, self.of.span()).help(help));
        }
        let place = |model: usize| picked.iter().position(|other| *other == model);
        let (pairs, shown): (Vec<[usize; 2]>, Vec<[usize; 2]>) =
            lines.numbers().into_iter().filter_map(|[i, j]| Some(([i, j], [place(i)?, place(j)?]))).unzip();
        let inputs = lines.inputs_of(&pairs);
        let roles = pick.0.is_some().then_some(pairs);
        let parameters =
            Parameters { metric: self.metric, distance: self.distance, pairs: shown, models: labels(&models), roles };
        Ok(Some(Drawing::new(&parameters, inputs).of(&models, from)))
    }
}

fn draw(parameters: Value, look: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { metric, distance: kind, pairs, models, roles } = serde_json::from_value(parameters)?;
    let mut values: Vec<Option<f64>> = vec![None; models.len()];
    let mut drawn = Vec::with_capacity(pairs.len());
    // The file's order of models, with each pair's first one before its second.
    let mut order: Vec<usize> = (0..models.len()).collect();
    look.sort(&mut order, |model| models[*model].clone());
    let place = |model: usize| order.iter().position(|other| *other == model).unwrap_or(model);
    let roles = roles.unwrap_or_else(|| pairs.clone());
    for ([first, second], [i, j]) in pairs.into_iter().zip(roles) {
        let mut line = context.json(&PAIR.of(format_args!("{i},{j}")))?;
        let (mut first, mut second) = (place(first), place(second));
        let distance = line.distance_by(kind, metric)?;
        let mut y = line.metrics.remove(&metric).unwrap_or_default();
        if first > second {
            (first, second) = (second, first);
            y.reverse();
            line.coefficients = line.coefficients.iter().rev().map(|at| 1.0 - at).collect();
        }
        (values[first], values[second]) = (y.first().copied(), y.last().copied());
        drawn.push(MatrixPair { first, second, x: line.coefficients, y, distance });
    }
    Ok(Box::new(PairMatrix {
        width: if models.len() > 5 { Width::Page } else { Width::Column },
        look: Look::default(),
        labels: order.iter().map(|model| models[*model].clone()).collect(),
        values,
        pairs: drawn,
        x_label: "interpolation coefficient".to_owned(),
        metric_label: metric.title().to_owned(),
        distance_label: kind.title(metric),
        title: None,
    }))
}
