//! Clusters of the same models at several checkpoints, with every model followed from one to the next.

use serde::{Deserialize, Serialize};

use crate::analysis::cluster::larger_of_two;
use crate::analysis::dynamics::followed;
use crate::analysis::partition::adjusted_rand_index;
use crate::engine::{Artifact, Context, Outputs, Role, StageEnd, StageError, StepKind};
use crate::kinds::cluster::Clusters;
use crate::words::words;

pub const DYNAMICS: Artifact<Dynamics> = Artifact::new("dynamics");
pub const CLUSTERS_OF: Role<Clusters> = Role::new("clusters");

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// Names without checkpoints.
    pub models: Vec<String>,
    /// In the order of training; the input `clusters:I` is the clustering of number I.
    pub times: Vec<Time>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Time {
    /// The checkpoint, or the name of the clustering where its models have several or another time has the same.
    pub name: String,
    /// For each of `models` its number in the clustering.
    pub order: Vec<usize>,
}

/// The artifact [`DYNAMICS`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dynamics {
    pub models: Vec<String>,
    pub times: Vec<String>,
    /// [times, models]; a cluster keeps its number from one time to the next. The last time's numbers are those of its
    /// clustering.
    pub clusters: Vec<Vec<usize>>,
    pub coordinate: Coordinate,
    /// [times, models], with one sign convention: positive towards the cluster that is the larger at the last time, or,
    /// for the second eigenvector, the sign that agrees best with the next time.
    pub positions: Vec<Vec<f64>>,
    /// From each time to the next.
    pub transitions: Vec<Transition>,
}

words! {
    /// What a model's position is.
    pub enum Coordinate {
        /// Where there are two clusters at every time.
        CentroidFeature = "centroid-feature",
        /// Second column of the spectral embedding.
        SecondEigenvector = "second-eigenvector",
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Models that change cluster.
    pub changed: Vec<String>,
    pub adjusted_rand: f64,
}

impl StepKind for Params {
    const KIND: &'static str = "dynamics";
    const VERSION: u32 = 1;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let clusterings: Vec<Clusters> =
            (0..self.times.len()).map(|time| context.json(&CLUSTERS_OF.of(time))).collect::<Result<_, _>>()?;
        let mut outputs = Outputs::default();
        outputs.json(&DYNAMICS, &follow(self, &clusterings)?)?;
        Ok(outputs)
    }
}

fn follow(params: &Params, clusterings: &[Clusters]) -> Result<Dynamics, StageError> {
    let found: Vec<Vec<usize>> =
        params.times.iter().zip(clusterings).map(|(t, c)| pick(&c.clusters, &t.order)).collect();
    let clusters = followed(&found);
    let features: Option<Vec<&Vec<f64>>> = clusterings.iter().map(|one| one.centroid_feature.as_ref()).collect();
    let (coordinate, positions) = match features {
        Some(features) => {
            let features = features.into_iter().zip(&params.times).map(|(feature, time)| pick(feature, &time.order));
            (Coordinate::CentroidFeature, towards_one_cluster(features.collect(), &found, &clusters))
        }
        None => {
            let second = |one: &Clusters| one.embedding.iter().map(|point| point[1]).collect::<Vec<f64>>();
            let columns = clusterings.iter().zip(&params.times).map(|(one, time)| pick(&second(one), &time.order));
            (Coordinate::SecondEigenvector, in_agreement(columns.collect()))
        }
    };
    let transition = |(before, after): (&Vec<usize>, &Vec<usize>)| {
        let both = params.models.iter().zip(before.iter().zip(after));
        Ok(Transition {
            changed: both.filter(|(_, (before, after))| before != after).map(|(model, _)| model.clone()).collect(),
            adjusted_rand: adjusted_rand_index(before, after)?,
        })
    };
    Ok(Dynamics {
        models: params.models.clone(),
        times: params.times.iter().map(|time| time.name.clone()).collect(),
        transitions: clusters.iter().zip(&clusters[1..]).map(transition).collect::<Result<_, StageError>>()?,
        clusters,
        coordinate,
        positions,
    })
}

fn pick<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|place| values[*place]).collect()
}

/// Each time's feature is positive towards what is the larger cluster then; turned where that is not the one that is the
/// larger at the end.
fn towards_one_cluster(mut features: Vec<Vec<f64>>, found: &[Vec<usize>], clusters: &[Vec<usize>]) -> Vec<Vec<f64>> {
    let larger = |time: usize| {
        let larger = larger_of_two(&found[time]);
        found[time].iter().position(|cluster| *cluster == larger).map(|member| clusters[time][member])
    };
    let end = features.len() - 1;
    for (time, feature) in features.iter_mut().enumerate() {
        if larger(time) != larger(end) {
            feature.iter_mut().for_each(|value| *value = -*value);
        }
    }
    features
}

/// Turns columns so that none is negatively correlated with the next.
fn in_agreement(mut columns: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    for time in (1..columns.len()).rev() {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (before, after) = (mean(&columns[time - 1]), mean(&columns[time]));
        let both = columns[time - 1].iter().zip(&columns[time]);
        if both.map(|(x, y)| (x - before) * (y - after)).sum::<f64>() < 0.0 {
            columns[time - 1].iter_mut().for_each(|value| *value = -*value);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cluster::spectral_clustering;

    /// Models on a line, clustered by how far they are from each other.
    fn clustering(places: &[f64], clusters: usize) -> Clusters {
        let n = places.len();
        let flat: Vec<f64> = places.iter().flat_map(|a| places.iter().map(move |b| (a - b).abs())).collect();
        let found = spectral_clustering(&flat, n, clusters, 1.0).unwrap();
        Clusters {
            models: (0..n).map(|model| model.to_string()).collect(),
            distance: "convexity-gap".to_owned(),
            metric: "loss".to_owned(),
            matrix: flat.chunks_exact(n).map(<[f64]>::to_vec).collect(),
            eigengap: found.eigengap(),
            silhouettes: vec![0.0; n],
            stability: Vec::new(),
            clusters: found.labels,
            embedding: found.embedding,
            eigenvalues: found.eigenvalues,
            centroid_feature: found.centroid_feature,
        }
    }

    fn params(times: &[(&str, &[usize])], models: &[&str]) -> Params {
        Params {
            models: models.iter().map(|name| (*name).to_owned()).collect(),
            times: times.iter().map(|(name, order)| Time { name: (*name).to_owned(), order: order.to_vec() }).collect(),
        }
    }

    #[test]
    fn models_are_followed_whatever_their_order_and_the_sign_stays() {
        // At the first time the cluster on the right is the larger; at the last, in reverse order, that on the left.
        let early = clustering(&[0.0, 0.1, 3.0, 3.1, 3.2], 2);
        let late = clustering(&[3.2, 3.1, 0.2, 0.1, 0.0], 2);
        let models = ["a", "b", "c", "d", "e"];
        let params = params(&[("100", &[0, 1, 2, 3, 4]), ("last", &[4, 3, 2, 1, 0])], &models);
        let dynamics = follow(&params, &[early, late]).unwrap();
        assert_eq!(dynamics.clusters, [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]);
        assert_eq!(dynamics.transitions[0].changed, ["c"]);
        assert_eq!(dynamics.coordinate, Coordinate::CentroidFeature);
        // Cluster 1 is the larger at the end: its members are positive at both times.
        for (positions, clusters) in dynamics.positions.iter().zip(&dynamics.clusters) {
            for (position, cluster) in positions.iter().zip(clusters) {
                assert_eq!(*position > 0.0, *cluster == 1, "{dynamics:?}");
            }
        }
        let index = adjusted_rand_index(&[0, 0, 1, 1, 1], &[0, 0, 0, 1, 1]).unwrap();
        assert_eq!(dynamics.transitions[0].adjusted_rand, index);
    }

    #[test]
    fn more_clusters_are_followed_along_the_second_eigenvector() {
        let early = clustering(&[0.0, 0.1, 1.4, 1.5, 3.0, 3.1], 3);
        let late = clustering(&[3.0, 3.1, 1.5, 1.4, 0.1, 0.0], 3);
        let models = ["a", "b", "c", "d", "e", "f"];
        let order: &[usize] = &[0, 1, 2, 3, 4, 5];
        let dynamics = follow(&params(&[("1", order), ("2", order)], &models), &[early, late]).unwrap();
        assert_eq!(dynamics.clusters[0], dynamics.clusters[1]);
        assert_eq!(dynamics.coordinate, Coordinate::SecondEigenvector);
        for (before, after) in dynamics.positions[0].iter().zip(&dynamics.positions[1]) {
            assert!((before - after).abs() < 0.2, "{dynamics:?}");
        }
        assert!(dynamics.transitions[0].changed.is_empty());
    }
}
