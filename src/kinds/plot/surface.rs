//! `kind = "surface"`: planes through three models, side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::pick::Pick;
use super::raw::{RawPlot, View};
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Look, SurfacePlane, Surfaces, Width};
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::kinds::surface::{self, Grid, Plane};
use crate::study::words::Metric;
use crate::study::{Checker, Diagnostic};

pub const FIGURE: FigureKind = FigureKind {
    name: "surface",
    about: "Planes through three models, side by side; `of` is one surface stage or several.",
    example: "[plot.surface]\nkind = \"surface\"\nof = \"plane\"\n",
    needs: &[],
    told_by: None,
    tag: "surface",
    keys: &["metric", "clip_x", "clip_y", "clip_z", "view"],
    limits: &[],
    log: &[],
    colours_are_values: true,
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
    view: View,
}

fn is_above(view: &View) -> bool {
    *view == View::Above
}

fn above() -> View {
    View::Above
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "surface")]
struct Parameters {
    metric: Metric,
    panels: Vec<Panel>,
    clip_x: Option<[f64; 2]>,
    clip_y: Option<[f64; 2]>,
    clip_z: Option<[f64; 2]>,
    #[serde(default = "above", skip_serializing_if = "is_above")]
    view: View,
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
    let view = checker.one_of(raw.view.as_deref(), View::Above, "a surface has no view {}")?;
    Some(Box::new(SurfaceSpec { of, metric, clips, view }))
}

impl Figure for SurfaceSpec {
    fn references(&self, to: &mut References<'_>) {
        self.of.iter().for_each(|of| to.measures(of, surface::KIND, self.metric));
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let (mut panels, mut inputs, mut names) = (Vec::new(), Vec::new(), BTreeMap::new());
        for stage in &self.of {
            let Some(surface::Surfaces(planes)) = from.find(surface::KIND, stage.get_ref()) else { return Ok(None) };
            let all = pick.0.as_ref().map(|references| {
                from.models(references).into_iter().map(|model| model.label).collect::<Vec<String>>()
            });
            let shown = |plane: &&surface::Surface| {
                all.as_ref().is_none_or(|all| plane.models.iter().all(|model| all.contains(model)))
            };
            for plane in planes.iter().filter(shown) {
                inputs.push(Input::new(&PLANE.of(panels.len()), plane.step, &plane.plane));
                inputs.push(Input::new(&GRID.of(panels.len()), plane.step, &plane.grid));
                // Published planes are one step, which is about the models of all of them.
                let own = from.subjects(plane.step);
                let whole = if let [_, _, _] = own { own } else { &plane.models[..] };
                names.extend(plane.models.iter().cloned().zip(whole.iter().cloned()));
                panels.push(Panel { surface: stage.get_ref().clone(), models: plane.models.clone() });
            }
        }
        if let (true, Some([first, ..])) = (panels.is_empty(), pick.0.as_deref()) {
            let message = "no plane of this figure is through these models alone";
            return Err(Diagnostic::new(message, first.span()).help("name the three models of a plane"));
        }
        let stages: Vec<String> = self.of.iter().map(|stage| stage.get_ref().clone()).collect();
        let [clip_x, clip_y, clip_z] = self.clips;
        let parameters = Parameters { metric: self.metric, panels, clip_x, clip_y, clip_z, view: self.view };
        let mut drawing = Drawing::new(&parameters, inputs).naming_all(stages);
        drawing.names = names;
        Ok(Some(drawing))
    }
}

fn draw(parameters: Value, look: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { metric, panels, clip_x, clip_y, clip_z, view } = serde_json::from_value(parameters)?;
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
            name: several.then(|| look.stage(&panel.surface)),
        })
    };
    let surfaces = panels.iter().enumerate().map(surface).collect::<Result<Vec<_>, StageError>>()?;
    Ok(Box::new(Surfaces {
        width: if surfaces.len() == 1 { Width::Column } else { Width::Page },
        look: Look::default(),
        surfaces,
        value_label: metric.title().to_owned(),
        clip_x,
        clip_y,
        clip_z,
        aslant: view == View::Aslant,
        title: None,
        from_zero: metric == Metric::Loss,
    }))
}
