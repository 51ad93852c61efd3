//! Metrics on a grid in the plane through three models, row by row; a killed run goes on after the last whole row.

use std::collections::BTreeMap;

use polars::prelude::{Column, DataFrame};
use serde::{Deserialize, Serialize};

use super::measure::Selection;
use super::unfinished::{Points, logits_of_point};
use crate::data::{read_parquet, write_parquet};
use crate::engine::{Context, Outputs, StageError};
use crate::model::TransformerPlane;

pub const VERSION: u32 = 1;

/// Inputs `model` (the anchor), `first` and `second`, and the data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub selection: Selection,
    pub metrics: Vec<String>,
    /// Both coefficients run from `-range` to `range`.
    pub range: f64,
    /// Evenly spaced along each axis, both ends included.
    pub points: usize,
    pub precision: String,
}

/// The small output, `plane`. Coordinates are those of the axes: `x` counts `v₁` and `y` is the coefficient of `v₂`
/// times `scale`, so that both have the unit `length` and distances are Euclidean.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plane {
    pub examples: usize,
    /// Grid points along x and along y.
    pub points: [usize; 2],
    pub metrics: Vec<String>,
    /// Where anchor, first and second model stand.
    pub places: [[f64; 2]; 3],
    /// Whether the x axis leads to the model given last.
    pub swapped: bool,
    pub removed: f64,
    pub scale: f64,
    /// Of `v₁`, over all parameters; unknown of a plane that was published, as are the distances.
    pub length: Option<f64>,
    /// Euclidean: anchor to first, anchor to second, first to second.
    pub distances: Option<[f64; 3]>,
}

/// The output `surface`: a Parquet table with the columns `x`, `y` and one for each metric; rows of the grid, the lowest
/// `y` first, follow one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// `[y, x]`, flat and row-major, by metric.
    pub metrics: BTreeMap<String, Vec<f64>>,
}

/// One row of the grid as it is kept until the step ends.
#[derive(Serialize, Deserialize)]
struct Row {
    /// A row that another device computed is not gone on with: the manifest names one.
    device: String,
    metrics: BTreeMap<String, Vec<f64>>,
}

pub fn run(params: &Params, context: &mut Context) -> Result<Outputs, StageError> {
    let examples = params.selection.prepare(context)?;
    let models = [context.model("model")?, context.model("first")?, context.model("second")?];
    let [anchor, first, second] = &models;
    if let Some(other) = models.iter().find(|model| model.labels != anchor.labels) {
        return Err(StageError::new(format!(
            "the models have different labels, [{}] and [{}], so no plane goes through them",
            anchor.labels.join(", "),
            other.labels.join(", ")
        )));
    }
    let classes = examples.classes(&params.selection, anchor)?;
    let plane = TransformerPlane::new(&anchor.bert, &first.bert, &second.bert)?;
    let geometry = plane.geometry;
    let coefficients = coefficients(params.range, params.points);
    let device = context.device()?.name.clone();
    let total = params.points * params.points;

    let mut grid = Grid {
        x: coefficients.clone(),
        y: coefficients.iter().map(|y| y * geometry.scale).collect(),
        metrics: params.metrics.iter().map(|name| (name.clone(), Vec::with_capacity(total))).collect(),
    };
    let mut whole_rows = 0;
    for (number, y) in coefficients.iter().enumerate() {
        let name = format!("row-{number:05}");
        let kept = if whole_rows == number { kept_row(params, &name, &device, context) } else { None };
        let row = match kept {
            Some(row) => {
                whole_rows += 1;
                row
            }
            None => {
                let part = format!("points-{number:05}");
                let mut points = Points::open(context, &part, params.points, &params.metrics)?;
                for (place, x) in coefficients.iter().enumerate().skip(points.metrics.len()) {
                    let raw = logits_of_point(context, &plane.point(*x, *y), &examples.batches);
                    if raw.as_ref().is_err_and(|error| error.stopped) {
                        points.keep(context, &part);
                    }
                    let scored = examples.combine(&params.selection, &classes, &raw?, anchor.labels.len());
                    let measured = scored.and_then(|scored| scored.measure(&params.metrics)).map_err(|error| {
                        StageError::new(format!("at x = {x:.3}, y = {y:.3} of the plane: {error}"))
                            .help("a smaller `range` stays nearer to the models")
                    })?;
                    points.metrics.push(measured);
                    context.progress(number * params.points + place + 1, total);
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
                row
            }
        };
        for (metric, values) in row.metrics {
            grid.metrics.entry(metric).or_default().extend(values);
        }
        context.progress((number + 1) * params.points, total);
    }
    if whole_rows > 0 {
        context.fact("rows_of_an_interrupted_run", whole_rows.to_string());
    }
    let mut outputs = Outputs::default();
    outputs.json(
        "plane",
        &Plane {
            examples: examples.labels.len(),
            points: [params.points; 2],
            metrics: params.metrics.clone(),
            places: geometry.places().map(|(x, y)| [x, y]),
            swapped: geometry.swapped,
            removed: geometry.removed,
            scale: geometry.scale,
            length: Some(geometry.length),
            distances: Some(geometry.distances),
        },
    )?;
    outputs.bytes("surface", grid.to_parquet()?);
    Ok(outputs)
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

impl Grid {
    pub fn to_parquet(&self) -> Result<Vec<u8>, StageError> {
        let each = |of: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            self.y.iter().flat_map(|y| self.x.iter().map(move |x| (*x, *y))).map(|(x, y)| of(x, y)).collect()
        };
        let mut columns = vec![Column::new("x".into(), each(&|x, _| x)), Column::new("y".into(), each(&|_, y| y))];
        columns.extend(self.metrics.iter().map(|(name, values)| Column::new(name.as_str().into(), values.clone())));
        Ok(write_parquet(&mut DataFrame::new_infer_height(columns)?)?)
    }

    /// # Errors
    /// A table that is not `columns` × `rows` points with an `x`, a `y` and metrics, all of them numbers.
    pub fn from_parquet(bytes: &[u8], [columns, rows]: [usize; 2]) -> Result<Self, StageError> {
        let frame = read_parquet(bytes)?;
        if columns == 0 || Some(frame.height()) != columns.checked_mul(rows) {
            let height = frame.height();
            return Err(StageError::new(format!("a surface of {columns} × {rows} points has {height} rows")));
        }
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for column in frame.columns() {
            let numbers = column.f64()?.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            values.insert(column.name().to_string(), numbers);
        }
        let mut axis = |name: &str| {
            values.remove(name).ok_or_else(|| StageError::new(format!("a surface has no column `{name}`")))
        };
        let (x, y) = (axis("x")?, axis("y")?);
        Ok(Self { x: x[..columns].to_vec(), y: y.into_iter().step_by(columns).collect(), metrics: values })
    }
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

    #[test]
    fn grids_survive_parquet_and_wrong_sizes_are_named() {
        let values: Vec<f64> = (0..6).map(|value| f64::from(value) / 7.0).collect();
        let grid = Grid {
            x: vec![-1.0, 0.0, 1.0],
            y: vec![-0.3, 0.3],
            metrics: BTreeMap::from([("loss".to_owned(), values)]),
        };
        let bytes = grid.to_parquet().unwrap();
        assert_eq!(Grid::from_parquet(&bytes, [3, 2]).unwrap(), grid);
        let error = Grid::from_parquet(&bytes, [3, 3]).unwrap_err().message;
        assert_eq!(error, "a surface of 3 × 3 points has 6 rows");
        assert!(Grid::from_parquet(&bytes, [0, 6]).is_err());
    }
}
