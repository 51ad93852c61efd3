//! The kinds of stage: a room each, with everything that is known of it, and a line below. Adding a kind is its room and
//! its line; what all share is in the files beside them.

pub mod cost;
pub mod expand;
pub mod files;
pub mod finished;
pub mod inputs;
mod joins;
pub mod known;
pub mod made;
pub mod measure;
pub mod metrics;
pub mod models;
pub mod offers;
mod pairs;
pub mod preflight;
pub mod published;
pub mod references;
pub mod room;
mod snapshots;
pub mod stages;
pub mod sweep;
mod training;
pub mod written;

pub mod agreement;
pub mod cluster;
mod correlations;
pub mod dynamics;
pub mod eval;
pub mod expect;
pub mod fetch;
pub mod finetune;
pub mod interpolate;
pub mod plot;
pub mod pretrain;
pub mod sharpness;
pub mod surface;

use room::Room;

use crate::engine::{Kind, ReadStep};

/// In the order in which a study flows through them: a stage builds on those of kinds before its own.
pub const ROOMS: [&Room; 12] = [
    &fetch::ROOM,
    &pretrain::ROOM,
    &finetune::ROOM,
    &eval::ROOM,
    &interpolate::ROOM,
    &cluster::ROOM,
    &dynamics::ROOM,
    &sharpness::ROOM,
    &agreement::ROOM,
    &surface::ROOM,
    &plot::ROOM,
    &expect::ROOM,
];

/// By the name of its tables.
pub fn named(name: &str) -> Option<&'static Room> {
    ROOMS.into_iter().find(|room| room.kind.name() == name)
}

/// The place of a kind in the flow of a study.
pub fn place(kind: Kind) -> usize {
    ROOMS.iter().position(|room| room.kind == kind).unwrap_or(ROOMS.len())
}

/// All kinds of steps, for a worker.
pub fn steps() -> Vec<ReadStep> {
    ROOMS.iter().flat_map(|room| room.steps.iter().copied()).collect()
}

/// The names of all tables.
pub fn tables() -> impl Iterator<Item = &'static str> {
    std::iter::once(made::NAME).chain(ROOMS.iter().flat_map(|room| room.tables.iter().copied()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_kinds_share_a_name() {
        let all: Vec<&str> = ROOMS.iter().map(|room| room.kind.name()).collect();
        let steps: Vec<&str> = steps().iter().map(ReadStep::kind).collect();
        let tables: Vec<&str> = tables().collect();
        for names in [all, steps, tables] {
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        }
    }
}
