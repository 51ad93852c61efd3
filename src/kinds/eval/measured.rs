//! What an evaluation says, wherever it comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::{Artifact, Kind, StageError};
use crate::kinds::measure::{Examples, Scored};
use crate::kinds::models::Member;
use crate::study::words::{Metric, MetricName};

pub const KIND: Kind = Kind::new("eval");

/// The small artifact; of published evaluations `metrics:7`.
pub const METRICS: Artifact<Measured> = Artifact::new("metrics");
pub const EXAMPLES: Artifact<ExampleTable> = Artifact::new("examples");

/// Of published evaluations `sentences:7`.
pub const SENTENCES: Artifact<SentenceTable> = Artifact::new("sentences");

/// Stands for a Parquet table with a row an example: its label, prediction, loss, kept columns and logits.
pub enum ExampleTable {}

/// Stands for a Parquet table with the texts of the same examples.
pub enum SentenceTable {}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// 0 where an imported table does not say.
    pub examples: usize,
    pub metrics: BTreeMap<Metric, f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// The value of each column of `by`, in that order.
    pub values: Vec<String>,
    pub examples: usize,
    pub metrics: BTreeMap<Metric, f64>,
}

impl Measured {
    /// Metrics over all examples, and over each group that the columns `by` part `rows` into.
    ///
    /// # Errors
    /// A column that there is not, or a metric that cannot be taken of these classes.
    pub fn of(
        examples: &Examples,
        scored: &Scored,
        metrics: &[Metric],
        by: &[String],
        rows: impl Iterator<Item = usize>,
    ) -> Result<Self, StageError> {
        let columns = by.iter().map(|name| examples.column(name)).collect::<Result<Vec<_>, _>>()?;
        let mut groups: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        if !columns.is_empty() {
            for row in rows {
                groups.entry(columns.iter().map(|column| column[row].clone()).collect()).or_default().push(row);
            }
        }
        let group = |(values, rows): (Vec<String>, Vec<usize>)| {
            Ok(Group { values, examples: rows.len(), metrics: scored.rows(&rows).measure(metrics)? })
        };
        Ok(Self {
            examples: scored.labels.len(),
            metrics: scored.measure(metrics)?,
            groups: groups.into_iter().map(group).collect::<Result<_, StageError>>()?,
        })
    }

    /// A metric of all examples or of a group of them.
    ///
    /// # Errors
    /// A group or a metric that there is not.
    pub fn get(&self, name: &MetricName) -> Result<f64, String> {
        let metrics = match name.group() {
            None => &self.metrics,
            Some(wanted) => {
                let found = self.groups.iter().find(|group| group.values == wanted);
                &found.ok_or_else(|| self.no_group(&wanted))?.metrics
            }
        };
        let value = name.metric().and_then(|metric| metrics.get(&metric));
        value.copied().ok_or_else(|| format!("`{}` was not measured", name.name()))
    }

    fn no_group(&self, wanted: &[&str]) -> String {
        let known: Vec<String> = self.groups.iter().map(|group| group.values.join(",")).collect();
        format!("there is no group [{}]; there are: {}", wanted.join(","), known.join("; "))
    }
}

/// What an eval stage became.
pub struct Evaluations(Vec<Evaluated>);

/// One model of it.
pub struct Evaluated {
    pub model: Member,
    pub step: usize,
    pub metrics: Artifact<Measured>,
    /// A published table has none.
    pub examples: Option<Artifact<ExampleTable>>,
    /// The files that others published list their examples in any order.
    pub sentences: Option<Artifact<SentenceTable>>,
}

impl Evaluations {
    pub fn new(all: Vec<Evaluated>) -> Self {
        Self(all)
    }

    pub fn all(&self) -> &[Evaluated] {
        &self.0
    }

    /// A model that was trained here and one that was published are the same if they go by the same label.
    pub fn of(&self, model: &Member) -> Option<&Evaluated> {
        self.0.iter().find(|one| one.model.is_same(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_group() {
        let group = Group {
            values: vec!["lexical_overlap".into(), "non-entailment".into()],
            examples: 2,
            metrics: BTreeMap::from([(Metric::Accuracy, 0.25)]),
        };
        let metrics = BTreeMap::from([(Metric::Accuracy, 0.5)]);
        let measured = Measured { examples: 4, metrics, groups: vec![group] };
        let get = |name| measured.get(&MetricName::new(name));
        assert_eq!(get("accuracy"), Ok(0.5));
        assert_eq!(get("accuracy[lexical_overlap, non-entailment]"), Ok(0.25));
        assert_eq!(get("f1").unwrap_err(), "`f1` was not measured");
        assert_eq!(
            get("accuracy[constituent]").unwrap_err(),
            "there is no group [constituent]; there are: lexical_overlap,non-entailment"
        );
    }
}
