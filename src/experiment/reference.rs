//! The small languages inside strings: ranges of seeds, splits with rows, models with checkpoints, metrics.

use std::ops::Range;

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
        let rows = rows.map(parse_range).transpose()?.map(|range| range.start as usize..range.end as usize);
        match name.split_once('.') {
            Some((dataset, split)) if !dataset.is_empty() && !split.is_empty() => {
                Ok(Self { dataset: dataset.to_owned(), split: split.to_owned(), rows })
            }
            _ => Err(format!("`{text}` does not name a split: write DATASET.SPLIT, for example `{name}.validation`")),
        }
    }
}

/// `qqp`, `qqp@15000`, `qqp[0..10]` or `qqp@15000[0..10]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    pub stage: String,
    pub checkpoint: Checkpoint,
    /// Seeds to keep; all of them without.
    pub seeds: Option<Vec<u64>>,
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

    /// The name of the artifact that holds the weights.
    pub fn output(self) -> String {
        match self {
            Self::Step(step) => format!("weights@{step}"),
            Self::Last => "weights".to_owned(),
        }
    }
}

impl ModelRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, seeds) = split_brackets(text)?;
        let seeds = seeds.map(parse_seeds).transpose()?;
        let (stage, checkpoint) = match name.split_once('@') {
            Some((stage, checkpoint)) => (stage, Checkpoint::parse(checkpoint)?),
            None => (name, Checkpoint::Last),
        };
        Ok(Self { stage: stage.to_owned(), checkpoint, seeds })
    }
}

/// `eval.paws:f1`, or one group of it: `eval.hans:accuracy[lexical_overlap,non-entailment]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRef {
    pub eval: String,
    pub metric: String,
}

impl MetricRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("eval.").and_then(|rest| rest.split_once(':')) {
            Some((eval, metric)) if !eval.is_empty() && !metric.is_empty() => {
                Ok(Self { eval: eval.to_owned(), metric: metric.to_owned() })
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

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let bound = |part: &str| part.trim().parse::<u64>().ok();
    match text.split_once("..").map(|(start, end)| (bound(start), bound(end))) {
        Some((Some(start), Some(end))) if start < end => Ok(start..end),
        Some((Some(_), Some(_))) => Err(format!("the range `{text}` is empty: its end must be greater than its start")),
        _ => Err(format!("`{text}` is not a range: write START..END (END left out), for example 0..100")),
    }
}

/// `0..100`, `0..4, 7`: ranges and single seeds. At most a million, all different.
pub fn parse_seeds(text: &str) -> Result<Vec<u64>, String> {
    let mut seeds = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.parse::<u64>() {
            Ok(seed) => seeds.push(seed),
            Err(_) => {
                let range = parse_range(part)?;
                if range.end - range.start > 1_000_000 {
                    return Err(format!("the range `{part}` has more than a million seeds"));
                }
                seeds.extend(range);
            }
        }
    }
    check_seeds(&seeds)?;
    Ok(seeds)
}

pub fn check_seeds(seeds: &[u64]) -> Result<(), String> {
    if seeds.is_empty() {
        return Err("there are no seeds: write a range such as \"0..100\"".to_owned());
    }
    let mut sorted = seeds.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("seed {} is named twice", pair[0])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds() {
        assert_eq!(parse_seeds("0..3"), Ok(vec![0, 1, 2]));
        assert_eq!(parse_seeds("5, 0..2,9"), Ok(vec![5, 0, 1, 9]));
        for (text, error) in [
            ("3..3", "the range `3..3` is empty: its end must be greater than its start"),
            ("", "there are no seeds: write a range such as \"0..100\""),
            ("0..3,2", "seed 2 is named twice"),
            ("0-3", "`0-3` is not a range: write START..END (END left out), for example 0..100"),
            ("0..99999999999", "the range `0..99999999999` has more than a million seeds"),
        ] {
            assert_eq!(parse_seeds(text), Err(error.to_owned()));
        }
    }

    #[test]
    fn models() {
        let parse = |text| ModelRef::parse(text).unwrap();
        assert_eq!(parse("qqp"), ModelRef { stage: "qqp".into(), checkpoint: Checkpoint::Last, seeds: None });
        assert_eq!(parse("qqp@15000").checkpoint, Checkpoint::Step(15000));
        assert_eq!(parse("qqp@last[0..2]").seeds, Some(vec![0, 1]));
        assert!(ModelRef::parse("qqp@x").is_err() && ModelRef::parse("qqp[0..2").is_err());
    }

    #[test]
    fn splits_and_metrics() {
        let cola = DataRef::parse("cola.validation[0..527]").unwrap();
        assert_eq!((cola.split.as_str(), cola.rows), ("validation", Some(0..527)));
        assert!(DataRef::parse("cola").is_err() && DataRef::parse("cola.dev[5..5]").is_err());
        let metric = MetricRef::parse("eval.hans:accuracy[lexical_overlap,entailment]").unwrap();
        assert_eq!((metric.eval.as_str(), metric.metric.as_str()), ("hans", "accuracy[lexical_overlap,entailment]"));
        assert!(MetricRef::parse("paws:f1").is_err());
    }
}
