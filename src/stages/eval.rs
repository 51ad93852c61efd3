//! Every example's logits, loss and label, and the metrics over all and by group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measure::{Selection, table_of_examples};
use crate::engine::{Context, Outputs, StageEnd, StageError};

pub const VERSION: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub selection: Selection,
    pub metrics: Vec<String>,
    /// Columns whose values part the examples into groups; `label` is the label's name.
    pub by: Vec<String>,
    pub precision: String,
}

/// The small output, `metrics`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// 0 where an imported table does not say.
    pub examples: usize,
    pub metrics: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// The value of each column of `by`, in that order.
    pub values: Vec<String>,
    pub examples: usize,
    pub metrics: BTreeMap<String, f64>,
}

impl Measured {
    /// `accuracy`, or of one group `accuracy[lexical_overlap,non-entailment]`.
    pub fn get(&self, metric: &str) -> Result<f64, String> {
        let (name, group) = match metric.split_once('[') {
            None => (metric, None),
            Some((name, rest)) => (name, Some(rest.trim_end_matches(']'))),
        };
        let metrics = match group {
            None => &self.metrics,
            Some(wanted) => {
                let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
                let found = self.groups.iter().find(|group| group.values == wanted);
                &found.ok_or_else(|| self.no_group(&wanted))?.metrics
            }
        };
        metrics.get(name).copied().ok_or_else(|| format!("`{name}` was not measured"))
    }

    fn no_group(&self, wanted: &[&str]) -> String {
        let known: Vec<String> = self.groups.iter().map(|group| group.values.join(",")).collect();
        format!("there is no group [{}]; there are: {}", wanted.join(","), known.join("; "))
    }
}

pub fn run(params: &Params, context: &mut Context) -> Result<Outputs, StageEnd> {
    let examples = params.selection.prepare(context)?;
    let model = context.model("model")?;
    let scored = examples.score(&params.selection, &model, context)?;

    let all: Vec<usize> = (0..scored.labels.len()).collect();
    let mut groups: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    if !params.by.is_empty() {
        let columns = params.by.iter().map(|name| examples.column(name)).collect::<Result<Vec<_>, _>>()?;
        for row in all.iter().copied() {
            groups.entry(columns.iter().map(|column| column[row].clone()).collect()).or_default().push(row);
        }
    }
    let measured = Measured {
        examples: all.len(),
        metrics: scored.measure(&params.metrics)?,
        groups: groups
            .into_iter()
            .map(|(values, rows)| {
                let metrics = scored.rows(&rows).measure(&params.metrics)?;
                Ok(Group { values, examples: rows.len(), metrics })
            })
            .collect::<Result<_, StageError>>()?,
    };
    let mut outputs = Outputs::default();
    outputs.json("metrics", &measured)?;
    outputs.bytes("examples", table_of_examples(&examples, &scored)?);
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_group() {
        let group = Group {
            values: vec!["lexical_overlap".into(), "non-entailment".into()],
            examples: 2,
            metrics: BTreeMap::from([("accuracy".into(), 0.25)]),
        };
        let measured =
            Measured { examples: 4, metrics: BTreeMap::from([("accuracy".into(), 0.5)]), groups: vec![group] };
        assert_eq!(measured.get("accuracy"), Ok(0.5));
        assert_eq!(measured.get("accuracy[lexical_overlap, non-entailment]"), Ok(0.25));
        assert_eq!(
            measured.get("accuracy[constituent]").unwrap_err(),
            "there is no group [constituent]; there are: lexical_overlap,non-entailment"
        );
    }
}
