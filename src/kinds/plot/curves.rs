//! `kind = "curves"`: lines between models, all alike, by cluster, or by the best and the worst models of a metric.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{clustered, doubt, groups, parts};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture, cluster_names};
use super::pick::{Pick, at};
use super::raw::RawPlot;
use crate::engine::{Context, StageError};
use crate::figures::{Curve, Curves, Look, Width};
use crate::kinds::cluster::{self, CLUSTERS_ROLE};
use crate::kinds::eval;
use crate::kinds::expand::Expander;
use crate::kinds::interpolate::{self, Lines, PAIR};
use crate::kinds::metrics::{metric_inputs, metric_values};
use crate::kinds::models::{labels, same_models};
use crate::kinds::references::References;
use crate::study::words::{Metric, MetricName, MetricRef};
use crate::study::{Checker, Diagnostic};

pub const FIGURE: FigureKind = FigureKind {
    name: "curves",
    about: "Metrics along the lines between models, over all pairs or by the clusters of their ends.",
    example: "[plot.curves]\nkind = \"curves\"\nof = \"lines\"\n",
    needs: &[],
    told_by: None,
    tag: "curves",
    keys: &["metric", "clusters", "group_by", "best", "worst", "by", "band", "lines", "order", "limits", "log"],
    limits: &["x", "y"],
    log: &["y"],
    colours_are_values: false,
    read,
    draw,
};

/// Models of which curves show the best and the worst where the file gives no number, as in the paper.
const CHOSEN: usize = 5;

#[derive(Debug)]
struct CurvesSpec {
    of: Spanned<String>,
    metric: Metric,
    clusters: Option<Spanned<String>>,
    group_by: Option<Spanned<String>>,
    /// Lines between the best and the worst models only.
    choice: Option<ChoiceSpec>,
    band: bool,
    lines: bool,
}

/// The models that are best and worst by a metric.
#[derive(Debug)]
struct ChoiceSpec {
    best: usize,
    worst: usize,
    by: Spanned<MetricRef>,
}

/// Inputs `pair:I,J` by number, and `clusters` or `metric:I` where lines are grouped.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "curves")]
struct Parameters {
    metric: Metric,
    pairs: Vec<[usize; 2]>,
    models: Vec<String>,
    /// Those of the models that are shown, where they are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    places: Option<Vec<usize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choice: Option<Choice>,
    /// Of each model, where lines are grouped by a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_false")]
    band: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    lines: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Choice {
    eval: String,
    metric: MetricName,
    best: usize,
    worst: usize,
}

fn yes() -> bool {
    true
}

fn is_true(switch: &bool) -> bool {
    *switch
}

fn is_false(switch: &bool) -> bool {
    !*switch
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[interpolate::KIND], checker)?;
    let metric = checker.metric(raw.metric.as_ref(), Metric::Loss)?;
    let set = |switch: &Option<Spanned<bool>>, default: bool| switch.as_ref().map_or(default, |it| *it.get_ref());
    Some(Box::new(CurvesSpec {
        of,
        metric,
        clusters: raw.clusters(),
        group_by: raw.group_by(checker)?,
        choice: choice(raw, checker)?,
        band: set(&raw.band, false),
        lines: set(&raw.lines, true),
    }))
}

fn choice(raw: &RawPlot, checker: &mut Checker) -> Option<Option<ChoiceSpec>> {
    let Some(by) = &raw.by else {
        return match raw.best.as_ref().or(raw.worst.as_ref()) {
            None => Some(None),
            Some(number) => checker.fail(
                Diagnostic::new("best and worst `by` which metric?", number.span())
                    .help("for example by = \"eval.paws:f1\""),
            ),
        };
    };
    for (key, other) in [("clusters", &raw.clusters), ("group_by", &raw.group_by)] {
        if let Some(other) = other {
            let message = format!("lines are grouped by `{key}` or by best and worst, not both: leave one out");
            return checker.fail(Diagnostic::new(message, other.span()));
        }
    }
    let number = |number: &Option<Spanned<usize>>| number.as_ref().map_or(CHOSEN, |number| *number.get_ref());
    let (best, worst) = (number(&raw.best), number(&raw.worst));
    if best.saturating_add(worst) < 2 {
        return checker.fail(Diagnostic::new("a line needs two models: raise `best` or `worst`", by.span()));
    }
    Some(Some(ChoiceSpec { best, worst, by: checker.parse_text(by.clone(), MetricRef::parse)? }))
}

impl Figure for CurvesSpec {
    fn references(&self, to: &mut References<'_>) {
        to.measures(&self.of, interpolate::KIND, self.metric);
        self.clusters.iter().for_each(|clusters| to.named(clusters, cluster::KIND));
        self.choice.iter().for_each(|choice| to.metric(&choice.by, eval::KIND));
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(lines) = from.find::<Lines>(interpolate::KIND, self.of.get_ref()) else { return Ok(None) };
        let picked = pick.of(&lines.models, from)?;
        let models = at(&picked, &lines.models);
        // Pairs are numbered by the lines' own list, which the clusters share.
        let shown: Vec<[usize; 2]> =
            lines.numbers().into_iter().filter(|pair| pair.iter().all(|model| picked.contains(model))).collect();
        let mut inputs = lines.inputs_of(&shown);
        if let Some(clusters) = &self.clusters {
            let Some(clustered) = clustered(clusters, from) else { return Ok(None) };
            if !same_models(&clustered.models, &lines.models) {
                let message = format!("[cluster.{}] clusters other models than these lines join", clusters.get_ref());
                return Err(Diagnostic::new(message, clusters.span()));
            }
            inputs.push(clustered.input(&CLUSTERS_ROLE));
        }
        let choice = match &self.choice {
            None => None,
            Some(choice) => {
                let models = models.len();
                if choice.best.saturating_add(choice.worst) > models {
                    let message = format!(
                        "the best {} and the worst {} of {models} models overlap: lower `best` or `worst`",
                        choice.best, choice.worst
                    );
                    return Err(Diagnostic::new(message, choice.by.span()));
                }
                inputs.extend(metric_inputs(&choice.by, &at(&picked, &lines.models), from)?);
                let MetricRef { eval, metric } = choice.by.get_ref().clone();
                Some(Choice { eval, metric, best: choice.best, worst: choice.worst })
            }
        };
        let parameters = Parameters {
            metric: self.metric,
            pairs: shown,
            models: labels(&lines.models),
            places: pick.places(&picked),
            choice,
            groups: self.group_by.as_ref().map(|by| groups(by, &lines.models, from)).transpose()?,
            band: self.band,
            lines: self.lines,
        };
        let named: Vec<String> =
            parameters.groups.as_ref().map_or(Vec::new(), |groups| Grouping::of_values(groups).names);
        let metric = self.choice.as_ref().map(|choice| choice.by.get_ref().eval.clone());
        Ok(Some(Drawing::new(&parameters, inputs).of(&models, from).naming_all(metric).naming_all(named)))
    }

    fn groups(&self) -> Vec<String> {
        match (&self.choice, &self.clusters) {
            (Some(choice), _) => names_of_choice(choice.best, choice.worst),
            (None, Some(_)) => {
                let mut names = cluster_names(|cluster| format!("within cluster {cluster}"));
                names.push(BETWEEN_CLUSTERS.to_owned());
                names
            }
            (None, None) if self.group_by.is_some() => Vec::new(),
            (None, None) => vec!["pairs".to_owned()],
        }
    }
}

fn draw(parameters: Value, _: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { metric, pairs, models, places, choice, groups, band, lines } = serde_json::from_value(parameters)?;
    let doubt = doubt(context.has_input(&CLUSTERS_ROLE), context)?;
    let grouping = match (&choice, &groups) {
        (None, Some(groups)) => Grouping::of_values(groups),
        (Some(choice), _) => {
            let shown = places.unwrap_or_else(|| (0..models.len()).collect());
            let values = metric_values(&choice.metric, shown.len(), context)?;
            Grouping::of_choice(choice, &values).among(&shown, models.len())
        }
        (None, None) if context.has_input(&CLUSTERS_ROLE) => {
            Grouping::of_clusters(&context.json(&CLUSTERS_ROLE)?.clusters)
        }
        (None, None) => Grouping { names: vec!["pairs".to_owned()], part_of: vec![Some(0); models.len()] },
    };
    let shown = pairs.iter().filter_map(|pair| Some((pair, grouping.of(*pair)?)));
    let curve = |([i, j], group): (&[usize; 2], usize)| {
        let mut line = context.json(&PAIR.of(format_args!("{i},{j}")))?;
        let y = line.metrics.remove(&metric);
        let y = y.ok_or_else(|| StageError::new(format!("the lines do not measure `{metric}`")))?;
        Ok(Curve { pair: [models[*i].clone(), models[*j].clone()], x: line.coefficients, y, group })
    };
    let curves: Vec<Curve> = shown.map(curve).collect::<Result<_, StageError>>()?;
    if curves.is_empty() {
        return Err(StageError::new("none of the lines joins two of the chosen models")
            .help("let the interpolate stage take all pairs, or raise `best` and `worst`"));
    }
    Ok(Box::new(Curves {
        curves,
        groups: grouping.names,
        lines,
        band,
        x_label: "interpolation coefficient".to_owned(),
        y_label: metric.title().to_owned(),
        title: None,
        width: Width::Column,
        look: Look { doubt, ..Look::default() },
    }))
}

const BETWEEN_CLUSTERS: &str = "between clusters";

fn names_of_choice(best: usize, worst: usize) -> Vec<String> {
    let within = |side: &str, count: usize| match count {
        1 => format!("within the {side} model"),
        count => format!("within the {side} {count}"),
    };
    vec![within("best", best), within("worst", worst), "between best and worst".to_owned()]
}

/// Parts of the models, with a group for the pairs within each and a last one for the pairs between.
struct Grouping {
    names: Vec<String>,
    /// Of each model; `None` for those that are left out.
    part_of: Vec<Option<usize>>,
}

impl Grouping {
    fn of_clusters(clusters: &[usize]) -> Grouping {
        let count = clusters.iter().max().map_or(0, |last| last + 1);
        let within = (0..count).map(|cluster| format!("within cluster {cluster}"));
        let names = within.chain([BETWEEN_CLUSTERS.to_owned()]).collect();
        Grouping { names, part_of: clusters.iter().copied().map(Some).collect() }
    }

    /// `within learning_rate=2e-4` and so on.
    fn of_values(groups: &[String]) -> Grouping {
        let (names, places) = parts(groups);
        let within = names.iter().map(|name| format!("within {name}"));
        Grouping {
            names: within.chain(["between values".to_owned()]).collect(),
            part_of: places.into_iter().map(Some).collect(),
        }
    }

    /// Of equal models the earlier is the better.
    fn of_choice(choice: &Choice, values: &[f64]) -> Grouping {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| {
            let ascending = values[*a].total_cmp(&values[*b]);
            let smaller_is_better = choice.metric.metric().is_some_and(Metric::smaller_is_better);
            if smaller_is_better { ascending } else { ascending.reverse() }
        });
        let mut part_of = vec![None; values.len()];
        order.iter().take(choice.best).for_each(|model| part_of[*model] = Some(0));
        order.iter().rev().take(choice.worst).for_each(|model| part_of[*model] = Some(1));
        Grouping { names: names_of_choice(choice.best, choice.worst), part_of }
    }

    /// The same of models at these places among `all`.
    fn among(self, places: &[usize], all: usize) -> Grouping {
        let mut part_of = vec![None; all];
        places.iter().zip(&self.part_of).for_each(|(place, part)| part_of[*place] = *part);
        Grouping { part_of, ..self }
    }

    fn of(&self, [i, j]: [usize; 2]) -> Option<usize> {
        let (one, other) = (self.part_of[i]?, self.part_of[j]?);
        Some(if one == other { one } else { self.names.len() - 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_within_the_best_within_the_worst_or_between() {
        let choice =
            |metric: &str, best, worst| Choice { eval: "e".to_owned(), metric: MetricName::new(metric), best, worst };
        let values = [0.5, 0.9, 0.1, 0.7, 0.7];
        let groups = |choice: &Choice| {
            let grouping = Grouping::of_choice(choice, &values);
            let pairs = (0..5).flat_map(|j| (0..j).map(move |i| [i, j]));
            pairs.filter_map(|pair| Some((pair, grouping.of(pair)?))).collect::<Vec<_>>()
        };
        // Best 1 and 3, before its equal 4; worst 2 and 0.
        let expected = [([0, 1], 2), ([0, 2], 1), ([1, 2], 2), ([0, 3], 2), ([1, 3], 0), ([2, 3], 2)];
        assert_eq!(groups(&choice("f1", 2, 2)), expected);
        // Of a loss the smallest is best, in a group of examples too.
        assert_eq!(groups(&choice("loss[passive]", 2, 0)), [([0, 2], 0)]);
        assert_eq!(Grouping::of_choice(&choice("f1", 2, 3), &values).names[1], "within the worst 3");
    }

    #[test]
    fn pairs_between_clusters_are_the_last_group() {
        let grouping = Grouping::of_clusters(&[0, 1, 0]);
        assert_eq!([[0, 1], [0, 2], [1, 2]].map(|pair| grouping.of(pair)), [Some(2), Some(0), Some(2)]);
        assert_eq!(grouping.names.len(), 3);
        let values = ["epochs=3", "epochs=6", "epochs=3"].map(str::to_owned);
        let grouping = Grouping::of_values(&values);
        assert_eq!([[0, 1], [0, 2], [1, 2]].map(|pair| grouping.of(pair)), [Some(2), Some(0), Some(2)]);
        assert_eq!(grouping.names, ["within epochs=3", "within epochs=6", "between values"]);
    }
}
