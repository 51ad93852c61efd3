//! How far two models say the same of the same examples.

use super::AnalysisError;

/// One model's answers to all examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    classes: usize,
    /// The class predicted for each example.
    predicted: Vec<u32>,
    /// `[examples, classes]`
    probabilities: Vec<f64>,
    /// Of each example's distribution, in nats.
    entropies: Vec<f64>,
}

impl Answers {
    /// From logits, `[examples, classes]` flat, and the class predicted for each example.
    ///
    /// # Errors
    /// No examples, fewer than 2 classes, lists that do not fit each other, or a logit that is not finite.
    pub fn new(logits: &[f32], classes: usize, predicted: Vec<u32>) -> Result<Self, AnalysisError> {
        if predicted.is_empty() {
            return Err(AnalysisError::NoExamples);
        }
        if classes < 2 {
            return Err(AnalysisError::TooFewClasses { classes });
        }
        if logits.len() != predicted.len() * classes {
            return Err(AnalysisError::LogitShape { logits: logits.len(), examples: predicted.len(), classes });
        }
        if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
            let (example, class) = (at / classes, at % classes);
            return Err(AnalysisError::NonFiniteLogit { example, class, value: logits[at] });
        }
        let mut probabilities = Vec::with_capacity(logits.len());
        for row in logits.chunks_exact(classes) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers: Vec<f64> = row.iter().map(|logit| (f64::from(*logit) - f64::from(largest)).exp()).collect();
            let sum: f64 = powers.iter().sum();
            probabilities.extend(powers.iter().map(|power| power / sum));
        }
        let entropies = probabilities.chunks_exact(classes).map(|row| entropy(row.iter().copied())).collect();
        Ok(Self { classes, predicted, probabilities, entropies })
    }

    pub fn examples(&self) -> usize {
        self.predicted.len()
    }

    /// The share of examples for which both predict the same class, 0..=1.
    ///
    /// # Errors
    /// Other numbers of examples or classes.
    pub fn agreement(&self, other: &Self) -> Result<f64, AnalysisError> {
        self.fits(other)?;
        let equal = self.predicted.iter().zip(&other.predicted).filter(|(a, b)| a == b).count();
        Ok(equal as f64 / self.examples() as f64)
    }

    /// The mean over examples of the Jensen–Shannon divergence of the two distributions over classes, in nats:
    /// H((p + q)/2) − (H(p) + H(q))/2, from 0 to ln 2 (Lin 1991).
    ///
    /// # Errors
    /// Other numbers of examples or classes.
    pub fn divergence(&self, other: &Self) -> Result<f64, AnalysisError> {
        self.mean(other, |divergence| divergence)
    }

    /// The mean over examples of its root, the Jensen–Shannon distance: what scipy's `jensenshannon` gives with its
    /// default base e. It is not the root of [`Self::divergence`].
    ///
    /// # Errors
    /// Other numbers of examples or classes.
    pub fn distance(&self, other: &Self) -> Result<f64, AnalysisError> {
        self.mean(other, f64::sqrt)
    }

    fn mean(&self, other: &Self, of_example: fn(f64) -> f64) -> Result<f64, AnalysisError> {
        self.fits(other)?;
        let divergence = |example: usize| {
            let row = example * self.classes..(example + 1) * self.classes;
            let (p, q) = (&self.probabilities[row.clone()], &other.probabilities[row]);
            let middle = entropy(p.iter().zip(q).map(|(p, q)| (p + q) / 2.0));
            // Rounding can leave a difference just below 0.
            (middle - (self.entropies[example] + other.entropies[example]) / 2.0).max(0.0)
        };
        Ok((0..self.examples()).map(divergence).map(of_example).sum::<f64>() / self.examples() as f64)
    }

    fn fits(&self, other: &Self) -> Result<(), AnalysisError> {
        if self.predicted.len() != other.predicted.len() || self.classes != other.classes {
            let (examples, classes) = (self.predicted.len(), self.classes);
            return Err(AnalysisError::LogitShape { logits: other.probabilities.len(), examples, classes });
        }
        Ok(())
    }
}

/// In nats; 0·ln 0 is 0.
fn entropy(probabilities: impl Iterator<Item = f64>) -> f64 {
    probabilities.map(|p| if p > 0.0 { -p * p.ln() } else { 0.0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        classes: usize,
        logits: [Vec<f32>; 2],
        predicted: [Vec<u32>; 2],
        agreement: f64,
        divergence: f64,
        distance: f64,
    }

    fn cases() -> Vec<Case> {
        serde_json::from_str(include_str!("../../tests/reference/agreement.json")).unwrap()
    }

    #[test]
    fn divergences_and_distances_are_scipys() {
        let (mut worst, mut furthest) = (0f64, 0f64);
        for case in cases() {
            let answers = |at: usize| Answers::new(&case.logits[at], case.classes, case.predicted[at].clone()).unwrap();
            let (first, second) = (answers(0), answers(1));
            assert_eq!(first.agreement(&second).unwrap(), case.agreement);
            let found = first.divergence(&second).unwrap();
            worst = worst.max((found - case.divergence).abs());
            assert_eq!(second.divergence(&first).unwrap(), found);
            let root = first.distance(&second).unwrap();
            // A root makes 1e-8 of the rounding of two equal distributions.
            furthest = furthest.max((root - case.distance).abs());
            assert!(root <= found.sqrt() + 1e-12);
            assert!((0.0..=std::f64::consts::LN_2).contains(&found));
            assert_eq!((first.agreement(&first), first.divergence(&first)), (Ok(1.0), Ok(0.0)));
        }
        println!("divergences differ by {worst:.1e}, distances by {furthest:.1e}");
        assert!(worst < 1e-12 && furthest < 1e-9, "{worst} {furthest}");
    }

    #[test]
    fn opposite_certainties_are_ln_2_apart() {
        let sure = |class: usize| {
            let mut logits = [-2e4f32; 3];
            logits[class] = 2e4;
            Answers::new(&logits, 3, vec![class as u32]).unwrap()
        };
        assert!((sure(0).divergence(&sure(2)).unwrap() - std::f64::consts::LN_2).abs() < 1e-15);
        assert_eq!(sure(0).agreement(&sure(2)), Ok(0.0));
    }

    #[test]
    fn answers_that_do_not_fit_are_errors() {
        let two = Answers::new(&[0.0, 1.0, 1.0, 0.0], 2, vec![1, 0]).unwrap();
        let one = Answers::new(&[0.0, 1.0], 2, vec![1]).unwrap();
        assert!(two.divergence(&one).is_err() && two.agreement(&one).is_err());
        assert_eq!(Answers::new(&[], 2, vec![]), Err(AnalysisError::NoExamples));
        assert!(matches!(Answers::new(&[1.0], 2, vec![0]), Err(AnalysisError::LogitShape { .. })));
        assert!(matches!(Answers::new(&[1.0], 1, vec![0]), Err(AnalysisError::TooFewClasses { .. })));
        let broken = Answers::new(&[0.0, 1.0, f32::NAN, 0.0], 2, vec![1, 0]);
        assert!(matches!(broken, Err(AnalysisError::NonFiniteLogit { example: 1, class: 0, .. })));
    }
}
