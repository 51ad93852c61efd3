//! Arguments → settings; one thin function per command. Errors are shown here and nowhere else.

mod args;
mod cache;
mod check;
mod drain;
mod ending;
mod exit;
mod export;
mod forecast;
mod open;
mod partial;
mod plan;
mod run;
mod show;
mod signals;
mod slurm;
mod status;
mod units;

use std::process::ExitCode;

use clap::Parser;

use crate::say::printable;
use args::{Arguments, Command};
use exit::Exit;

pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::WrongInput } else { Exit::Done };
            error.print().ok();
            return ExitCode::from(code as u8);
        }
    };
    let cache = &arguments.cache_dir;
    let done = match &arguments.command {
        Command::Check(command) => check::check(command, cache),
        Command::Plan(command) => plan::plan(command, cache),
        Command::Status => status::status(cache),
        Command::Graph(command) => check::graph(command),
        Command::Run(command) => run::run(command, cache),
        Command::Slurm(command) => slurm::slurm(command, cache),
        Command::Show(command) => show::show(command, cache),
        Command::Results(command) => show::results(command, cache),
        Command::Export(command) => export::export(command, cache),
        Command::Worker(command) => run::worker(command, cache),
        Command::Cache(command) => cache::cache(command, cache),
    };
    match done {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            // Experiment errors come with their own `error:` for each of several.
            let text = printable(&failure.text());
            let prefix = if text.starts_with("error: ") { "" } else { "error: " };
            eprintln!("{prefix}{text}");
            ExitCode::from(failure.exit() as u8)
        }
    }
}
