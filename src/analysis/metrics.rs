//! Metrics of one model on one split, from its per-example logits.

use super::AnalysisError;

/// Logits of a split with its labels, checked once; every metric is then defined.
#[derive(Debug, Clone, Copy)]
pub struct Predictions<'a> {
    logits: &'a [f32],
    classes: usize,
    labels: &'a [u32],
}

/// How the F1 of several classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// Every class counts the same.
    Macro,
    /// Every example counts the same.
    Micro,
    /// Every class counts as often as it is labelled.
    Weighted,
}

impl<'a> Predictions<'a> {
    /// # Shapes
    /// `logits` is `[examples, classes]`, flat and row-major; `labels` is `[examples]` with values below `classes`.
    ///
    /// # Errors
    /// Shapes that do not fit, no examples, fewer than 2 classes, a label out of range, or a non-finite logit.
    pub fn new(logits: &'a [f32], classes: usize, labels: &'a [u32]) -> Result<Self, AnalysisError> {
        if labels.is_empty() {
            return Err(AnalysisError::NoExamples);
        }
        if classes < 2 {
            return Err(AnalysisError::TooFewClasses { classes });
        }
        if labels.len().checked_mul(classes) != Some(logits.len()) {
            return Err(AnalysisError::LogitShape { logits: logits.len(), examples: labels.len(), classes });
        }
        if let Some(example) = labels.iter().position(|label| *label as usize >= classes) {
            return Err(AnalysisError::LabelRange { example, label: labels[example], classes });
        }
        if let Some(place) = logits.iter().position(|logit| !logit.is_finite()) {
            let (example, class) = (place / classes, place % classes);
            return Err(AnalysisError::NonFiniteLogit { example, class, value: logits[place] });
        }
        Ok(Self { logits, classes, labels })
    }

    pub fn examples(&self) -> usize {
        self.labels.len()
    }

    /// Cross-entropy of every example, in nats, at least 0.
    pub fn losses(&self) -> impl Iterator<Item = f64> {
        self.rows().zip(self.labels).map(|(row, label)| cross_entropy(row, *label as usize))
    }

    /// Mean cross-entropy in nats.
    pub fn loss(&self) -> f64 {
        self.losses().sum::<f64>() / self.examples() as f64
    }

    /// The class with the largest logit, for every example; ties go to the first.
    pub fn predicted(&self) -> impl Iterator<Item = u32> {
        self.rows().map(argmax)
    }

    /// Share of examples whose predicted class is the label, in 0..=1.
    pub fn accuracy(&self) -> f64 {
        let correct = self.predicted().zip(self.labels).filter(|(predicted, label)| predicted == *label).count();
        correct as f64 / self.examples() as f64
    }

    /// F1 of class 1: 2TP / (2TP + FP + FN), in 0..=1; 0 where nothing is positive, neither predicted nor labelled.
    ///
    /// # Errors
    /// More than two classes.
    pub fn f1(&self) -> Result<f64, AnalysisError> {
        if self.classes != 2 {
            return Err(AnalysisError::NotBinary { classes: self.classes });
        }
        let (mut both, mut either) = (0u64, 0u64);
        for (predicted, label) in self.predicted().zip(self.labels) {
            both += u64::from(predicted == 1 && *label == 1);
            either += u64::from(predicted == 1) + u64::from(*label == 1);
        }
        Ok(if either == 0 { 0.0 } else { 2.0 * both as f64 / either as f64 })
    }

    /// F1 of each class, averaged as `average` says, in 0..=1. A class that is neither predicted nor labelled counts as
    /// scikit-learn counts it: not at all, since only classes that appear have a score.
    pub fn f1_of_all(&self, average: Average) -> f64 {
        let (mut both, mut predicted_as, mut labelled) =
            (vec![0u64; self.classes], vec![0u64; self.classes], vec![0u64; self.classes]);
        for (predicted, label) in self.predicted().zip(self.labels) {
            predicted_as[predicted as usize] += 1;
            labelled[*label as usize] += 1;
            both[*label as usize] += u64::from(predicted == *label);
        }
        let f1 = |both: u64, either: u64| if either == 0 { 0.0 } else { 2.0 * both as f64 / either as f64 };
        let either = |class: usize| predicted_as[class] + labelled[class];
        let present: Vec<usize> = (0..self.classes).filter(|class| either(*class) > 0).collect();
        let scores = present.iter().map(|class| f1(both[*class], either(*class)));
        match average {
            Average::Macro => scores.sum::<f64>() / present.len() as f64,
            Average::Micro => f1(both.iter().sum(), present.iter().map(|class| either(*class)).sum()),
            Average::Weighted => {
                let weights = present.iter().map(|class| labelled[*class] as f64);
                scores.zip(weights).map(|(score, weight)| score * weight).sum::<f64>() / self.examples() as f64
            }
        }
    }

    /// Matthews correlation for any number of classes (Gorodkin's R_K, as scikit-learn computes it), in −1..=1; 0 where
    /// labels or predictions hold a single class.
    pub fn matthews(&self) -> f64 {
        let mut labelled = vec![0i128; self.classes];
        let mut predicted_as = vec![0i128; self.classes];
        let mut correct = 0i128;
        for (predicted, label) in self.predicted().zip(self.labels) {
            labelled[*label as usize] += 1;
            predicted_as[predicted as usize] += 1;
            correct += i128::from(predicted == *label);
        }
        let examples = self.examples() as i128;
        let product = |a: &[i128], b: &[i128]| a.iter().zip(b).map(|(a, b)| a * b).sum::<i128>();
        let covariance = correct * examples - product(&labelled, &predicted_as);
        let label_variance = examples * examples - product(&labelled, &labelled);
        let predicted_variance = examples * examples - product(&predicted_as, &predicted_as);
        if label_variance == 0 || predicted_variance == 0 {
            return 0.0;
        }
        covariance as f64 / ((label_variance as f64).sqrt() * (predicted_variance as f64).sqrt())
    }

    /// Expected calibration error, in 0..=1: examples are sorted into ten bins by the probability p of their predicted
    /// class (bin ⌊10p⌋, p = 1 in the last), and the bins' |accuracy − mean p| are averaged, each weighted by its size
    /// (Guo et al. 2017).
    pub fn calibration_error(&self) -> f64 {
        let mut bins = [0.0; 10];
        for ((row, predicted), label) in self.rows().zip(self.predicted()).zip(self.labels) {
            let confidence = largest_probability(row);
            let bin = ((10.0 * confidence) as usize).min(9);
            bins[bin] += f64::from(u8::from(predicted == *label)) - confidence;
        }
        bins.iter().map(|difference: &f64| difference.abs()).sum::<f64>() / self.examples() as f64
    }

    fn rows(&self) -> impl Iterator<Item = &'a [f32]> {
        self.logits.chunks_exact(self.classes)
    }
}

/// `−log softmax(row)[label]`, with the largest logit subtracted before the exponential.
fn cross_entropy(row: &[f32], label: usize) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|logit| (f64::from(*logit) - f64::from(largest)).exp()).sum();
    (f64::from(largest) - f64::from(row[label])) + sum.ln()
}

/// Of the softmax. Not the exponential of a logarithm: equal logits stand exactly on the edge of a bin.
fn largest_probability(row: &[f32]) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter().map(|logit| (f64::from(*logit) - f64::from(largest)).exp()).sum::<f64>().recip()
}

fn argmax(row: &[f32]) -> u32 {
    let mut best = 0;
    for (class, logit) in row.iter().enumerate() {
        if *logit > row[best] {
            best = class;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Fixture {
        metrics: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        classes: usize,
        logits: Vec<f32>,
        labels: Vec<u32>,
        loss: f64,
        accuracy: f64,
        f1: Option<f64>,
        matthews: f64,
    }

    #[test]
    fn metrics_agree_with_scikit_learn() {
        let text = include_str!("../../tests/reference/analysis.json");
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        assert!(fixture.metrics.len() >= 12);
        for (number, case) in fixture.metrics.iter().enumerate() {
            let predictions = Predictions::new(&case.logits, case.classes, &case.labels).unwrap();
            let close = |ours: f64, theirs: f64| (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0);
            assert!(
                close(predictions.loss(), case.loss),
                "loss of case {number}: {} {}",
                predictions.loss(),
                case.loss
            );
            assert!(close(predictions.accuracy(), case.accuracy), "accuracy of case {number}");
            assert!(close(predictions.matthews(), case.matthews), "matthews of case {number}");
            assert_eq!(predictions.f1().is_ok(), case.f1.is_some(), "f1 of case {number}");
            if let Some(f1) = case.f1 {
                assert!(close(predictions.f1().unwrap(), f1), "f1 of case {number}");
            }
        }
    }

    #[test]
    fn averages_of_f1_agree_with_scikit_learn() {
        #[derive(Deserialize)]
        struct Averages {
            #[serde(rename = "macro")]
            of_classes: f64,
            micro: f64,
            weighted: f64,
        }
        let fixture: Fixture = serde_json::from_str(include_str!("../../tests/reference/analysis.json")).unwrap();
        let answers: Vec<Averages> = serde_json::from_str(include_str!("../../tests/reference/f1.json")).unwrap();
        assert_eq!(fixture.metrics.len(), answers.len());
        for (number, (case, answer)) in fixture.metrics.iter().zip(&answers).enumerate() {
            let predictions = Predictions::new(&case.logits, case.classes, &case.labels).unwrap();
            for (average, theirs) in [
                (Average::Macro, answer.of_classes),
                (Average::Micro, answer.micro),
                (Average::Weighted, answer.weighted),
            ] {
                let ours = predictions.f1_of_all(average);
                assert!((ours - theirs).abs() <= 1e-12, "{average:?} of case {number}: {ours} {theirs}");
            }
        }
    }

    #[derive(Deserialize)]
    struct Calibration {
        classes: usize,
        logits: Vec<f32>,
        labels: Vec<u32>,
        ece: f64,
    }

    #[test]
    fn calibration_errors_agree_with_numpy() {
        #[derive(Deserialize)]
        struct Fixture {
            cases: Vec<Calibration>,
        }
        let fixture: Fixture = serde_json::from_str(include_str!("../../tests/reference/ece.json")).unwrap();
        assert!(fixture.cases.len() >= 12);
        let mut worst = 0f64;
        for (number, case) in fixture.cases.iter().enumerate() {
            let found = Predictions::new(&case.logits, case.classes, &case.labels).unwrap().calibration_error();
            worst = worst.max((found - case.ece).abs());
            assert!(worst < 1e-12, "case {number}: {found} {}", case.ece);
        }
        println!("largest difference of a calibration error: {worst:e}");
    }

    #[test]
    fn losses_stay_finite_for_extreme_logits() {
        let logits = [f32::MAX, f32::MIN, 1e4, -1e4];
        let predictions = Predictions::new(&logits, 2, &[0, 1]).unwrap();
        let losses: Vec<f64> = predictions.losses().collect();
        assert_eq!(losses[0], 0.0);
        assert_eq!(losses[1], 2e4);
    }

    #[test]
    fn equal_logits_cost_the_log_of_the_classes_and_predict_the_first() {
        let predictions = Predictions::new(&[0.5; 6], 3, &[0, 2]).unwrap();
        assert!((predictions.loss() - 3f64.ln()).abs() < 1e-15);
        assert_eq!(predictions.predicted().collect::<Vec<_>>(), [0, 0]);
        assert_eq!(predictions.accuracy(), 0.5);
        assert_eq!(predictions.matthews(), 0.0);
    }

    #[test]
    fn f1_without_positives_is_zero() {
        assert_eq!(Predictions::new(&[1.0, 0.0], 2, &[0]).unwrap().f1(), Ok(0.0));
    }

    #[test]
    fn what_cannot_be_measured_is_named() {
        let error = |logits: &[f32], classes, labels: &[u32]| Predictions::new(logits, classes, labels).unwrap_err();
        assert_eq!(error(&[], 2, &[]), AnalysisError::NoExamples);
        assert_eq!(error(&[0.0], 1, &[0]), AnalysisError::TooFewClasses { classes: 1 });
        assert!(matches!(error(&[0.0; 3], 2, &[0, 1]), AnalysisError::LogitShape { logits: 3, .. }));
        assert!(matches!(error(&[0.0; 4], 2, &[0, 2]), AnalysisError::LabelRange { example: 1, label: 2, .. }));
        let diverged = error(&[0.0, 1.0, 2.0, f32::NAN], 2, &[0, 1]);
        assert!(matches!(diverged, AnalysisError::NonFiniteLogit { example: 1, class: 1, .. }));
        assert!(diverged.to_string().contains("example 1"));
    }
}
