use std::path::Path;

use crate::cli::args::cache::Verify;
use crate::cli::exit::{Exit, Failure};
use crate::cli::open::there;
use crate::cli::units::{bar, size};

pub(super) fn verify(command: &Verify, cache: &Path) -> Result<Exit, Failure> {
    let store = there(cache)?;
    let bar = bar(store.bytes_to_verify()?);
    let verified = store.verify(!command.dry_run, |bytes| bar.inc(bytes))?;
    bar.finish_and_clear();

    for damage in &verified.damage {
        println!("{damage}");
    }
    for path in &verified.strange {
        println!(
            "`{}` is nothing of the cache's: a link, or a name that it gives to no file; remove it",
            path.display()
        );
    }
    for (step, object) in &verified.lost {
        println!("{} cannot be used: it needs object {object}", step.escape_debug());
    }
    if verified.newer > 0 {
        println!("{} steps were written by a newer version of pipeline and left alone", verified.newer);
    }
    let looked = format!("{} steps and {} objects ({})", verified.steps, verified.objects, size(verified.bytes));
    if verified.is_whole() {
        println!("{looked}: all whole");
        return Ok(Exit::Done);
    }
    let moved = if command.dry_run { "nothing was moved" } else { "the next run makes what it needs again" };
    println!(
        "{looked}: {} damaged, {} steps cannot be used; {moved}",
        verified.damage.len() + verified.strange.len(),
        verified.lost.len()
    );
    Ok(Exit::Failed)
}
