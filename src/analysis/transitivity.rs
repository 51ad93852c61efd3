//! Whether "connected" is transitive: how the distances of three models hang together.

use super::AnalysisError;

/// An excess below this share of the largest distance is rounding.
const ROUNDING: f64 = 1e-12;

#[derive(Debug, Clone, PartialEq)]
pub struct Transitivity {
    /// Σ DᵢⱼDⱼₖDₖᵢ / Σ kᵢ(kᵢ − 1) with kᵢ = Σⱼ Dᵢⱼ: the clustering coefficient of the graph whose weights are the
    /// distances. `None` where the denominator is not above 0, as with distances that are small throughout.
    pub coefficient: Option<f64>,
    /// Sets of three models.
    pub triangles: usize,
    /// Those whose longest side is longer than the other two together.
    pub violations: usize,
    /// By how much, over the violations, in the unit of the distances; `None` without any.
    pub mean_excess: Option<f64>,
    pub max_excess: Option<f64>,
}

impl Transitivity {
    /// Violations among all triangles, in 0..=1; `None` for fewer than three models.
    pub fn share(&self) -> Option<f64> {
        (self.triangles > 0).then(|| self.violations as f64 / self.triangles as f64)
    }
}

/// In O(n³).
///
/// # Shapes
/// `distances` is `[n][n]`, symmetric; its diagonal is not read.
///
/// # Errors
/// A row of another length than n, or a distance that is not finite.
pub fn transitivity(distances: &[Vec<f64>]) -> Result<Transitivity, AnalysisError> {
    let n = distances.len();
    let mut largest = 0.0f64;
    let mut degrees = vec![0.0; n];
    for (row, values) in distances.iter().enumerate() {
        if values.len() != n {
            return Err(AnalysisError::MatrixShape { models: n, entries: values.len() });
        }
        for (column, value) in values.iter().enumerate().filter(|(column, _)| *column != row) {
            if !value.is_finite() {
                return Err(AnalysisError::NonFiniteDistance { row, column, value: *value });
            }
            degrees[row] += value;
            largest = largest.max(*value);
        }
    }
    let (mut closed, mut sum, mut highest) = (0.0, 0.0, 0.0f64);
    let (mut triangles, mut violations) = (0, 0);
    for i in 0..n {
        for j in i + 1..n {
            for k in j + 1..n {
                let sides = [distances[i][j], distances[j][k], distances[k][i]];
                triangles += 1;
                // The sum over ordered triples meets every triangle six times.
                closed += 6.0 * sides[0] * sides[1] * sides[2];
                let longest = sides.iter().copied().fold(0.0, f64::max);
                let excess = 2.0 * longest - sides.iter().sum::<f64>();
                if excess > ROUNDING * largest {
                    violations += 1;
                    sum += excess;
                    highest = highest.max(excess);
                }
            }
        }
    }
    let open: f64 = degrees.iter().map(|degree| degree * (degree - 1.0)).sum();
    let found = violations > 0;
    Ok(Transitivity {
        coefficient: (open > 0.0).then(|| closed / open),
        triangles,
        violations,
        mean_excess: found.then(|| sum / violations as f64),
        max_excess: found.then_some(highest),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{matrix, small};
    use super::*;

    fn close(ours: Option<f64>, theirs: Option<f64>) -> bool {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1e-3),
            (None, None) => true,
            _ => false,
        }
    }

    #[test]
    fn all_ordered_triples_give_the_same() {
        let mut violated = 0;
        for case in small() {
            let matrix = matrix(case.seed);
            let rows: Vec<Vec<f64>> = matrix.distances.chunks_exact(matrix.n).map(<[f64]>::to_vec).collect();
            let (ours, theirs) = (transitivity(&rows).unwrap(), &case.transitivity);
            assert_eq!((ours.triangles, ours.violations), (theirs.triangles, theirs.violations), "{}", case.seed);
            let same = close(ours.mean_excess, theirs.mean) && close(ours.max_excess, theirs.max);
            assert!(same, "{ours:?} {theirs:?}");
            violated += usize::from(ours.violations > 0);
            // The reference divides whatever the denominator is.
            if ours.coefficient.is_some() {
                assert!(close(ours.coefficient, Some(theirs.coefficient)), "{ours:?} {theirs:?}");
            }
        }
        assert!(violated >= 5);
    }

    #[test]
    fn three_models_by_hand() {
        let found = transitivity(&[vec![0.0, 1.0, 4.0], vec![1.0, 0.0, 2.0], vec![4.0, 2.0, 0.0]]).unwrap();
        // Degrees 5, 3, 6: 20 + 6 + 30; closed 6 · 8.
        assert_eq!(found.coefficient, Some(48.0 / 56.0));
        assert_eq!((found.share(), found.mean_excess, found.max_excess), (Some(1.0), Some(1.0), Some(1.0)));
        let flat = transitivity(&[vec![0.0, 0.1], vec![0.1, 0.0]]).unwrap();
        assert_eq!((flat.coefficient, flat.share(), flat.max_excess), (None, None, None));
        assert!(transitivity(&[vec![0.0, f64::NAN], vec![0.1, 0.0]]).is_err());
        assert!(transitivity(&[vec![0.0, 1.0]]).is_err());
    }
}
