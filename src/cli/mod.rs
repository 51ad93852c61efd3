//! Arguments → settings; one thin function per command. Errors are shown here and nowhere else.

mod args;
mod cache;
mod check;
mod export;
mod plan;
mod run;
mod show;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

/// | code | meaning |
/// |------|---------|
/// | 0    | done |
/// | 1    | a step or an upload failed, or the cache is damaged |
/// | 2    | the command line or the experiment file is wrong |
/// | 3    | could not start: no device, no cache, no selection |
/// | 130  | interrupted; what is finished stays finished |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Done = 0,
    StepFailed = 1,
    WrongInput = 2,
    CannotStart = 3,
    Interrupted = 130,
}

/// An error on its way to the user, with the exit code that it means.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    fn wrong_input(error: impl std::fmt::Display) -> Self {
        Self { exit: Exit::WrongInput, text: error.to_string() }
    }

    fn failed(error: impl std::fmt::Display) -> Self {
        Self { exit: Exit::StepFailed, text: error.to_string() }
    }

    fn cannot_start(error: impl std::fmt::Display) -> Self {
        Self { exit: Exit::CannotStart, text: error.to_string() }
    }
}

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
        Command::Check(command) => check::check(command),
        Command::Plan(command) => plan::plan(command, cache),
        Command::Graph(command) => check::graph(command),
        Command::Run(command) => run::run(command, cache),
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
            let prefix = if failure.text.starts_with("error: ") { "" } else { "error: " };
            eprintln!("{prefix}{}", failure.text);
            ExitCode::from(failure.exit as u8)
        }
    }
}
