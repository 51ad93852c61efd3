//! What helps at a shell: completions and manual pages, from the arguments themselves.

use clap::CommandFactory;

use super::args::{self, Arguments};
use super::exit::{Exit, Failure};

pub(super) fn completions(command: &args::Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "pipeline", &mut script);
    print!("{}", String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}

pub(super) fn man(command: &args::Man) -> Result<Exit, Failure> {
    let failed = |error| Failure::wrong_input(format!("failed to write to {}: {error}", command.to.display()));
    std::fs::create_dir_all(&command.to).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), &command.to).map_err(failed)?;
    println!("wrote {}: `man {0}/pipeline.1`", command.to.display());
    Ok(Exit::Done)
}
