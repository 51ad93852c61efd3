//! Figures of how a metric is distributed over models.

use toml::Spanned;

use super::super::Input;
use super::{Expander, labels};
use crate::experiment::{Diagnostic, MetricRef};
use crate::stages::plot::{Figure, Measurement};

impl Expander<'_> {
    /// `None` where the clustering itself could not be expanded, which is another error.
    pub(super) fn histogram(
        &self,
        of: &Spanned<String>,
        metric: &Spanned<MetricRef>,
    ) -> Result<Option<(Figure, Vec<Input>)>, Diagnostic> {
        let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(None) };
        let mut inputs =
            vec![Input { role: "clusters".to_owned(), from: clustered.step, output: "clusters".to_owned() }];
        inputs.extend(self.metric_inputs(metric, &clustered.models)?);
        let MetricRef { eval, metric } = metric.get_ref().clone();
        Ok(Some((Figure::Histogram { eval, metric, models: labels(&clustered.models) }, inputs)))
    }

    /// Every model that the two evaluations measure, as `first:I` and `second:I`.
    pub(super) fn distributions(&self, of: &[Spanned<MetricRef>; 2]) -> Result<(Figure, Vec<Input>), Diagnostic> {
        let mut inputs = Vec::new();
        let mut side = |role: &str, metric: &Spanned<MetricRef>| {
            let MetricRef { eval, metric: name } = metric.get_ref().clone();
            let mut steps: Vec<usize> =
                self.evals.iter().filter(|((stage, _), _)| *stage == eval).map(|(_, step)| *step).collect();
            steps.sort_unstable();
            if steps.is_empty() {
                return Err(Diagnostic::new(format!("[eval.{eval}] evaluates no model"), metric.span()));
            }
            let models = steps.iter().map(|step| self.steps[*step].instance.clone()).collect();
            inputs.extend(steps.iter().enumerate().map(|(number, step)| Input {
                role: format!("{role}:{number}"),
                from: *step,
                output: "metrics".to_owned(),
            }));
            Ok(Measurement { eval, metric: name, models })
        };
        let (first, second) = (side("first", &of[0])?, side("second", &of[1])?);
        Ok((Figure::Distributions { first, second }, inputs))
    }
}
