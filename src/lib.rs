//! One TOML file declares a study of fine-tuned models; this program turns it into a graph of steps, runs what is not
//! in the cache, and draws the figures. See ARCHITECTURE.md.

#![cfg_attr(test, allow(clippy::print_stdout, clippy::unwrap_used))]

#[macro_use]
mod say;

pub mod analysis;
pub mod cli;
pub mod data;
pub mod device;
pub mod engine;
pub mod experiment;
pub mod export;
pub mod figures;
pub mod fingerprint;
pub mod git;
mod hold;
#[doc(hidden)]
pub mod hostile;
pub mod init;
pub mod kinds;
pub mod model;
mod plain;
pub mod progress;
pub mod reference;
pub mod remote;
pub mod report;
pub mod results;
pub mod rng;
pub mod slurm;
pub mod store;
pub mod study;
pub mod tables;
mod threads;
pub mod train;
mod units;
mod words;
