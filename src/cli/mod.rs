//! Arguments → settings; one thin function per command. Errors are shown here and nowhere else.

mod args;
mod cache;
mod check;
mod diff;
mod drain;
mod ending;
mod exit;
mod explain;
mod export;
mod forecast;
mod init;
mod lock;
mod open;
mod partial;
mod plan;
mod reference;
mod report;
mod run;
mod share;
mod shell;
mod show;
mod signals;
mod slurm;
mod status;
mod units;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use exit::{Exit, Failure};

use crate::threads;

pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::WrongInput } else { Exit::Done };
            error.print().ok();
            return ExitCode::from(code as u8);
        }
    };
    let done = guarded(|| command(&arguments));
    match done {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            // Experiment errors come with their own `error:` for each of several.
            let text = failure.text();
            let prefix = if text.starts_with("error: ") { "" } else { "error: " };
            eprintln!("{prefix}{text}");
            ExitCode::from(failure.exit() as u8)
        }
    }
}

fn command(arguments: &Arguments) -> Result<Exit, Failure> {
    let cache = &arguments.cache_dir;
    match &arguments.command {
        Command::Init(command) => init::init(command),
        Command::Check(command) => check::check(command, cache),
        Command::Plan(command) => plan::plan(command, cache),
        Command::Explain(command) => explain::explain(command, cache),
        Command::Diff(command) => diff::diff(command, cache),
        Command::Status => status::status(cache),
        Command::Schema => reference::schema(),
        Command::Graph(command) => check::graph(command),
        Command::Run(command) => run::run(command, cache),
        Command::Lock(command) => lock::lock(command, cache),
        Command::Slurm(command) => slurm::slurm(command, cache),
        Command::Show(command) => show::show(command, cache),
        Command::Results(command) => show::results(command, cache),
        Command::Report(command) => report::report(command, cache),
        Command::Export(command) => export::export(command, cache),
        Command::Completions(command) => shell::completions(command),
        Command::Man(command) => shell::man(command),
        Command::Worker(command) => run::worker(command, cache),
        Command::Cache(command) => cache::cache(command, cache),
    }
}

/// A thread that a library cannot start is an error like any other; all other panics are what they were.
fn guarded(work: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !threads::are_refused(info.payload()) {
            usual(info);
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| match threads::are_refused(panic.as_ref()) {
        true => Err(Failure::cannot_start(format!("{}\n  = help: {}", threads::REFUSED, threads::WHAT_TO_DO))),
        false => panic::resume_unwind(panic),
    })
}
