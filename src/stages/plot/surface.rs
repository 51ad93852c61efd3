//! Planes through three models, side by side.

use super::{Panel, metric_title};
use crate::engine::{Context, StageError};
use crate::figures::{SurfacePlane, Surfaces, Width};
use crate::stages::surface::{Grid, Plane};

pub(super) fn surfaces(
    metric: &str,
    panels: &[Panel],
    [clip_x, clip_y, clip_z]: [Option<[f64; 2]>; 3],
    title: Option<String>,
    context: &Context,
) -> Result<Surfaces, StageError> {
    let several = panels.iter().any(|panel| panel.surface != panels[0].surface);
    let surface = |(number, panel): (usize, &Panel)| {
        let plane: Plane = context.json(&format!("plane:{number}"))?;
        let mut grid = Grid::from_parquet(&context.bytes(&format!("surface:{number}"))?, plane.points)?;
        let values = grid.metrics.remove(metric);
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
    Ok(Surfaces {
        width: if surfaces.len() == 1 { Width::Column } else { Width::Page },
        surfaces,
        value_label: metric_title(metric),
        clip_x,
        clip_y,
        clip_z,
        title,
    })
}
