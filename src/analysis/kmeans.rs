//! k-means on the rows of a spectral embedding.

use crate::rng;
use rand::RngExt;

/// Restarts from fresh centres; the partition of least inertia wins. scikit-learn makes 10, which on models without
/// clear clusters can stop above the optimum; 100 still take only milliseconds.
const RESTARTS: u64 = 100;
const MAX_ITERATIONS: usize = 300;

/// The exact optimum of 2-means in one dimension: true for the values above the best split of the sorted values.
/// Of equally good splits the lowest wins.
pub(super) fn split_in_two(values: &[f64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let total: f64 = values.iter().sum();
    let (mut below, mut best, mut best_separation) = (0.0, 1, f64::NEG_INFINITY);
    for size in 1..values.len() {
        below += values[order[size - 1]];
        let rest = (values.len() - size) as f64;
        // Least squares within the parts is the same as most between them.
        let separation = size as f64 * rest * (below / size as f64 - (total - below) / rest).powi(2);
        if separation > best_separation {
            (best, best_separation) = (size, separation);
        }
    }
    let mut upper = vec![false; values.len()];
    for place in order.into_iter().skip(best) {
        upper[place] = true;
    }
    upper
}

/// Cluster of each point: Lloyd's algorithm from greedy k-means++ centres and moves of single points, many times, from
/// fixed random streams.
///
/// `points` is `[n, dimensions]` with n ≥ `clusters` ≥ 1. The answer may use fewer than `clusters` numbers only where
/// fewer than `clusters` distinct points exist.
pub(super) fn kmeans(points: &[Vec<f64>], clusters: usize) -> Vec<usize> {
    let mut best = (f64::INFINITY, Vec::new());
    for restart in 0..RESTARTS {
        let mut labels = lloyd(points, initial_centres(points, clusters, restart));
        move_single_points(points, &mut labels, clusters);
        let inertia = inertia(points, &labels, clusters);
        // A later start must win by more than rounding, so that equal partitions keep the first one's numbers.
        if best.1.is_empty() || inertia < best.0 * (1.0 - 1e-12) {
            best = (inertia, labels);
        }
    }
    best.1
}

/// Sum of squared distances of the points to the mean of their cluster.
pub(super) fn inertia(points: &[Vec<f64>], labels: &[usize], clusters: usize) -> f64 {
    let centres = means(points, labels, clusters);
    points.iter().zip(labels).map(|(point, label)| squared_distance(point, &centres[*label])).sum()
}

/// Mean of the points of each cluster; the zero vector for a cluster without points.
pub(super) fn means(points: &[Vec<f64>], labels: &[usize], clusters: usize) -> Vec<Vec<f64>> {
    let dimensions = points.first().map_or(0, Vec::len);
    let mut centres = vec![vec![0.0; dimensions]; clusters];
    let mut sizes = vec![0usize; clusters];
    for (point, label) in points.iter().zip(labels) {
        sizes[*label] += 1;
        for (sum, value) in centres[*label].iter_mut().zip(point) {
            *sum += value;
        }
    }
    for (centre, size) in centres.iter_mut().zip(&sizes) {
        for value in centre.iter_mut() {
            *value /= (*size).max(1) as f64;
        }
    }
    centres
}

pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// k-means++ that tries 2 + ⌊ln k⌋ candidates for each new centre and keeps the one that lowers the inertia most.
fn initial_centres(points: &[Vec<f64>], clusters: usize, restart: u64) -> Vec<Vec<f64>> {
    let mut stream = rng::stream("clusters", restart, 0);
    let candidates = 2 + (clusters as f64).ln() as usize;
    let first = stream.random_range(0..points.len());
    let mut centres = vec![points[first].clone()];
    let mut nearest: Vec<f64> = points.iter().map(|point| squared_distance(point, &centres[0])).collect();
    while centres.len() < clusters {
        let total: f64 = nearest.iter().sum();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..candidates {
            let candidate = weighted(&nearest, stream.random::<f64>() * total);
            let nearer: Vec<f64> = points
                .iter()
                .zip(&nearest)
                .map(|(point, distance)| squared_distance(point, &points[candidate]).min(*distance))
                .collect();
            let potential = nearer.iter().sum();
            if best.as_ref().is_none_or(|(lowest, ..)| potential < *lowest) {
                best = Some((potential, candidate, nearer));
            }
        }
        if let Some((_, candidate, nearer)) = best {
            centres.push(points[candidate].clone());
            nearest = nearer;
        }
    }
    centres
}

/// Index at which the running sum of the weights passes `target`.
fn weighted(weights: &[f64], target: f64) -> usize {
    let mut sum = 0.0;
    for (index, weight) in weights.iter().enumerate() {
        sum += weight;
        if sum > target {
            return index;
        }
    }
    // Rounding at the far end, or all weights 0.
    weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0)
}

fn lloyd(points: &[Vec<f64>], mut centres: Vec<Vec<f64>>) -> Vec<usize> {
    let mut labels = assign(points, &centres);
    for _ in 0..MAX_ITERATIONS {
        refill_empty(points, &mut labels, &centres);
        centres = means(points, &labels, centres.len());
        let next = assign(points, &centres);
        if next == labels {
            break;
        }
        labels = next;
    }
    labels
}

/// Moves a point to another cluster for as long as that lowers the inertia, its own effect on both centres counted.
/// Lloyd's algorithm, which holds the centres still while it assigns, stops at partitions that such a move makes better
/// (J. A. Hartigan and M. A. Wong, "A k-means clustering algorithm", 1979).
fn move_single_points(points: &[Vec<f64>], labels: &mut [usize], clusters: usize) {
    let sizes_of = |labels: &[usize]| -> Vec<f64> {
        (0..clusters).map(|cluster| labels.iter().filter(|label| **label == cluster).count() as f64).collect()
    };
    let (mut centres, mut sizes) = (means(points, labels, clusters), sizes_of(labels));
    for _ in 0..MAX_ITERATIONS {
        let mut moved = false;
        for (place, point) in points.iter().enumerate() {
            let from = labels[place];
            if sizes[from] == 1.0 {
                continue;
            }
            let saved = sizes[from] / (sizes[from] - 1.0) * squared_distance(point, &centres[from]);
            let cost = |to: usize| sizes[to] / (sizes[to] + 1.0) * squared_distance(point, &centres[to]);
            let best = (0..clusters).filter(|to| *to != from).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
            // More than rounding, so that it ends.
            if let Some(to) = best.filter(|to| cost(*to) < saved * (1.0 - 1e-9)) {
                labels[place] = to;
                (centres, sizes) = (means(points, labels, clusters), sizes_of(labels));
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

fn assign(points: &[Vec<f64>], centres: &[Vec<f64>]) -> Vec<usize> {
    let nearest = |point: &Vec<f64>| {
        let mut best = (f64::INFINITY, 0);
        for (cluster, centre) in centres.iter().enumerate() {
            let distance = squared_distance(point, centre);
            if distance < best.0 {
                best = (distance, cluster);
            }
        }
        best.1
    };
    points.iter().map(nearest).collect()
}

/// A cluster that lost all its points takes the one farthest from its own centre, as in scikit-learn.
fn refill_empty(points: &[Vec<f64>], labels: &mut [usize], centres: &[Vec<f64>]) {
    for empty in 0..centres.len() {
        if labels.contains(&empty) {
            continue;
        }
        let mut farthest = (0.0, None);
        for (place, point) in points.iter().enumerate() {
            let distance = squared_distance(point, &centres[labels[place]]);
            let alone = labels.iter().filter(|label| **label == labels[place]).count() == 1;
            if !alone && distance > farthest.0 {
                farthest = (distance, Some(place));
            }
        }
        if let (_, Some(place)) = farthest {
            labels[place] = empty;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETS: u64 = 400;

    #[test]
    fn three_blobs_are_found() {
        let points: Vec<Vec<f64>> =
            (0..30).map(|i| vec![f64::from(i % 3) * 10.0 + f64::from(i) * 0.01, f64::from(i % 3)]).collect();
        let labels = kmeans(&points, 3);
        for (i, label) in labels.iter().enumerate() {
            assert_eq!(*label, labels[i % 3]);
        }
        assert!(labels[0] != labels[1] && labels[1] != labels[2] && labels[0] != labels[2]);
    }

    #[test]
    fn equal_points_do_not_loop_or_panic() {
        assert_eq!(kmeans(&vec![vec![1.0, 1.0]; 5], 3), vec![0; 5]);
    }

    #[test]
    fn a_single_point_moves_where_lloyd_stays() {
        let points: Vec<Vec<f64>> = [0.0, 4.0, 7.0].iter().map(|place| vec![*place]).collect();
        let mut labels = lloyd(&points, vec![vec![2.0], vec![7.0]]);
        assert_eq!((labels.as_slice(), inertia(&points, &labels, 2)), ([0, 0, 1].as_slice(), 8.0));
        move_single_points(&points, &mut labels, 2);
        assert_eq!((labels.as_slice(), inertia(&points, &labels, 2)), ([0, 1, 1].as_slice(), 4.5));
    }

    /// The least inertia of any partition, by adding one part after another to what is left of all sets of points.
    fn least_inertia(points: &[Vec<f64>], clusters: usize) -> f64 {
        let all = 1usize << points.len();
        let of_part = |part: usize| {
            let members: Vec<Vec<f64>> =
                (0..points.len()).filter(|at| part >> at & 1 == 1).map(|at| points[at].clone()).collect();
            inertia(&members, &vec![0; members.len()], 1)
        };
        let alone: Vec<f64> = (0..all).map(of_part).collect();
        let mut best = alone.clone();
        for _ in 1..clusters {
            let mut next = best.clone();
            for (set, least) in next.iter_mut().enumerate() {
                let mut part = set;
                while part > 0 {
                    *least = least.min(alone[part] + best[set & !part]);
                    part = (part - 1) & set;
                }
            }
            best = next;
        }
        best[all - 1]
    }

    #[test]
    fn small_sets_are_parted_as_well_as_can_be() {
        let mut worse = Vec::new();
        for case in 0..SETS {
            let mut stream = rng::stream("points", case, 0);
            let (n, clusters) = (7 + case as usize % 4, 3 + case as usize % 3);
            let points: Vec<Vec<f64>> =
                (0..n).map(|_| (0..clusters).map(|_| stream.random::<f64>()).collect()).collect();
            let (found, least) =
                (inertia(&points, &kmeans(&points, clusters), clusters), least_inertia(&points, clusters));
            if found > least * (1.0 + 1e-9) {
                worse.push((case, n, clusters, found, least));
            }
        }
        assert!(worse.is_empty(), "{worse:?}");
    }

    proptest! {
        #[test]
        fn no_partition_beats_the_exact_split(values in prop::collection::vec(-3.0..3.0f64, 2..9)) {
            let points: Vec<Vec<f64>> = values.iter().map(|value| vec![*value]).collect();
            let labels: Vec<usize> = split_in_two(&values).into_iter().map(usize::from).collect();
            prop_assert!(labels.contains(&0) && labels.contains(&1));
            let ours = inertia(&points, &labels, 2);
            for mask in 1..(1usize << values.len()) - 1 {
                let other: Vec<usize> = (0..values.len()).map(|bit| mask >> bit & 1).collect();
                prop_assert!(ours <= inertia(&points, &other, 2) + 1e-12);
            }
        }
    }
}
