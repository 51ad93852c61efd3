//! Figures of models: sharpness, agreement, training, and metrics of two groups.

use toml::Spanned;

use super::super::super::Input;
use super::super::super::models::Model;
use super::super::{Expander, labels};
use super::{Expanded, clusters_input};
use crate::experiment::{Diagnostic, MetricRef, OrderBy};
use crate::stages::agreement::Value;
use crate::stages::plot::{Figure, Measurement};

/// Places of models in a cluster stage's list, and the input that is its result.
type Places = (Option<Vec<usize>>, Option<Input>);

impl Expander<'_> {
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
        let order_by = self.order(order_by, models, &mut inputs)?;
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

    /// Every model that the two evaluations measure, as `first:I` and `second:I`.
    pub(super) fn distributions_plot(&self, of: &[Spanned<MetricRef>; 2]) -> Expanded {
        let mut inputs = Vec::new();
        let mut side = |role: &str, metric: &Spanned<MetricRef>| {
            let MetricRef { eval, metric: name } = metric.get_ref().clone();
            let evaluated = self.evaluated(&eval);
            let models = evaluated.iter().map(|one| one.label.clone()).collect();
            inputs.extend(evaluated.iter().enumerate().map(|(number, one)| Input {
                role: format!("{role}:{number}"),
                from: one.step,
                output: one.output("metrics"),
            }));
            (!evaluated.is_empty()).then_some(Measurement { eval, metric: name, models })
        };
        let (Some(first), Some(second)) = (side("first", &of[0]), side("second", &of[1])) else { return Ok(None) };
        Ok(Some((Figure::Distributions { first, second }, inputs)))
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
        Ok(Some((Some(places), Some(clusters_input(clustered.step)))))
    }
}
