//! Lines between models: all alike, by cluster, or by the best and the worst models of a metric.

use super::{Choice, metric_title, metric_values};
use crate::engine::{Context, StageError};
use crate::figures::{Curve, Curves, Width};
use crate::stages::cluster::Clusters;
use crate::stages::interpolate::Line;

/// What is drawn of which lines.
pub(super) struct Lines<'a> {
    pub metric: &'a str,
    pub pairs: &'a [[usize; 2]],
    pub models: &'a [String],
    pub choice: Option<&'a Choice>,
    pub band: bool,
    pub lines: bool,
}

pub(super) fn curves(lines: &Lines<'_>, title: Option<String>, context: &Context) -> Result<Curves, StageError> {
    let grouping = match lines.choice {
        Some(choice) => Grouping::of_choice(choice, &metric_values(&choice.metric, lines.models.len(), context)?),
        None if context.has_input("clusters") => Grouping::of_clusters(&context.json::<Clusters>("clusters")?.clusters),
        None => Grouping { names: vec!["pairs".to_owned()], part_of: vec![Some(0); lines.models.len()] },
    };
    let shown = lines.pairs.iter().filter_map(|pair| Some((pair, grouping.of(*pair)?)));
    let curve = |([i, j], group): (&[usize; 2], usize)| {
        let mut line: Line = context.json(&format!("pair:{i},{j}"))?;
        let y = line.metrics.remove(lines.metric);
        let y = y.ok_or_else(|| StageError::new(format!("the lines do not measure `{}`", lines.metric)))?;
        let pair = [lines.models[*i].clone(), lines.models[*j].clone()];
        Ok(Curve { pair, x: line.coefficients, y, group })
    };
    let curves: Vec<Curve> = shown.map(curve).collect::<Result<_, StageError>>()?;
    if curves.is_empty() {
        return Err(StageError::new("none of the lines joins two of the chosen models")
            .help("let the interpolate stage take all pairs, or raise `best` and `worst`"));
    }
    Ok(Curves {
        curves,
        groups: grouping.names,
        lines: lines.lines,
        band: lines.band,
        x_label: "interpolation coefficient".to_owned(),
        y_label: metric_title(lines.metric),
        title,
        width: Width::Column,
    })
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
        let names = within.chain(["between clusters".to_owned()]).collect();
        Grouping { names, part_of: clusters.iter().copied().map(Some).collect() }
    }

    /// Of equal models the earlier is the better.
    fn of_choice(choice: &Choice, values: &[f64]) -> Grouping {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| {
            let ascending = values[*a].total_cmp(&values[*b]);
            if smaller_is_better(&choice.metric) { ascending } else { ascending.reverse() }
        });
        let mut part_of = vec![None; values.len()];
        order.iter().take(choice.best).for_each(|model| part_of[*model] = Some(0));
        order.iter().rev().take(choice.worst).for_each(|model| part_of[*model] = Some(1));
        let within = |side: &str, count: usize| match count {
            1 => format!("within the {side} model"),
            count => format!("within the {side} {count}"),
        };
        let names =
            vec![within("best", choice.best), within("worst", choice.worst), "between best and worst".to_owned()];
        Grouping { names, part_of }
    }

    fn of(&self, [i, j]: [usize; 2]) -> Option<usize> {
        let (one, other) = (self.part_of[i]?, self.part_of[j]?);
        Some(if one == other { one } else { self.names.len() - 1 })
    }
}

fn smaller_is_better(metric: &str) -> bool {
    matches!(metric.split('[').next(), Some("loss" | "ece"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_within_the_best_within_the_worst_or_between() {
        let choice =
            |metric: &str, best, worst| Choice { eval: "e".to_owned(), metric: metric.to_owned(), best, worst };
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
    }
}
