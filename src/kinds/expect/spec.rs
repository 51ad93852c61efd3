//! Its table.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use crate::engine::Kind;
use crate::kinds::cluster;
use crate::kinds::references::stage;
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::words::{MetricRef, ModelRef, Seeds};
use crate::study::{Checker, Diagnostic, Form, OneOf, OneOrMany, Shape, Shaped, Text};
use crate::words::words;

pub const KIND: Kind = Kind::new("expect");

const METRIC: Form = Form {
    what: "a metric",
    this: "this one expects something of a metric",
    keys: &["metric", "statistic", "clusters", "cluster", "models", "lowest", "highest", "between"],
};
const CORRELATION: Form = Form {
    what: "a correlation",
    this: "this one expects something of a correlation",
    keys: &["correlation", "clusters", "models", "between"],
};
const CLUSTERS: Form = Form {
    what: "clusters",
    this: "this one expects something of clusters",
    keys: &["clusters", "cluster", "measure", "members", "same_as", "between"],
};

table! {
    struct RawExpect {
        /// Of an eval stage, `"eval.paws:f1"`, whose values are expected somewhere.
        metric: Option<Text>,
        /// What of the values of several models is one number.
        statistic: Option<OneOf<Statistic>>,
        /// The models with the lowest values, these and no others: `"44, 73, 89"` or `[44, 73, 89]`.
        lowest: Option<Spanned<RawModels>>,
        /// The models with the highest values.
        highest: Option<Spanned<RawModels>>,
        /// Two metrics, `["eval.a:loss", "eval.b:f1"]`; or beside `clusters` one, with which the centroid feature goes.
        correlation: Option<Spanned<OneOrMany<String>>>,
        /// Some of the models, `"qqp[0..10]"` [default: all of the evaluation].
        models: Option<Spanned<OneOrMany<String>>>,
        /// A cluster stage.
        clusters: Option<Text>,
        /// Which of the clusters: `"smallest"`, `"largest"` or its number.
        cluster: Option<Spanned<RawWhich>>,
        /// What of the clusters is a number.
        measure: Option<OneOf<Measure>>,
        /// Who is together: one group, `"7, 11, 17"`, beside which the rest is another, or several, `["7, 11", "3..7"]`.
        members: Option<Spanned<RawModels>>,
        /// Another cluster stage, whose clusters are the same.
        same_as: Option<Text>,
        /// Where the number is, both ends counted; `inf` and `-inf` leave one open. Of `members` and `same_as` it is the adjusted
        /// Rand index, and without bounds they are exactly so.
        between: Option<Spanned<[f64; 2]>>,
    }
}

/// One group of models, `"15, 25"` or `[15, 25]`, or several, `["15, 25", "3..7"]`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "models such as \"15, 25\" or [15, 25], or a list of several such texts")]
enum RawModels {
    One(u64),
    Text(String),
    Numbers(Vec<u64>),
    Several(Vec<String>),
}

/// `"smallest"`, `"largest"`, or a cluster's number.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "\"smallest\", \"largest\", or the number of a cluster")]
enum RawWhich {
    Number(usize),
    Word(String),
}

impl Shaped for RawModels {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Whole, Shape::Text, Vec::<u64>::shape(), Vec::<String>::shape()])
    }
}

impl Shaped for RawWhich {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Whole, Shape::words(&["smallest", "largest"])])
    }
}

words! {
    /// What of a metric of several models is one number.
    pub enum Statistic {
        Mean = "mean",
        Median = "median",
        Min = "min",
        Max = "max",
        /// Each model's own.
        Every = "every",
    }
}

words! {
    /// What of clusters is a number.
    pub enum Measure {
        Silhouette = "silhouette",
        Eigengap = "eigengap",
        /// The adjusted Rand index at half and twice δ, whichever is less.
        Stability = "stability",
        /// Models in a cluster.
        Size = "size",
    }
}

/// Which cluster of a clustering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    Smallest,
    Largest,
    Number(usize),
}

/// Both ends are in; one that is not there is open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl Bounds {
    pub fn holds(&self, value: f64) -> bool {
        // NaN is between nothing.
        let above = self.low.is_none_or(|low| value >= low);
        above && self.high.is_none_or(|high| value <= high) && !value.is_nan()
    }
}

#[derive(Debug)]
pub enum Expect {
    Metric {
        metric: Spanned<MetricRef>,
        statistic: Statistic,
        cluster: Option<(Text, Which)>,
        models: Option<Vec<Spanned<ModelRef>>>,
        between: Bounds,
    },
    /// Which models have the lowest values, or the highest.
    Ends {
        metric: Spanned<MetricRef>,
        highest: bool,
        expected: Spanned<Vec<String>>,
        models: Option<Vec<Spanned<ModelRef>>>,
    },
    /// Of the centroid feature of clusters with a metric.
    OfClusters {
        clusters: Text,
        metric: Spanned<MetricRef>,
        between: Bounds,
    },
    /// Of two metrics.
    OfMetrics {
        metrics: [Spanned<MetricRef>; 2],
        models: Option<Vec<Spanned<ModelRef>>>,
        between: Bounds,
    },
    /// Who is together; without bounds of the adjusted Rand index exactly so.
    Members {
        clusters: Text,
        expected: Spanned<Vec<Vec<String>>>,
        between: Option<Bounds>,
    },
    SameAs {
        clusters: Text,
        other: Text,
        between: Option<Bounds>,
    },
    Measure {
        clusters: Text,
        measure: Measure,
        cluster: Option<Which>,
        between: Bounds,
    },
}

pub fn written() -> Vec<Written> {
    let metric = Written::new::<RawExpect>(
        "a metric",
        "Values of models are where they were expected, or the models that have the lowest or highest are.",
        "[expect.strategies]\nmetric = \"eval.paws:f1\"\nbetween = [0.4, 0.6]\n",
    );
    let correlation = Written::new::<RawExpect>(
        "a correlation",
        "r of two metrics, or of the centroid feature of clusters with one.",
        "[expect.with_the_basins]\nclusters = \"basins\"\ncorrelation = \"eval.paws:f1\"\nbetween = [-1, -0.5]\n",
    );
    let clusters = Written::new::<RawExpect>(
        "clusters",
        "Who is with whom, or how clear it is.",
        "[expect.two_basins]\nclusters = \"basins\"\nmembers = \"7, 11, 17, 22\"\n",
    );
    vec![
        metric.only(METRIC.keys).needing(&["metric"]),
        correlation.only(CORRELATION.keys).needing(&["correlation", "between"]),
        clusters.only(CLUSTERS.keys).needing(&["clusters"]),
    ]
}

pub fn read(value: Spanned<DeValue<'_>>, at: Range<usize>, checker: &mut Checker) -> Option<Expect> {
    let has = |key: &str| value.get_ref().as_table().is_some_and(|table| table.contains_key(key));
    match (has("metric"), has("correlation"), has("clusters")) {
        (true, false, _) => checker.form(&value, &METRIC, &[&CORRELATION, &CLUSTERS]),
        (false, true, _) => checker.form(&value, &CORRELATION, &[&METRIC, &CLUSTERS]),
        (false, false, true) => checker.form(&value, &CLUSTERS, &[&METRIC, &CORRELATION]),
        // What is wrong with it is said below.
        _ => {}
    }
    let mut raw: RawExpect = checker.table(value)?;
    let clusters = raw.clusters.take().map(|name| stage(name, &[cluster::KIND]));
    let models = match raw.models.take() {
        None => None,
        Some(models) => {
            let all = texts(models).into_iter().map(|text| checker.parse_text(text, ModelRef::parse));
            Some(all.collect::<Option<Vec<_>>>()?)
        }
    };
    match (raw.metric.take(), raw.correlation.take(), clusters) {
        (Some(metric), None, clusters) => of_metric(raw, metric, clusters, models, checker),
        (None, Some(correlation), clusters) => of_correlation(raw, correlation, clusters, models, checker),
        (None, None, Some(clusters)) => of_clusters(raw, clusters, checker),
        (None, None, None) => checker.fail(
            Diagnostic::new("an expectation needs `metric`, `correlation` or `clusters`", at)
                .help("for example metric = \"eval.paws:f1\" and between = [0.4, 0.6]"),
        ),
        (Some(metric), Some(_), _) => checker.fail(
            Diagnostic::new("an expectation is of a `metric` or of a `correlation`", metric.span())
                .help("make two stages of it"),
        ),
    }
}

/// One text or several, each at the place of all.
fn texts(written: Spanned<OneOrMany<String>>) -> Vec<Text> {
    let at = written.span();
    written.into_inner().into_vec().into_iter().map(|text| Spanned::new(at.clone(), text)).collect()
}

fn of_metric(
    raw: RawExpect,
    metric: Text,
    clusters: Option<Text>,
    models: Option<Vec<Spanned<ModelRef>>>,
    checker: &mut Checker,
) -> Option<Expect> {
    let at = metric.span();
    let metric = checker.parse_text(metric, MetricRef::parse)?;
    let (highest, ends) = match (raw.lowest, raw.highest) {
        (Some(_), Some(highest)) => {
            let message = "an expectation is of the `lowest` or of the `highest`";
            return checker.fail(Diagnostic::new(message, highest.span()).help("make two stages of it"));
        }
        (lowest, highest) => (highest.is_some(), lowest.or(highest)),
    };
    if let Some(ends) = ends {
        let misplaced = [
            raw.between.as_ref().map(|between| ("between", between.span())),
            raw.statistic.as_deref().map(|statistic| ("statistic", statistic.span())),
            clusters.as_ref().map(|clusters| ("clusters", clusters.span())),
        ];
        if let Some((key, at)) = misplaced.into_iter().flatten().next() {
            let message = format!("`{key}` means nothing beside `lowest` and `highest`, which name models");
            return checker.fail(Diagnostic::new(message, at).help("make two stages of it"));
        }
        let at = ends.span();
        let mut groups = groups(ends, checker)?.into_inner();
        if groups.len() != 1 {
            let message = "`lowest` and `highest` are one group of models";
            return checker.fail(Diagnostic::new(message, at).help("for example lowest = \"44, 73, 89\""));
        }
        return Some(Expect::Ends { metric, highest, expected: Spanned::new(at, groups.remove(0)), models });
    }
    let statistic = checker.one_of(raw.statistic.as_deref(), Statistic::Mean, "unknown statistic {}")?;
    let cluster = match (clusters, raw.cluster) {
        (None, None) => None,
        (Some(clusters), Some(cluster)) => {
            if let Some(model) = models.iter().flatten().next() {
                let message = "`models` chooses some of an evaluation, and here a cluster chooses them";
                return checker.fail(Diagnostic::new(message, model.span()));
            }
            Some((clusters, which(cluster, checker)?))
        }
        (Some(clusters), None) => {
            let message = "`clusters` needs the `cluster` whose models are meant";
            let help = "write cluster = \"smallest\", \"largest\" or a number";
            return checker.fail(Diagnostic::new(message, clusters.span()).help(help));
        }
        (None, Some(cluster)) => {
            let message = "`cluster` needs `clusters`, the stage that it is of";
            return checker.fail(Diagnostic::new(message, cluster.span()));
        }
    };
    let between = needed(raw.between, at, checker)?;
    Some(Expect::Metric { metric, statistic, cluster, models, between })
}

fn of_correlation(
    raw: RawExpect,
    correlation: Spanned<OneOrMany<String>>,
    clusters: Option<Text>,
    models: Option<Vec<Spanned<ModelRef>>>,
    checker: &mut Checker,
) -> Option<Expect> {
    let at = correlation.span();
    let metrics = texts(correlation).into_iter().map(|text| checker.parse_text(text, MetricRef::parse));
    let metrics = metrics.collect::<Option<Vec<_>>>()?;
    let between = needed(raw.between, at.clone(), checker)?;
    match (<[_; 2]>::try_from(metrics), clusters) {
        (Ok(metrics), None) => Some(Expect::OfMetrics { metrics, models, between }),
        (Err(one), Some(clusters)) if one.len() == 1 => {
            if let Some(model) = models.iter().flatten().next() {
                let message = "`models` chooses some of an evaluation, and here all of `clusters` are meant";
                return checker.fail(Diagnostic::new(message, model.span()));
            }
            let metric = one.into_iter().next()?;
            Some(Expect::OfClusters { clusters, metric, between })
        }
        _ => checker.fail(
            Diagnostic::new(
                "a correlation is of the centroid feature of `clusters` with a metric, or of two metrics",
                at,
            )
            .help("write clusters = \"NAME\" beside one metric, or correlation = [\"eval.a:loss\", \"eval.b:f1\"]"),
        ),
    }
}

fn of_clusters(raw: RawExpect, clusters: Text, checker: &mut Checker) -> Option<Expect> {
    let optional = |between: Option<Spanned<[f64; 2]>>, checker: &mut Checker| match between {
        Some(between) => bounds(&between, checker).map(Some),
        None => Some(None),
    };
    if let Some(cluster) = raw.cluster.as_ref().filter(|_| raw.measure.is_none()) {
        let message = "`cluster` needs a `measure` of it";
        return checker.fail(Diagnostic::new(message, cluster.span()).help("write measure = \"size\" beside it"));
    }
    match (raw.measure, raw.members, raw.same_as) {
        (Some(measure), None, None) => {
            let at = measure.span();
            let measure = checker.one_of(Some(&measure), Measure::Silhouette, "unknown measure {}")?;
            let cluster = match (measure, raw.cluster) {
                (Measure::Size, Some(cluster)) => Some(which(cluster, checker)?),
                (Measure::Size, None) => {
                    let message = "`size` needs the `cluster` that is counted";
                    let help = "write cluster = \"smallest\", \"largest\" or a number";
                    return checker.fail(Diagnostic::new(message, at).help(help));
                }
                (Measure::Silhouette | Measure::Eigengap | Measure::Stability, Some(cluster)) => {
                    let message = format!("`{measure}` is of all clusters together, not of one `cluster`");
                    return checker.fail(Diagnostic::new(message, cluster.span()));
                }
                (Measure::Silhouette | Measure::Eigengap | Measure::Stability, None) => None,
            };
            let between = needed(raw.between, at, checker)?;
            Some(Expect::Measure { clusters, measure, cluster, between })
        }
        (None, Some(members), None) => {
            let between = optional(raw.between, checker)?;
            Some(Expect::Members { clusters, expected: groups(members, checker)?, between })
        }
        (None, None, Some(other)) => {
            let between = optional(raw.between, checker)?;
            Some(Expect::SameAs { clusters, other: stage(other, &[cluster::KIND]), between })
        }
        _ => {
            let message = "of `clusters` one of `members`, `same_as` and `measure` is expected";
            checker.fail(
                Diagnostic::new(message, clusters.span())
                    .help("for example members = \"15, 25, 26\", or measure = \"silhouette\" and between = [0.5, 1]"),
            )
        }
    }
}

fn needed(between: Option<Spanned<[f64; 2]>>, at: Range<usize>, checker: &mut Checker) -> Option<Bounds> {
    match between {
        Some(between) => bounds(&between, checker),
        None => checker.fail(
            Diagnostic::new("an expectation needs `between`, the least and the greatest value that it allows", at)
                .help("for example between = [0.4, 0.6]; inf and -inf leave an end open"),
        ),
    }
}

fn bounds(between: &Spanned<[f64; 2]>, checker: &mut Checker) -> Option<Bounds> {
    let [low, high] = *between.get_ref();
    let fits = low <= high && low < f64::INFINITY && high > f64::NEG_INFINITY && (low.is_finite() || high.is_finite());
    if !fits {
        let message = "`between` is [LEAST, GREATEST], of which one may be infinite";
        return checker.fail(Diagnostic::new(message, between.span()).help("for example between = [0.4, 0.6]"));
    }
    Some(Bounds { low: low.is_finite().then_some(low), high: high.is_finite().then_some(high) })
}

fn which(raw: Spanned<RawWhich>, checker: &mut Checker) -> Option<Which> {
    match raw.get_ref() {
        RawWhich::Number(number) => Some(Which::Number(*number)),
        RawWhich::Word(word) => match word.as_str() {
            "smallest" => Some(Which::Smallest),
            "largest" => Some(Which::Largest),
            _ => {
                let unknown = Diagnostic::new(format!("unknown cluster `{word}`"), raw.span());
                checker.fail(unknown.suggest(word, ["smallest", "largest"]))
            }
        },
    }
}

/// Models by their labels, which are numbers for most.
fn groups(raw: Spanned<RawModels>, checker: &mut Checker) -> Option<Spanned<Vec<Vec<String>>>> {
    let group = |text: &String| -> Result<Vec<String>, String> {
        let mut labels = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.contains("..") {
                true => labels.extend(Seeds::Text(part.to_owned()).numbers()?.iter().map(u64::to_string)),
                false => labels.push(part.to_owned()),
            }
        }
        if labels.is_empty() { Err("there are no models: write them as \"15, 25\"".to_owned()) } else { Ok(labels) }
    };
    checker.parse(raw, |raw| {
        let groups = match raw {
            RawModels::One(number) => vec![vec![number.to_string()]],
            RawModels::Text(text) => vec![group(text)?],
            RawModels::Numbers(numbers) => vec![numbers.iter().map(u64::to_string).collect()],
            RawModels::Several(texts) => texts.iter().map(group).collect::<Result<_, _>>()?,
        };
        let mut all: Vec<&String> = groups.iter().flatten().collect();
        all.sort_unstable();
        match all.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("model {} is named twice", pair[0])),
            None if all.is_empty() => Err("there are no models: write them as \"15, 25\"".to_owned()),
            None => Ok(groups),
        }
    })
}
