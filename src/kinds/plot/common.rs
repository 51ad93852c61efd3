//! What several kinds of figures need: metrics of models, orders, clusters.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::engine::{Context, Input, StageError};
use crate::figures::{Beside, Look};
use crate::kinds::cluster::{self, CLUSTERS_ROLE, Clustered};
use crate::kinds::eval;
use crate::kinds::expand::Expander;
use crate::kinds::metrics::{metric_inputs, metric_values};
use crate::kinds::models::Member;
use crate::kinds::references::References;
use crate::study::words::{MetricName, MetricRef};
use crate::study::{Checker, Diagnostic, Text};

/// By what models are ordered.
#[derive(Debug)]
pub enum OrderBy {
    Seed,
    Cluster,
    Metric(Spanned<MetricRef>),
    /// What tells models apart, such as a key with a list of values.
    Axis(Spanned<String>),
}

/// The same, in parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Order {
    Seed,
    Cluster,
    Metric {
        eval: String,
        metric: MetricName,
    },
    /// The value of each model.
    Axis {
        values: Vec<String>,
    },
}

impl OrderBy {
    /// `"seed"`, `"cluster"` or a metric.
    pub fn read(text: Text, checker: &mut Checker) -> Option<Self> {
        let parse = |text: &str| {
            MetricRef::parse(text).map_err(|error| format!("{error}; or order by \"seed\" or \"cluster\""))
        };
        match text.get_ref().as_str() {
            "seed" => Some(Self::Seed),
            "cluster" => Some(Self::Cluster),
            axis if !axis.is_empty() && axis.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') => {
                Some(Self::Axis(text))
            }
            _ => checker.parse_text(text, parse).map(Self::Metric),
        }
    }

    pub fn references(&self, to: &mut References<'_>) {
        if let Self::Metric(metric) = self {
            to.metric(metric, eval::KIND);
        }
    }

    /// The evaluation that it names.
    pub fn stage(&self) -> Option<String> {
        match self {
            Self::Metric(metric) => Some(metric.get_ref().eval.clone()),
            Self::Seed | Self::Cluster | Self::Axis(_) => None,
        }
    }

    /// The metric that models are ordered by becomes an input.
    pub fn expand(&self, models: &[Member], inputs: &mut Vec<Input>, from: &Expander<'_>) -> Result<Order, Diagnostic> {
        Ok(match self {
            Self::Seed => Order::Seed,
            Self::Cluster => Order::Cluster,
            Self::Metric(metric) => {
                inputs.extend(metric_inputs(metric, models, from)?);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                Order::Metric { eval, metric }
            }
            Self::Axis(axis) => {
                let nothing = "models are ordered by \"seed\", \"cluster\", a metric such as eval.paws:f1, or what tells them apart";
                Order::Axis { values: values(axis, models, from, nothing)? }
            }
        })
    }
}

/// The value of every model on an axis of its stage: `learning_rate=2e-4`.
///
/// # Errors
/// A model that has none; `nothing` says what else could be meant.
fn values(
    axis: &Spanned<String>,
    models: &[Member],
    from: &Expander<'_>,
    nothing: &str,
) -> Result<Vec<String>, Diagnostic> {
    let name = axis.get_ref();
    let value = |model: &Member| Some(format!("{name}={}", from.value_of(model.here()?, name)?));
    let all = models.iter().map(|model| {
        value(model).ok_or_else(|| {
            let message = format!("the model `{}` is not told from others by `{name}`", from.name(model));
            let known = models.iter().filter_map(Member::here).flat_map(|model| from.axes_of(model));
            let mut each: Vec<&str> = Vec::new();
            known.for_each(|axis| {
                if !each.contains(&axis) {
                    each.push(axis)
                }
            });
            let known = if each.is_empty() { String::new() } else { format!(": {}", each.join(", ")) };
            Diagnostic::new(message, axis.span()).help(format!("{nothing}{known}"))
        })
    });
    all.collect()
}

/// The same, for groups.
pub fn groups(by: &Spanned<String>, models: &[Member], from: &Expander<'_>) -> Result<Vec<String>, Diagnostic> {
    values(by, models, from, "models are grouped by what tells them apart")
}

/// Names in the order in which they come, and of each model the place of its own.
pub fn parts(groups: &[String]) -> (Vec<String>, Vec<usize>) {
    let mut names: Vec<String> = Vec::new();
    let place = |group: &String| {
        names.iter().position(|name| name == group).unwrap_or_else(|| {
            names.push(group.clone());
            names.len() - 1
        })
    };
    let places = groups.iter().map(place).collect();
    (names, places)
}

/// `accuracy on passive`
pub fn metric_axis(eval: &str, metric: &MetricName, look: &Look) -> String {
    format!("{} on {}", metric.title(), look.stage(eval))
}

/// The same for a table, with the group of examples: `accuracy on hans, lexical overlap`.
pub fn metric_column(eval: &str, metric: &MetricName) -> String {
    let group = metric.group_title().map_or(String::new(), |group| format!(", {group}"));
    metric_axis(eval, metric, &Look::default()) + &group
}

/// A cluster stage by its name.
pub fn clustered<'a>(of: &Spanned<String>, from: &'a Expander<'_>) -> Option<&'a Clustered> {
    from.find(cluster::KIND, of.get_ref())
}

/// Places of models in a cluster stage's list, and the input that is its result.
pub type Places = (Option<Vec<usize>>, Option<Input>);

/// Where each model stands in the list of a cluster stage, and that stage's result; nothing of either where no stage is
/// named.
pub fn places_in_clusters(
    models: &[Member],
    clusters: Option<&Spanned<String>>,
    from: &Expander<'_>,
) -> Result<Option<Places>, Diagnostic> {
    let Some(named) = clusters else { return Ok(Some((None, None))) };
    let Some(clustered) = clustered(named, from) else { return Ok(None) };
    let place = |model: &Member| {
        clustered.models.iter().position(|other| model.is_same(other)).ok_or_else(|| {
            let message = format!("[cluster.{}] does not cluster the model `{}`", named.get_ref(), model.label());
            Diagnostic::new(message, named.span()).help("let its lines join the same models")
        })
    };
    let places = models.iter().map(place).collect::<Result<_, _>>()?;
    Ok(Some((Some(places), Some(clustered.input(&CLUSTERS_ROLE)))))
}

/// The cluster of each model, by its place in the list of the cluster stage.
pub fn clusters_of(places: Option<&[usize]>, context: &Context<'_>) -> Result<Option<Vec<usize>>, StageError> {
    let Some(places) = places else { return Ok(None) };
    let clusters = context.json(&CLUSTERS_ROLE)?;
    let cluster = |place: &usize| clusters.clusters.get(*place).copied().ok_or_else(others);
    places.iter().map(cluster).collect::<Result<_, _>>().map(Some)
}

/// What speaks against the clusters that a figure shows.
pub fn doubt(shown: bool, context: &Context<'_>) -> Result<Option<String>, StageError> {
    if shown { Ok(context.json(&CLUSTERS_ROLE)?.doubt()) } else { Ok(None) }
}

/// What a step was made of does not go with its parameters.
pub fn others() -> StageError {
    StageError::new("the clusters are of other models")
}

/// How the rows and columns of a matrix of models follow one another, and what stands beside them.
pub struct Ordered {
    /// Places in the list of models.
    pub order: Vec<usize>,
    /// What they are ordered by.
    pub beside: Option<Beside>,
    /// Which group of a metric they are ordered by.
    pub title: Option<String>,
    pub separators: bool,
}

/// `clusters`: of each model, where there are clusters. Larger clusters come first.
pub fn ordered(
    by: &Order,
    models: &[String],
    clusters: Option<&[usize]>,
    (look, context): (&Look, &Context<'_>),
) -> Result<Ordered, StageError> {
    let mut order: Vec<usize> = (0..models.len()).collect();
    let (mut title, mut beside) = (None, None);
    match by {
        Order::Seed => {}
        Order::Axis { values } => {
            let (_, places) = parts(values);
            order.sort_by_key(|model| (places.get(*model).copied(), *model));
        }
        Order::Cluster => {
            let cluster = |model: usize| clusters.map_or(0, |clusters| clusters[model]);
            let size = |model: usize| (0..models.len()).filter(|other| cluster(*other) == cluster(model)).count();
            order.sort_by_cached_key(|model| (std::cmp::Reverse(size(*model)), cluster(*model), *model));
        }
        Order::Metric { eval, metric } => {
            let values = metric_values(metric, models.len(), context)?;
            order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
            title = metric.group_title().map(|group| format!("ordered by {group}"));
            beside = Some((metric_axis(eval, metric, look), metric_column(eval, metric), values));
        }
    }
    // What the file names comes first.
    look.sort(&mut order, |model| models[*model].clone());
    let beside = beside.map(|(name, column, values)| Beside {
        name,
        column,
        values: order.iter().map(|model| values[*model]).collect(),
    });
    Ok(Ordered { order, beside, title, separators: matches!(by, Order::Cluster) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_name_the_metric_and_titles_and_columns_the_group() {
        let plain = Look::default();
        assert_eq!(metric_axis("out_of_domain", &MetricName::new("loss"), &plain), "loss (nats) on out of domain");
        let grouped = MetricName::new("accuracy[lexical_overlap, non-entailment]");
        assert_eq!(metric_axis("hans", &grouped, &plain), "accuracy on hans");
        assert_eq!(metric_column("hans", &grouped), "accuracy on hans, lexical overlap, non-entailment");
        let words = Look { labels: [("hans".to_owned(), "HANS".to_owned())].into(), ..Look::default() };
        assert_eq!(metric_axis("hans", &grouped, &words), "accuracy on HANS");
        assert_eq!(grouped.group_title().as_deref(), Some("lexical overlap, non-entailment"));
    }
}
