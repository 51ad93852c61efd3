//! Figures: one step each, with the results that it draws as inputs.

mod clusterings;
mod lines;
mod models;

use super::super::Input;
use super::super::models::Model;
use super::Expander;
use crate::experiment::{Diagnostic, MetricRef, OrderBy, Plot, PlotKind, StageId};
use crate::stages::plot::{Figure, Order};
use crate::stages::{Params, plot};

/// A figure and what it draws; `None` where a stage that it names could not be expanded and has said so.
type Expanded = Result<Option<(Figure, Vec<Input>)>, Diagnostic>;

impl Expander<'_> {
    pub(super) fn plot(&mut self, id: &StageId, plot: &Plot) -> Result<(), Diagnostic> {
        let expanded = match &plot.kind {
            PlotKind::Curves(curves) => self.curves_plot(curves),
            PlotKind::Heatmap { of, order_by } => self.heatmap_plot(of, order_by),
            PlotKind::Scatter { of, metric } => self.scatter_plot(of, metric),
            PlotKind::Histogram { of, metric } => self.histogram_plot(of, metric),
            PlotKind::Distributions { of } => self.distributions_plot(of),
            PlotKind::Movement { of } => self.movement_plot(of),
            PlotKind::Sharpness { of, metric, clusters } => self.sharpness_plot(of, metric, clusters.as_ref()),
            PlotKind::Agreement { of, value, order_by, clusters } => {
                self.agreement_plot(of, *value, order_by, clusters.as_ref())
            }
            PlotKind::Training { of, smooth } => self.training_plot(of, *smooth),
            PlotKind::Matrix { of, metric, distance } => self.matrix_plot(of, metric, distance),
            PlotKind::Surface { of, metric, clips } => Ok(self.surface_figure(of, metric, *clips)),
        };
        if let Some((figure, inputs)) = expanded? {
            let params = plot::Params { figure, title: plot.title.clone(), width: plot.width };
            self.push(id, String::new(), Params::Plot(params), inputs);
        }
        Ok(())
    }

    /// The metric that models are ordered by becomes an input.
    fn order(&self, order_by: &OrderBy, models: &[Model], inputs: &mut Vec<Input>) -> Result<Order, Diagnostic> {
        Ok(match order_by {
            OrderBy::Seed => Order::Seed,
            OrderBy::Cluster => Order::Cluster,
            OrderBy::Metric(metric) => {
                inputs.extend(self.metric_inputs(metric, models)?);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                Order::Metric { eval, metric }
            }
        })
    }
}

fn clusters_input(step: usize) -> Input {
    Input { role: "clusters".to_owned(), from: step, output: "clusters".to_owned() }
}
