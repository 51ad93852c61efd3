//! Spectral clustering of models by their distances, as scikit-learn does it with `affinity="precomputed"`,
//! `assign_labels="kmeans"`, `n_init=10`, and the centroid feature of the published study.

use super::AnalysisError;
use super::kmeans::{kmeans, means, split_in_two, squared_distance};
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Two mirrored distances may differ by this share of the larger one: rounding of two sums taken in opposite order.
const SYMMETRY_TOLERANCE: f64 = 1e-9;
/// Eigenvalues of the normalised Laplacian (all in 0..=2) closer than this differ by nothing but rounding.
const EIGENVALUE_TOLERANCE: f64 = 1e-13;
const MAX_EIGEN_ITERATIONS: usize = 100_000;
/// A model that is less similar than this to all others together is alone: nothing can be divided by such numbers.
const LEAST_DEGREE: f64 = 1e-300;

#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// Cluster of each model, `[n]`; clusters are numbered from 0 in the order of their first member.
    pub labels: Vec<usize>,
    /// `[n, k]`: the k lowest eigenvectors divided by the square root of the degrees. The first column is constant. In
    /// each column the entry of largest magnitude is positive (the first such, when magnitudes are equal).
    pub embedding: Vec<Vec<f64>>,
    /// The k lowest eigenvalues of the normalised Laplacian, ascending, then the next one if n > k: the gap between
    /// those last two says how well the clusters are determined.
    pub eigenvalues: Vec<f64>,
    /// For two clusters, `[n]`: distance to the centroid of the smaller cluster minus distance to that of the larger,
    /// in the embedding. Positive towards the larger cluster; of two equally large clusters, number 0 (the one of the
    /// first model) counts as the larger. `None` for more than two clusters.
    pub centroid_feature: Option<Vec<f64>>,
}

impl Clustering {
    /// Between the k-th eigenvalue and the next, at least 0: how well `n` models fall into k clusters rather than k + 1.
    /// `None` where there are as many clusters as models.
    pub fn eigengap(&self) -> Option<f64> {
        let clusters = self.embedding.first().map_or(0, Vec::len);
        let (inside, next) = (self.eigenvalues.get(clusters.checked_sub(1)?)?, self.eigenvalues.get(clusters)?);
        Some(next - inside)
    }
}

/// Clusters `n` models into `clusters` by similarity exp(−D²/2`delta`²).
///
/// The similarity's diagonal is zeroed, d is the row sums, L = I − D^{-½} W D^{-½}. Its lowest eigenvector is known
/// exactly (√d, eigenvalue 0), so it is moved out of the way before the dense eigensolver runs. That keeps it exact
/// where the gaps between eigenvalues are tiny, and picks the useful basis where the graph falls apart and several
/// eigenvalues are 0. A model whose similarity to every other underflows is such a part by itself. Two clusters are found by solving 2-means in one dimension on the second (Fiedler) vector
/// exactly; more by k-means on the rows of the embedding from fixed random streams. Equal input gives equal output.
///
/// # Shapes
/// `distances` is `[n, n]`, flat and row-major, symmetric, finite and not negative; its diagonal is not read. Its
/// unit is that of `delta`.
///
/// # Errors
/// A wrong shape, n < 2 or n < `clusters`, `clusters` < 2, a non-finite, negative or asymmetric distance, distances
/// that are all 0, models that fall apart into more than `clusters` groups, or distances so regular that `clusters` and
/// `clusters` + 1 groups cannot be told apart.
pub fn spectral_clustering(
    distances: &[f64],
    n: usize,
    clusters: usize,
    delta: f64,
) -> Result<Clustering, AnalysisError> {
    check(distances, n, clusters, delta)?;
    let similarity = DMatrix::from_fn(n, n, |row, column| {
        if row == column { 0.0 } else { (-(distances[row * n + column] / delta).powi(2) / 2.0).exp() }
    });
    let degrees: Vec<f64> = similarity.row_iter().map(|row| row.sum()).collect();
    let alone: Vec<bool> = degrees.iter().map(|degree| *degree < LEAST_DEGREE).collect();
    // Whoever is alone has the eigenvalue 0 with a vector of its own, of whatever length.
    let root_degrees: Vec<f64> =
        degrees.iter().zip(&alone).map(|(degree, alone)| if *alone { 1.0 } else { degree.sqrt() }).collect();
    let (mut eigenvalues, eigenvectors) = lowest_eigenpairs(&similarity, &root_degrees, &alone)?;
    if n > clusters && eigenvalues[clusters] - eigenvalues[clusters - 1] < EIGENVALUE_TOLERANCE {
        let groups = eigenvalues.iter().filter(|value| **value < EIGENVALUE_TOLERANCE).count();
        return Err(match groups > clusters {
            true => AnalysisError::Apart { groups, clusters, delta, median: median(distances, n) },
            false => AnalysisError::Undetermined { clusters },
        });
    }
    eigenvalues.truncate(clusters + 1);

    let columns: Vec<Vec<f64>> =
        eigenvectors.iter().take(clusters).map(|vector| embedding_column(vector, &root_degrees)).collect();
    let embedding: Vec<Vec<f64>> = (0..n).map(|model| columns.iter().map(|column| column[model]).collect()).collect();
    let found = match clusters {
        2 => split_in_two(&columns[1]).into_iter().map(usize::from).collect(),
        _ => kmeans(&embedding, clusters),
    };
    let labels = numbered_by_first_member(&found);
    let centroid_feature = (clusters == 2).then(|| centroid_feature(&embedding, &labels));
    Ok(Clustering { labels, embedding, eigenvalues, centroid_feature })
}

/// The median of the distances between two different models: a width for similarities in the unit of the distances.
///
/// # Errors
/// It is 0, so no similarity can have that width.
pub fn median_distance(distances: &[f64], n: usize) -> Result<f64, AnalysisError> {
    if n < 2 || n.checked_mul(n) != Some(distances.len()) {
        return Err(AnalysisError::MatrixShape { models: n, entries: distances.len() });
    }
    match median(distances, n) {
        0.0 if distances.iter().all(|distance| *distance == 0.0) => Err(AnalysisError::AllZero),
        0.0 => Err(AnalysisError::NoMedian),
        median => Ok(median),
    }
}

fn median(distances: &[f64], n: usize) -> f64 {
    let mut upper: Vec<f64> = (0..n).flat_map(|row| distances[row * n + row + 1..(row + 1) * n].to_vec()).collect();
    upper.sort_by(f64::total_cmp);
    (upper[(upper.len() - 1) / 2] + upper[upper.len() / 2]) / 2.0
}

fn check(distances: &[f64], n: usize, clusters: usize, delta: f64) -> Result<(), AnalysisError> {
    if n.checked_mul(n) != Some(distances.len()) {
        return Err(AnalysisError::MatrixShape { models: n, entries: distances.len() });
    }
    if clusters < 2 {
        return Err(AnalysisError::TooFewClusters { clusters });
    }
    if n < clusters {
        return Err(AnalysisError::TooFewModels { models: n, clusters });
    }
    if !delta.is_finite() || delta <= 0.0 {
        return Err(AnalysisError::Delta { delta });
    }
    let mut all_zero = true;
    for row in 0..n {
        for column in row + 1..n {
            let (forward, backward) = (distances[row * n + column], distances[column * n + row]);
            for value in [forward, backward] {
                if !value.is_finite() {
                    return Err(AnalysisError::NonFiniteDistance { row, column, value });
                }
                if value < 0.0 {
                    return Err(AnalysisError::NegativeDistance { row, column, value });
                }
            }
            if (forward - backward).abs() > SYMMETRY_TOLERANCE * forward.max(backward) {
                return Err(AnalysisError::Asymmetric { row, column, forward, backward });
            }
            all_zero &= forward == 0.0;
        }
    }
    if all_zero { Err(AnalysisError::AllZero) } else { Ok(()) }
}

/// Eigenpairs of the normalised Laplacian, ascending; the first is 0 with √d, the others are orthogonal to it.
fn lowest_eigenpairs(
    similarity: &DMatrix<f64>,
    root_degrees: &[f64],
    alone: &[bool],
) -> Result<(Vec<f64>, Vec<Vec<f64>>), AnalysisError> {
    let n = root_degrees.len();
    let constant = DVector::from_column_slice(root_degrees).normalize();
    // The spectrum lies in 0..=2, so adding 4 to the known eigenvalue 0 makes it the largest.
    let deflated = DMatrix::from_fn(n, n, |row, column| {
        // The two triangles may differ by rounding; the solver reads one of them.
        let weight = match alone[row] || alone[column] {
            true => 0.0,
            false => (similarity[(row, column)] + similarity[(column, row)]) / 2.0,
        };
        let identity = if row == column && !alone[row] { 1.0 } else { 0.0 };
        identity - weight / root_degrees[row] / root_degrees[column] + 4.0 * constant[row] * constant[column]
    });
    let solved = SymmetricEigen::try_new(deflated, f64::EPSILON, MAX_EIGEN_ITERATIONS)
        .ok_or(AnalysisError::NoConvergence { models: n })?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| solved.eigenvalues[*a].total_cmp(&solved.eigenvalues[*b]));
    order.pop();
    let mut eigenvalues = vec![0.0];
    let mut eigenvectors = vec![constant.as_slice().to_vec()];
    for place in order {
        eigenvalues.push(solved.eigenvalues[place]);
        eigenvectors.push(solved.eigenvectors.column(place).iter().copied().collect());
    }
    Ok((eigenvalues, eigenvectors))
}

fn embedding_column(eigenvector: &[f64], root_degrees: &[f64]) -> Vec<f64> {
    let mut column: Vec<f64> = eigenvector.iter().zip(root_degrees).map(|(value, root)| value / root).collect();
    let largest =
        column.iter().fold(0.0f64, |largest, value| if value.abs() > largest.abs() { *value } else { largest });
    if largest < 0.0 {
        column.iter_mut().for_each(|value| *value = -*value);
    }
    column
}

fn numbered_by_first_member(found: &[usize]) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    let mut number = |cluster: usize| match seen.iter().position(|known| *known == cluster) {
        Some(number) => number,
        None => {
            seen.push(cluster);
            seen.len() - 1
        }
    };
    found.iter().map(|cluster| number(*cluster)).collect()
}

/// Of the clusters 0 and 1 the one with more members; 0 where they are equally large.
pub fn larger_of_two(labels: &[usize]) -> usize {
    let second = labels.iter().filter(|label| **label == 1).count();
    usize::from(second > labels.len() - second)
}

fn centroid_feature(embedding: &[Vec<f64>], labels: &[usize]) -> Vec<f64> {
    let centroids = means(embedding, labels, 2);
    let larger = larger_of_two(labels);
    let distance = |point: &[f64], cluster: usize| squared_distance(point, &centroids[cluster]).sqrt();
    embedding.iter().map(|point| distance(point, 1 - larger) - distance(point, larger)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::kmeans::inertia;
    use super::super::partition::silhouettes;
    use super::super::tests::{Matrix, Numbers, Partition, fixture, matrix};
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Fixture {
        clusters: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        kind: String,
        n: usize,
        k: usize,
        delta: f64,
        /// Upper triangle without the diagonal, row by row.
        distances: Vec<f64>,
        labels: Vec<usize>,
        embedding: Vec<Vec<f64>>,
        eigenvalues: Vec<f64>,
    }

    fn square(upper: &[f64], n: usize) -> Vec<f64> {
        let mut matrix = vec![0.0; n * n];
        let mut values = upper.iter();
        for row in 0..n {
            for column in row + 1..n {
                let value = *values.next().unwrap();
                matrix[row * n + column] = value;
                matrix[column * n + row] = value;
            }
        }
        matrix
    }

    #[test]
    fn clusters_agree_with_scikit_learn() {
        let text = include_str!("../../tests/reference/analysis.json");
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        assert!(fixture.clusters.len() >= 50);
        let (mut equal, mut compared) = (0, 0);
        for (number, case) in fixture.clusters.iter().enumerate() {
            let ours = spectral_clustering(&square(&case.distances, case.n), case.n, case.k, case.delta).unwrap();
            let name = format!("case {number} ({}, n = {}, k = {})", case.kind, case.n, case.k);
            for (ours, theirs) in ours.eigenvalues.iter().zip(&case.eigenvalues) {
                assert!((ours - theirs).abs() < 1e-12, "eigenvalues of {name}");
            }
            // A vector is determined up to rounding over the gaps to its neighbours; the stored digits end at 1e-9.
            let gap = case.eigenvalues.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
            for (ours, theirs) in ours.embedding.iter().flatten().zip(case.embedding.iter().flatten()) {
                assert!((ours - theirs).abs() < 2e-9 + 1e-13 / gap, "embedding of {name}: {ours} {theirs}");
            }
            let theirs = numbered_by_first_member(&case.labels);
            compared += 1;
            equal += usize::from(ours.labels == theirs);
            if case.kind == "structured" {
                assert_eq!(ours.labels, theirs, "labels of {name}");
            } else {
                // scikit-learn's ten random starts may stop above the optimum; ours may not be worse than theirs.
                let inertia = |labels| inertia(&ours.embedding, labels, case.k);
                assert!(inertia(&ours.labels) <= inertia(&theirs) * (1.0 + 1e-9), "inertia of {name}");
            }
        }
        assert!(equal * 20 >= compared * 19, "only {equal} of {compared} partitions are scikit-learn's");
    }

    /// 600 matrices of 5 to 150 models, k = 2 to 5: see `tests/reference/clusters.py` for those that are left out.
    #[test]
    fn partitions_of_many_matrices_are_scikit_learns() {
        let cases = fixture().partitions;
        assert!(cases.len() >= 500);
        let (mut equal, mut projections, mut worst) = (0, 0, 0.0f64);
        for Partition(seed, labels, eigenvalues, columns, silhouette) in &cases {
            let Matrix { n, k, delta, distances } = matrix(*seed);
            let ours = spectral_clustering(&distances, n, k, delta).unwrap();
            let theirs: Vec<usize> = labels.bytes().map(|digit| usize::from(digit - b'0')).collect();
            if ours.labels == theirs {
                equal += 1;
            } else {
                // All their starts may stop above the optimum; another partition must then be a better one.
                let (lower, higher) = (inertia(&ours.embedding, &ours.labels, k), inertia(&ours.embedding, &theirs, k));
                assert!(lower < higher * (1.0 - 1e-9), "labels of matrix {seed} (n = {n}, k = {k}): {lower} {higher}");
                continue;
            }
            for (ours, theirs) in ours.eigenvalues[1..].iter().zip(eigenvalues) {
                assert!((ours - theirs).abs() < 1e-12, "eigenvalues of matrix {seed}: {ours} {theirs}");
            }
            assert!((ours.eigengap().unwrap() - (eigenvalues[k - 1] - eigenvalues[k - 2])).abs() < 2e-12);
            let silhouettes = silhouettes(&distances, &ours.labels).unwrap();
            let mean = silhouettes.iter().sum::<f64>() / n as f64;
            assert!((mean - silhouette).abs() < 1e-12, "silhouette of matrix {seed}: {mean} {silhouette}");

            let gap = eigenvalues.windows(2).map(|pair| pair[1] - pair[0]).fold(eigenvalues[0], f64::min);
            let mut weights = Numbers::new(seed + 1_000_000);
            for column in 0..k {
                let mut project = || (0..n).map(|model| (weights.share() - 0.5) * ours.embedding[model][column]).sum();
                let ours: [f64; 2] = [project(), project()];
                let Some(&(first, second, undecided)) = column.checked_sub(1).map(|column| &columns[column]) else {
                    continue;
                };
                if gap < 1e-6 {
                    continue;
                }
                let away = |sign: f64| (ours[0] - sign * first).abs().max((ours[1] - sign * second).abs());
                let difference = if undecided == 1 { away(1.0).min(away(-1.0)) } else { away(1.0) };
                worst = worst.max(difference);
                projections += 1;
                assert!(difference < 1e-8, "column {column} of matrix {seed}: {difference}, gap {gap}");
            }
        }
        println!(
            "{equal} of {} equal, {projections} columns, largest difference of a projection {worst:e}",
            cases.len()
        );
        assert!(
            equal >= 500 && equal * 100 >= cases.len() * 99,
            "only {equal} of {} partitions are equal",
            cases.len()
        );
        assert!(projections > 1000, "{projections}");
    }

    /// Distance `within` inside the groups given by `groups`, 1 between them.
    fn blocks(groups: &[usize], within: f64) -> Vec<f64> {
        let n = groups.len();
        let distance = |i: usize, j: usize| match (i == j, groups[i] == groups[j]) {
            (true, _) => 0.0,
            (false, true) => within,
            (false, false) => 1.0,
        };
        (0..n * n).map(|place| distance(place / n, place % n)).collect()
    }

    #[test]
    fn blocks_are_numbered_by_first_member_and_the_feature_points_to_the_larger() {
        let groups = [1, 0, 0, 1, 0, 0, 0];
        let clustering = spectral_clustering(&blocks(&groups, 0.01), 7, 2, 1.0).unwrap();
        assert_eq!(clustering.labels, [0, 1, 1, 0, 1, 1, 1]);
        let feature = clustering.centroid_feature.unwrap();
        for (value, label) in feature.iter().zip(&clustering.labels) {
            assert_eq!(*value > 0.0, *label == 1, "{feature:?}");
        }
        let even = spectral_clustering(&blocks(&[0, 1, 1, 0], 0.01), 4, 2, 1.0).unwrap();
        assert!(even.centroid_feature.unwrap()[0] > 0.0);
    }

    #[test]
    fn tiny_distances_and_separate_components_still_cluster() {
        let groups = [0, 1, 0, 1, 1, 0, 1, 1, 1];
        let tiny: Vec<f64> = blocks(&groups, 0.1).iter().map(|distance| distance * 1e-5).collect();
        assert_eq!(spectral_clustering(&tiny, 9, 2, 1.0).unwrap().labels, groups);
        // At 100 δ the similarity underflows to 0: two components, and the eigenvalue 0 is double.
        let far: Vec<f64> = blocks(&groups, 0.003).iter().map(|distance| distance * 100.0).collect();
        let clustering = spectral_clustering(&far, 9, 2, 1.0).unwrap();
        assert_eq!(clustering.labels, groups);
        assert!(clustering.eigenvalues[1].abs() < 1e-14);
    }

    /// Where scikit-learn says a model stands by itself, too; at 30 widths and more its eigenvectors are chance.
    #[test]
    fn a_model_far_from_all_others_is_a_cluster_of_its_own() {
        let line = |places: &[f64]| -> Vec<f64> {
            places.iter().flat_map(|a| places.iter().map(move |b| (a - b).abs())).collect()
        };
        for far in [3.0, 5.0, 8.0, 12.0, 20.0, 37.0, 37.2, 38.0, 39.0, 50.0, 1e3, 1e200] {
            let one = spectral_clustering(&line(&[0.0, 0.1, 0.2, 0.3, far]), 5, 2, 1.0).unwrap();
            assert_eq!(one.labels, [0, 0, 0, 0, 1], "{far}");
            let feature = one.centroid_feature.unwrap();
            assert!(feature.iter().all(|value| value.is_finite()) && feature[0] > 0.0 && feature[4] < 0.0, "{far}");
            assert!(one.eigenvalues.iter().all(|value| value.is_finite()));
        }
        let two = spectral_clustering(&line(&[0.0, 0.1, 0.2, 50.0, 100.0]), 5, 3, 1.0).unwrap();
        assert_eq!(two.labels, [0, 0, 0, 1, 2]);
    }

    #[test]
    fn the_median_is_of_pairs_of_different_models() {
        let line = |places: &[f64]| -> Vec<f64> {
            places.iter().flat_map(|a| places.iter().map(move |b| (a - b).abs())).collect()
        };
        assert_eq!(median_distance(&line(&[0.0, 1.0, 3.0]), 3), Ok(2.0));
        assert_eq!(median_distance(&line(&[0.0, 1.0, 3.0, 7.0]), 4), Ok(3.5));
        assert_eq!(median_distance(&line(&[0.0, 0.0, 0.0, 7.0]), 4), Ok(3.5));
        assert_eq!(median_distance(&line(&[0.0, 0.0, 0.0, 0.0, 7.0]), 5), Err(AnalysisError::NoMedian));
        assert_eq!(median_distance(&[0.0; 9], 3), Err(AnalysisError::AllZero));
    }

    #[test]
    fn reordering_the_models_reorders_the_answer() {
        let groups = [0, 0, 1, 2, 2, 1, 0, 1, 2, 2];
        let clustering = spectral_clustering(&blocks(&groups, 0.2), 10, 3, 0.5).unwrap();
        assert_eq!(clustering.labels, groups);
        assert_eq!(clustering.embedding[0].len(), 3);
        assert_eq!(clustering.eigenvalues.len(), 4);
        assert_eq!(clustering.centroid_feature, None);
    }

    #[test]
    fn matrices_without_clusters_are_errors() {
        let error = |distances: &[f64], n, k| spectral_clustering(distances, n, k, 1.0).unwrap_err();
        assert_eq!(error(&[0.0; 9], 3, 2), AnalysisError::AllZero);
        assert_eq!(error(&[0.0; 8], 3, 2), AnalysisError::MatrixShape { models: 3, entries: 8 });
        assert_eq!(error(&[0.0], 1, 2), AnalysisError::TooFewModels { models: 1, clusters: 2 });
        assert_eq!(error(&[0.0; 4], 2, 3), AnalysisError::TooFewModels { models: 2, clusters: 3 });
        assert_eq!(error(&[0.0; 4], 2, 1), AnalysisError::TooFewClusters { clusters: 1 });
        assert!(matches!(error(&[0.0, f64::NAN, f64::NAN, 0.0], 2, 2), AnalysisError::NonFiniteDistance { .. }));
        assert!(matches!(error(&[0.0, -1.0, -1.0, 0.0], 2, 2), AnalysisError::NegativeDistance { .. }));
        assert!(matches!(error(&[0.0, 1.0, 1.1, 0.0], 2, 2), AnalysisError::Asymmetric { row: 0, column: 1, .. }));
        assert_eq!(error(&blocks(&[0, 1, 2], 0.0), 3, 2), AnalysisError::Undetermined { clusters: 2 });
        let apart: Vec<f64> = blocks(&[0, 0, 1, 2], 0.001).iter().map(|distance| distance * 50.0).collect();
        let message = "at delta 1 the models fall into 3 groups with nothing between them, and 2 clusters are wanted: \
                       write delta = \"median\" (here 50.000), or clusters = 3";
        assert_eq!(error(&apart, 4, 2).to_string(), message);
        let most: Vec<f64> = blocks(&[0, 0, 0, 0, 1, 2], 0.001).iter().map(|distance| distance * 50.0).collect();
        assert!(spectral_clustering(&most, 6, 3, 1.0).is_ok());
        let widest = spectral_clustering(&apart, 4, 2, 1e-3).unwrap_err().to_string();
        assert!(widest.contains("into 4 groups"), "{widest}");
        assert!(matches!(spectral_clustering(&[0.0; 4], 2, 2, 0.0), Err(AnalysisError::Delta { .. })));
    }
}
