//! Figures: one step each, with the results that it draws as inputs.

use super::super::Input;
use super::imports::same_models;
use super::{Expander, labels, pair_inputs};
use crate::experiment::{Curves, Diagnostic, MetricRef, OrderBy, Plot, PlotKind, StageId};
use crate::stages::plot::{Choice, Figure, Order};
use crate::stages::{Params, plot};

impl Expander<'_> {
    pub(super) fn plot(&mut self, id: &StageId, plot: &Plot) -> Result<(), Diagnostic> {
        let (figure, inputs) = match &plot.kind {
            PlotKind::Curves(curves) => {
                let Some(drawn) = self.curves(curves)? else { return Ok(()) };
                drawn
            }
            PlotKind::Heatmap { of, order_by } => {
                let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(()) };
                self.with_distances(clustered, of)?;
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
                self.with_distances(clustered, of)?;
                let mut inputs = vec![clusters_input(clustered.step)];
                inputs.extend(self.metric_inputs(metric, &clustered.models)?);
                let models = labels(&clustered.models);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                (Figure::Scatter { eval, metric, models }, inputs)
            }
            PlotKind::Histogram { of, metric } => match self.histogram(of, metric)? {
                Some(made) => made,
                None => return Ok(()),
            },
            PlotKind::Distributions { of } => self.distributions(of)?,
            PlotKind::Movement { of } => match self.dynamics.get(of.get_ref()) {
                Some(step) => (Figure::Movement, vec![dynamics_input(*step)]),
                None => return Ok(()),
            },
            PlotKind::Sharpness { of, metric, clusters } => {
                return self.push_plot(id, plot, self.sharpness_plot(of, metric, clusters.as_ref()));
            }
            PlotKind::Agreement { of, value, order_by, clusters } => {
                return self.push_plot(id, plot, self.agreement_plot(of, *value, order_by, clusters.as_ref()));
            }
            PlotKind::Training { of, smooth } => {
                return self.push_plot(id, plot, self.training_plot(of, *smooth));
            }
            PlotKind::Matrix { of, metric, distance } => {
                return self.push_plot(id, plot, self.matrix_plot(of, metric, distance));
            }
            PlotKind::Surface { of, metric, clips } => match self.surface_figure(of, metric, *clips) {
                Some(drawn) => drawn,
                None => return Ok(()),
            },
        };
        let params = plot::Params { figure, title: plot.title.clone(), width: plot.width };
        self.push(id, String::new(), Params::Plot(params), inputs);
        Ok(())
    }

    /// Nothing where the lines could not be expanded, which is complained about elsewhere.
    fn curves(&self, curves: &Curves) -> Result<Option<(Figure, Vec<Input>)>, Diagnostic> {
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
}

fn dynamics_input(step: usize) -> Input {
    Input { role: "dynamics".to_owned(), from: step, output: "dynamics".to_owned() }
}

fn clusters_input(step: usize) -> Input {
    Input { role: "clusters".to_owned(), from: step, output: "clusters".to_owned() }
}
