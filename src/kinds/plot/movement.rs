//! `kind = "movement"`: where the models are at each checkpoint, and which of them change cluster.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::raw::RawPlot;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Movement, Width};
use crate::kinds::dynamics::{self, Coordinate, DYNAMICS, Dynamics, Followed};
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::study::Checker;

pub const FIGURE: FigureKind = FigureKind { name: "movement", told_by: None, tag: "movement", keys: &[], read, draw };

const ROLE: Role<Dynamics> = Role::new("dynamics");

#[derive(Debug)]
struct MovementSpec {
    of: Spanned<String>,
}

/// Input `dynamics`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "movement")]
struct Parameters {}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    Some(Box::new(MovementSpec { of: raw.one_stage(&[dynamics::KIND], checker)? }))
}

impl Figure for MovementSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, dynamics::KIND);
    }

    fn expand(&self, from: &Expander<'_>) -> Expanded {
        let followed = from.find::<Followed>(dynamics::KIND, self.of.get_ref());
        let input = |followed: &Followed| Input::new(&ROLE, followed.step, &DYNAMICS);
        Ok(followed.map(|followed| Drawing::new(&Parameters {}, vec![input(followed)])))
    }
}

fn draw(_: Value, title: Option<String>, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let dynamics = context.json(&ROLE)?;
    let steps = dynamics.times.iter().all(|time| time == "last" || time.parse::<u64>().is_ok());
    Ok(Box::new(Movement {
        names: dynamics.models,
        times: dynamics.times,
        positions: dynamics.positions,
        clusters: dynamics.clusters,
        x_label: if steps { "checkpoint (training step)" } else { "checkpoint" }.to_owned(),
        y_label: match dynamics.coordinate {
            Coordinate::CentroidFeature => "centroid feature (positive: larger cluster)".to_owned(),
            Coordinate::SecondEigenvector => "second eigenvector".to_owned(),
        },
        title,
        width: Width::Column,
    }))
}
