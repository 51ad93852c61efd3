//! `kind = "matrix"`: every line of a small interpolate stage beside its distance.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::raw::RawPlot;
use crate::engine::{Context, StageError};
use crate::figures::{MATRIX_MODELS, MatrixPair, PairMatrix, Width};
use crate::kinds::expand::Expander;
use crate::kinds::interpolate::{self, Lines, PAIR};
use crate::kinds::models::labels;
use crate::kinds::references::References;
use crate::study::words::{Distance, Metric};
use crate::study::{Checker, Diagnostic};

pub const FIGURE: FigureKind =
    FigureKind { name: "matrix", told_by: None, tag: "matrix", keys: &["metric", "distance"], read, draw };

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
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[interpolate::KIND], checker)?;
    let distance = checker.one_of(raw.distance.as_ref(), Distance::ConvexityGap, "unknown distance {}")?;
    let metric = checker.metric(raw.metric.as_ref(), Metric::Loss)?;
    Some(Box::new(MatrixSpec { of, metric, distance }))
}

impl Figure for MatrixSpec {
    fn references(&self, to: &mut References<'_>) {
        to.measures(&self.of, interpolate::KIND, self.metric);
    }

    fn expand(&self, from: &Expander<'_>) -> Expanded {
        let Some(lines) = from.find::<Lines>(interpolate::KIND, self.of.get_ref()) else { return Ok(None) };
        let n = lines.models.len();
        if n > MATRIX_MODELS {
            let message = format!("an overview has room for {MATRIX_MODELS} models, and these lines join {n}");
            let help = "draw a heatmap of a cluster stage, or name fewer `models` in an interpolate stage of its own";
            return Err(Diagnostic::new(message, self.of.span()).help(help));
        }
        let (pairs, models) = (lines.numbers(), labels(&lines.models));
        let parameters = Parameters { metric: self.metric, distance: self.distance, pairs, models };
        Ok(Some(Drawing::new(&parameters, lines.inputs())))
    }
}

fn draw(parameters: Value, title: Option<String>, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { metric, distance: kind, pairs, models } = serde_json::from_value(parameters)?;
    let mut values: Vec<Option<f64>> = vec![None; models.len()];
    let mut drawn = Vec::with_capacity(pairs.len());
    for [first, second] in pairs {
        let mut line = context.json(&PAIR.of(format_args!("{first},{second}")))?;
        let distance = line.distance_by(kind, metric)?;
        let y = line.metrics.remove(&metric).unwrap_or_default();
        (values[first], values[second]) = (y.first().copied(), y.last().copied());
        drawn.push(MatrixPair { first, second, x: line.coefficients, y, distance });
    }
    Ok(Box::new(PairMatrix {
        width: if models.len() > 5 { Width::Page } else { Width::Column },
        labels: models,
        values,
        pairs: drawn,
        x_label: "interpolation coefficient".to_owned(),
        metric_label: metric.title().to_owned(),
        distance_label: kind.title(metric),
        title,
    }))
}
