//! How a number of each model goes with its metrics: Pearson's r with its interval, and the least-squares line, which
//! figures draw and tables hold.

use std::collections::BTreeMap;

use super::eval::MetricRow;
use crate::analysis::intervals;
use crate::analysis::statistics::{FittedLine, least_squares, pearson};
use crate::fingerprint::Key;
use crate::tables::{Table, TableError, counts, known_numbers, numbers, table, texts};

/// The values of every metric by model.
pub type ByMetric<'a> = BTreeMap<String, BTreeMap<&'a str, f64>>;

pub fn by_metric(rows: &[MetricRow]) -> ByMetric<'_> {
    let mut values = ByMetric::new();
    for row in rows {
        values.entry(row.full_name()).or_default().insert(&row.model, row.value);
    }
    values
}

/// Of one stage's models with one metric.
pub struct Correlation {
    pub stage: String,
    pub metric: String,
    pub models: usize,
    pub r: f64,
    /// 95 %, where there are models enough for one.
    pub interval: Option<(f64, f64)>,
    pub line: FittedLine,
    pub key: Key,
}

impl Correlation {
    /// With every metric of which all models have a value. What is the same for all models goes with nothing.
    pub fn all(stage: &str, models: &[&str], x: &[f64], metrics: &ByMetric<'_>, key: Key) -> Vec<Self> {
        let of = |(metric, values): (&String, &BTreeMap<&str, f64>)| {
            let y = models.iter().map(|model| values.get(model).copied()).collect::<Option<Vec<f64>>>()?;
            let (found, line) = (pearson(x, &y).ok()?, least_squares(x, &y).ok()?);
            let interval = intervals::correlation(found.r, found.n);
            Some(Self {
                stage: stage.to_owned(),
                metric: metric.clone(),
                models: found.n,
                r: found.r,
                interval,
                line,
                key,
            })
        };
        metrics.iter().filter_map(of).collect()
    }
}

/// `of`: the column that names the stage.
pub fn correlations(name: &'static str, of: &'static str, rows: &[Correlation]) -> Result<Option<Table>, TableError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let columns = vec![
        texts(of, rows, |row| row.stage.clone()),
        texts("metric", rows, |row| row.metric.clone()),
        counts("models", rows, |row| row.models),
        numbers("r", rows, |row| row.r),
        known_numbers("low_95", rows, |row| row.interval.map(|(low, _)| low)),
        known_numbers("high_95", rows, |row| row.interval.map(|(_, high)| high)),
        numbers("slope", rows, |row| row.line.slope),
        numbers("intercept", rows, |row| row.line.intercept),
        texts("key", rows, |row| row.key.to_string()),
    ];
    table(name, columns).map(Some)
}
