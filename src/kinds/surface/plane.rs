//! A plane through three models and the grid on it, wherever they come from.

use std::collections::BTreeMap;

use polars::prelude::{Column, DataFrame};
use serde::{Deserialize, Serialize};

use crate::data::{read_parquet, write_parquet};
use crate::engine::{Artifact, Kind, StageError};
use crate::study::words::Metric;
use crate::words::Word;

pub const KIND: Kind = Kind::new("surface");

/// The small artifact; of published surfaces `plane:7,22,31`.
pub const PLANE: Artifact<Plane> = Artifact::new("plane");
pub const SURFACE: Artifact<Grid> = Artifact::new("surface");

/// Coordinates are those of the axes: `x` counts `v₁` and `y` is the coefficient of `v₂`
/// times `scale`, so that both have the unit `length` and distances are Euclidean.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plane {
    pub examples: usize,
    /// Grid points along x and along y.
    pub points: [usize; 2],
    pub metrics: Vec<Metric>,
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

/// Stored as a Parquet table with the columns `x`, `y` and one for each metric; rows of the grid, the lowest
/// `y` first, follow one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// `[y, x]`, flat and row-major, by metric.
    pub metrics: BTreeMap<Metric, Vec<f64>>,
}

/// What a surface stage became.
pub struct Surfaces(pub Vec<Surface>);

/// One plane of it.
pub struct Surface {
    pub step: usize,
    /// The labels of its three models, the anchor first.
    pub models: [String; 3],
    pub plane: Artifact<Plane>,
    pub grid: Artifact<Grid>,
}

impl Grid {
    pub fn to_parquet(&self) -> Result<Vec<u8>, StageError> {
        let each = |of: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            self.y.iter().flat_map(|y| self.x.iter().map(move |x| (*x, *y))).map(|(x, y)| of(x, y)).collect()
        };
        let mut columns = vec![Column::new("x".into(), each(&|x, _| x)), Column::new("y".into(), each(&|_, y| y))];
        columns.extend(self.metrics.iter().map(|(name, values)| Column::new(name.name().into(), values.clone())));
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
        let metric = |(name, values): (String, Vec<f64>)| {
            let metric =
                Metric::named(&name).ok_or_else(|| StageError::new(format!("a surface has a column `{name}`")))?;
            Ok((metric, values))
        };
        let metrics = values.into_iter().map(metric).collect::<Result<_, StageError>>()?;
        Ok(Self { x: x[..columns].to_vec(), y: y.into_iter().step_by(columns).collect(), metrics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_survive_parquet_and_wrong_sizes_are_named() {
        let values: Vec<f64> = (0..6).map(|value| f64::from(value) / 7.0).collect();
        let grid =
            Grid { x: vec![-1.0, 0.0, 1.0], y: vec![-0.3, 0.3], metrics: BTreeMap::from([(Metric::Loss, values)]) };
        let bytes = grid.to_parquet().unwrap();
        assert_eq!(Grid::from_parquet(&bytes, [3, 2]).unwrap(), grid);
        let error = Grid::from_parquet(&bytes, [3, 3]).unwrap_err().message;
        assert_eq!(error, "a surface of 3 × 3 points has 6 rows");
        assert!(Grid::from_parquet(&bytes, [0, 6]).is_err());
    }
}
