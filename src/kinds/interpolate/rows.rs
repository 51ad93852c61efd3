//! A row for every line with its distances, and one for every point of it.

use std::collections::BTreeMap;

use super::line::{LINE, Line};
use super::{logs, run};
use crate::fingerprint::Key;
use crate::kinds::finished::Finished;
use crate::study::words::{Distance, Metric};
use crate::tables::{Table, TableError, brief, counts, known_numbers, numbers, table, texts};

struct Pair {
    stage: String,
    first: String,
    second: String,
    line: Line,
    key: Key,
}

impl Pair {
    /// Of one metric. A line that does not measure it has none: 0 would claim that the models are connected.
    fn distance(&self, distance: Distance, metric: Metric) -> Option<f64> {
        self.line.distance_by(distance, metric).ok().filter(|distance| distance.is_finite())
    }

    /// The largest value of one metric.
    fn highest(&self, metric: Metric) -> Option<f64> {
        self.line.metrics.get(&metric)?.iter().copied().max_by(f64::total_cmp).filter(|highest| highest.is_finite())
    }
}

/// In the order of the graph.
fn pairs(finished: &Finished<'_>) -> Result<Vec<Pair>, TableError> {
    let mut pairs = Vec::new();
    for done in finished.all() {
        let pair = |first: String, second: String, line: Line| Pair {
            stage: done.stage().to_owned(),
            first,
            second,
            line,
            key: done.key(),
        };
        if done.of::<run::PairParams>().is_some()
            && let [first, second] = done.subjects()
        {
            pairs.push(pair(first.clone(), second.clone(), done.json(&LINE)?));
        } else if let Some(logs) = done.of::<logs::Params>() {
            // By number, whatever the order of `pairs`: 2 before 10.
            let mut named = logs.params.named_pairs();
            named.sort_unstable();
            let names: BTreeMap<_, _> = logs.params.models.iter().zip(done.subjects()).collect();
            for (first, second) in named {
                let line = done.json(&LINE.of(format_args!("{first},{second}")))?;
                pairs.push(pair(names[&first].clone(), names[&second].clone(), line));
            }
        }
    }
    Ok(pairs)
}

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let pairs = pairs(finished)?;
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![distances(&pairs)?, lines(&pairs)?])
}

fn distances(pairs: &[Pair]) -> Result<Table, TableError> {
    let each: Vec<(&Pair, Metric)> =
        pairs.iter().flat_map(|pair| pair.line.metrics.keys().map(move |metric| (pair, *metric))).collect();
    let by =
        |name: &str, distance: Distance| known_numbers(name, &each, |(pair, metric)| pair.distance(distance, *metric));
    table(
        "distances",
        vec![
            texts("interpolate", &each, |(pair, _)| pair.stage.clone()),
            texts("first", &each, |(pair, _)| pair.first.clone()),
            texts("second", &each, |(pair, _)| pair.second.clone()),
            texts("metric", &each, |(_, metric)| metric.to_string()),
            numbers("euclidean", &each, |(pair, _)| pair.line.distance),
            by("convexity_gap", Distance::ConvexityGap),
            by("barrier_height", Distance::BarrierHeight),
            by("bump_height", Distance::BumpHeight),
            by("area_under_curve", Distance::AreaUnderCurve),
            texts("key", &each, |(pair, _)| pair.key.to_string()),
        ],
    )
}

fn lines(pairs: &[Pair]) -> Result<Table, TableError> {
    let mut each = Vec::new();
    for pair in pairs {
        for (metric, values) in &pair.line.metrics {
            for (point, value) in values.iter().enumerate() {
                each.push((pair, *metric, point, *value));
            }
        }
    }
    table(
        "lines",
        vec![
            texts("interpolate", &each, |(pair, ..)| pair.stage.clone()),
            texts("first", &each, |(pair, ..)| pair.first.clone()),
            texts("second", &each, |(pair, ..)| pair.second.clone()),
            texts("metric", &each, |(_, metric, ..)| metric.to_string()),
            counts("point", &each, |(.., point, _)| *point),
            numbers("coefficient", &each, |(pair, _, point, _)| pair.line.coefficients[*point]),
            numbers("value", &each, |(.., value)| *value),
            texts("key", &each, |(pair, ..)| pair.key.to_string()),
        ],
    )
}

pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    let pairs = pairs(finished)?;
    if pairs.is_empty() {
        return Ok(text);
    }
    let header = ["interpolate", "pair", "euclidean", "convexity gap", "barrier height", "highest loss"];
    let mut cells = vec![header.map(str::to_owned).to_vec()];
    let gap = |pair: &Pair| pair.distance(Distance::ConvexityGap, Metric::Loss);
    let mut sorted: Vec<_> = pairs.iter().map(|pair| (gap(pair), pair)).collect();
    // Lines without a gap come last.
    sorted.sort_by(|(a, _), (b, _)| b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0)));
    let number = |value: Option<f64>| value.map_or(brief::NOTHING.to_owned(), |value| format!("{value:.4}"));
    for (gap, pair) in sorted {
        cells.push(vec![
            pair.stage.clone(),
            format!("{},{}", pair.first, pair.second),
            format!("{:.4}", pair.line.distance),
            number(gap),
            number(pair.distance(Distance::BarrierHeight, Metric::Loss)),
            number(pair.highest(Metric::Loss)),
        ]);
    }
    brief::leave_out_empty_columns(&mut cells);
    brief::write("pairs, largest gap first", &cells, "pairs", "distances", &mut text);
    Ok(text)
}
