//! The built binary from outside: real files, real processes, real kills. Everything is tiny; the whole takes seconds.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod artifacts;
mod background;
mod bounds;
/// The unit tests' own bucket; not all of it is needed here.
#[allow(dead_code)]
#[path = "../../src/data/tests/bucket.rs"]
mod bucket;
mod cache;
mod clusters;
mod diff;
mod downloads;
mod expectations;
mod explain;
mod exports;
mod faults;
mod golden;
mod inputs;
mod interruption;
mod kills;
mod locks;
mod messages;
mod model_analyses;
mod models;
mod obstacles;
mod pilots;
mod plans;
mod plots;
mod preflight;
mod published;
mod random;
mod readme;
mod remote;
mod report;
mod results;
mod runs;
mod secrets;
mod slurm;
mod sources;
mod stops;
/// The unit tests' own server; not all of it is needed here.
#[allow(dead_code)]
#[path = "../../src/data/tests/stub.rs"]
mod stub;
mod surfaces;
mod sweeps;
mod tables;
mod tutorial;
mod two_drivers;
mod workspace;
