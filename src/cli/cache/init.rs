use std::path::Path;
use std::process::Command;

use crate::cli::args::cache::Init;
use crate::cli::exit::{Exit, Failure};
use crate::store::Store;

pub(super) fn init(command: &Init, cache: &Path) -> Result<Exit, Failure> {
    let group = command.group.as_deref().map(number_of).transpose()?;
    // Its mode changes, and with it who may read what else lies there.
    let mut others = std::fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.file_name());
    if let Some(other) = others.find(|name| name != "v1" && name != "CACHEDIR.TAG") {
        let text = format!("`{}` is no folder for a cache alone: `{}` is in it", cache.display(), other.display());
        return Err(Failure::cannot_start(format!("{text}\n  = help: name one of its own with --cache-dir")));
    }
    Store::init(cache, group)?;
    let whose =
        command.group.as_ref().map_or("is yours alone".to_owned(), |group| format!("belongs to the group {group}"));
    println!("the cache `{}` {whose}", cache.display());
    Ok(Exit::Done)
}

/// Groups may be in a directory of the network, which `getent` knows.
fn number_of(group: &str) -> Result<u32, Failure> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let asked = Command::new("getent").args(["group", group]).output().ok().filter(|output| output.status.success());
    let number = asked.and_then(|output| String::from_utf8(output.stdout).ok()?.split(':').nth(2)?.parse().ok());
    let help = "`id` lists those that you are in; a number will do";
    number.ok_or_else(|| Failure::wrong_input(format!("there is no group `{group}`\n  = help: {help}")))
}
