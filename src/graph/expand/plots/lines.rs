//! Figures of lines: curves, and the overview of a small study.

use toml::Spanned;

use super::super::imports::same_models;
use super::super::{Expander, labels, pair_inputs};
use super::{Expanded, clusters_input};
use crate::experiment::{Curves, Diagnostic, MetricRef};
use crate::stages::plot::{Choice, Figure, MATRIX_MODELS};

impl Expander<'_> {
    pub(super) fn curves_plot(&self, curves: &Curves) -> Expanded {
        let Some(lines) = self.lines.get(curves.of.get_ref()) else { return Ok(None) };
        let mut inputs = pair_inputs(lines);
        if let Some(clusters) = &curves.clusters {
            let Some(clustered) = self.clusters.get(clusters.get_ref()) else { return Ok(None) };
            if !same_models(&clustered.models, &lines.models) {
                let message = format!("[cluster.{}] clusters other models than these lines join", clusters.get_ref());
                return Err(Diagnostic::new(message, clusters.span()));
            }
            inputs.push(clusters_input(clustered.step));
        }
        let choice = match &curves.choice {
            None => None,
            Some(choice) => {
                let models = lines.models.len();
                if choice.best.saturating_add(choice.worst) > models {
                    let message = format!(
                        "the best {} and the worst {} of {models} models overlap: lower `best` or `worst`",
                        choice.best, choice.worst
                    );
                    return Err(Diagnostic::new(message, choice.by.span()));
                }
                inputs.extend(self.metric_inputs(&choice.by, &lines.models)?);
                let MetricRef { eval, metric } = choice.by.get_ref().clone();
                Some(Choice { eval, metric, best: choice.best, worst: choice.worst })
            }
        };
        let figure = Figure::Curves {
            metric: curves.metric.clone(),
            pairs: lines.pairs.keys().map(|&(i, j)| [i, j]).collect(),
            models: labels(&lines.models),
            choice,
            band: curves.band,
            lines: curves.lines,
        };
        Ok(Some((figure, inputs)))
    }

    pub(super) fn matrix_plot(&self, of: &Spanned<String>, metric: &str, distance: &str) -> Expanded {
        let Some(lines) = self.lines.get(of.get_ref()) else { return Ok(None) };
        let n = lines.models.len();
        if n > MATRIX_MODELS {
            let message = format!("an overview has room for {MATRIX_MODELS} models, and these lines join {n}");
            let help = "draw a heatmap of a cluster stage, or name fewer `models` in an interpolate stage of its own";
            return Err(Diagnostic::new(message, of.span()).help(help));
        }
        let pairs = lines.pairs.keys().map(|&(i, j)| [i, j]).collect();
        let (metric, distance) = (metric.to_owned(), distance.to_owned());
        Ok(Some((Figure::Matrix { metric, distance, pairs, models: labels(&lines.models) }, pair_inputs(lines))))
    }
}
