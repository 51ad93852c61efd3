//! Data that figures seldom see: equal values, outliers, tiny and huge ones, long names.

use super::super::drawing::Drawing;
use super::super::{Curves, Heatmap, Histogram, Movement, PairMatrix, Scatter, Surfaces, Training, Width};
use super::{lines, points, squares};

const STAGE: &str = "accuracy on challenge out of domain lexical overlap";
const MODEL: &str = "other_seeds_of_the_first_study/12@15000";

pub(super) fn drawings() -> Vec<(String, Drawing)> {
    let mut drawings = Vec::new();
    for width in [Width::Column, Width::Page] {
        let mut add = |name: &str, drawing: Drawing| {
            let page = if width == Width::Page { "page-" } else { "" };
            drawings.push((format!("awkward-{page}{name}"), drawing));
        };
        for (size, scale) in [("huge", 4321.0), ("tiny", 3e-6), ("equal", 0.0)] {
            add(&format!("curves-{size}"), curves(scale, width).draw().unwrap());
            add(&format!("heatmap-{size}"), heatmap(scale, width).draw().unwrap());
            add(&format!("training-{size}"), training(scale, width).draw().unwrap());
            add(&format!("movement-{size}"), movement(scale, width).draw().unwrap());
            add(&format!("surface-{size}"), surface(scale, width).draw().unwrap());
            add(&format!("scatter-{size}"), scatter(scale, width).draw().unwrap());
            add(&format!("matrix-{size}"), matrix(scale, width).draw().unwrap());
            for mirrored in [false, true] {
                let name = if mirrored { "distributions" } else { "histogram" };
                add(&format!("{name}-{size}"), histogram(mirrored, scale, width).draw().unwrap());
            }
        }
        add("scatter-outlier", outlier(width).draw().unwrap());
        add("sharpness-negative", negative(width).draw().unwrap());
        let mut far = points::histogram(25);
        far.groups[0].values[3] = 9.5;
        add("histogram-outlier", Histogram { width, ..far }.draw().unwrap());
        let mut barrier = squares::heatmap(25);
        barrier.values[7] = 40.0;
        add("heatmap-outlier", Heatmap { width, ..barrier }.draw().unwrap());
    }
    drawings
}

fn scaled(values: &mut [f64], scale: f64) {
    values.iter_mut().for_each(|value| *value = if scale == 0.0 { 0.7 } else { *value * scale });
}

fn curves(scale: f64, width: Width) -> Curves {
    let mut figure = lines::by_cluster(9);
    figure.curves.iter_mut().for_each(|curve| scaled(&mut curve.y, scale));
    figure.groups[0] = format!("within {MODEL} and its kin");
    Curves { width, band: true, ..figure }
}

fn heatmap(scale: f64, width: Width) -> Heatmap {
    let mut figure = squares::heatmap(12);
    scaled(&mut figure.values, scale);
    figure.models.iter_mut().for_each(|label| *label = format!("{MODEL}{label}"));
    Heatmap { value_label: format!("convexity gap of {STAGE}"), width, ..figure }
}

fn training(scale: f64, width: Width) -> Training {
    let mut figure = lines::training(4, true);
    for run in &mut figure.runs {
        scaled(&mut run.losses, scale);
        scaled(&mut run.rates, scale);
        run.name = format!("{MODEL}{}", run.name);
    }
    Training { width, ..figure }
}

fn movement(scale: f64, width: Width) -> Movement {
    let mut figure = points::movement(25);
    figure.positions.iter_mut().for_each(|positions| scaled(positions, scale));
    figure.names.iter_mut().for_each(|name| *name = format!("{MODEL}{name}"));
    figure.times.iter_mut().for_each(|time| *time = format!("basins at {time}"));
    Movement { width, ..figure }
}

fn surface(scale: f64, width: Width) -> Surfaces {
    let mut figure = squares::surface(6);
    for surface in &mut figure.surfaces {
        scaled(&mut surface.values, scale);
        surface.names = [0, 1, 2].map(|number| format!("{MODEL}{number}"));
        surface.name = Some(STAGE.to_owned());
    }
    Surfaces { width, ..figure }
}

/// One model is a cluster of its own.
fn scatter(scale: f64, width: Width) -> Scatter {
    let mut figure = points::scatter(12);
    scaled(&mut figure.x, scale);
    scaled(&mut figure.y, scale);
    figure.clusters = Some((0..12).map(|model| usize::from(model == 4)).collect());
    figure.names = Some((0..12).map(|model| format!("{MODEL}{model}")).collect());
    Scatter { fit: None, y_label: STAGE.to_owned(), width, ..figure }
}

fn outlier(width: Width) -> Scatter {
    let mut figure = points::scatter(25);
    figure.y[7] = -12.0;
    Scatter { width, ..figure }
}

fn negative(width: Width) -> Scatter {
    let mut figure = points::sharpness(25);
    figure.x.iter_mut().for_each(|x| *x = -1e-3 - 1e-3 * x.abs());
    Scatter { fit: None, clusters: None, width, ..figure }
}

fn matrix(scale: f64, width: Width) -> PairMatrix {
    let mut figure = lines::matrix(5);
    for pair in &mut figure.pairs {
        scaled(&mut pair.y, scale);
        pair.distance *= scale;
    }
    figure.values.iter_mut().flatten().for_each(|value| *value *= scale);
    figure.labels.iter_mut().for_each(|label| *label = format!("{MODEL}{label}"));
    PairMatrix { metric_label: STAGE.to_owned(), distance_label: format!("convexity gap of {STAGE}"), width, ..figure }
}

fn histogram(mirrored: bool, scale: f64, width: Width) -> Histogram {
    let mut figure = if mirrored { points::distributions(25) } else { points::histogram(25) };
    for group in &mut figure.groups {
        scaled(&mut group.values, scale);
        group.name = format!("{MODEL}, {}", group.name);
    }
    Histogram { x_label: STAGE.to_owned(), width, ..figure }
}
