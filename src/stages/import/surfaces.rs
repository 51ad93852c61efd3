//! Surfaces as Python pickles → planes with one grid for all their metrics.

use std::collections::BTreeMap;

use super::{SurfacesParams, read};
use crate::data::published::{LogFile, Pattern, PublishedError};
use crate::engine::{Context, Outputs, StageError};
use crate::model::formats::{PublishedSurface, read_surface};
use crate::stages::surface::{Grid, Plane};

/// The names that the files give the three models, the anchor first.
const MODELS: [&str; 3] = ["w0", "w1", "w2"];

/// `7,22,31`, as a plane of our own is called.
pub fn plane_name(plane: &[u64; 3]) -> String {
    plane.map(|model| model.to_string()).join(",")
}

impl SurfacesParams {
    /// The metric and the place among the planes of a file, if it is one of them.
    fn place(&self, patterns: &[(&String, Pattern)], name: &str) -> Option<(String, usize)> {
        patterns.iter().find_map(|(metric, pattern)| {
            let place = match *pattern.numbers(name)?.as_slice() {
                [] => Some(0),
                [anchor, first, second] => self.planes.iter().position(|plane| *plane == [anchor, first, second]),
                _ => None,
            };
            Some(((*metric).clone(), place?))
        })
    }

    fn patterns(&self) -> Result<Vec<(&String, Pattern)>, PublishedError> {
        self.files.iter().map(|(metric, text)| Ok((metric, Pattern::parse_planes(text)?))).collect()
    }

    /// Whether a file is one of these surfaces, by its name.
    pub fn wanted(&self) -> Result<impl Fn(&str) -> bool + '_, PublishedError> {
        let patterns = self.patterns()?;
        Ok(move |name: &str| self.place(&patterns, name).is_some())
    }
}

pub fn surfaces(params: &SurfacesParams, context: &mut Context) -> Result<Outputs, StageError> {
    let patterns = params.patterns()?;
    let files = params.logs.files(&params.wanted()?, context)?;
    let mut found: BTreeMap<(usize, String), &LogFile> = BTreeMap::new();
    for file in &files {
        let Some((metric, place)) = params.place(&patterns, &file.name) else { continue };
        if let Some(known) = found.insert((place, metric.clone()), file)
            && read(known)? != read(file)?
        {
            let (one, other, plane) = (&known.name, &file.name, plane_name(&params.planes[place]));
            let message = format!("`{one}` and `{other}` both are the {metric} of the plane {plane}, and they differ");
            return Err(StageError::new(message).help("name one of them alone with its folder in `files`"));
        }
    }
    let all: Vec<(usize, String)> = (0..params.planes.len())
        .flat_map(|place| params.files.keys().map(move |metric| (place, metric.clone())))
        .collect();
    let missing: Vec<_> = all.iter().filter(|one| !found.contains_key(*one)).collect();
    if !missing.is_empty() {
        let name = |(place, metric): &&(usize, String)| format!("{metric} of {}", plane_name(&params.planes[*place]));
        let shown: Vec<String> = missing.iter().take(10).map(name).collect();
        let more = if missing.len() > 10 { "; …" } else { "" };
        let message = format!("{} of {} surfaces are missing: {}{more}", missing.len(), all.len(), shown.join("; "));
        return Err(StageError::new(message).help("leave those planes out of `planes`, or check `files`"));
    }
    let mut outputs = Outputs::default();
    for (place, plane) in params.planes.iter().enumerate() {
        let mut surfaces = Vec::with_capacity(params.files.len());
        for metric in params.files.keys() {
            let file = found[&(place, metric.clone())];
            surfaces.push((metric, file.name.as_str(), surface(file)?));
        }
        let (plane_found, grid) = one_plane(surfaces)?;
        outputs.json(&format!("plane:{}", plane_name(plane)), &plane_found)?;
        outputs.bytes(&format!("surface:{}", plane_name(plane)), grid.to_parquet()?);
        context.progress(place + 1, params.planes.len());
    }
    Ok(outputs)
}

/// A surface with the three models' places, which can be drawn.
fn surface(file: &LogFile) -> Result<(PublishedSurface, [[f64; 2]; 3]), StageError> {
    let wrong = |what: String| StageError::new(format!("{}: {what}", file.name));
    let surface = read_surface(&read(file)?).map_err(|error| wrong(error.to_string()))?;
    for (name, axis) in [("x", &surface.x), ("y", &surface.y)] {
        let rises = axis.windows(2).all(|pair| pair[0] < pair[1]) && axis.iter().all(|value| value.is_finite());
        if axis.len() < 2 || !rises {
            return Err(wrong(format!("the {name} of its grid do not rise, or are fewer than two")));
        }
    }
    if let Some(place) = surface.values.iter().position(|value| !value.is_finite()) {
        let (x, y) = (surface.x[place % surface.x.len()], surface.y[place / surface.x.len()]);
        return Err(wrong(format!("its value at x = {x:.3}, y = {y:.3} is {}", surface.values[place])));
    }
    let mut places = [[0.0; 2]; 3];
    for (place, wanted) in places.iter_mut().zip(MODELS) {
        match surface.models.iter().find(|(name, ..)| name == wanted) {
            Some((_, x, y)) if x.is_finite() && y.is_finite() => *place = [*x, *y],
            Some(_) => return Err(wrong(format!("the place of its model `{wanted}` is no pair of numbers"))),
            None => {
                let there: Vec<&str> = surface.models.iter().map(|(name, ..)| name.as_str()).collect();
                return Err(wrong(format!(
                    "it has no place for the model `{wanted}`, only for [{}]",
                    there.join(", ")
                )));
            }
        }
    }
    Ok((surface, places))
}

type Read<'a> = (&'a String, &'a str, (PublishedSurface, [[f64; 2]; 3]));

/// The files of one plane, a metric each, on one grid.
fn one_plane(surfaces: Vec<Read<'_>>) -> Result<(Plane, Grid), StageError> {
    let mut surfaces = surfaces.into_iter();
    let Some((metric, first, (surface, places))) = surfaces.next() else {
        return Err(StageError::new("no file is named in `files`"));
    };
    let mut grid = Grid { x: surface.x, y: surface.y, metrics: BTreeMap::from([(metric.clone(), surface.values)]) };
    for (metric, name, (surface, other)) in surfaces {
        if surface.x != grid.x || surface.y != grid.y || other != places {
            let message = format!("`{first}` and `{name}` are of one plane, but their grids or models differ");
            return Err(StageError::new(message).help("give each a surface stage of its own"));
        }
        grid.metrics.insert(metric.clone(), surface.values);
    }
    // The x axis leads to the model at (1, 0); the other one's place is what its plane is described by.
    let off = |[x, y]: [f64; 2]| (x - 1.0).hypot(y);
    let swapped = off(places[2]) < off(places[1]);
    let [removed, scale] = if swapped { places[1] } else { places[2] };
    let plane = Plane {
        examples: 0,
        points: [grid.x.len(), grid.y.len()],
        metrics: grid.metrics.keys().cloned().collect(),
        places,
        swapped,
        removed,
        scale,
        length: None,
        distances: None,
    };
    Ok((plane, grid))
}
