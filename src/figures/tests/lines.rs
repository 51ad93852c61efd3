//! Made-up figures of lines: along pairs, over training, in the overview.

use super::super::{Curve, Curves, Look, MatrixPair, PairMatrix, Training, TrainingRun, Width};
use super::{cluster, noise};

fn curves(models: usize, groups: &[&str], group: impl Fn(usize, usize) -> usize) -> Curves {
    let x: Vec<f64> = (0..10).map(|i| f64::from(i) / 9.0).collect();
    let pairs = (0..models).flat_map(|j| (0..j).map(move |i| (i, j)));
    let curve = |(i, j): (usize, usize)| {
        let barrier = if cluster(i) == cluster(j) { 0.05 } else { 0.5 } * (0.6 + 0.8 * noise(i * models + j));
        let (from, to) = (0.25 + 0.08 * noise(i), 0.25 + 0.08 * noise(j));
        let y = x.iter().map(|x| from + (to - from) * x + barrier * 4.0 * x * (1.0 - x)).collect();
        Curve { pair: [i.to_string(), j.to_string()], x: x.clone(), y, group: group(i, j) }
    };
    Curves {
        curves: pairs.map(curve).collect(),
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
        lines: true,
        band: false,
        x_label: "interpolation coefficient".to_owned(),
        y_label: "loss (nats)".to_owned(),
        title: None,
        width: Width::Column,
        look: Look::default(),
    }
}

pub(super) fn by_cluster(models: usize) -> Curves {
    let groups = ["within cluster 0", "within cluster 1", "between clusters"];
    let figure = curves(models, &groups, |i, j| if cluster(i) == cluster(j) { cluster(i) } else { 2 });
    Curves { title: Some(format!("QQP, {models} models")), ..figure }
}

pub(super) fn best_and_worst(models: usize) -> Curves {
    let groups = ["within the best 5", "within the worst 5", "between best and worst"];
    let figure = curves(models, &groups, |i, j| if cluster(i) == cluster(j) { cluster(i) } else { 2 });
    Curves { lines: false, band: true, ..figure }
}

/// Losses that fall, under one schedule or one for each run.
pub(super) fn training(runs: usize, own_schedules: bool) -> Training {
    let steps: Vec<u64> = (0..300).map(|place| 1 + place * 34_109 / 299).collect();
    let share = |step: &u64| *step as f64 / 34_110.0;
    let loss = |run: usize, step: &u64| {
        let wobble = 0.06 * (noise(run * 40_000 + *step as usize) - 0.5) * (1.2 - share(step));
        0.25 + 0.85 * (-6.0 * share(step)).exp() + wobble + 0.01 * noise(run)
    };
    let rate = |run: usize, step: &u64| {
        let (peak, warmup) =
            if own_schedules { (2e-5 * (1.0 + noise(run)), 0.02 * (1 + run % 7) as f64) } else { (2e-5, 0.1) };
        peak * if share(step) < warmup { share(step) / warmup } else { 1.0 - share(step) }
    };
    let run = |run: usize| TrainingRun {
        name: run.to_string(),
        losses: steps.iter().map(|step| loss(run, step)).collect(),
        rates: steps.iter().map(|step| rate(run, step)).collect(),
        steps: steps.clone(),
        group: 0,
    };
    Training {
        runs: (0..runs).map(run).collect(),
        groups: Vec::new(),
        x_label: "training step".to_owned(),
        y_label: "training loss (nats), mean of 50 steps".to_owned(),
        title: None,
        width: Width::Column,
        look: Look::default(),
    }
}

pub(super) fn matrix(models: usize) -> PairMatrix {
    let lines = curves(models, &["pairs"], |_, _| 0);
    let order = |curve: &Curve| curve.pair.clone().map(|name| name.parse::<usize>().unwrap_or(0));
    let pair = |curve: Curve| {
        let [first, second] = order(&curve);
        let distance = curve.y.iter().fold(0.0, |most: f64, y| most.max(y - curve.y[0].min(curve.y[9])));
        MatrixPair { first, second, x: curve.x, y: curve.y, distance }
    };
    PairMatrix {
        labels: (0..models).map(|seed| seed.to_string()).collect(),
        values: (0..models).map(|seed| Some(0.25 + 0.08 * noise(seed))).collect(),
        pairs: lines.curves.into_iter().map(pair).collect(),
        x_label: "interpolation coefficient".to_owned(),
        metric_label: "loss (nats)".to_owned(),
        distance_label: "convexity gap (nats)".to_owned(),
        title: None,
        width: Width::Column,
        look: Look::default(),
    }
}
