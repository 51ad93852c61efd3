//! Surfaces that others published as Python pickles, a file for each plane and metric.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use super::plane::{Grid, PLANE, Plane, SURFACE, Surface, Surfaces};
use crate::data::published::{LogFile, Pattern, PublishedError};
use crate::engine::{Context, Outputs, StageEnd, StageError, StageId, StepKind};
use crate::kinds::expand::Expander;
use crate::kinds::models::Member;
use crate::kinds::offers::Offers;
use crate::kinds::pairs::RawPlanes;
use crate::kinds::published::{Logs, LogsSpec, first_missing, read as read_file};
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::kinds::written::Written;
use crate::model::formats::{PublishedSurface, read_surface};
use crate::study::shape::table;
use crate::study::words::Metric;
use crate::study::{Checker, Diagnostic, Text};

table! {
    struct RawSurfaces {
        /// Python pickles, of which nothing is executed: `hf:REPO` or `path:FOLDER`.
        logs: Text,
        /// Of the repository or folder; all of it where this is left out.
        folder: Option<Text>,
        /// A name of files for each metric, with `{}` for the numbers of the plane's three models: `{ loss = "loss_{}_{}_{}.pkl" }`.
        files: Spanned<BTreeMap<String, Text>>,
        /// By the models' numbers, the anchor first: `[[7, 22, 31]]`.
        planes: Spanned<RawPlanes>,
    }
}

#[derive(Debug)]
pub struct PublishedSurfaces {
    logs: LogsSpec,
    /// Metric → names of files.
    files: BTreeMap<Metric, String>,
    /// Numbers of three models, the anchor first; each plane once.
    planes: Vec<[u64; 3]>,
}

pub fn written() -> Written {
    Written::new::<RawSurfaces>(
        "planes that others published",
        "Python pickles take the place of measured planes.",
        "[surface.plane]\nlogs = \"path:surfaces\"\nfiles = { loss = \"loss_{}_{}_{}.pkl\" }\nplanes = [[7, 22, 31]]\n",
    )
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<PublishedSurfaces> {
    let raw: RawSurfaces = checker.table(value)?;
    let planes = check_planes(raw.planes, checker)?;
    let at = raw.files.span();
    let mut files = BTreeMap::new();
    for (metric, text) in raw.files.into_inner() {
        let metric = checker.metric(Some(&Spanned::new(text.span(), metric)), Metric::Loss);
        let pattern = checker.parse(text, |text| Pattern::parse_planes(text).map_err(|error| error.to_string()))?;
        let name = pattern.span();
        let pattern = pattern.into_inner();
        if planes.len() > 1 && !pattern.has_numbers() {
            let message = format!("one file cannot hold {} planes", planes.len());
            checker.fail::<()>(
                Diagnostic::new(message, name.clone()).help("write {} where each of the three models' numbers stands"),
            );
        }
        files.extend(metric.map(|metric| (metric, pattern.text())));
    }
    if files.is_empty() {
        return checker
            .fail(Diagnostic::new("`files` names no file", at).help("write files = { loss = \"NAME.pkl\" }"));
    }
    Some(PublishedSurfaces { logs: LogsSpec::check(&raw.logs, raw.folder, checker)?, files, planes })
}

fn check_planes(raw: Spanned<RawPlanes>, checker: &mut Checker) -> Option<Vec<[u64; 3]>> {
    let at = raw.span();
    let listed = match raw.into_inner() {
        RawPlanes::Seeds(listed) if !listed.is_empty() => listed,
        RawPlanes::Seeds(_) | RawPlanes::Labels(_) => {
            let message = "the planes of published surfaces are listed by their models' numbers";
            return checker.fail(Diagnostic::new(message, at).help("write planes = [[7, 22, 31]], the anchor first"));
        }
    };
    let mut planes = Vec::new();
    for plane in listed {
        let [anchor, first, second] = plane;
        if anchor == first || anchor == second || first == second {
            let message = format!("the plane {anchor}, {first}, {second} names a model twice");
            return checker.fail(Diagnostic::new(message, at));
        }
        if !planes.contains(&plane) {
            planes.push(plane);
        }
    }
    Some(planes)
}

impl Offers for PublishedSurfaces {
    fn measures(&self) -> Option<(Vec<Metric>, &'static str)> {
        Some((self.files.keys().copied().collect(), "files"))
    }
}

impl Spec for PublishedSurfaces {
    fn references(&self, _: &mut References<'_>) {}

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        // Which files are wanted decides the logs' digest.
        let logs = Logs { sources: Vec::new(), folder: None };
        let mut params = Params { logs, files: self.files.clone(), planes: self.planes.clone() };
        let (logs, location) = match params.wanted() {
            Ok(wanted) => self.logs.resolve(&wanted, to)?,
            Err(error) => return Err(Diagnostic { message: error.to_string(), span: None, help: None }),
        };
        params.logs = logs;
        let step = to.push_at(location, stage, "", params, vec![]);
        to.about(step, &Member::published(self.planes.as_flattened()));
        let one = |plane: &[u64; 3]| Surface {
            step,
            models: plane.map(|model| model.to_string()),
            plane: PLANE.of(plane_name(plane)),
            grid: SURFACE.of(plane_name(plane)),
        };
        to.publish(stage, Surfaces(self.planes.iter().map(one).collect()));
        Ok(())
    }
}

/// The artifacts are `plane:7,22,31` and `surface:7,22,31`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub logs: Logs,
    /// Metric → names of files, with `{}` three times for the models' numbers or without.
    pub files: BTreeMap<Metric, String>,
    /// The models `w0`, `w1` and `w2` of each plane.
    pub planes: Vec<[u64; 3]>,
}

/// The names that the files give the three models, the anchor first.
const MODELS: [&str; 3] = ["w0", "w1", "w2"];

/// `7,22,31`, as a plane of our own is called.
pub fn plane_name(plane: &[u64; 3]) -> String {
    plane.map(|model| model.to_string()).join(",")
}

impl Params {
    /// The metric and the place among the planes of a file, if it is one of them.
    fn place(&self, patterns: &[(Metric, Pattern)], name: &str) -> Option<(Metric, usize)> {
        patterns.iter().find_map(|(metric, pattern)| {
            let place = match *pattern.numbers(name)?.as_slice() {
                [] => Some(0),
                [anchor, first, second] => self.planes.iter().position(|plane| *plane == [anchor, first, second]),
                _ => None,
            };
            Some((*metric, place?))
        })
    }

    fn patterns(&self) -> Result<Vec<(Metric, Pattern)>, PublishedError> {
        self.files.iter().map(|(metric, text)| Ok((*metric, Pattern::parse_planes(text)?))).collect()
    }

    /// Whether a file is one of these surfaces, by its name.
    pub fn wanted(&self) -> Result<impl Fn(&str) -> bool + '_, PublishedError> {
        let patterns = self.patterns()?;
        Ok(move |name: &str| self.place(&patterns, name).is_some())
    }
}

impl StepKind for Params {
    const KIND: &'static str = "import-surfaces";
    /// 2: no longer mirrored, x for y.
    const VERSION: u32 = 2;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let patterns = self.patterns()?;
        let files = self.logs.files(&self.wanted()?, context)?;
        let mut found: BTreeMap<(usize, Metric), &LogFile> = BTreeMap::new();
        for file in &files {
            let Some((metric, place)) = self.place(&patterns, &file.name) else { continue };
            if let Some(known) = found.insert((place, metric), file)
                && read_file(known)? != read_file(file)?
            {
                let (one, other, plane) = (&known.name, &file.name, plane_name(&self.planes[place]));
                let message =
                    format!("`{one}` and `{other}` both are the {metric} of the plane {plane}, and they differ");
                return Err(StageError::new(message).help("name one of them alone with its folder in `files`").into());
            }
        }
        let all: Vec<(usize, Metric)> =
            (0..self.planes.len()).flat_map(|place| self.files.keys().map(move |metric| (place, *metric))).collect();
        let missing: Vec<_> = all.iter().filter(|one| !found.contains_key(*one)).collect();
        if !missing.is_empty() {
            let name = |(place, metric): &&(usize, Metric)| format!("{metric} of {}", plane_name(&self.planes[*place]));
            let shown = first_missing(&missing.iter().map(name).collect::<Vec<_>>(), "; ");
            let message = format!("{} of {} surfaces are missing: {shown}", missing.len(), all.len());
            return Err(StageError::new(message).help("leave those planes out of `planes`, or check `files`").into());
        }
        let mut outputs = Outputs::default();
        for (place, plane) in self.planes.iter().enumerate() {
            let mut surfaces = Vec::with_capacity(self.files.len());
            for metric in self.files.keys() {
                let file = found[&(place, *metric)];
                surfaces.push((*metric, file.name.as_str(), surface(file)?));
            }
            let (plane_found, grid) = one_plane(surfaces)?;
            outputs.json(&PLANE.of(plane_name(plane)), &plane_found)?;
            outputs.bytes(&SURFACE.of(plane_name(plane)), grid.to_parquet()?);
            context.progress(place + 1, self.planes.len());
        }
        self.logs.unchanged(&self.wanted()?, context)?;
        Ok(outputs)
    }
}

/// A surface with the three models' places, which can be drawn.
fn surface(file: &LogFile) -> Result<(PublishedSurface, [[f64; 2]; 3]), StageError> {
    let wrong = |what: String| StageError::new(format!("{}: {what}", file.name));
    let surface = read_surface(&read_file(file)?).map_err(|error| wrong(error.to_string()))?;
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

type Read<'a> = (Metric, &'a str, (PublishedSurface, [[f64; 2]; 3]));

/// The files of one plane, a metric each, on one grid.
fn one_plane(surfaces: Vec<Read<'_>>) -> Result<(Plane, Grid), StageError> {
    let mut surfaces = surfaces.into_iter();
    let Some((metric, first, (surface, places))) = surfaces.next() else {
        return Err(StageError::new("no file is named in `files`"));
    };
    let mut grid = Grid { x: surface.x, y: surface.y, metrics: BTreeMap::from([(metric, surface.values)]) };
    for (metric, name, (surface, other)) in surfaces {
        if surface.x != grid.x || surface.y != grid.y || other != places {
            let message = format!("`{first}` and `{name}` are of one plane, but their grids or models differ");
            return Err(StageError::new(message).help("give each a surface stage of its own"));
        }
        grid.metrics.insert(metric, surface.values);
    }
    // The x axis leads to the model at (1, 0); the other one's place is what its plane is described by.
    let off = |[x, y]: [f64; 2]| (x - 1.0).hypot(y);
    let swapped = off(places[2]) < off(places[1]);
    let [removed, scale] = if swapped { places[1] } else { places[2] };
    let plane = Plane {
        examples: 0,
        points: [grid.x.len(), grid.y.len()],
        metrics: grid.metrics.keys().copied().collect(),
        places,
        swapped,
        removed,
        scale,
        length: None,
        distances: None,
    };
    Ok((plane, grid))
}
