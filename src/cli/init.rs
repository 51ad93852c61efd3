use super::args;
use super::exit::{Exit, Failure};
use crate::init::{self, Asked, Origin};

pub(super) fn init(command: &args::Init) -> Result<Exit, Failure> {
    let origin = Origin::parse(&command.from).map_err(Failure::wrong_input)?;
    let file = command.file.clone().unwrap_or_else(|| format!("{}.toml", origin.name()).into());
    if file.exists() && !command.force {
        let message = format!("{} is there already: name another file, or replace it with --force", file.display());
        return Err(Failure::wrong_input(message));
    }
    let asked = Asked {
        config: command.config.clone(),
        text: command.text.clone(),
        label: command.label.clone(),
        model: command.model.clone(),
    };
    let written = init::study(&origin, &file, &asked).map_err(Failure::wrong_input)?;
    let failed = |error| Failure::wrong_input(format!("failed to write {}: {error}", file.display()));
    std::fs::write(&file, written.text).map_err(failed)?;
    for note in written.notes {
        eprintln!("note: {note}");
    }
    println!("wrote {}: look at it, then `pipeline check {0}`", file.display());
    Ok(Exit::Done)
}
