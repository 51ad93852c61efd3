//! `kind = "movement"`: where the models are at each checkpoint, and which of them change cluster.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture, cluster_names};
use super::pick::{Pick, at, kept};
use super::raw::RawPlot;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Look, Movement, Width};
use crate::kinds::dynamics::{self, Coordinate, DYNAMICS, Dynamics, Followed};
use crate::kinds::expand::Expander;
use crate::kinds::models::Member;
use crate::kinds::references::References;
use crate::study::Checker;

pub const FIGURE: FigureKind = FigureKind {
    name: "movement",
    about: "Where each model is at each checkpoint, with arrows; changes of cluster are black.",
    example: "[plot.movement]\nkind = \"movement\"\nof = \"training\"\n",
    needs: &[],
    told_by: None,
    tag: "movement",
    keys: &["order", "limits"],
    limits: &["y"],
    log: &[],
    colours_are_values: false,
    read,
    draw,
};

const ROLE: Role<Dynamics> = Role::new("dynamics");

#[derive(Debug)]
struct MovementSpec {
    of: Spanned<String>,
}

/// Input `dynamics`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "movement")]
struct Parameters {
    /// Of the models, where they are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    places: Option<Vec<usize>>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    Some(Box::new(MovementSpec { of: raw.one_stage(&[dynamics::KIND], checker)? }))
}

impl Figure for MovementSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, dynamics::KIND);
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(followed) = from.find::<Followed>(dynamics::KIND, self.of.get_ref()) else { return Ok(None) };
        let input = Input::new(&ROLE, followed.step, &DYNAMICS);
        let steps: Vec<Option<usize>> = followed.models.iter().map(|model| Some(model.here()?.step)).collect();
        let picked = pick.of_runs(&steps, from)?;
        let parameters = Parameters { places: pick.places(&picked) };
        let mut drawing = Drawing::new(&parameters, vec![input]);
        let run = |member: &Member| {
            let (name, short) = (from.name(member), member.over_training().to_owned());
            (short, name.split('@').next().unwrap_or_default().to_owned())
        };
        drawing.names.extend(at(&picked, &followed.models).iter().map(run));
        Ok(Some(drawing))
    }

    fn groups(&self) -> Vec<String> {
        cluster_names(|cluster| format!("cluster {cluster}"))
    }
}

fn draw(parameters: Value, _: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { places } = serde_json::from_value(parameters)?;
    let dynamics = context.json(&ROLE)?;
    let others = || StageError::new("the dynamics are of other models");
    fn rows<T: Clone>(places: Option<&[usize]>, rows: &[Vec<T>]) -> Option<Vec<Vec<T>>> {
        rows.iter().map(|row| kept(places, row)).collect()
    }
    let places = places.as_deref();
    let steps = dynamics.times.iter().all(|time| time == "last" || time.parse::<u64>().is_ok());
    Ok(Box::new(Movement {
        names: kept(places, &dynamics.models).ok_or_else(others)?,
        times: dynamics.times,
        positions: rows(places, &dynamics.positions).ok_or_else(others)?,
        clusters: rows(places, &dynamics.clusters).ok_or_else(others)?,
        x_label: if steps { "checkpoint (training step)" } else { "checkpoint" }.to_owned(),
        y_label: match dynamics.coordinate {
            Coordinate::CentroidFeature => "centroid feature (positive: larger cluster)".to_owned(),
            Coordinate::SecondEigenvector => "second eigenvector".to_owned(),
        },
        title: None,
        width: Width::Column,
        look: Look::default(),
    }))
}
