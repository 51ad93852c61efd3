//! How good a partition is, and how much two partitions agree.

use super::AnalysisError;
use std::collections::BTreeMap;

/// How much nearer each model is to its own cluster than to the next one, in −1..=1 (Rousseeuw 1987): (b − a) / max(a, b)
/// with a the mean distance to the other members and b the least mean distance to another cluster. 0 for a model alone
/// in its cluster and where all its distances are 0.
///
/// # Shapes
/// `distances` is `[n, n]`, flat and row-major, its diagonal 0; `labels` is `[n]`.
///
/// # Errors
/// A wrong shape, or fewer than 2 clusters.
pub fn silhouettes(distances: &[f64], labels: &[usize]) -> Result<Vec<f64>, AnalysisError> {
    let n = labels.len();
    if n.checked_mul(n) != Some(distances.len()) {
        return Err(AnalysisError::MatrixShape { models: n, entries: distances.len() });
    }
    let sizes = sizes(labels);
    if sizes.len() < 2 {
        return Err(AnalysisError::TooFewClusters { clusters: sizes.len() });
    }
    Ok((0..n).map(|model| silhouette(&distances[model * n..(model + 1) * n], model, labels, &sizes)).collect())
}

fn silhouette(distances: &[f64], model: usize, labels: &[usize], sizes: &BTreeMap<usize, usize>) -> f64 {
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    for (distance, label) in distances.iter().zip(labels) {
        *sums.entry(*label).or_default() += distance;
    }
    let own = labels[model];
    if sizes[&own] == 1 {
        return 0.0;
    }
    let within = sums[&own] / (sizes[&own] - 1) as f64;
    let others = sums.iter().filter(|(label, _)| **label != own);
    let between = others.map(|(label, sum)| sum / sizes[label] as f64).fold(f64::INFINITY, f64::min);
    let larger = within.max(between);
    if larger > 0.0 { (between - within) / larger } else { 0.0 }
}

/// Agreement of two partitions of the same models, corrected for chance (Hubert and Arabie 1985): 1 for the same
/// partition, about 0 for independent ones. Which numbers the clusters have does not matter.
///
/// # Errors
/// Partitions of unequal lengths.
pub fn adjusted_rand_index(one: &[usize], other: &[usize]) -> Result<f64, AnalysisError> {
    if one.len() != other.len() {
        return Err(AnalysisError::UnequalLengths { x: one.len(), y: other.len() });
    }
    let mut both: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (one, other) in one.iter().zip(other) {
        *both.entry((*one, *other)).or_default() += 1;
    }
    let pairs = |sizes: &mut dyn Iterator<Item = usize>| sizes.map(|size| (size * (size - 1) / 2) as f64).sum::<f64>();
    let together = pairs(&mut both.into_values());
    let in_one = pairs(&mut sizes(one).into_values());
    let in_other = pairs(&mut sizes(other).into_values());
    // Together in one only, in the other only, in neither.
    let (only_one, only_other) = (in_one - together, in_other - together);
    if only_one == 0.0 && only_other == 0.0 {
        return Ok(1.0);
    }
    let apart = pairs(&mut std::iter::once(one.len())) - together - only_one - only_other;
    let chance = in_one * (only_one + apart) + in_other * (only_other + apart);
    Ok(2.0 * (together * apart - only_one * only_other) / chance)
}

fn sizes(labels: &[usize]) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    labels.iter().for_each(|label| *sizes.entry(*label).or_default() += 1);
    sizes
}

#[cfg(test)]
mod tests {
    use super::super::tests::{matrix, small};
    use super::*;

    #[test]
    fn scikit_learn_gives_the_same() {
        for case in small() {
            let matrix = matrix(case.seed);
            let ours = silhouettes(&matrix.distances, &case.one).unwrap();
            assert_eq!(ours.len(), case.silhouettes.len());
            for (ours, theirs) in ours.iter().zip(&case.silhouettes) {
                assert!((ours - theirs).abs() < 1e-12, "silhouette of {}: {ours} {theirs}", case.seed);
            }
            let ours = adjusted_rand_index(&case.one, &case.other).unwrap();
            assert!((ours - case.rand).abs() < 1e-12, "Rand index of {}: {ours} {}", case.seed, case.rand);
        }
    }

    #[test]
    fn partitions_of_one_and_of_all() {
        assert_eq!(adjusted_rand_index(&[0, 0, 0], &[7, 7, 7]), Ok(1.0));
        assert_eq!(adjusted_rand_index(&[0, 1, 2], &[2, 0, 1]), Ok(1.0));
        assert_eq!(adjusted_rand_index(&[0, 1, 2], &[0, 0, 0]), Ok(0.0));
        assert_eq!(adjusted_rand_index(&[], &[]), Ok(1.0));
        assert!(adjusted_rand_index(&[0], &[]).is_err());
        assert_eq!(silhouettes(&[0.0; 9], &[0, 0, 1]), Ok(vec![0.0; 3]));
        assert_eq!(silhouettes(&[0.0; 9], &[4, 4, 4]), Err(AnalysisError::TooFewClusters { clusters: 1 }));
        assert!(matches!(silhouettes(&[0.0; 8], &[0, 0, 1]), Err(AnalysisError::MatrixShape { .. })));
    }
}
