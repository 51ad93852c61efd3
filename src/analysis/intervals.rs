//! Intervals of 95 % around a correlation and around a least-squares line.

use super::AnalysisError;
use super::statistics::{FittedLine, least_squares};

/// The 97.5 % point of the standard normal distribution.
const NORMAL: f64 = 1.959_963_984_540_054;

/// 95 % confidence interval of Pearson's `r` over `n` pairs, by Fisher's z: tanh(atanh r ± 1.96/√(n − 3)). `None` for
/// fewer than 4 pairs, of which it says nothing. R. A. Fisher, "On the probable error of a coefficient of correlation
/// deduced from a small sample", 1921.
pub fn correlation(r: f64, n: usize) -> Option<(f64, f64)> {
    if n < 4 || !(-1.0..=1.0).contains(&r) {
        return None;
    }
    // An exact line has no spread; atanh would be infinite there and its rounded neighbours nearly so.
    if r.abs() == 1.0 {
        return Some((r, r));
    }
    let reach = NORMAL / ((n - 3) as f64).sqrt();
    Some(((r.atanh() - reach).tanh(), (r.atanh() + reach).tanh()))
}

/// A least-squares line and how sure it is: the mean of y at x lies within `t · s · √(1/n + (x − x̄)²/Σ(x − x̄)²)` of
/// it with 95 % confidence, s² being the residual variance with n − 2 degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    pub line: FittedLine,
    n: f64,
    mean_x: f64,
    squares_x: f64,
    /// t · s
    reach: f64,
}

impl Band {
    /// # Errors
    /// As [`least_squares`], and fewer than 3 pairs: two points leave no residuals.
    pub fn new(x: &[f64], y: &[f64]) -> Result<Band, AnalysisError> {
        let line = least_squares(x, y)?;
        if x.len() < 3 {
            return Err(AnalysisError::TooFewValues { needed: 3, got: x.len() });
        }
        let n = x.len() as f64;
        let mean_x = x.iter().sum::<f64>() / n;
        let squares_x = x.iter().map(|x| (x - mean_x).powi(2)).sum();
        let residuals: f64 = x.iter().zip(y).map(|(x, y)| (y - line.intercept - line.slope * x).powi(2)).sum();
        let reach = student(x.len() - 2) * (residuals / (n - 2.0)).sqrt();
        Ok(Band { line, n, mean_x, squares_x, reach })
    }

    /// Lower and upper end at `x`.
    pub fn at(&self, x: f64) -> (f64, f64) {
        let middle = self.line.intercept + self.line.slope * x;
        let reach = self.reach * (1.0 / self.n + (x - self.mean_x).powi(2) / self.squares_x).sqrt();
        (middle - reach, middle + reach)
    }
}

/// The 97.5 % point of Student's t distribution: the root of its distribution function, by Newton's method. 0 degrees
/// of freedom have none (infinity).
pub fn student(degrees: usize) -> f64 {
    if degrees == 0 {
        return f64::INFINITY;
    }
    let (mut t, freedom) = (NORMAL, degrees as f64);
    // The function is concave there and the normal's point lies below: steps fall short and never overshoot.
    for _ in 0..50 {
        let step = (0.95 - within(t, degrees)) / (2.0 * density(t, freedom));
        t += step;
        if step.abs() < 1e-14 * t {
            break;
        }
    }
    t
}

/// Probability of |T| < t. Abramowitz and Stegun, 26.7.3 and 26.7.4.
fn within(t: f64, degrees: usize) -> f64 {
    let angle = (t / (degrees as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    let (mut term, mut sum) = if odd { (cosine, 0.0) } else { (1.0, 0.0) };
    let mut power = if odd { 1 } else { 0 };
    // Σ of the terms up to cosᵈ⁻² (for one degree there are none).
    while power + 2 <= degrees {
        sum += term;
        power += 2;
        term *= cosine * cosine * (power - 1) as f64 / power as f64;
    }
    if odd { std::f64::consts::FRAC_2_PI * (angle + sine * sum) } else { sine * sum }
}

fn density(t: f64, freedom: f64) -> f64 {
    // Γ((ν+1)/2) / Γ(ν/2) step by step: Γ(x + 1) = xΓ(x), from Γ(1)/Γ(1/2) or Γ(3/2)/Γ(1).
    let degrees = freedom as usize;
    let mut ratio =
        if degrees % 2 == 1 { 1.0 / std::f64::consts::PI.sqrt() } else { std::f64::consts::PI.sqrt() / 2.0 };
    let mut at = if degrees % 2 == 1 { 1 } else { 2 };
    while at + 2 <= degrees {
        ratio *= (at + 1) as f64 / at as f64;
        at += 2;
    }
    ratio / (freedom * std::f64::consts::PI).sqrt() * (1.0 + t * t / freedom).powf(-(freedom + 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The numbers of these tables are SciPy's (tests/reference/intervals.py).

    #[test]
    fn students_points_are_scipys() {
        for (degrees, expected) in [
            (1, 12.706204736174694),
            (2, 4.302652729749462),
            (3, 3.1824463052837078),
            (4, 2.7764451051977934),
            (5, 2.5705818356363146),
            (9, 2.262157162798205),
            (10, 2.228138851986274),
            (30, 2.0422724563012378),
            (98, 1.9844674545084815),
            (1000, 1.9623390808264083),
        ] {
            let found: f64 = student(degrees);
            assert!((found - expected).abs() < 1e-11 * expected, "{degrees}: {found} instead of {expected}");
        }
        assert_eq!(student(0), f64::INFINITY);
    }

    #[test]
    fn intervals_of_correlations_are_scipys() {
        for (r, n, low, high) in [
            (0.3000000000000052, 4, -0.9289185757244994, 0.9788570287570331),
            (-0.8739999999999999, 6, -0.9861093923813598, -0.21479085098810607),
            (0.7200000000000001, 25, 0.4540412147943065, 0.8681478342730915),
            (-0.049999999999999996, 100, -0.24402160447086318, 0.14787033835812496),
            (0.999, 100, 0.9985115073185807, 0.9993282333177783),
        ] {
            let found: (f64, f64) = correlation(r, n).unwrap();
            assert!((found.0 - low).abs() < 1e-13 && (found.1 - high).abs() < 1e-13, "{r}, {n}: {found:?}");
        }
        assert_eq!(correlation(0.5, 3), None);
        assert_eq!(correlation(-1.0, 9), Some((-1.0, -1.0)));
        assert_eq!(correlation(f64::NAN, 9), None);
    }

    #[test]
    fn the_band_of_anscombes_first_set() {
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let band = Band::new(&x, &y).unwrap();
        for (x, low, high) in [
            (4.0, 3.422513174317519, 6.578395916591575),
            (9.0, 6.657463949878942, 8.344354231939244),
            (14.0, 8.42342226522661, 11.579305007500666),
        ] {
            let found: (f64, f64) = band.at(x);
            assert!((found.0 - low).abs() < 1e-12 && (found.1 - high).abs() < 1e-12, "{x}: {found:?}");
        }
        assert!(Band::new(&x[..2], &y[..2]).is_err());
    }
}
