//! Correlation, least-squares lines and summaries of a metric over models.

use super::AnalysisError;

/// Pearson correlation and the number of pairs it was computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// In −1..=1.
    pub r: f64,
    pub n: usize,
}

/// y = intercept + slope · x
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FittedLine {
    pub slope: f64,
    pub intercept: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub n: usize,
    pub min: f64,
    pub mean: f64,
    /// Sample standard deviation (divided by n − 1); `None` for a single value.
    pub standard_deviation: Option<f64>,
    pub max: f64,
}

/// Pearson's r.
///
/// # Errors
/// Unequal lengths, fewer than 2 pairs, a non-finite value, or an x or y that never varies (r is then undefined).
pub fn pearson(x: &[f64], y: &[f64]) -> Result<Correlation, AnalysisError> {
    let moments = Moments::new(x, y)?;
    moments.varies("x", moments.xx, x, "a correlation")?;
    moments.varies("y", moments.yy, y, "a correlation")?;
    // Square roots taken apart: the product of two tiny sums of squares would underflow.
    let r = moments.xy / moments.xx.sqrt() / moments.yy.sqrt();
    Ok(Correlation { r: r.clamp(-1.0, 1.0), n: x.len() })
}

/// The line that minimises the squared vertical distances.
///
/// # Errors
/// Unequal lengths, fewer than 2 pairs, a non-finite value, or an x that never varies.
pub fn least_squares(x: &[f64], y: &[f64]) -> Result<FittedLine, AnalysisError> {
    let moments = Moments::new(x, y)?;
    moments.varies("x", moments.xx, x, "a slope")?;
    let slope = moments.xy / moments.xx;
    Ok(FittedLine { slope, intercept: moments.mean_y - slope * moments.mean_x })
}

/// Size, range, mean and standard deviation of one sample.
///
/// # Errors
/// No values, or a non-finite one.
pub fn summary(values: &[f64]) -> Result<Summary, AnalysisError> {
    if values.is_empty() {
        return Err(AnalysisError::TooFewValues { needed: 1, got: 0 });
    }
    all_finite("the sample", values)?;
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Ok(Summary {
        n: values.len(),
        min: values.iter().copied().fold(f64::INFINITY, f64::min),
        mean,
        standard_deviation: (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt()),
        max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// Means and centred sums of products; centring first keeps them accurate for values far from 0.
struct Moments {
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Moments {
    fn new(x: &[f64], y: &[f64]) -> Result<Moments, AnalysisError> {
        if x.len() != y.len() {
            return Err(AnalysisError::UnequalLengths { x: x.len(), y: y.len() });
        }
        if x.len() < 2 {
            return Err(AnalysisError::TooFewValues { needed: 2, got: x.len() });
        }
        all_finite("x", x)?;
        all_finite("y", y)?;
        let mut moments = Moments { mean_x: mean(x), mean_y: mean(y), xx: 0.0, xy: 0.0, yy: 0.0 };
        for (x, y) in x.iter().zip(y) {
            let (dx, dy) = (x - moments.mean_x, y - moments.mean_y);
            moments.xx += dx * dx;
            moments.xy += dx * dy;
            moments.yy += dy * dy;
        }
        Ok(moments)
    }

    /// Equal values can leave a rounding residue in the sum of squares, so the values themselves are asked as well.
    fn varies(
        &self,
        what: &'static str,
        squares: f64,
        values: &[f64],
        quantity: &'static str,
    ) -> Result<(), AnalysisError> {
        if squares > 0.0 && values.iter().any(|value| *value != values[0]) {
            return Ok(());
        }
        Err(AnalysisError::Constant { what, quantity })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn all_finite(what: &'static str, values: &[f64]) -> Result<(), AnalysisError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(AnalysisError::NonFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_line_is_recovered_with_r_of_its_sign() {
        let x = [1.0, 2.0, 4.0, 7.0];
        let y = x.map(|x| 3.0 - 2.0 * x);
        let line = least_squares(&x, &y).unwrap();
        assert!((line.slope + 2.0).abs() < 1e-14 && (line.intercept - 3.0).abs() < 1e-13);
        let correlation = pearson(&x, &y).unwrap();
        assert!((correlation.r + 1.0).abs() < 1e-14);
        assert_eq!(correlation.n, 4);
    }

    #[test]
    fn anscombe_quartet_first_set() {
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        assert!((pearson(&x, &y).unwrap().r - 0.81642051634484).abs() < 1e-13);
        let line = least_squares(&x, &y).unwrap();
        assert!((line.slope - 0.50009090909091).abs() < 1e-13);
        assert!((line.intercept - 3.00009090909091).abs() < 1e-12);
    }

    #[test]
    fn summary_uses_the_sample_standard_deviation() {
        let summary_of_four = summary(&[2.0, 4.0, 4.0, 6.0]).unwrap();
        assert_eq!((summary_of_four.min, summary_of_four.mean, summary_of_four.max), (2.0, 4.0, 6.0));
        assert!((summary_of_four.standard_deviation.unwrap() - (8.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(summary(&[5.0]).unwrap().standard_deviation, None);
    }

    #[test]
    fn undefined_answers_are_errors() {
        let constant = AnalysisError::Constant { what: "y", quantity: "a correlation" };
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[0.1, 0.1, 0.1]), Err(constant));
        assert!(matches!(least_squares(&[0.1; 3], &[1.0, 2.0, 3.0]), Err(AnalysisError::Constant { what: "x", .. })));
        assert!(matches!(pearson(&[1.0], &[1.0]), Err(AnalysisError::TooFewValues { .. })));
        assert!(matches!(pearson(&[1.0], &[1.0, 2.0]), Err(AnalysisError::UnequalLengths { .. })));
        assert!(matches!(
            pearson(&[1.0, f64::NAN], &[1.0, 2.0]),
            Err(AnalysisError::NonFinite { what: "x", index: 1, .. })
        ));
        assert!(summary(&[]).is_err());
    }
}
