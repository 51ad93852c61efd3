//! The small languages inside strings: splits with rows, models with checkpoints and seeds, metrics.

use std::fmt;
use std::ops::Range;

use super::measures::MetricName;
use super::seeds::{Pick, parse_range};

/// `grammar.train` or `cola.validation[0..527]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRef {
    pub dataset: String,
    pub split: String,
    pub rows: Option<Range<usize>>,
}

impl DataRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, rows) = split_brackets(text)?;
        // `fetch.cola.train`: with the kind in front.
        let name = name.strip_prefix("fetch.").filter(|rest| rest.contains('.')).unwrap_or(name);
        let rows = rows.map(parse_range).transpose()?.map(|range| range.start as usize..range.end as usize);
        match name.split_once('.') {
            Some((dataset, split)) if !dataset.is_empty() && !split.is_empty() => {
                Ok(Self { dataset: dataset.to_owned(), split: split.to_owned(), rows })
            }
            _ => Err(format!("`{text}` does not name a split: write DATASET.SPLIT, for example `{name}.validation`")),
        }
    }
}

/// `qqp`, `qqp@15000`, `qqp[0..10]`, `qqp@15000[0..10]` (or `qqp[0..10]@15000`) or `qqp[head=0..4, order=2]`; all of
/// them also with the kind in front, `finetune.qqp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// Where it is written.
    pub kind: Option<String>,
    pub stage: String,
    pub checkpoint: Checkpoint,
    /// The models to keep; all of them without.
    pub pick: Option<Pick>,
}

/// A point of training at which weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checkpoint {
    Step(usize),
    Last,
}

impl Checkpoint {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            _ => match text.parse() {
                Ok(step) if step > 0 => Ok(Self::Step(step)),
                _ => {
                    Err(format!("`{text}` is not a checkpoint: write a training step, for example 15000, or \"last\""))
                }
            },
        }
    }

    /// `15000`, or `"last"`: as an experiment file writes it.
    pub fn written(self) -> String {
        match self {
            Self::Step(step) => step.to_string(),
            Self::Last => "\"last\"".to_owned(),
        }
    }
}

/// `15000` or `last`
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => write!(f, "{step}"),
            Self::Last => f.write_str("last"),
        }
    }
}

impl ModelRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (text, after) = match text.rsplit_once(']') {
            Some((_, after)) if !after.is_empty() => {
                let inside = &text[..text.len() - after.len()];
                match after.strip_prefix('@') {
                    Some(checkpoint) => (inside, Some(checkpoint)),
                    None => {
                        return Err(format!("`{text}` goes on after its bracket: only @CHECKPOINT may stand there"));
                    }
                }
            }
            _ => (text, None),
        };
        let (name, pick) = split_brackets(text)?;
        let pick = pick.map(Pick::parse).transpose()?;
        let (stage, checkpoint) = match (name.split_once('@'), after) {
            (Some(_), Some(_)) => return Err(format!("`{text}` names two checkpoints")),
            (Some((stage, checkpoint)), None) => (stage, Checkpoint::parse(checkpoint)?),
            (None, Some(checkpoint)) => (name, Checkpoint::parse(checkpoint)?),
            (None, None) => (name, Checkpoint::Last),
        };
        let (kind, stage) = match stage.split_once('.') {
            Some((kind, stage)) => (Some(kind.to_owned()), stage),
            None => (None, stage),
        };
        Ok(Self { kind, stage: stage.to_owned(), checkpoint, pick })
    }
}

/// `eval.paws:f1`, or one group of it: `eval.hans:accuracy[lexical_overlap,non-entailment]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRef {
    pub eval: String,
    pub metric: MetricName,
}

impl MetricRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("eval.").and_then(|rest| rest.split_once(':')) {
            Some((eval, metric)) if !eval.is_empty() && !metric.is_empty() => {
                Ok(Self { eval: eval.to_owned(), metric: MetricName::new(metric) })
            }
            _ => Err(format!("`{text}` does not name a metric: write eval.NAME:METRIC, for example eval.paws:f1")),
        }
    }
}

fn split_brackets(text: &str) -> Result<(&str, Option<&str>), String> {
    match text.split_once('[') {
        None => Ok((text, None)),
        Some((name, rest)) => match rest.strip_suffix(']') {
            Some(inside) => Ok((name, Some(inside))),
            None => Err(format!("`{text}` has no closing bracket")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models() {
        let parse = |text| ModelRef::parse(text).unwrap();
        assert_eq!(
            parse("qqp"),
            ModelRef { kind: None, stage: "qqp".into(), checkpoint: Checkpoint::Last, pick: None }
        );
        assert_eq!(parse("qqp@15000").checkpoint, Checkpoint::Step(15000));
        assert_eq!(parse("qqp@last[0..2]").pick, Some(Pick::parse("0, 1").unwrap()));
        assert!(ModelRef::parse("qqp@x").is_err() && ModelRef::parse("qqp[0..2").is_err());
        assert_eq!(parse("qqp[0..2]@125"), parse("qqp@125[0..2]"));
        assert_eq!(parse("finetune.qqp[0]"), ModelRef { kind: Some("finetune".into()), ..parse("qqp[0]") });
        for (text, error) in [
            ("qqp@1[0]@2", "`qqp@1[0]` names two checkpoints"),
            ("qqp[0]x", "`qqp[0]x` goes on after its bracket: only @CHECKPOINT may stand there"),
        ] {
            assert_eq!(ModelRef::parse(text).unwrap_err(), error);
        }
    }

    #[test]
    fn splits_and_metrics() {
        let cola = DataRef::parse("cola.validation[0..527]").unwrap();
        assert_eq!((cola.split.as_str(), cola.rows), ("validation", Some(0..527)));
        assert_eq!(
            DataRef::parse("fetch.cola.validation[0..527]").unwrap(),
            DataRef::parse("cola.validation[0..527]").unwrap()
        );
        assert_eq!(DataRef::parse("fetch.train").unwrap().dataset, "fetch");
        assert!(DataRef::parse("cola").is_err() && DataRef::parse("cola.dev[5..5]").is_err());
        let metric = MetricRef::parse("eval.hans:accuracy[lexical_overlap,entailment]").unwrap();
        assert_eq!((metric.eval.as_str(), metric.metric.as_str()), ("hans", "accuracy[lexical_overlap,entailment]"));
        assert!(MetricRef::parse("paws:f1").is_err());
    }
}
