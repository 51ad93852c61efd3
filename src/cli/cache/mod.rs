//! `pipeline cache …`: what is in the cache, whether it is whole, what may go, and steps for another machine.

mod archive;
mod gc;
mod init;
mod list;
mod remote;
mod verify;

use std::path::Path;

use super::args::cache::Command;
use super::exit::{Exit, Failure};

pub(super) fn cache(command: &Command, cache: &Path) -> Result<Exit, Failure> {
    match command {
        Command::Init(command) => init::init(command, cache),
        Command::Ls(command) => list::ls(command, cache),
        Command::Verify(command) => verify::verify(command, cache),
        Command::Gc(command) => gc::gc(command, cache),
        Command::Export(command) => archive::export(command, cache),
        Command::Import(command) => archive::import(command, cache),
        Command::Push(command) => remote::push(command, cache),
        Command::Pull(command) => remote::pull(command, cache),
    }
}
