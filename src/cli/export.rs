use std::collections::BTreeSet;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::open::load;
use crate::data::{Hub, Source, Upload};
use crate::engine::Plan;
use crate::experiment::step_named;
use crate::export;
use crate::store::Store;
use crate::study::words::Checkpoint;

/// Where an export goes.
enum Target<'a> {
    Folder(&'a Path),
    Hub { repo: String, branch: String },
}

pub(super) fn export(command: &args::Export, cache: &Path) -> Result<Exit, Failure> {
    let target = target(command)?;
    let (_, graph) = load(&command.experiment)?;
    let (step, checkpoint) = step_named(&graph, &command.step)?;
    // Nothing is read before it is clear that it can be sent.
    let hub = match &target {
        Target::Hub { repo, .. } => {
            let hub = Hub::from_env().map_err(Failure::cannot_start)?;
            hub.can_upload(repo).map_err(Failure::cannot_start)?;
            Some(hub)
        }
        Target::Folder(_) => None,
    };
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    let export = export::export(&graph, &plan, &store, step, checkpoint)?;
    match (target, hub) {
        (Target::Hub { repo, branch }, Some(hub)) => {
            let message = match checkpoint {
                // `step = 15000` finds it again by this number.
                Checkpoint::Step(step) => format!("Weights of training step {step}"),
                Checkpoint::Last => "Weights after the last training step".to_owned(),
            };
            let upload = Upload {
                repo: &repo,
                branch: &branch,
                private: command.private,
                message: &message,
                files: &export.files,
            };
            let done = hub.upload(&upload).map_err(|error| Failure::Upload(Box::new(error)))?;
            let what = match done.changed {
                0 => "nothing differs from what is there".to_owned(),
                changed => format!("{changed} of {} files were new or different", export.files.len()),
            };
            eprintln!("{} to {repo}, branch {branch}: {what}", command.step);
            println!("{}", done.url);
        }
        (Target::Folder(folder), _) => {
            export::write(&export, folder, command.force)?;
            eprintln!("{}: {} files", command.step, export.files.len());
            println!("{}", folder.display());
        }
        // A hub was made for every target that is one.
        (Target::Hub { .. }, None) => {}
    }
    Ok(Exit::Done)
}

fn target(command: &args::Export) -> Result<Target<'_>, Failure> {
    if !command.to.starts_with("hf:") {
        if command.private {
            return Err(Failure::wrong_input("--private is for --to hf:OWNER/NAME"));
        }
        if command.to.contains("://") {
            return Err(Failure::wrong_input(format!(
                "`{}` is no place for a model: name a folder, or hf:OWNER/NAME[@BRANCH]",
                command.to
            )));
        }
        return Ok(Target::Folder(Path::new(&command.to)));
    }
    if command.force {
        return Err(Failure::wrong_input("--force is for folders; on the hub, a new commit comes after the old ones"));
    }
    match command.to.parse() {
        Ok(Source::Hub { repo, revision }) if repo.contains('/') => {
            Ok(Target::Hub { repo, branch: revision.unwrap_or_else(|| "main".to_owned()) })
        }
        Ok(_) => Err(Failure::wrong_input(format!("`{}` names no owner: write hf:OWNER/NAME[@BRANCH]", command.to))),
        Err(error) => Err(Failure::wrong_input(error)),
    }
}
