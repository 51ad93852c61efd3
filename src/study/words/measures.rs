//! What is measured of a model, of a line between two, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::analysis::AnalysisError;
use crate::analysis::barriers::{area_under_curve, barrier_height, bump_height, convexity_gap};
use crate::analysis::metrics::{Average, Predictions};
use crate::words::{Word, words};

words! {
    /// The numbers that can be measured of a model on a split.
    pub enum Metric {
        /// The mean of −ln p(label), in nats.
        Loss = "loss",
        /// The share of examples whose likeliest class is the label.
        Accuracy = "accuracy",
        /// 2PR/(P + R) of the second of two classes, with precision P and recall R.
        F1 = "f1",
        /// The mean of the F1 of all classes.
        MacroF1 = "macro_f1",
        /// F1 of all classes' decisions counted together, which is the accuracy where each example has one class.
        MicroF1 = "micro_f1",
        /// The mean of the F1 of all classes, each weighed by its examples.
        WeightedF1 = "weighted_f1",
        /// Matthews' correlation of predictions with labels, −1 to 1.
        Matthews = "matthews",
        /// Expected calibration error: in ten bins by the probability p of the predicted class, the mean of |accuracy − mean p|,
        /// each bin weighed by its examples.
        Ece = "ece",
    }
}

impl Metric {
    /// For axes: what it is, with its unit where it has one.
    pub fn title(self) -> &'static str {
        match self {
            Self::Loss => "loss (nats)",
            Self::Accuracy => "accuracy",
            Self::F1 => "F1",
            Self::MacroF1 => "macro F1",
            Self::MicroF1 => "micro F1",
            Self::WeightedF1 => "weighted F1",
            Self::Matthews => "Matthews correlation",
            Self::Ece => "expected calibration error",
        }
    }

    /// Which of two models is the better.
    pub fn smaller_is_better(self) -> bool {
        match self {
            Self::Loss | Self::Ece => true,
            Self::Accuracy | Self::F1 | Self::MacroF1 | Self::MicroF1 | Self::WeightedF1 | Self::Matthews => false,
        }
    }

    /// Whether it is of one class against the other.
    pub fn needs_two_classes(self) -> bool {
        self == Self::F1
    }

    /// What may stand in the place of F1 where there are more classes.
    pub fn of_many_classes() -> [Self; 3] {
        [Self::MacroF1, Self::MicroF1, Self::WeightedF1]
    }

    /// # Errors
    /// F1 of other than two classes.
    pub fn of(self, predictions: &Predictions<'_>) -> Result<f64, AnalysisError> {
        Ok(match self {
            Self::Loss => predictions.loss(),
            Self::Accuracy => predictions.accuracy(),
            Self::F1 => predictions.f1()?,
            Self::MacroF1 => predictions.f1_of_all(Average::Macro),
            Self::MicroF1 => predictions.f1_of_all(Average::Micro),
            Self::WeightedF1 => predictions.f1_of_all(Average::Weighted),
            Self::Matthews => predictions.matthews(),
            Self::Ece => predictions.calibration_error(),
        })
    }
}

/// A metric of all examples, `accuracy`, or of one group of them, `accuracy[lexical_overlap,non-entailment]`, as it was
/// written: that is what keys hold. Whether there is such a metric is another question.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricName(String);

impl MetricName {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `accuracy`
    pub fn name(&self) -> &str {
        self.0.split('[').next().unwrap_or_default()
    }

    pub fn metric(&self) -> Option<Metric> {
        Metric::named(self.name())
    }

    /// The value of each column that parts the examples into groups.
    pub fn group(&self) -> Option<Vec<&str>> {
        let (_, group) = self.0.split_once('[')?;
        Some(group.trim_end_matches(']').split(',').map(str::trim).collect())
    }

    /// Without spaces, so that one metric has one name.
    pub fn without_spaces(&self) -> Self {
        Self(self.0.chars().filter(|c| !c.is_whitespace()).collect())
    }

    /// `accuracy`, with its unit where it has one; the group is left to [`Self::group_title`].
    pub fn title(&self) -> String {
        match self.metric() {
            Some(metric) => metric.title().to_owned(),
            None => self.name().to_owned(),
        }
    }

    /// `lexical overlap, non-entailment`: too long for an axis, so it is the title where no other is given.
    pub fn group_title(&self) -> Option<String> {
        let group: Vec<String> = self.group()?.iter().map(|value| value.replace('_', " ")).collect();
        Some(group.join(", "))
    }
}

impl From<Metric> for MetricName {
    fn from(metric: Metric) -> Self {
        Self(metric.name().to_owned())
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

words! {
    /// A distance between two models, made of the line between them.
    pub enum Distance {
        /// The largest barrier height of any part of the line: max over i < k < j of ℓₖ − ((j−k)·ℓᵢ + (k−i)·ℓⱼ)/(j−i), at
        /// least 0. It is 0 exactly where the line is convex.
        ConvexityGap = "convexity-gap",
        /// How far the metric rises above the straight line between its two ends: max over k of ℓₖ − ((n−k)·ℓ₀ + k·ℓₙ)/n, at
        /// least 0.
        BarrierHeight = "barrier-height",
        /// The largest over all peaks inside the line of ℓ(peak) − (ℓ(left) + ℓ(right))/2, where left and right are where one
        /// comes to going down from it to either side. A line without a peak has 0.
        BumpHeight = "bump-height",
        /// The area between the line and its lowest value, over the Euclidean distance of the two models.
        AreaUnderCurve = "area-under-curve",
        /// Of the two models' parameters.
        Euclidean = "euclidean",
    }
}

impl Distance {
    /// Of a line of `values`, whose end points are `distance` apart. Models that are equal are at distance 0.
    pub fn of(self, values: &[f64], distance: f64) -> f64 {
        if distance == 0.0 {
            return 0.0;
        }
        match self {
            Self::ConvexityGap => convexity_gap(values),
            Self::BarrierHeight => barrier_height(values),
            Self::BumpHeight => bump_height(values),
            Self::AreaUnderCurve => area_under_curve(values, distance),
            Self::Euclidean => distance,
        }
    }

    /// `convexity gap (nats)`: for axes.
    pub fn title(self, metric: Metric) -> String {
        let name = self.name().replace('-', " ");
        match metric {
            _ if self == Self::Euclidean => "Euclidean distance".to_owned(),
            Metric::Loss => format!("{name} (nats)"),
            Metric::Accuracy
            | Metric::F1
            | Metric::MacroF1
            | Metric::MicroF1
            | Metric::WeightedF1
            | Metric::Matthews
            | Metric::Ece => format!("{name} of {}", metric.title()),
        }
    }
}

words! {
    /// How logits of several labels become one.
    pub enum Combine {
        /// The largest.
        Max = "max",
        /// ln Σ exp, as the probabilities add up.
        LogSumExp = "logsumexp",
    }
}

words! {
    /// The numbers that models are computed with.
    pub enum Precision {
        F32 = "f32",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_named_with_its_group() {
        let grouped = MetricName::new("accuracy[lexical_overlap, non-entailment]");
        assert_eq!((grouped.name(), grouped.metric()), ("accuracy", Some(Metric::Accuracy)));
        assert_eq!(grouped.group(), Some(vec!["lexical_overlap", "non-entailment"]));
        assert_eq!(grouped.without_spaces().as_str(), "accuracy[lexical_overlap,non-entailment]");
        assert_eq!(grouped.group_title().as_deref(), Some("lexical overlap, non-entailment"));
        let plain = MetricName::from(Metric::Loss);
        assert_eq!((plain.group(), plain.group_title(), plain.title().as_str()), (None, None, "loss (nats)"));
        assert_eq!(MetricName::new("speed").metric(), None);
    }
}
