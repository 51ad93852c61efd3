//! `kind = "surface"`: planes through three models, side by side.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::raw::RawPlot;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{SurfacePlane, Surfaces, Width};
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::kinds::surface::{self, Grid, Plane};
use crate::study::words::Metric;
use crate::study::{Checker, Diagnostic};

pub const FIGURE: FigureKind = FigureKind {
    name: "surface",
    told_by: None,
    tag: "surface",
    keys: &["metric", "clip_x", "clip_y", "clip_z"],
    read,
    draw,
};

/// `plane:I` and `surface:I` for every panel.
const PLANE: Role<Plane> = Role::new("plane");
const GRID: Role<Grid> = Role::new("surface");

#[derive(Debug)]
struct SurfaceSpec {
    of: Vec<Spanned<String>>,
    metric: Metric,
    /// What is shown: ranges of x, y and the metric.
    clips: [Option<[f64; 2]>; 3],
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "surface")]
struct Parameters {
    metric: Metric,
    panels: Vec<Panel>,
    clip_x: Option<[f64; 2]>,
    clip_y: Option<[f64; 2]>,
    clip_z: Option<[f64; 2]>,
}

/// One plane of a surface stage, and its three models' labels, the anchor first.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Panel {
    surface: String,
    models: [String; 3],
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.all_of(&[surface::KIND]);
    if of.is_empty() {
        checker.fail::<()>(Diagnostic::new("`of` is empty: name a surface stage", raw.of.span()));
    }
    let mut clips = [None; 3];
    let given = [(&raw.clip_x, "clip_x"), (&raw.clip_y, "clip_y"), (&raw.clip_z, "clip_z")];
    for (range, (clip, name)) in clips.iter_mut().zip(given) {
        let Some(clip) = clip else { continue };
        let [low, high] = *clip.get_ref();
        if !(low.is_finite() && high.is_finite() && low < high) {
            let message = format!("`{name}` must be two numbers, the lower one first");
            checker.fail::<()>(Diagnostic::new(message, clip.span()));
        }
        *range = Some([low, high]);
    }
    let metric = checker.metric(raw.metric.as_ref(), Metric::Loss)?;
    Some(Box::new(SurfaceSpec { of, metric, clips }))
}

impl Figure for SurfaceSpec {
    fn references(&self, to: &mut References<'_>) {
        self.of.iter().for_each(|of| to.measures(of, surface::KIND, self.metric));
    }

    fn expand(&self, from: &Expander<'_>) -> Expanded {
        let (mut panels, mut inputs) = (Vec::new(), Vec::new());
        for stage in &self.of {
            let Some(surface::Surfaces(planes)) = from.find(surface::KIND, stage.get_ref()) else { return Ok(None) };
            for plane in planes {
                inputs.push(Input::new(&PLANE.of(panels.len()), plane.step, &plane.plane));
                inputs.push(Input::new(&GRID.of(panels.len()), plane.step, &plane.grid));
                panels.push(Panel { surface: stage.get_ref().clone(), models: plane.models.clone() });
            }
        }
        let [clip_x, clip_y, clip_z] = self.clips;
        Ok(Some(Drawing::new(&Parameters { metric: self.metric, panels, clip_x, clip_y, clip_z }, inputs)))
    }
}

fn draw(parameters: Value, title: Option<String>, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { metric, panels, clip_x, clip_y, clip_z } = serde_json::from_value(parameters)?;
    let several = panels.iter().any(|panel| panel.surface != panels[0].surface);
    let surface = |(number, panel): (usize, &Panel)| {
        let plane = context.json(&PLANE.of(number))?;
        let mut grid = Grid::from_parquet(&context.bytes(&GRID.of(number))?, plane.points)?;
        let values = grid.metrics.remove(&metric);
        Ok(SurfacePlane {
            values: values.ok_or_else(|| StageError::new(format!("the surface does not measure `{metric}`")))?,
            x: grid.x,
            y: grid.y,
            places: plane.places.map(|[x, y]| (x, y)),
            names: panel.models.clone(),
            name: several.then(|| panel.surface.replace('_', " ")),
        })
    };
    let surfaces = panels.iter().enumerate().map(surface).collect::<Result<Vec<_>, StageError>>()?;
    Ok(Box::new(Surfaces {
        width: if surfaces.len() == 1 { Width::Column } else { Width::Page },
        surfaces,
        value_label: metric.title().to_owned(),
        clip_x,
        clip_y,
        clip_z,
        title,
    }))
}
