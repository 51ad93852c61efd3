//! Figures of models one by one and pair by pair: sharpness, agreement, training, and the overview of a small study.

use super::{Order, group_title, metric_axis, metric_title, metric_values, scatter};
use crate::data::read_parquet;
use crate::engine::{Context, StageError};
use crate::figures::{Heatmap, MatrixPair, PairMatrix, Scatter, Training, TrainingRun, Width};
use crate::stages::agreement::{Agreement, Value};
use crate::stages::cluster::{Clusters, Distance};
use crate::stages::interpolate::Line;
use crate::stages::sharpness::Sharpness;

/// Points of one training curve: more could not be told apart at print size.
const POINTS: usize = 300;

pub(super) fn sharpness(
    (eval, metric): (&str, &str),
    models: &[String],
    clusters: Option<&[usize]>,
    title: Option<String>,
    context: &Context,
) -> Result<Scatter, StageError> {
    let one = |number| -> Result<f64, StageError> {
        Ok(context.json::<Sharpness>(&format!("sharpness:{number}"))?.sharpness)
    };
    let x = (0..models.len()).map(one).collect::<Result<Vec<f64>, _>>()?;
    let y = metric_values(metric, models.len(), context)?;
    Ok(Scatter {
        fit: scatter::fit(&x, &y),
        x,
        y,
        clusters: clusters_of(clusters, context)?,
        names: Some(models.to_vec()),
        x_label: "ε-sharpness (%)".to_owned(),
        y_label: metric_axis(eval, metric),
        title: title.or_else(|| group_title(metric)),
        width: Width::Column,
    })
}

/// The cluster of each model, by its place in the list of the cluster stage.
fn clusters_of(places: Option<&[usize]>, context: &Context) -> Result<Option<Vec<usize>>, StageError> {
    let Some(places) = places else { return Ok(None) };
    let clusters: Clusters = context.json("clusters")?;
    let cluster = |place: &usize| {
        clusters.clusters.get(*place).copied().ok_or_else(|| StageError::new("the clusters are of other models"))
    };
    places.iter().map(cluster).collect::<Result<_, _>>().map(Some)
}

pub(super) fn agreement(
    value: Value,
    order_by: &Order,
    clusters: Option<&[usize]>,
    title: Option<String>,
    context: &Context,
) -> Result<Heatmap, StageError> {
    let agreement: Agreement = context.json("agreement")?;
    let models = &agreement.models;
    let clusters = clusters_of(clusters, context)?;
    let mut order: Vec<usize> = (0..models.len()).collect();
    let mut title = title;
    let (labels, axis_label) = match order_by {
        Order::Seed => (models.clone(), "seed".to_owned()),
        Order::Cluster => {
            let cluster = |model: usize| clusters.as_ref().map_or(0, |clusters| clusters[model]);
            let size = |model: usize| (0..models.len()).filter(|other| cluster(*other) == cluster(model)).count();
            order.sort_by_key(|model| (std::cmp::Reverse(size(*model)), cluster(*model), *model));
            (models.clone(), "seed".to_owned())
        }
        Order::Metric { eval, metric } => {
            let values = metric_values(metric, models.len(), context)?;
            order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
            title = title.or_else(|| group_title(metric).map(|group| format!("ordered by {group}")));
            (values.iter().map(|value| format!("{value:.2}")).collect(), metric_axis(eval, metric))
        }
    };
    let matrix = agreement.matrix(value);
    Ok(Heatmap {
        models: order.iter().map(|model| models[*model].clone()).collect(),
        values: order.iter().flat_map(|row| order.iter().map(|column| matrix[*row][*column])).collect(),
        labels: order.iter().map(|model| labels[*model].clone()).collect(),
        axis_label,
        value_label: match value {
            Value::Agreement => "share of equal predictions".to_owned(),
            Value::Divergence => "Jensen–Shannon divergence (nats)".to_owned(),
        },
        separators: matches!(order_by, Order::Cluster),
        clusters: clusters.map(|clusters| order.iter().map(|model| clusters[*model]).collect()),
        title,
        width: Width::Column,
    })
}

pub(super) fn training(
    smooth: usize,
    models: &[String],
    title: Option<String>,
    context: &mut Context,
) -> Result<Training, StageError> {
    let mut runs = Vec::with_capacity(models.len());
    for (number, name) in models.iter().enumerate() {
        let log = read_parquet(&context.bytes(&format!("log:{number}"))?)?;
        let losses: Vec<f64> = log.column("loss")?.f64()?.iter().map(|loss| loss.unwrap_or(f64::NAN)).collect();
        let steps: Vec<u64> = log.column("step")?.u64()?.iter().map(|step| step.unwrap_or(0)).collect();
        let rates: Vec<f64> = log.column("learning_rate")?.f64()?.iter().map(|rate| rate.unwrap_or(f64::NAN)).collect();
        let (places, losses) = smoothed(&losses, smooth, POINTS);
        runs.push(TrainingRun {
            name: name.clone(),
            steps: places.iter().map(|at| steps[*at]).collect(),
            losses,
            rates: places.iter().map(|at| rates[*at]).collect(),
        });
        context.progress(number + 1, models.len());
    }
    let y_label = match smooth {
        1 => "training loss (nats)".to_owned(),
        _ => format!("training loss (nats), mean of {smooth} steps"),
    };
    Ok(Training { runs, x_label: "training step".to_owned(), y_label, title, width: Width::Column })
}

/// At most `points` evenly spaced places of `values`, both ends included, and the mean of the `window` values around
/// each; at the ends the window is cut to what is there.
fn smoothed(values: &[f64], window: usize, points: usize) -> (Vec<usize>, Vec<f64>) {
    let n = values.len();
    let count = n.min(points);
    let place = |point: usize| if count < 2 { 0 } else { (point * (n - 1) + (count - 1) / 2) / (count - 1) };
    let places: Vec<usize> = (0..count).map(place).collect();
    let (before, after) = ((window - 1) / 2, window / 2);
    let mean = |at: &usize| {
        let around = &values[at.saturating_sub(before)..(at + after + 1).min(n)];
        around.iter().sum::<f64>() / around.len() as f64
    };
    let means = places.iter().map(mean).collect();
    (places, means)
}

pub(super) fn matrix(
    metric: &str,
    distance: &str,
    pairs: &[[usize; 2]],
    (models, title): (&[String], Option<String>),
    context: &Context,
) -> Result<PairMatrix, StageError> {
    let kind = Distance::named(distance).ok_or_else(|| StageError::new(format!("unknown distance `{distance}`")))?;
    let mut values: Vec<Option<f64>> = vec![None; models.len()];
    let mut drawn = Vec::with_capacity(pairs.len());
    for &[first, second] in pairs {
        let mut line: Line = context.json(&format!("pair:{first},{second}"))?;
        let distance = line.distance_by(kind, metric)?;
        let y = line.metrics.remove(metric).unwrap_or_default();
        (values[first], values[second]) = (y.first().copied(), y.last().copied());
        drawn.push(MatrixPair { first, second, x: line.coefficients, y, distance });
    }
    Ok(PairMatrix {
        labels: models.to_vec(),
        values,
        pairs: drawn,
        x_label: "interpolation coefficient".to_owned(),
        metric_label: metric_title(metric),
        distance_label: kind.title(metric),
        title,
        width: if models.len() > 5 { Width::Page } else { Width::Column },
    })
}

impl Distance {
    /// `convexity gap (nats)`: for axes.
    fn title(self, metric: &str) -> String {
        let name = self.name().replace('-', " ");
        match metric {
            _ if self == Self::Euclidean => "Euclidean distance".to_owned(),
            "loss" => format!("{name} (nats)"),
            metric => format!("{name} of {}", metric_title(metric)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_smoothed_around_their_places_and_thinned() {
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        assert_eq!(smoothed(&values, 1, 100), ((0..10).collect(), values.clone()));
        let (places, means) = smoothed(&values, 3, 4);
        assert_eq!(places, [0, 3, 6, 9]);
        assert_eq!(means, [0.5, 3.0, 6.0, 8.5]);
        let (places, means) = smoothed(&vec![0.25; 36_813], 50, 300);
        assert_eq!((places.len(), places[0], places[299]), (300, 0, 36_812));
        assert!(places.windows(2).all(|two| two[0] < two[1]) && means.iter().all(|mean| *mean == 0.25));
        assert_eq!(smoothed(&[2.0], 50, 300), (vec![0], vec![2.0]));
        assert_eq!(smoothed(&[], 50, 300), (vec![], vec![]));
    }
}
