//! Figures of models one by one and pair by pair: sharpness, agreement, training, and the overview of a small study.

use toml::Spanned;

use super::super::Input;
use super::super::models::Model;
use super::{Expander, labels, pair_inputs};
use crate::experiment::{Diagnostic, MetricRef, OrderBy, Plot, StageId};
use crate::stages::agreement::Value;
use crate::stages::plot::{Figure, MATRIX_MODELS, Order};
use crate::stages::{Params, plot};

/// A figure and what it draws; `None` where a stage that it names could not be expanded and has said so.
pub(super) type Expanded = Result<Option<(Figure, Vec<Input>)>, Diagnostic>;

/// Places of models in a cluster stage's list, and the input that is its result.
type Places = (Option<Vec<usize>>, Option<Input>);

impl Expander<'_> {
    /// Adds the step of a figure that could be expanded.
    pub(super) fn push_plot(&mut self, id: &StageId, plot: &Plot, expanded: Expanded) -> Result<(), Diagnostic> {
        if let Some((figure, inputs)) = expanded? {
            let params = plot::Params { figure, title: plot.title.clone(), width: plot.width };
            self.push(id, String::new(), Params::Plot(params), inputs);
        }
        Ok(())
    }

    pub(super) fn sharpness_plot(
        &self,
        of: &Spanned<String>,
        metric: &Spanned<MetricRef>,
        clusters: Option<&Spanned<String>>,
    ) -> Expanded {
        let Some(measured) = self.sharpnesses.get(of.get_ref()) else { return Ok(None) };
        let models: Vec<Model> = measured.iter().map(|(model, _)| model.clone()).collect();
        let mut inputs: Vec<Input> = Vec::new();
        for (number, (model, step)) in measured.iter().enumerate() {
            let role = format!("sharpness:{number}");
            let output =
                if model.is_imported() { format!("sharpness:{}", model.label) } else { "sharpness".to_owned() };
            inputs.push(Input { role, from: *step, output });
        }
        inputs.extend(self.metric_inputs(metric, &models)?);
        let Some((clusters, input)) = self.places_in_clusters(&models, clusters)? else { return Ok(None) };
        inputs.extend(input);
        let MetricRef { eval, metric } = metric.get_ref().clone();
        Ok(Some((Figure::Sharpness { eval, metric, models: labels(&models), clusters }, inputs)))
    }

    pub(super) fn agreement_plot(
        &self,
        of: &Spanned<String>,
        value: Value,
        order_by: &OrderBy,
        clusters: Option<&Spanned<String>>,
    ) -> Expanded {
        let Some(agreement) = self.agreements.get(of.get_ref()) else { return Ok(None) };
        let models = &agreement.models;
        let mut inputs =
            vec![Input { role: "agreement".to_owned(), from: agreement.step, output: "agreement".to_owned() }];
        let order_by = match order_by {
            OrderBy::Seed => Order::Seed,
            OrderBy::Cluster => Order::Cluster,
            OrderBy::Metric(metric) => {
                inputs.extend(self.metric_inputs(metric, models)?);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                Order::Metric { eval, metric }
            }
        };
        let Some((clusters, input)) = self.places_in_clusters(models, clusters)? else { return Ok(None) };
        inputs.extend(input);
        Ok(Some((Figure::Agreement { value, order_by, models: labels(models), clusters }, inputs)))
    }

    pub(super) fn training_plot(&self, of: &Spanned<String>, smooth: usize) -> Expanded {
        let Some(maker) = self.makers.iter().find(|maker| maker.name == *of.get_ref()) else { return Ok(None) };
        let input = |(number, (_, step)): (usize, &(_, usize))| Input {
            role: format!("log:{number}"),
            from: *step,
            output: "training-log".to_owned(),
        };
        let inputs = maker.steps.iter().enumerate().map(input).collect();
        let name = |(member, _): &(crate::experiment::Coordinates, usize)| member.label();
        let models = maker.steps.iter().map(|step| name(step).unwrap_or_else(|| maker.name.clone())).collect();
        Ok(Some((Figure::Training { smooth, models }, inputs)))
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

    /// Where each model stands in the list of a cluster stage, and that stage's result; nothing of either where no
    /// stage is named.
    fn places_in_clusters(
        &self,
        models: &[Model],
        clusters: Option<&Spanned<String>>,
    ) -> Result<Option<Places>, Diagnostic> {
        let Some(named) = clusters else { return Ok(Some((None, None))) };
        let Some(clustered) = self.clusters.get(named.get_ref()) else { return Ok(None) };
        let same = |a: &Model, b: &Model| match a.is_imported() || b.is_imported() {
            true => a.is_same(b),
            false => (a.step, a.checkpoint) == (b.step, b.checkpoint),
        };
        let place = |model: &Model| {
            clustered.models.iter().position(|other| same(model, other)).ok_or_else(|| {
                let message = format!("[cluster.{}] does not cluster the model `{}`", named.get_ref(), model.label);
                Diagnostic::new(message, named.span()).help("let its lines join the same models")
            })
        };
        let places = models.iter().map(place).collect::<Result<_, _>>()?;
        let input = Input { role: "clusters".to_owned(), from: clustered.step, output: "clusters".to_owned() };
        Ok(Some((Some(places), Some(input))))
    }
}
