//! A step a plane.

use super::plane::{PLANE, SURFACE, Surface, Surfaces};
use super::run::{FIRST, Params, SECOND};
use super::spec::SurfaceSpec;
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::models::{MODEL, Member, Model};
use crate::kinds::offers::Offers;
use crate::kinds::preflight::Preflight;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::Diagnostic;
use crate::study::words::Metric;

impl Offers for SurfaceSpec {
    fn measures(&self) -> Option<(Vec<Metric>, &'static str)> {
        Some((self.measure.metrics.clone(), "metrics"))
    }
}

impl Spec for SurfaceSpec {
    fn references(&self, to: &mut References<'_>) {
        self.measure.references(to);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let measure = &self.measure;
        let data = to.split(&measure.data)?;
        let selection = measure.joined_selection(to);
        let models = to.models(&measure.models);
        let mut surfaces = Vec::new();
        for plane in self.planes(&models, to.is_sound(), &|label| to.leaves_out_label(&measure.models, label))? {
            let params = Params {
                selection: selection.clone(),
                metrics: measure.metrics.clone(),
                range: self.range,
                points: self.points,
                precision: to.precision(),
            };
            let mut inputs = data_inputs(data);
            for (role, model) in [MODEL, FIRST, SECOND].iter().zip(plane) {
                inputs.extend(model.inputs(role));
            }
            let models = plane.map(|model| model.label.clone());
            let step = to.push(stage, models.join(","), params, inputs);
            to.about(step, &plane.map(|model| Member::Here(model.clone())));
            surfaces.push(Surface { step, models, plane: PLANE, grid: SURFACE });
        }
        to.publish(stage, Surfaces(surfaces));
        Ok(())
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        let per_unit = self.points as f64 / (2.0 * self.range);
        [self.measure.defaults(false), vec![("range", self.range.into()), ("points_per_unit", per_unit.into())]]
            .concat()
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        let models: Vec<Model> = to.models(&self.measure.models).into_iter().map(|(model, _)| model).collect();
        let number = |model: &Model| models.iter().position(|other| other == model).unwrap_or_default();
        let planes = self.planes(&models, true, &|_| false).unwrap_or_default();
        let pairs: Vec<[usize; 2]> = planes
            .iter()
            .flat_map(|[anchor, first, second]| [[number(anchor), number(first)], [number(anchor), number(second)]])
            .collect();
        self.measure.preflight_joined(&pairs, "no plane goes through", to);
    }
}

impl SurfaceSpec {
    /// `left_out`: whether a model that may be named is not there on purpose.
    fn planes<'a>(
        &self,
        models: &'a [Model],
        is_sound: bool,
        left_out: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<[&'a Model; 3]>, Diagnostic> {
        let Some(listed) = &self.planes else {
            return match models {
                [anchor, first, second] => Ok(vec![[anchor, first, second]]),
                // The stage that makes them has failed already, and said so.
                [] if !is_sound => Ok(Vec::new()),
                _ => {
                    let span = self.measure.models[0].span();
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
        let there = |label: &String| !left_out(label);
        for [anchor, first, second] in listed.get_ref().iter().filter(|plane| plane.iter().all(there)) {
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
}
