//! Figures of what was measured: one file a kind turns results into the data of a figure.

mod curves;
mod distributions;
mod heatmap;
mod models;
mod movement;
mod scatter;
mod surface;

use serde::{Deserialize, Serialize};

use super::agreement::Value;
use super::eval::Measured;
use super::measure::Metric;
use crate::engine::{Context, Outputs, StageError};
use crate::figures::Width;

pub const VERSION: u32 = 3;

pub use crate::figures::MATRIX_MODELS;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub figure: Figure,
    /// The figure's own where there is none.
    pub title: Option<Title>,
    /// The figure's own where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Width>,
}

/// Words, or `false` for none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Title {
    Shown(bool),
    Text(String),
}

/// What is drawn. Every list of models holds their labels, in the order of the inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Figure {
    /// Inputs `pair:I,J` by number, and `clusters` or `metric:I` where lines are grouped.
    Curves {
        metric: String,
        pairs: Vec<[usize; 2]>,
        models: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        choice: Option<Choice>,
        #[serde(default, skip_serializing_if = "is_false")]
        band: bool,
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        lines: bool,
    },
    /// Input `clusters`, and `metric:I` for every model where they are ordered by one.
    Heatmap { order_by: Order, models: Vec<String> },
    /// Inputs `clusters` and `metric:I`.
    Scatter { eval: String, metric: String, models: Vec<String> },
    /// Inputs `clusters` and `metric:I`.
    Histogram { eval: String, metric: String, models: Vec<String> },
    /// Inputs `first:I` and `second:I`.
    Distributions { first: Measurement, second: Measurement },
    /// Input `dynamics`.
    Movement,
    /// Inputs `sharpness:I` and `metric:I`, and `clusters` with each model's place in it where there is one.
    Sharpness { eval: String, metric: String, models: Vec<String>, clusters: Option<Vec<usize>> },
    /// Inputs `agreement`, `metric:I` where models are ordered by one, and `clusters` as above.
    Agreement { value: Value, order_by: Order, models: Vec<String>, clusters: Option<Vec<usize>> },
    /// Inputs `log:I`.
    Training { smooth: usize, models: Vec<String> },
    /// Inputs `pair:I,J`.
    Matrix { metric: String, distance: String, pairs: Vec<[usize; 2]>, models: Vec<String> },
    /// Inputs `plane:I` and `surface:I` for every panel.
    Surface {
        metric: String,
        panels: Vec<Panel>,
        clip_x: Option<[f64; 2]>,
        clip_y: Option<[f64; 2]>,
        clip_z: Option<[f64; 2]>,
    },
}

/// One plane of a surface stage, and its three models' labels, the anchor first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Panel {
    pub surface: String,
    pub models: [String; 3],
}

/// A metric of some models.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measurement {
    pub eval: String,
    pub metric: String,
    pub models: Vec<String>,
}

/// The models that are best and worst by a metric.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Choice {
    pub eval: String,
    pub metric: String,
    pub best: usize,
    pub worst: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Order {
    Seed,
    Cluster,
    Metric { eval: String, metric: String },
}

pub fn run(params: &Params, context: &mut Context) -> Result<Outputs, StageError> {
    let provenance = context.provenance();
    let title = match &params.title {
        Some(Title::Text(text)) => Some(text.clone()),
        _ => None,
    };
    // A figure in all its formats; every figure has a `title`, a `width`, and its `numbers`.
    macro_rules! drawn {
        ($figure:expr) => {{
            let mut figure = $figure?;
            if params.title == Some(Title::Shown(false)) {
                figure.title = None;
            }
            if let Some(width) = params.width {
                figure.width = width;
            }
            (figure.render(&provenance)?, figure.numbers())
        }};
    }
    let (drawn, numbers) = match &params.figure {
        Figure::Curves { metric, pairs, models, choice, band, lines } => {
            let choice = choice.as_ref();
            let lines = curves::Lines { metric, pairs, models, choice, band: *band, lines: *lines };
            drawn!(curves::curves(&lines, title, context))
        }
        Figure::Heatmap { order_by, models } => drawn!(heatmap::heatmap(order_by, models, title, context)),
        Figure::Scatter { eval, metric, .. } => drawn!(scatter::scatter(eval, metric, title, context)),
        Figure::Histogram { eval, metric, .. } => drawn!(distributions::histogram(eval, metric, title, context)),
        Figure::Distributions { first, second } => drawn!(distributions::two(first, second, title, context)),
        Figure::Movement => drawn!(movement::movement(title, context)),
        Figure::Sharpness { eval, metric, models, clusters } => {
            drawn!(models::sharpness((eval, metric), models, clusters.as_deref(), title, context))
        }
        Figure::Agreement { value, order_by, clusters, .. } => {
            drawn!(models::agreement(*value, order_by, clusters.as_deref(), title, context))
        }
        Figure::Training { smooth, models } => drawn!(models::training(*smooth, models, title, context)),
        Figure::Matrix { metric, distance, pairs, models } => {
            drawn!(models::matrix(metric, distance, pairs, (models, title), context))
        }
        Figure::Surface { metric, panels, clip_x, clip_y, clip_z } => {
            drawn!(surface::surfaces(metric, panels, [*clip_x, *clip_y, *clip_z], title, context))
        }
    };
    let mut outputs = Outputs::default();
    outputs.bytes("figure.svg", drawn.svg);
    outputs.bytes("figure.png", drawn.png);
    outputs.bytes("figure.pdf", drawn.pdf);
    outputs.bytes("figure.csv", numbers.csv(&provenance).into_bytes());
    Ok(outputs)
}

fn yes() -> bool {
    true
}

fn is_true(switch: &bool) -> bool {
    *switch
}

fn is_false(switch: &bool) -> bool {
    !*switch
}

fn metric_values(metric: &str, models: usize, context: &Context) -> Result<Vec<f64>, StageError> {
    let value = |model| {
        let measured: Measured = context.json(&format!("metric:{model}"))?;
        measured.get(metric).map_err(StageError::new)
    };
    (0..models).map(value).collect()
}

/// `accuracy`, with its unit where it has one; the group is left to [`group_title`].
fn metric_title(metric: &str) -> String {
    let name = metric.split('[').next().unwrap_or(metric);
    Metric::named(name).map_or(name, |metric| metric.title()).to_owned()
}

/// `accuracy on passive`
fn metric_axis(eval: &str, metric: &str) -> String {
    format!("{} on {}", metric_title(metric), eval.replace('_', " "))
}

/// `lexical overlap, non-entailment`: too long for an axis, so it is the title where no other is given.
fn group_title(metric: &str) -> Option<String> {
    let (_, group) = metric.split_once('[')?;
    Some(group.trim_end_matches(']').replace('_', " ").split(',').map(str::trim).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_name_the_metric_and_titles_the_group() {
        assert_eq!(metric_axis("out_of_domain", "loss"), "loss (nats) on out of domain");
        let grouped = "accuracy[lexical_overlap, non-entailment]";
        assert_eq!(metric_axis("hans", grouped), "accuracy on hans");
        assert_eq!(group_title(grouped).as_deref(), Some("lexical overlap, non-entailment"));
        assert_eq!(group_title("accuracy"), None);
    }
}
