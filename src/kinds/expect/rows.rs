//! What was expected and what came out, in words and as a table.

use super::run::{Claim, OfCluster, Params, VERDICT, Verdict};
use super::spec::{Bounds, Statistic, Which};
use crate::fingerprint::Key;
use crate::kinds::finished::Finished;
use crate::say;
use crate::study::words::MetricName;
use crate::tables::{Table, TableError, brief, column, known_numbers, table, texts};

/// One of a study, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    pub name: String,
    /// `mean of paws:f1 in the smallest cluster of basins`
    pub claim: String,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// What it needs is not finished, or models are left out.
    Unknown,
    Known {
        holds: bool,
        /// The number that came out; of clusters, the adjusted Rand index.
        value: Option<f64>,
        /// What is not as expected.
        found: String,
        key: Key,
    },
}

impl Expectation {
    /// Whether what came out is something else.
    pub fn fails(&self) -> bool {
        matches!(self.state, State::Known { holds: false, .. })
    }

    /// `small: mean of paws:f1 is 0.7012, expected is 0.4 to 0.6`
    pub fn told(&self) -> String {
        let name = &self.name;
        let State::Known { holds, value, found, .. } = &self.state else {
            return format!("{name}: {}: not known yet", self.claim);
        };
        let found = if found.is_empty() { String::new() } else { format!("; {found}") };
        match (value.map(brief::number), range(self.low, self.high)) {
            (Some(value), Some(range)) => {
                let is = if *holds { "as expected" } else { "expected is" };
                format!("{name}: {} is {value}, {is} {range}{found}", self.claim)
            }
            (None, Some(range)) => format!("{name}: {} is not known, expected is {range}{found}", self.claim),
            (_, None) => format!("{name}: {}: {}{found}", self.claim, if *holds { "yes" } else { "no" }),
        }
    }
}

fn range(low: Option<f64>, high: Option<f64>) -> Option<String> {
    match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("{low} or more")),
        (None, Some(high)) => Some(format!("{high} or less")),
        (None, None) => None,
    }
}

/// All of a study, in the order of the graph.
///
/// # Errors
/// Something in the cache is damaged.
pub fn expectations(finished: &Finished<'_>) -> Result<Vec<Expectation>, TableError> {
    let known = |name: &str| finished.steps::<Params>().find(|done| done.stage() == name);
    let mut all = Vec::new();
    for step in finished.every() {
        let Some(params) = step.work.of::<Params>() else { continue };
        let (name, between) = (step.stage.name.clone(), params.between);
        // Of fewer models than the study has, it is another claim.
        let state = match known(&name).filter(|_| step.out_of.is_none()) {
            None => State::Unknown,
            Some(done) => {
                let Verdict { holds, value, models, problem } = done.json(&VERDICT)?;
                let names = models.iter().filter_map(|place| done.subjects().get(*place)).map(String::as_str);
                let who = say::list(names, SHOWN);
                let who = (!who.is_empty() && !holds).then(|| format!("{}: {who}", not_so(&params.claim)));
                let found: Vec<String> = problem.into_iter().chain(who).collect();
                State::Known { holds, value, found: found.join("; "), key: done.key() }
            }
        };
        let Bounds { low, high } = between.unwrap_or(Bounds { low: None, high: None });
        all.push(Expectation { name, claim: claim(params), low, high, state });
    }
    Ok(all)
}

/// Models that are named.
const SHOWN: usize = 12;

/// What models are that are not as expected.
fn not_so(claim: &Claim) -> &'static str {
    match claim {
        Claim::Metric { .. } => "outside",
        Claim::Ends { .. } | Claim::Members { .. } | Claim::SameAs { .. } => "otherwise",
        Claim::Centroid { .. } | Claim::Metrics { .. } | Claim::Measure { .. } => "models",
    }
}

fn claim(params: &Params) -> String {
    let exactly = params.between.is_none();
    let of = |eval: &str, metric: &MetricName| format!("{eval}:{}", metric.without_spaces());
    match &params.claim {
        Claim::Metric { eval, metric, statistic, cluster } => {
            let place = cluster
                .as_ref()
                .map_or(String::new(), |OfCluster { clustering, which }| format!(" in {}", named(clustering, *which)));
            let of_all = if *statistic == Statistic::Every { "every".to_owned() } else { format!("{statistic} of") };
            format!("{of_all} {}{place}", of(eval, metric))
        }
        Claim::Ends { eval, metric, highest, expected } => {
            let labels = expected.iter().filter_map(|place| params.models.get(*place)).map(String::as_str);
            let end = if *highest { "highest" } else { "lowest" };
            let have = if expected.len() == 1 { "has" } else { "have" };
            format!("{} {have} the {end} {}", say::list(labels, SHOWN), of(eval, metric))
        }
        Claim::Centroid { clustering, eval, metric } => {
            format!("r of the centroid feature of {clustering} with {}", of(eval, metric))
        }
        Claim::Metrics { eval, metric, other_eval, other_metric } => {
            format!("r of {} with {}", of(eval, metric), of(other_eval, other_metric))
        }
        Claim::Members { clustering, .. } if exactly => {
            format!("the clusters of {clustering} are those that are listed")
        }
        Claim::Members { clustering, .. } => format!("adjusted Rand index of {clustering} with those that are listed"),
        Claim::SameAs { clustering, other, .. } if exactly => {
            format!("the clusters of {clustering} are those of {other}")
        }
        Claim::SameAs { clustering, other, .. } => format!("adjusted Rand index of {clustering} with {other}"),
        Claim::Measure { clustering, measure, cluster: None } => format!("{measure} of {clustering}"),
        Claim::Measure { clustering, measure, cluster: Some(which) } => {
            format!("{measure} of {}", named(clustering, *which))
        }
    }
}

fn named(clustering: &str, which: Which) -> String {
    match which {
        Which::Smallest => format!("the smallest cluster of {clustering}"),
        Which::Largest => format!("the largest cluster of {clustering}"),
        Which::Number(number) => format!("cluster {number} of {clustering}"),
    }
}

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let all = expectations(finished)?;
    let known = all.iter().filter_map(|one| match &one.state {
        State::Known { holds, value, found, key } => Some((one, *holds, *value, found, *key)),
        State::Unknown => None,
    });
    let rows: Vec<_> = known.collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let columns = vec![
        texts("expectation", &rows, |row| row.0.name.clone()),
        texts("claim", &rows, |row| row.0.claim.clone()),
        known_numbers("low", &rows, |row| row.0.low),
        known_numbers("high", &rows, |row| row.0.high),
        known_numbers("value", &rows, |row| row.2),
        column("holds", rows.iter().map(|row| row.1).collect::<Vec<bool>>()),
        texts("found", &rows, |row| row.3.clone()),
        texts("key", &rows, |row| row.4.to_string()),
    ];
    Ok(vec![table("expectations", columns)?])
}

pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    for table in tables(finished)? {
        brief::plain(&table, &mut text)?;
    }
    Ok(text)
}
