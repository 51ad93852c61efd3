//! A smooth density of a sample.

use super::AnalysisError;
use super::statistics::summary;

/// Gaussian kernels of equal width on the values: Scott's rule, n^(−1/5) times the sample standard deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    values: Vec<f64>,
    /// In the values' unit.
    pub bandwidth: f64,
}

impl Density {
    /// # Errors
    /// Fewer than 2 values, a value that is not finite, or values that are all the same.
    pub fn of(values: &[f64]) -> Result<Density, AnalysisError> {
        let summary = summary(values)?;
        let Some(deviation) = summary.standard_deviation else {
            return Err(AnalysisError::TooFewValues { needed: 2, got: values.len() });
        };
        let bandwidth = deviation * (values.len() as f64).powf(-0.2);
        if summary.min == summary.max || bandwidth <= 0.0 {
            return Err(AnalysisError::Constant { what: "the sample", quantity: "a density" });
        }
        Ok(Density { values: values.to_vec(), bandwidth })
    }

    /// Density at `x`; its integral over all x is 1.
    pub fn at(&self, x: f64) -> f64 {
        let kernels = self.values.iter().map(|value| (-((x - value) / self.bandwidth).powi(2) / 2.0).exp());
        let area = (std::f64::consts::TAU).sqrt() * self.bandwidth * self.values.len() as f64;
        kernels.sum::<f64>() / area
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::small;
    use super::*;

    #[test]
    fn scipy_gives_the_same() {
        for case in small() {
            let density = Density::of(&case.values).unwrap();
            for (place, theirs) in case.density.iter().enumerate() {
                let ours = density.at(-0.2 + place as f64 * 0.2);
                assert!((ours - theirs).abs() < 1e-10, "{}: {ours} {theirs}", case.seed);
            }
        }
    }

    #[test]
    fn samples_without_width_have_no_density() {
        assert!(matches!(Density::of(&[0.1; 3]), Err(AnalysisError::Constant { .. })));
        assert!(matches!(Density::of(&[0.1]), Err(AnalysisError::TooFewValues { needed: 2, got: 1 })));
        assert!(Density::of(&[]).is_err() && Density::of(&[0.0, f64::NAN]).is_err());
    }
}
