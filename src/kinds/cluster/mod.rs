//! `[cluster.x]`: distances between all models of an interpolate stage, and the clusters that they form; or clusters whose
//! members somebody else found.

mod clusters;
mod members;
mod rows;
mod run;
mod spec;
mod steps;

pub use clusters::{CLUSTERS, CLUSTERS_ROLE, Clustered, Clusters, EIGENGAP, KIND, SILHOUETTE, Stability};
pub use rows::{Finding, findings};

use super::room::{Room, boxed};
use crate::engine::ReadStep;
use crate::study::has_key;

pub const ROOM: Room = Room {
    kind: KIND,
    written: || vec![spec::written(), members::written()],
    read: |value, _, checker| match has_key(&value, &["members"]) {
        true => boxed(members::read(value, checker)),
        false => boxed(spec::read(value, checker)),
    },
    steps: &[ReadStep::of::<run::Params>(), ReadStep::of::<members::Params>()],
    tables: &[
        "clusters",
        "cluster_metrics",
        "clusterings",
        "stability",
        "transitivity",
        "cluster_differences",
        "correlations",
    ],
    rows: rows::tables,
    show: rows::show,
    files: |_, _| Ok(()),
};
