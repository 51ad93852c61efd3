//! Lines between pairs of models. Each end point is evaluated once for the whole study; a pair adds what lies between.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measure::Selection;
use super::unfinished::{Points, logits_of_point};
use crate::engine::{Context, Outputs, StageError};
use crate::model::Transformer;

pub const VERSION: u32 = 1;

/// In the scratch: the points of a line that are done.
const KEPT: &str = "points";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndPointParams {
    pub selection: Selection,
    pub metrics: Vec<String>,
    pub precision: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairParams {
    pub selection: Selection,
    pub metrics: Vec<String>,
    /// Evenly spaced over [0, 1], both ends included.
    pub points: usize,
    pub precision: String,
}

/// The output `end-point`: the metrics of one model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndPoint {
    pub examples: usize,
    pub metrics: BTreeMap<String, f64>,
}

/// The output `line`: every metric at every point from the first model (coefficient 0) to the second (1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// 0 where an imported log does not say.
    pub examples: usize,
    /// Euclidean, over all parameters.
    pub distance: f64,
    pub coefficients: Vec<f64>,
    pub metrics: BTreeMap<String, Vec<f64>>,
}

pub fn end_point(params: &EndPointParams, context: &mut Context) -> Result<Outputs, StageError> {
    let examples = params.selection.prepare(context)?;
    let model = context.model("model")?;
    let scored = examples.score(&params.selection, &model, context)?;
    let metrics = scored.measure(&params.metrics)?;
    let mut outputs = Outputs::default();
    outputs.json("end-point", &EndPoint { examples: scored.labels.len(), metrics })?;
    Ok(outputs)
}

pub fn pair(params: &PairParams, context: &mut Context) -> Result<Outputs, StageError> {
    let first: EndPoint = context.json("first.end-point")?;
    let second: EndPoint = context.json("second.end-point")?;
    let examples = params.selection.prepare(context)?;
    let (a, b) = (context.model("model")?, context.model("second")?);
    if a.labels != b.labels {
        return Err(StageError::new(format!(
            "the two models have different labels, [{}] and [{}], so no line lies between them",
            a.labels.join(", "),
            b.labels.join(", ")
        )));
    }
    let classes = examples.classes(&params.selection, &a)?;
    let last = params.points - 1;
    let coefficients: Vec<f64> = (0..params.points).map(|point| point as f64 / last as f64).collect();
    let distance = a.distance(&b)?;
    if !distance.is_finite() {
        return Err(StageError::new(format!("the distance between the two models is {distance}"))
            .help("the weights of one of them have diverged: train with a lower learning rate"));
    }
    let mut points = Points::open(context, KEPT, params.points, &params.metrics)?;
    let resumed = points.metrics.len();
    if resumed > 0 {
        context.fact("points_of_an_interrupted_run", resumed.to_string());
    }
    for (point, &coefficient) in coefficients.iter().enumerate().skip(resumed) {
        let metrics = match point {
            0 => first.metrics.clone(),
            _ if point == last => second.metrics.clone(),
            _ => {
                let between = Transformer::lerp(&a.bert, &b.bert, coefficient)?;
                let raw = logits_of_point(context, &between, &examples.batches);
                if raw.as_ref().is_err_and(|error| error.stopped) {
                    points.keep(context, KEPT);
                }
                let scored = examples.combine(&params.selection, &classes, &raw?, a.labels.len());
                let named = |error: StageError| StageError {
                    message: format!("at {coefficient} of the way from the first model to the second: {error}"),
                    ..error
                };
                scored.and_then(|scored| scored.measure(&params.metrics)).map_err(named)?
            }
        };
        points.metrics.push(metrics);
        context.progress(point + 1, params.points);
        if context.pace().time_is_up() {
            points.keep(context, KEPT);
        }
    }
    let mut lines: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in points.metrics.into_iter().flatten() {
        lines.entry(name).or_default().push(value);
    }
    let line = Line { examples: examples.labels.len(), distance, coefficients, metrics: lines };
    let mut outputs = Outputs::default();
    outputs.json("line", &line)?;
    Ok(outputs)
}
