//! Whether a clustering depends on the width of the similarity that it was made with.

use super::AnalysisError;
use super::cluster::spectral_clustering;
use super::partition::adjusted_rand_index;

/// The partition at another width, compared with the one that is reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Stability {
    /// In the unit of the distances.
    pub delta: f64,
    /// Adjusted Rand index with the partition at the reported width, or why there is no partition at this one.
    pub agreement: Result<f64, AnalysisError>,
}

/// Clusters again at δ·2^(−2), δ·2^(−1.5), …, δ·2², nine widths with δ itself in the middle.
///
/// # Shapes
/// `distances` is `[n, n]`, flat and row-major, as for [`spectral_clustering`]; `labels` its partition at `delta`.
pub fn stability(distances: &[f64], labels: &[usize], clusters: usize, delta: f64) -> Vec<Stability> {
    let at = |half_steps: i32| {
        let delta = delta * (f64::from(half_steps) / 2.0).exp2();
        let agreement = spectral_clustering(distances, labels.len(), clusters, delta)
            .and_then(|found| adjusted_rand_index(labels, &found.labels));
        Stability { delta, agreement }
    };
    (-4..=4).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Models on a line: two groups, then two and one far away.
    #[test]
    fn clear_clusters_are_stable_and_impossible_widths_are_said() {
        let places = [0.0f64, 0.1, 1.0, 1.1, 1.2];
        let distances: Vec<f64> = places.iter().flat_map(|a| places.map(|b| (a - b).abs())).collect();
        let found = spectral_clustering(&distances, 5, 2, 0.5).unwrap();
        let stable = stability(&distances, &found.labels, 2, 0.5);
        let widths: Vec<f64> = stable.iter().map(|at| at.delta).collect();
        assert_eq!((widths[0], widths[4], widths[8]), (0.125, 0.5, 2.0));
        assert!((widths[5] - 0.5 * 2f64.sqrt()).abs() < 1e-15);
        assert!(stable.iter().all(|at| at.agreement == Ok(1.0)), "{stable:?}");

        // Three pairs that only wide similarities join.
        let places = [0.0f64, 0.1, 5.0, 5.1, 11.0, 11.1];
        let distances: Vec<f64> = places.iter().flat_map(|a| places.map(|b| (a - b).abs())).collect();
        let found = spectral_clustering(&distances, 6, 2, 1.0).unwrap();
        let narrow = &stability(&distances, &found.labels, 2, 1.0)[0];
        assert!(matches!(narrow.agreement, Err(AnalysisError::Apart { groups: 3, clusters: 2, .. })), "{narrow:?}");
    }
}
