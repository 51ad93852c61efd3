//! Metrics on a grid in the plane through three models, row by row; a killed run goes on after the last whole row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plane::{Grid, PLANE, Plane, SURFACE};
use crate::engine::{Context, Outputs, Role, StageEnd, StageError, StepKind};
use crate::hold;
use crate::kinds::inputs::{joinable, model};
use crate::kinds::measure::{Points, Selection, logits_of_point};
use crate::kinds::models::{MODEL, WholeModel};
use crate::model::TransformerPlane;
use crate::study::words::{Metric, Precision};

/// Beside the anchor, which is [`MODEL`].
pub const FIRST: Role<WholeModel> = Role::new("first");
pub const SECOND: Role<WholeModel> = Role::new("second");

/// Inputs `model` (the anchor), `first` and `second`, and the data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub selection: Selection,
    pub metrics: Vec<Metric>,
    /// Both coefficients run from `-range` to `range`.
    pub range: f64,
    /// Evenly spaced along each axis, both ends included.
    pub points: usize,
    pub precision: Precision,
}

/// One row of the grid as it is kept until the step ends.
#[derive(Serialize, Deserialize)]
struct Row {
    /// A row that another device computed is not gone on with: the manifest names one.
    device: String,
    metrics: BTreeMap<Metric, Vec<f64>>,
}

impl StepKind for Params {
    const KIND: &'static str = "surface";
    const VERSION: u32 = 1;
    const NEEDS_DEVICE: bool = true;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let examples = self.selection.prepare(context)?;
        let models = [model(context, &MODEL)?, model(context, &FIRST)?, model(context, &SECOND)?];
        let [anchor, first, second] = &models;
        for (role, other) in [(&FIRST, first), (&SECOND, second)] {
            joinable(context, [&MODEL, role], [anchor, other], (&examples.dataset, self.selection.max_length))?;
        }
        let classes = examples.classes(&self.selection, anchor)?;
        let plane = TransformerPlane::new(&anchor.bert, &first.bert, &second.bert)?;
        let geometry = plane.geometry;
        let coefficients = coefficients(self.range, self.points);
        let device = context.device()?.name.clone();
        let total = self.points * self.points;

        let mut grid = Grid {
            x: coefficients.clone(),
            y: coefficients.iter().map(|y| y * geometry.scale).collect(),
            metrics: self.metrics.iter().map(|name| (*name, Vec::with_capacity(total))).collect(),
        };
        let mut whole_rows = 0;
        for (number, y) in coefficients.iter().enumerate() {
            let name = format!("row-{number:05}");
            let kept = if whole_rows == number { kept_row(self, &name, &device, context) } else { None };
            let row = match kept {
                Some(row) => {
                    whole_rows += 1;
                    row
                }
                None => {
                    let part = format!("points-{number:05}");
                    let mut points = Points::open(context, &part, self.points, &self.metrics)?;
                    for (place, x) in coefficients.iter().enumerate().skip(points.metrics.len()) {
                        let raw = logits_of_point(context, &plane.point(*x, *y), &examples.batches);
                        if matches!(raw, Err(StageEnd::Stopped)) {
                            points.keep(context, &part);
                        }
                        let scored = examples.combine(&self.selection, &classes, &raw?, anchor.labels.len());
                        let measured = scored.and_then(|scored| scored.measure(&self.metrics)).map_err(|error| {
                            StageError::new(format!("at x = {x:.3}, y = {y:.3} of the plane: {error}"))
                                .help("a smaller `range` stays nearer to the models")
                        })?;
                        points.metrics.push(measured);
                        context.progress(number * self.points + place + 1, total);
                        if context.pace().time_is_up() {
                            points.keep(context, &part);
                        }
                    }
                    let mut row = Row { device: device.clone(), metrics: BTreeMap::new() };
                    for (metric, value) in points.metrics.into_iter().flatten() {
                        row.metrics.entry(metric).or_default().push(value);
                    }
                    if let Err(error) = context.scratch().write(&name, serde_json::to_string(&row)?.as_bytes()) {
                        context.log(&format!("a whole row could not be kept: {error}"));
                    }
                    context.scratch().remove(&part);
                    hold::at(format_args!("row-{number}"));
                    row
                }
            };
            for (metric, values) in row.metrics {
                grid.metrics.entry(metric).or_default().extend(values);
            }
            context.progress((number + 1) * self.points, total);
        }
        if whole_rows > 0 {
            context.fact("rows_of_an_interrupted_run", whole_rows.to_string());
        }
        let mut outputs = Outputs::default();
        outputs.json(
            &PLANE,
            &Plane {
                examples: examples.labels.len(),
                points: [self.points; 2],
                metrics: self.metrics.clone(),
                places: geometry.places().map(|(x, y)| [x, y]),
                swapped: geometry.swapped,
                removed: geometry.removed,
                scale: geometry.scale,
                length: Some(geometry.length),
                distances: Some(geometry.distances),
            },
        )?;
        outputs.bytes(&SURFACE, grid.to_parquet()?);
        Ok(outputs)
    }
}

/// A row that an earlier run finished on this device.
fn kept_row(params: &Params, name: &str, device: &str, context: &Context) -> Option<Row> {
    let row: Row = serde_json::from_slice(&context.scratch().read(name)?).ok()?;
    let whole = params.metrics.iter().all(|metric| row.metrics.get(metric).map(Vec::len) == Some(params.points));
    (row.device == device && whole && row.metrics.len() <= params.metrics.len()).then_some(row)
}

/// `linspace(-range, range, points)`. As NumPy computes it, so the ends are exact.
fn coefficients(range: f64, points: usize) -> Vec<f64> {
    let step = 2.0 * range / (points - 1) as f64;
    let at = |point: usize| if point + 1 == points { range } else { point as f64 * step - range };
    (0..points).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_numpys_linspace() {
        assert_eq!(coefficients(1.0, 5), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        // np.linspace(-4, 4, 160)[[0, 1, 79, 158, 159]]
        let found = coefficients(4.0, 160);
        let wanted = [-4.0, -3.949_685_534_591_195, -0.025_157_232_704_402_51, 3.949_685_534_591_195, 4.0];
        assert_eq!(found.len(), 160);
        for (place, wanted) in [0, 1, 79, 158, 159].into_iter().zip(wanted) {
            assert!((found[place] - wanted).abs() < 1e-14, "{} {wanted}", found[place]);
        }
    }
}
