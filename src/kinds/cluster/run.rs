//! Lines between all models → distances → clusters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clusters::{CLUSTERS, Clusters, Stability};
use super::spec::{OfDistances, Width};
use crate::analysis::AnalysisError;
use crate::analysis::cluster::{median_distance, spectral_clustering};
use crate::analysis::partition::silhouettes;
use crate::analysis::stability::{self, stability};
use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::kinds::interpolate::PAIR;
use crate::study::words::{Distance, Metric};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub distance: Distance,
    pub metric: Metric,
    pub clusters: usize,
    pub delta: Width,
    /// k-means ends with moves of single points. Two clusters, which are found exactly, need none, nor a new key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moves: bool,
    /// Labels of the models; the input `pair:I,J` is the line between numbers I < J of this list.
    pub models: Vec<String>,
}

impl StepKind for Params {
    const KIND: &'static str = "cluster";
    /// 2: eigengap, silhouettes and stability beside the clusters.
    const VERSION: u32 = 2;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let n = self.models.len();
        let mut flat = vec![0.0; n * n];
        let mut broken: BTreeMap<usize, String> = BTreeMap::new();
        for i in 0..n {
            for j in i + 1..n {
                let line = context.json(&PAIR.of(format_args!("{i},{j}")))?;
                let value = line.distance_by(self.distance, self.metric)?;
                for (end, model) in line.only.iter().flatten().zip([i, j]) {
                    broken.extend(end.clone().map(|class| (model, class)));
                }
                flat[i * n + j] = value;
                flat[j * n + i] = value;
            }
            context.progress(i + 1, n);
        }
        let delta = match self.delta {
            Width::Number(delta) => delta,
            Width::Of(OfDistances::Median) => median_distance(&flat, n)?,
        };
        context.fact("delta", delta.to_string());
        let found = spectral_clustering(&flat, n, self.clusters, delta).map_err(|error| self.named(error))?;
        let stability = stability(&flat, &found.labels, self.clusters, delta);
        for (model, class) in &broken {
            context.note(&format!(
                "model `{0}` predicts `{class}` for every example, so its lines are flat and cluster {1} has it for no \
                 other reason: leave {0} out of the lines' `models`",
                self.models[*model], found.labels[*model]
            ));
        }
        let mut outputs = Outputs::default();
        outputs.json(
            &CLUSTERS,
            &Clusters {
                models: self.models.clone(),
                distance: self.distance.to_string(),
                metric: self.metric.to_string(),
                matrix: flat.chunks_exact(n).map(<[f64]>::to_vec).collect(),
                eigengap: found.eigengap(),
                silhouettes: silhouettes(&flat, &found.labels)?,
                stability: stability.into_iter().map(Stability::from).collect(),
                clusters: found.labels,
                embedding: found.embedding,
                eigenvalues: found.eigenvalues,
                centroid_feature: found.centroid_feature,
            },
        )?;
        Ok(outputs)
    }
}

impl Params {
    /// Models as the user calls them, not by their places in a list.
    fn named(&self, error: AnalysisError) -> StageError {
        let model = |place: usize| self.models.get(place).map_or("?", String::as_str);
        match error {
            AnalysisError::NonFiniteDistance { row, column, value }
            | AnalysisError::NegativeDistance { row, column, value } => {
                let (one, other) = (model(row), model(column));
                StageError::new(format!("the distance between `{one}` and `{other}` is {value}"))
                    .help("leave the one that has diverged out of the `models` of the lines")
            }
            other => other.into(),
        }
    }
}

impl From<stability::Stability> for Stability {
    fn from(at: stability::Stability) -> Self {
        let (adjusted_rand, problem) = match at.agreement {
            Ok(agreement) => (Some(agreement), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { delta: at.delta, adjusted_rand, problem }
    }
}
