//! Lines between pairs of models. Each end point is evaluated once for the whole study; a pair adds what lies between.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::line::{LINE, Line};
use crate::engine::{Artifact, Context, Outputs, Role, StageEnd, StageError, StepKind};
use crate::kinds::inputs::{joinable, model};
use crate::kinds::measure::{Points, Selection, logits_of_point};
use crate::kinds::models::{MODEL, WholeModel};
use crate::model::Transformer;
use crate::study::words::{Metric, Precision};

pub const END_POINT: Artifact<EndPoint> = Artifact::new("end-point");
pub const FIRST_END: Role<EndPoint> = Role::new("first.end-point");
pub const SECOND_END: Role<EndPoint> = Role::new("second.end-point");
/// The other end of a pair whose first model is [`MODEL`].
pub const SECOND: Role<WholeModel> = Role::new("second");

/// In the scratch: the points of a line that are done.
const KEPT: &str = "points";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndPointParams {
    pub selection: Selection,
    pub metrics: Vec<Metric>,
    pub precision: Precision,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairParams {
    pub selection: Selection,
    pub metrics: Vec<Metric>,
    /// Evenly spaced over [0, 1], both ends included.
    pub points: usize,
    pub precision: Precision,
}

/// The artifact [`END_POINT`]: the metrics of one model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndPoint {
    pub examples: usize,
    pub metrics: BTreeMap<Metric, f64>,
    /// What the model predicts for every example, where that is one class: it has learnt nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
}

impl StepKind for EndPointParams {
    const KIND: &'static str = "end-point";
    const VERSION: u32 = 1;
    const NEEDS_DEVICE: bool = true;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let examples = self.selection.prepare(context)?;
        let model = model(context, &MODEL)?;
        let scored = examples.score(&self.selection, &model, context)?;
        let metrics = scored.measure(&self.metrics)?;
        let mut outputs = Outputs::default();
        let (examples, only) = (scored.labels.len(), scored.only_prediction()?.map(str::to_owned));
        if let Some(class) = &only {
            context.note(&format!("the model predicts `{class}` for all {examples} examples: it has learnt nothing"));
        }
        outputs.json(&END_POINT, &EndPoint { examples, metrics, only })?;
        Ok(outputs)
    }
}

impl StepKind for PairParams {
    const KIND: &'static str = "pair";
    const VERSION: u32 = 1;
    const NEEDS_DEVICE: bool = true;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let first = context.json(&FIRST_END)?;
        let second = context.json(&SECOND_END)?;
        let examples = self.selection.prepare(context)?;
        let (a, b) = (model(context, &MODEL)?, model(context, &SECOND)?);
        joinable(context, [&MODEL, &SECOND], [&a, &b], (&examples.dataset, self.selection.max_length))?;
        let classes = examples.classes(&self.selection, &a)?;
        let last = self.points - 1;
        let coefficients: Vec<f64> = (0..self.points).map(|point| point as f64 / last as f64).collect();
        let distance = a.distance(&b)?;
        if !distance.is_finite() {
            return Err(StageError::new(format!("the distance between the two models is {distance}"))
                .help("the weights of one of them have diverged: train with a lower learning rate")
                .into());
        }
        let mut points = Points::open(context, KEPT, self.points, &self.metrics)?;
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
                    if matches!(raw, Err(StageEnd::Stopped)) {
                        points.keep(context, KEPT);
                    }
                    let scored = examples.combine(&self.selection, &classes, &raw?, a.labels.len());
                    let named = |error: StageError| StageError {
                        message: format!("at {coefficient} of the way from the first model to the second: {error}"),
                        ..error
                    };
                    scored.and_then(|scored| scored.measure(&self.metrics)).map_err(named)?
                }
            };
            points.metrics.push(metrics);
            context.progress(point + 1, self.points);
            if context.pace().time_is_up() {
                points.keep(context, KEPT);
            }
        }
        let mut lines: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
        for (name, value) in points.metrics.into_iter().flatten() {
            lines.entry(name).or_default().push(value);
        }
        let only = [first.only, second.only];
        let only = if only == [None, None] { None } else { Some(only) };
        let line = Line { examples: examples.labels.len(), distance, coefficients, metrics: lines, only };
        let mut outputs = Outputs::default();
        outputs.json(&LINE, &line)?;
        Ok(outputs)
    }
}
