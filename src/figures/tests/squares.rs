//! Made-up figures in which colours are values.

use super::super::{Beside, Heatmap, Look, SurfacePlane, Surfaces, Width};
use super::{cluster, noise};

pub(super) fn heatmap(models: usize) -> Heatmap {
    let mut order: Vec<usize> = (0..models).collect();
    order.sort_by_key(|model| (cluster(*model), *model));
    let value = |(i, j): (usize, usize)| match (i.min(j), i.max(j)) {
        (i, j) if i == j => 0.0,
        (i, j) if cluster(i) == cluster(j) => 0.08 * noise(i * models + j),
        (i, j) => 0.3 + 0.25 * noise(i * models + j),
    };
    let labels: Vec<String> = order.iter().map(|model| model.to_string()).collect();
    Heatmap {
        values: order.iter().flat_map(|i| order.iter().map(|j| (*i, *j))).map(value).collect(),
        models: labels,
        beside: None,
        value_label: "convexity gap (nats)".to_owned(),
        clusters: Some(order.iter().map(|model| cluster(*model)).collect()),
        separators: true,
        title: None,
        width: Width::Column,
        look: Look::default(),
    }
}

pub(super) fn by_metric(models: usize) -> Heatmap {
    Heatmap {
        beside: Some(Beside {
            name: "F1 on paws".to_owned(),
            column: "F1 on paws".to_owned(),
            values: (0..models).map(|model| 0.5 + 0.4 * model as f64 / models as f64).collect(),
        }),
        separators: false,
        ..heatmap(models)
    }
}

pub(super) fn agreement(models: usize) -> Heatmap {
    let distances = heatmap(models);
    Heatmap {
        values: distances.values.iter().map(|distance| 1.0 - 0.4 * distance).collect(),
        value_label: "share of equal predictions".to_owned(),
        ..distances
    }
}

pub(super) fn divergence(models: usize) -> Heatmap {
    let distances = heatmap(models);
    Heatmap {
        values: distances.values.iter().map(|distance| 0.01 * distance).collect(),
        value_label: "Jensen–Shannon divergence (nats)".to_owned(),
        clusters: None,
        separators: false,
        ..distances
    }
}

/// Three basins, one at each model; a plane for every three models, at most six.
pub(super) fn surface(models: usize) -> Surfaces {
    let planes = (models / 3).clamp(1, 6);
    let plane = |number: usize| {
        let scale = 0.9 - 0.1 * (number % 3) as f64;
        let axis = |scale: f64| -> Vec<f64> { (0..61).map(|point| scale * (f64::from(point) / 10.0 - 3.0)).collect() };
        let (x, y) = (axis(1.0), axis(scale));
        let places = [(0.0, 0.0), (1.0, 0.0), (0.2 + 0.1 * number as f64, scale)];
        let loss = |x: f64, y: f64| {
            let basin =
                |((px, py), deep): ((f64, f64), f64)| deep * (-((x - px).powi(2) + (y - py).powi(2)) / 0.4).exp();
            let basins: f64 = places.into_iter().zip([0.5, 0.4, 0.55]).map(basin).sum();
            (0.9 - basins + 0.12 * (x - 0.4).hypot(y - 0.4)).max(0.2)
        };
        SurfacePlane {
            values: y.iter().flat_map(|y| x.iter().map(|x| loss(*x, *y)).collect::<Vec<_>>()).collect(),
            x,
            y,
            places,
            names: [3 * number, 3 * number + 1, 3 * number + 2].map(|seed| seed.to_string()),
            name: (planes > 1).then(|| format!("plane {number}")),
        }
    };
    Surfaces {
        surfaces: (0..planes).map(plane).collect(),
        value_label: "loss (nats)".to_owned(),
        from_zero: true,
        aslant: false,
        clip_x: None,
        clip_y: None,
        clip_z: None,
        title: None,
        width: Width::Column,
        look: Look::default(),
    }
}

pub(super) fn landscape(models: usize) -> Surfaces {
    Surfaces { aslant: true, ..surface(models) }
}

/// As the paper shows them: close to the models, with colours for the lower losses alone.
pub(super) fn clipped(models: usize) -> Surfaces {
    Surfaces { clip_x: Some([-1.0, 2.0]), clip_y: Some([-1.0, 1.7]), clip_z: Some([0.45, 1.0]), ..surface(models) }
}
