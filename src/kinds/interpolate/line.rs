//! A line between two models, wherever it comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::{Artifact, Input, Kind, Role, StageError};
use crate::kinds::models::Member;
use crate::study::words::{Distance, Metric};

pub const KIND: Kind = Kind::new("interpolate");

/// Of published lines `line:7,22`.
pub const LINE: Artifact<Line> = Artifact::new("line");
/// `pair:I,J`: the line between numbers I < J of a list of models.
pub const PAIR: Role<Line> = Role::new("pair");

/// Every metric at every point from the first model (coefficient 0) to the second (1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// 0 where an imported log does not say.
    pub examples: usize,
    /// Euclidean, over all parameters.
    pub distance: f64,
    pub coefficients: Vec<f64>,
    pub metrics: BTreeMap<Metric, Vec<f64>>,
    /// Of each end, what it predicts for every example, where that is one class. Such a line is flat because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<[Option<String>; 2]>,
}

impl Line {
    /// # Errors
    /// The line does not measure this.
    pub fn values(&self, metric: Metric) -> Result<&[f64], StageError> {
        let values = self.metrics.get(&metric).map(Vec::as_slice);
        values.ok_or_else(|| StageError::new(format!("the line does not measure `{metric}`")))
    }

    /// A distance between its ends.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn distance_by(&self, distance: Distance, metric: Metric) -> Result<f64, StageError> {
        Ok(distance.of(self.values(metric)?, self.distance))
    }
}

/// What an interpolate stage became.
pub struct Lines {
    pub models: Vec<Member>,
    /// Numbers of two models → the step and its artifact.
    pub pairs: BTreeMap<(usize, usize), (usize, Artifact<Line>)>,
}

impl Lines {
    /// All of them, as `pair:I,J`.
    pub fn inputs(&self) -> Vec<Input> {
        self.inputs_of(&self.numbers())
    }

    /// Those of some pairs.
    pub fn inputs_of(&self, pairs: &[[usize; 2]]) -> Vec<Input> {
        let input = |[i, j]: &[usize; 2]| {
            let (step, line) = self.pairs.get(&(*i, *j))?;
            Some(Input::new(&PAIR.of(format_args!("{i},{j}")), *step, line))
        };
        pairs.iter().filter_map(input).collect()
    }

    pub fn numbers(&self) -> Vec<[usize; 2]> {
        self.pairs.keys().map(|&(i, j)| [i, j]).collect()
    }
}
