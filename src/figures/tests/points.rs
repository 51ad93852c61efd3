//! Made-up figures with a value or two for each model.

use super::super::{Fit, Histogram, HistogramGroup, Look, Movement, Scatter, Width};
use super::{cluster, noise};

pub(super) fn scatter(models: usize) -> Scatter {
    let x: Vec<f64> = (0..models).map(|model| 0.5 - cluster(model) as f64 + 0.3 * noise(model)).collect();
    let y: Vec<f64> = x.iter().zip(0..).map(|(x, model)| 0.6 + 0.2 * x + 0.2 * noise(model + 999)).collect();
    let band = (0..=20).map(|step| -0.5 + 1.3 * f64::from(step) / 20.0);
    Scatter {
        x,
        y,
        clusters: Some((0..models).map(cluster).collect()),
        groups: Vec::new(),
        names: Some((0..models).map(|seed| seed.to_string()).collect()),
        fit: Some(Fit {
            slope: 0.2,
            intercept: 0.7,
            r: 0.874,
            interval: Some((0.71, 0.951)),
            band: band
                .map(|x| (x, 0.02 + 0.04 * x.abs()))
                .map(|(x, half)| [x, 0.7 + 0.2 * x - half, 0.7 + 0.2 * x + half])
                .collect(),
        }),
        x_label: "centroid feature (positive towards the larger cluster)".to_owned(),
        y_label: "F1 on paws".to_owned(),
        y_column: "F1 on paws".to_owned(),
        title: None,
        width: Width::Column,
        look: Look::default(),
    }
}

/// Sharpness is a percentage and can be negative.
pub(super) fn sharpness(models: usize) -> Scatter {
    let x: Vec<f64> = (0..models).map(|model| 2.5 * noise(model + 77) - 0.4 + cluster(model) as f64).collect();
    let y = x.iter().zip(0..).map(|(x, model)| 0.8 - 0.1 * x + 0.1 * noise(model + 555)).collect();
    let fit = Fit { slope: -0.1, intercept: 0.85, r: -0.62, interval: Some((-0.81, -0.31)), band: Vec::new() };
    Scatter { x, y, fit: Some(fit), x_label: "ε-sharpness (%)".to_owned(), ..scatter(models) }
}

fn group(name: &str, models: &[usize], value: impl Fn(usize) -> f64) -> HistogramGroup {
    HistogramGroup {
        name: name.to_owned(),
        models: models.iter().map(|model| model.to_string()).collect(),
        values: models.iter().map(|model| value(*model)).collect(),
    }
}

/// The mean of three numbers of [`noise`]: more in the middle than at the ends.
fn bell(place: usize) -> f64 {
    (noise(3 * place) + noise(3 * place + 1) + noise(3 * place + 2)) / 3.0
}

pub(super) fn histogram(models: usize) -> Histogram {
    let part = |number: usize| -> Vec<usize> { (0..models).filter(|model| cluster(*model) == number).collect() };
    let groups = [0, 1].map(|number| {
        group(&format!("cluster {number}"), &part(number), |model| 0.2 * (1 - number) as f64 + 0.4 * bell(model))
    });
    Histogram {
        groups: groups.into(),
        mirrored: false,
        x_label: "accuracy on hans".to_owned(),
        y_label: "models".to_owned(),
        columns: vec!["accuracy on hans, lexical overlap, non-entailment".to_owned()],
        title: Some("lexical overlap, non-entailment".to_owned()),
        width: Width::Column,
        look: Look::default(),
    }
}

pub(super) fn distributions(models: usize) -> Histogram {
    let all: Vec<usize> = (0..models).collect();
    let groups = vec![
        group("mnli", &all, |model| 0.8 + 0.05 * bell(model)),
        group("hans", &all, |model| 0.3 + 0.6 * bell(model + 200)),
    ];
    Histogram { groups, mirrored: true, x_label: "accuracy".to_owned(), title: None, ..histogram(models) }
}

/// Every eighth model starts in the other cluster.
pub(super) fn movement(models: usize) -> Movement {
    const TIMES: usize = 5;
    let cluster_at = |model: usize, time: usize| {
        if model.is_multiple_of(8) && time < 2 { 1 - cluster(model) } else { cluster(model) }
    };
    let position = |model: usize, time: usize| {
        let centre = if cluster_at(model, time) == 0 { 0.5 } else { -0.4 };
        centre * (0.6 + 0.08 * time as f64) + 0.25 * noise(model + 1000 * time) * (1.0 - 0.1 * time as f64) - 0.12
    };
    let over = |time: usize| (0..models).map(move |model| (model, time));
    Movement {
        names: (0..models).map(|model| model.to_string()).collect(),
        times: ["15000", "20000", "25000", "30000", "last"].map(str::to_owned).into(),
        positions: (0..TIMES).map(|time| over(time).map(|(model, time)| position(model, time)).collect()).collect(),
        clusters: (0..TIMES).map(|time| over(time).map(|(model, time)| cluster_at(model, time)).collect()).collect(),
        x_label: "checkpoint (training step)".to_owned(),
        y_label: "centroid feature (positive: larger cluster)".to_owned(),
        title: None,
        width: Width::Column,
        look: Look::default(),
    }
}
