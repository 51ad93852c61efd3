//! Figures: one step each, with the results that it draws as inputs.

use toml::Spanned;

use super::super::Input;
use super::super::models::Model;
use super::{Expander, labels, pair_inputs};
use crate::experiment::{Diagnostic, MetricRef, OrderBy, Plot, PlotKind, StageId};
use crate::stages::plot::{Figure, Order};
use crate::stages::{Params, plot};

impl Expander<'_> {
    pub(super) fn plot(&mut self, id: &StageId, plot: &Plot) -> Result<(), Diagnostic> {
        let clusters_input =
            |step: usize| Input { role: "clusters".to_owned(), from: step, output: "clusters".to_owned() };
        let (figure, inputs) = match &plot.kind {
            PlotKind::Curves { of, metric, clusters } => {
                let Some(lines) = self.lines.get(of.get_ref()) else { return Ok(()) };
                let mut inputs = pair_inputs(lines);
                if let Some(clusters) = clusters {
                    let Some(clustered) = self.clusters.get(clusters.get_ref()) else { return Ok(()) };
                    if clustered.models != lines.models {
                        let message =
                            format!("[cluster.{}] clusters other models than these lines join", clusters.get_ref());
                        return Err(Diagnostic::new(message, clusters.span()));
                    }
                    inputs.push(clusters_input(clustered.step));
                }
                let pairs = lines.pairs.keys().map(|&(i, j)| [i, j]).collect();
                (Figure::Curves { metric: metric.clone(), pairs, models: labels(&lines.models) }, inputs)
            }
            PlotKind::Heatmap { of, order_by } => {
                let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(()) };
                let mut inputs = vec![clusters_input(clustered.step)];
                let order_by = match order_by {
                    OrderBy::Seed => Order::Seed,
                    OrderBy::Cluster => Order::Cluster,
                    OrderBy::Metric(metric) => {
                        inputs.extend(self.metric_inputs(metric, &clustered.models)?);
                        let MetricRef { eval, metric } = metric.get_ref().clone();
                        Order::Metric { eval, metric }
                    }
                };
                (Figure::Heatmap { order_by, models: labels(&clustered.models) }, inputs)
            }
            PlotKind::Scatter { of, metric } => {
                let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(()) };
                let mut inputs = vec![clusters_input(clustered.step)];
                inputs.extend(self.metric_inputs(metric, &clustered.models)?);
                let models = labels(&clustered.models);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                (Figure::Scatter { eval, metric, models }, inputs)
            }
            PlotKind::Surface { of, metric, clips } => match self.surface_figure(of, metric, *clips) {
                Some(drawn) => drawn,
                None => return Ok(()),
            },
        };
        self.push(id, String::new(), Params::Plot(plot::Params { figure, title: plot.title.clone() }), inputs);
        Ok(())
    }

    /// The evaluation of every model, as `metric:I`.
    fn metric_inputs(&self, metric: &Spanned<MetricRef>, models: &[Model]) -> Result<Vec<Input>, Diagnostic> {
        let eval = &metric.get_ref().eval;
        models
            .iter()
            .enumerate()
            .map(|(number, model)| {
                let name = (eval.clone(), Model { label: String::new(), ..model.clone() });
                let step = self.evals.get(&name).ok_or_else(|| {
                    let message = format!("[eval.{eval}] does not evaluate the model `{}`", model.label);
                    Diagnostic::new(message, metric.span()).help("let its `models` name the same models")
                })?;
                Ok(Input { role: format!("metric:{number}"), from: *step, output: "metrics".to_owned() })
            })
            .collect()
    }
}
