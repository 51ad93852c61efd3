//! Whether two groups of models differ by more than chance: a permutation test of their means.

use super::AnalysisError;
use crate::rng;
use rand::RngExt;

/// Random divisions, where all of them are too many.
pub const PERMUTATIONS: usize = 10_000;
/// Differences closer than this share of the largest value differ by rounding.
const ROUNDING: f64 = 1e-12;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Mean of the first group minus mean of the second.
    pub difference: f64,
    /// Two-sided: the share of divisions into groups of these sizes whose means differ at least as much.
    pub p: f64,
    /// How many divisions that is a share of.
    pub divisions: usize,
    /// All divisions there are, the observed one among them; else random ones, and p = (b + 1)/(m + 1).
    pub exact: bool,
}

/// Tests whether the means of two groups differ, over all divisions of their values where these are at most `most`,
/// else over `most` random ones from a fixed stream. Equal input gives equal output.
///
/// # Errors
/// An empty group, or a value that is not finite.
pub fn mean_difference(first: &[f64], second: &[f64], most: usize) -> Result<Difference, AnalysisError> {
    let mut values = [first, second].concat();
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(AnalysisError::NonFinite { what: "the two groups", index, value: values[index] });
    }
    if first.is_empty() || second.is_empty() {
        return Err(AnalysisError::TooFewValues { needed: 1, got: 0 });
    }
    let mean = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
    let difference = mean(first) - mean(second);
    // Only one group's sum varies: that of the smaller is the quicker.
    let size = first.len().min(second.len());
    let (n, total) = (values.len(), values.iter().sum::<f64>());
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let rest = (n - size) as f64;
    let extreme = |sum: f64| (sum / size as f64 - (total - sum) / rest).abs() >= difference.abs() - ROUNDING * largest;

    if let Some(divisions) = divisions(n, size, most) {
        let mut beyond = 0;
        each_choice(n, size, |chosen| {
            beyond += usize::from(extreme(chosen.iter().map(|place| values[*place]).sum()));
        });
        return Ok(Difference { difference, p: beyond as f64 / divisions as f64, divisions, exact: true });
    }
    let mut stream = rng::stream("permutation test", 0, 0);
    let mut beyond = 0;
    for _ in 0..most {
        for place in 0..size {
            let other = stream.random_range(place..n);
            values.swap(place, other);
        }
        beyond += usize::from(extreme(values[..size].iter().sum()));
    }
    Ok(Difference { difference, p: (beyond + 1) as f64 / (most + 1) as f64, divisions: most, exact: false })
}

/// Ways to choose `size` of `n`, where they are at most `most`.
fn divisions(n: usize, size: usize, most: usize) -> Option<usize> {
    let mut count = 1usize;
    for chosen in 0..size {
        count = count.checked_mul(n - chosen)? / (chosen + 1);
        if count > most {
            return None;
        }
    }
    Some(count)
}

/// Calls `visit` with every choice of `size` numbers below `n`, in ascending order.
fn each_choice(n: usize, size: usize, mut visit: impl FnMut(&[usize])) {
    let mut chosen: Vec<usize> = (0..size).collect();
    loop {
        visit(&chosen);
        let Some(last) = (0..size).rev().find(|place| chosen[*place] < n - size + place) else { return };
        chosen[last] += 1;
        for place in last + 1..size {
            chosen[place] = chosen[place - 1] + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::small;
    use super::*;

    #[test]
    fn scipy_gives_the_same_over_all_divisions() {
        for case in small() {
            let of = |first: bool| {
                let values = case.values.iter().zip(&case.one);
                values.filter(|(_, group)| (**group == 0) == first).map(|(value, _)| *value).collect::<Vec<f64>>()
            };
            let exact = mean_difference(&of(true), &of(false), 200_000).unwrap();
            assert!(exact.exact && (exact.p - case.p).abs() < 1e-12, "{}: {exact:?} {}", case.seed, case.p);
            let random = mean_difference(&of(true), &of(false), PERMUTATIONS).unwrap();
            assert_eq!(random.difference, exact.difference);
            // Four standard errors of a share of 10,000.
            let error = 4.0 * (exact.p * (1.0 - exact.p) / 1e4).sqrt();
            assert!((random.p - exact.p).abs() <= error + 2e-4, "{random:?} {exact:?}");
        }
    }

    #[test]
    fn known_shares() {
        let clear = mean_difference(&[1.0, 2.0], &[7.0, 8.0, 9.0], PERMUTATIONS).unwrap();
        assert_eq!((clear.difference, clear.divisions, clear.exact), (-6.5, 10, true));
        // {1, 2} alone is as far below; none is as far above.
        assert_eq!(clear.p, 0.1);
        assert_eq!(mean_difference(&[0.3; 4], &[0.3; 5], PERMUTATIONS).unwrap().p, 1.0);
        let first: Vec<f64> = (0..40).map(f64::from).collect();
        let second: Vec<f64> = (100..140).map(f64::from).collect();
        let random = mean_difference(&first, &second, PERMUTATIONS).unwrap();
        assert_eq!((random.p, random.exact), (1.0 / 10_001.0, false));
        assert!(mean_difference(&[], &[1.0], 10).is_err() && mean_difference(&[f64::NAN], &[1.0], 10).is_err());
    }

    #[test]
    fn every_choice_once() {
        let mut seen = Vec::new();
        each_choice(5, 3, |chosen| seen.push(chosen.to_vec()));
        assert_eq!((seen.len(), divisions(5, 3, 10), divisions(5, 3, 9)), (10, Some(10), None));
        seen.dedup();
        assert_eq!(seen.len(), 10);
        assert_eq!(divisions(1000, 500, 10_000), None);
    }
}
