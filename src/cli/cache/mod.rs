//! `pipeline cache …`: what is in the cache, whether it is whole, what may go, and steps for another machine.

mod archive;
mod gc;
mod list;
mod units;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{Exit, Failure};
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows what the cache holds: steps, bytes, age, and hours it took.
    Ls(Ls),
    /// Checks every manifest and every object against its digest, and moves away what is damaged.
    Verify(Verify),
    /// Removes what the named experiments cannot reach.
    Gc(Gc),
    /// Writes an experiment's finished steps as one file for another machine.
    Export(Export),
    /// Takes such a file in, every digest checked.
    Import(Import),
}

#[derive(Debug, Args)]
pub struct Ls {
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Says what is damaged and moves nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Gc {
    /// Experiment files; what they reach stays.
    files: Vec<PathBuf>,
    /// Keeps what the files reached in this git revision, too.
    #[arg(long, value_name = "REV")]
    keep_revision: Vec<String>,
    /// Removes even what is reached until the cache is no larger, for example 20GB: most bytes for an hour of rebuilding
    /// first.
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    max_size: Option<u64>,
    /// Says what would go, how many bytes, and how many hours it took.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    experiment: super::args::Experiment,
    /// The file to write.
    #[arg(long, value_name = "ARCHIVE")]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub struct Import {
    /// A file that `pipeline cache export` wrote.
    archive: PathBuf,
}

/// The cache in this folder, if there is one: a mistyped name is no empty cache.
fn there(cache: &Path) -> Result<Store, Failure> {
    let store = Store::existing(cache);
    if store.root().is_dir() {
        return Ok(store);
    }
    let help = "name another folder with --cache-dir or PIPELINE_CACHE";
    Err(Failure::cannot_start(format!("there is no cache in `{}`\n  = help: {help}", cache.display())))
}

pub(super) fn cache(command: &Command, cache: &Path) -> Result<Exit, Failure> {
    match command {
        Command::Ls(command) => list::ls(command, cache),
        Command::Verify(command) => verify::verify(command, cache),
        Command::Gc(command) => gc::gc(command, cache),
        Command::Export(command) => archive::export(command, cache),
        Command::Import(command) => archive::import(command, cache),
    }
}
