//! What a person wants to know first of finished clusters: how clear they are, and whether they mean anything.

use std::collections::BTreeMap;

use crate::analysis::{intervals, statistics};
use crate::kinds::cluster::{CLUSTERS_ROLE, EIGENGAP, Finding, SILHOUETTE, findings};
use crate::kinds::eval::metric_rows;
use crate::kinds::finished::Finished;
use crate::kinds::plot::Params;
use crate::study::words::MetricName;
use crate::tables::TableError;

/// Below it, other widths of the similarities give other clusters.
const STEADY: f64 = 0.75;

/// A line a clustering, and one for each thing that speaks against it.
pub fn clusterings(finished: &Finished<'_>) -> Result<Vec<String>, TableError> {
    let found = findings(finished)?;
    let mut lines = Vec::new();
    for one in &found {
        lines.extend(line(one));
    }
    if found.is_empty() {
        return Ok(lines);
    }
    let mut metrics: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for row in metric_rows(finished)? {
        metrics.entry(row.full_name()).or_default().insert(row.model, row.value);
    }
    for done in finished.steps::<Params>() {
        let Some((eval, metric)) = done.params.scattered() else { continue };
        let input = done.step.inputs.iter().find(|input| input.role == CLUSTERS_ROLE.name());
        let stage = input.map(|input| &finished.step(input.from).stage.name);
        let Some(one) = found.iter().find(|one| Some(&one.stage) == stage) else { continue };
        let metric = format!("{eval}:{}", MetricName::new(metric).without_spaces());
        if let Some(values) = metrics.get(&metric) {
            lines.extend(correlation(one, &metric, values));
        }
    }
    Ok(lines)
}

fn line(one: &Finding) -> Vec<String> {
    let (Some(silhouette), Some(steady)) = (one.silhouette(), one.steadiness()) else { return Vec::new() };
    let sizes: Vec<String> = one.clusters.members().values().map(|members| members.len().to_string()).collect();
    let gap = one.clusters.eigengap.map_or("none".to_owned(), |gap| format!("{gap:.2}"));
    let mut lines = vec![format!(
        "{}: {}{} models in clusters of {}; eigengap {gap}, silhouette {silhouette:.2}, adjusted Rand index {steady:.2} at half and twice δ",
        one.stage,
        one.names.len(),
        one.out_of.map_or(String::new(), |of| format!(" of {of}")),
        sizes.join(" and ")
    )];
    let against = [
        (silhouette < SILHOUETTE, format!("the silhouette is below {SILHOUETTE}")),
        (one.clusters.eigengap.is_some_and(|gap| gap < EIGENGAP), format!("the eigengap is below {EIGENGAP}")),
        (steady < STEADY, "other values of δ give other clusters".to_owned()),
        (one.clusters.members().values().any(|members| members.len() == 1), "a cluster is one model".to_owned()),
    ];
    let against: Vec<String> = against.into_iter().filter(|(is, _)| *is).map(|(_, why)| why).collect();
    if !against.is_empty() {
        lines.push(format!("warning: {}: these clusters may mean nothing: {}", one.stage, against.join(", ")));
    }
    lines
}

/// The centroid feature with a metric, where its interval holds 0.
fn correlation(one: &Finding, metric: &str, values: &BTreeMap<String, f64>) -> Option<String> {
    let x = one.clusters.centroid_feature.as_ref()?;
    let y: Vec<f64> = one.names.iter().map(|name| values.get(name).copied()).collect::<Option<_>>()?;
    let r = statistics::pearson(x, &y).ok()?;
    let (stage, sure) = (&one.stage, intervals::correlation(r.r, r.n));
    match sure {
        Some((low, high)) if low > 0.0 || high < 0.0 => None,
        Some((low, high)) => Some(format!(
            "warning: {stage}: r with {metric} is {:.2}, and its 95 % interval, {low:.2} to {high:.2}, holds 0",
            r.r
        )),
        None => Some(format!("warning: {stage}: {} models are too few for an interval of r with {metric}", r.n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::{Digest, Key};
    use crate::kinds::cluster::{Clusters, Stability};

    fn finding(silhouette: f64, eigengap: f64, steady: f64) -> Finding {
        let n = 8;
        let at =
            |delta: f64, adjusted_rand: f64| Stability { delta, adjusted_rand: Some(adjusted_rand), problem: None };
        let clusters = Clusters {
            clusters: vec![0, 0, 0, 0, 0, 1, 1, 1],
            silhouettes: vec![silhouette; n],
            eigengap: Some(eigengap),
            stability: vec![at(0.25, 0.0), at(0.5, steady), at(1.0, 1.0), at(2.0, 1.0), at(4.0, 0.0)],
            centroid_feature: Some((0..n).map(|model| model as f64).collect()),
            ..Clusters::default()
        };
        let names = (0..n).map(|model| format!("x/{model}")).collect();
        Finding { stage: "basins".to_owned(), names, out_of: None, clusters, key: Key(Digest::of(b"")) }
    }

    #[test]
    fn three_numbers_and_what_speaks_against_them() {
        let said = "basins: 8 models in clusters of 5 and 3; eigengap 0.81, silhouette 0.98, adjusted Rand index 1.00 at half \
                    and twice δ";
        assert_eq!(line(&finding(0.98, 0.81, 1.0)), [said]);
        let warned = line(&finding(0.2, 0.01, 0.5)).remove(1);
        assert_eq!(
            warned,
            "warning: basins: these clusters may mean nothing: the silhouette is below 0.25, the eigengap is below 0.05, \
             other values of δ give other clusters"
        );
    }

    #[test]
    fn a_correlation_that_may_be_none_is_said() {
        let one = finding(0.9, 0.8, 1.0);
        let values = |value: fn(usize) -> f64| (0..8).map(|model| (format!("x/{model}"), value(model))).collect();
        assert_eq!(correlation(&one, "a:loss", &values(|model| model as f64 + 0.1 * (model % 2) as f64)), None);
        let said = correlation(&one, "a:loss", &values(|model| (model % 2) as f64)).unwrap();
        assert!(
            said.starts_with("warning: basins: r with a:loss is 0.22, and its 95 % interval, -0.57 to 0.80"),
            "{said}"
        );
        // Not of all models.
        assert_eq!(correlation(&one, "a:loss", &BTreeMap::new()), None);
    }
}
