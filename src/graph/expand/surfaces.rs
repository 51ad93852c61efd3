//! Surfaces: a step a plane.

use toml::Spanned;

use super::super::Input;
use super::super::models::{Model, resolve};
use super::{Expander, Plane, data_inputs, model_inputs};
use crate::experiment::{Clips, Diagnostic, StageId, Surface};
use crate::stages::plot::{Figure, Panel};
use crate::stages::{Params, surface};

impl Expander<'_> {
    pub(super) fn surface(&mut self, id: &StageId, surface: &Surface) -> Result<(), Diagnostic> {
        let measure = &surface.measure;
        let data = self.split(&measure.data)?;
        let selection = self.selection(measure);
        let models = resolve(&self.makers, &measure.models);
        for plane in self.planes(&models, surface)? {
            let params = surface::Params {
                selection: selection.clone(),
                metrics: measure.metrics.clone(),
                range: surface.range,
                points: surface.points,
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            for (role, model) in ["model", "first", "second"].into_iter().zip(plane) {
                inputs.extend(model_inputs(role, model));
            }
            let names = plane.map(|model| model.label.clone());
            let step = self.push(id, names.join(","), Params::Surface(params), inputs);
            let plane = Plane { step, models: names, imported: false };
            self.surfaces.entry(id.name.clone()).or_default().push(plane);
        }
        Ok(())
    }

    fn planes<'a>(&self, models: &'a [Model], surface: &Surface) -> Result<Vec<[&'a Model; 3]>, Diagnostic> {
        let Some(listed) = &surface.planes else {
            return match models {
                [anchor, first, second] => Ok(vec![[anchor, first, second]]),
                // The stage that makes them has failed already, and said so.
                [] if !self.errors.is_empty() => Ok(Vec::new()),
                _ => {
                    let span = surface.measure.models[0].span();
                    let message = format!("a plane goes through three models, and this names {}", models.len());
                    Err(Diagnostic::new(message, span)
                        .help("name three models, or list the planes: planes = [[7, 22, 31], [7, 22, 40]]"))
                }
            };
        };
        let find = |label: &String| {
            models.iter().find(|model| model.label == *label).ok_or_else(|| {
                Diagnostic::new(format!("there is no model `{label}` among those of this stage"), listed.span())
                    .suggest(label, models.iter().map(|model| model.label.as_str()))
            })
        };
        let mut planes: Vec<[&Model; 3]> = Vec::new();
        for [anchor, first, second] in listed.get_ref() {
            let plane = [find(anchor)?, find(first)?, find(second)?];
            if plane[0] == plane[1] || plane[0] == plane[2] || plane[1] == plane[2] {
                let message = format!("the plane {anchor}, {first}, {second} names a model twice");
                return Err(Diagnostic::new(message, listed.span()));
            }
            if !planes.contains(&plane) {
                planes.push(plane);
            }
        }
        Ok(planes)
    }

    /// The figure of the planes of some surface stages, side by side.
    pub(super) fn surface_figure(
        &self,
        of: &[Spanned<String>],
        metric: &str,
        clips: Clips,
    ) -> Option<(Figure, Vec<Input>)> {
        let (mut panels, mut inputs) = (Vec::new(), Vec::new());
        for stage in of {
            for plane in self.surfaces.get(stage.get_ref())? {
                for name in ["plane", "surface"] {
                    let role = format!("{name}:{}", panels.len());
                    let output =
                        if plane.imported { format!("{name}:{}", plane.models.join(",")) } else { name.to_owned() };
                    inputs.push(Input { role, from: plane.step, output });
                }
                panels.push(Panel { surface: stage.get_ref().clone(), models: plane.models.clone() });
            }
        }
        let Clips { x, y, z } = clips;
        Some((Figure::Surface { metric: metric.to_owned(), panels, clip_x: x, clip_y: y, clip_z: z }, inputs))
    }
}
