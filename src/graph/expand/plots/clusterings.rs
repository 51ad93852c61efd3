//! Figures of clusterings: their distances, a metric by cluster, and how they change over training.

use toml::Spanned;

use super::super::super::Input;
use super::super::{Expander, labels};
use super::{Expanded, clusters_input};
use crate::experiment::{MetricRef, OrderBy};
use crate::stages::plot::Figure;

impl Expander<'_> {
    pub(super) fn heatmap_plot(&self, of: &Spanned<String>, order_by: &OrderBy) -> Expanded {
        let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(None) };
        self.with_distances(clustered, of)?;
        let mut inputs = vec![clusters_input(clustered.step)];
        let order_by = self.order(order_by, &clustered.models, &mut inputs)?;
        Ok(Some((Figure::Heatmap { order_by, models: labels(&clustered.models) }, inputs)))
    }

    pub(super) fn scatter_plot(&self, of: &Spanned<String>, metric: &Spanned<MetricRef>) -> Expanded {
        let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(None) };
        self.with_distances(clustered, of)?;
        let mut inputs = vec![clusters_input(clustered.step)];
        inputs.extend(self.metric_inputs(metric, &clustered.models)?);
        let MetricRef { eval, metric } = metric.get_ref().clone();
        Ok(Some((Figure::Scatter { eval, metric, models: labels(&clustered.models) }, inputs)))
    }

    pub(super) fn histogram_plot(&self, of: &Spanned<String>, metric: &Spanned<MetricRef>) -> Expanded {
        let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(None) };
        let mut inputs = vec![clusters_input(clustered.step)];
        inputs.extend(self.metric_inputs(metric, &clustered.models)?);
        let MetricRef { eval, metric } = metric.get_ref().clone();
        Ok(Some((Figure::Histogram { eval, metric, models: labels(&clustered.models) }, inputs)))
    }

    pub(super) fn movement_plot(&self, of: &Spanned<String>) -> Expanded {
        let input = |step: &usize| Input { role: "dynamics".to_owned(), from: *step, output: "dynamics".to_owned() };
        Ok(self.dynamics.get(of.get_ref()).map(|step| (Figure::Movement, vec![input(step)])))
    }
}
