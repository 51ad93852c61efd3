//! Values that stand out among their like, however far out they are: by medians, which they do not move.

use super::AnalysisError;

/// A value with a score beyond it stands out (Iglewicz and Hoaglin, 1993).
pub const STANDS_OUT: f64 = 3.5;

/// Of fewer values none can be said to stand out.
pub const FEWEST: usize = 5;

/// The upper quartile of the normal distribution: what makes a median of deviations a standard deviation.
const QUARTILE: f64 = 0.674_489_750_196_081_7;
/// √(2/π), which does the same with a mean of deviations.
const MEAN: f64 = 0.797_884_560_802_865_4;

/// How many standard deviations each value lies from the median, by the median of all deviations. Where more than half
/// of the values are equal that is 0, and their mean takes its place. 0 everywhere where all are equal.
///
/// # Errors
/// Fewer than [`FEWEST`] values, or one that is not finite.
pub fn robust_scores(values: &[f64]) -> Result<Vec<f64>, AnalysisError> {
    if values.len() < FEWEST {
        return Err(AnalysisError::TooFewValues { needed: FEWEST, got: values.len() });
    }
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(AnalysisError::NonFinite { what: "the values", index, value: values[index] });
    }
    let centre = median(values.to_vec());
    let deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    let mean = deviations.iter().sum::<f64>() / deviations.len() as f64;
    let width = match median(deviations) {
        0.0 => mean / MEAN,
        middle => middle / QUARTILE,
    };
    Ok(values.iter().map(|value| if width > 0.0 { (value - centre) / width } else { 0.0 }).collect())
}

/// Of several values; none may be NaN.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Values, their scores, and the median.
    #[derive(Deserialize)]
    struct Case(Vec<f64>, Vec<f64>, f64);

    /// SciPy's `median_abs_deviation(scale="normal")`, and its mean absolute deviation where that is 0.
    #[test]
    fn scores_are_those_of_the_reference() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/reference/outliers.json")).unwrap();
        assert!(cases.len() >= 20);
        for Case(values, expected, middle) in cases {
            assert!((median(values.clone()) - middle).abs() < 1e-12);
            for (score, expected) in robust_scores(&values).unwrap().iter().zip(expected) {
                assert!((score - expected).abs() < 1e-9 * expected.abs().max(1.0), "{score} {expected} of {values:?}");
            }
        }
    }

    #[test]
    fn a_shift_moves_no_score_and_a_scale_none_but_its_sign() {
        let values = [0.1, 0.5, 0.2, 0.9, 0.3, 7.0];
        let scores = robust_scores(&values).unwrap();
        let turned: Vec<f64> = values.iter().map(|value| 3.0 - 4.0 * value).collect();
        for (score, turned) in scores.iter().zip(robust_scores(&turned).unwrap()) {
            assert!((score + turned).abs() < 1e-9);
        }
        assert!(scores[5] > STANDS_OUT && scores[..5].iter().all(|score| score.abs() < STANDS_OUT));
    }

    #[test]
    fn equal_values_few_values_and_no_numbers() {
        assert_eq!(robust_scores(&[2.0; 7]), Ok(vec![0.0; 7]));
        assert!(robust_scores(&[1.0, 2.0, 3.0, 400.0]).is_err());
        assert!(robust_scores(&[1.0, 2.0, 3.0, f64::NAN, 4.0]).is_err());
    }
}
