//! A metric of every model, as inputs of a step that is made of several.

use toml::Spanned;

use super::eval::{self, Evaluations, Measured};
use super::expand::Expander;
use super::models::Member;
use crate::engine::{Context, Input, Role, StageError};
use crate::study::Diagnostic;
use crate::study::words::{MetricName, MetricRef};

/// `metric:I`: the evaluation of number I of the step's models.
pub const METRIC: Role<Measured> = Role::new("metric");

/// The evaluation of every model.
///
/// # Errors
/// A model that is not evaluated.
pub fn metric_inputs(
    metric: &Spanned<MetricRef>,
    models: &[Member],
    from: &Expander<'_>,
) -> Result<Vec<Input>, Diagnostic> {
    metric_inputs_as(&METRIC, metric, models, from)
}

/// The same by another name, for a step that reads two metrics.
///
/// # Errors
/// As [`metric_inputs`].
pub fn metric_inputs_as(
    role: &Role<Measured>,
    metric: &Spanned<MetricRef>,
    models: &[Member],
    from: &Expander<'_>,
) -> Result<Vec<Input>, Diagnostic> {
    let eval = &metric.get_ref().eval;
    let evaluations = from.find::<Evaluations>(eval::KIND, eval);
    let input = |(number, model): (usize, &Member)| {
        let evaluated = evaluations.and_then(|evaluations| evaluations.of(model)).ok_or_else(|| {
            let message = format!("[eval.{eval}] does not evaluate the model `{}`", model.label());
            Diagnostic::new(message, metric.span()).help("let its `models` name the same models")
        })?;
        Ok(Input::new(&role.of(number), evaluated.step, &evaluated.metrics))
    };
    models.iter().enumerate().map(input).collect()
}

/// # Errors
/// A group or a metric that there is not.
pub fn metric_values(metric: &MetricName, models: usize, context: &Context<'_>) -> Result<Vec<f64>, StageError> {
    metric_values_as(&METRIC, metric, models, context)
}

/// # Errors
/// As [`metric_values`].
pub fn metric_values_as(
    role: &Role<Measured>,
    metric: &MetricName,
    models: usize,
    context: &Context<'_>,
) -> Result<Vec<f64>, StageError> {
    let value = |model| context.json(&role.of(model))?.get(metric).map_err(StageError::new);
    (0..models).map(value).collect()
}
