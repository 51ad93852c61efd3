use std::fmt::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::args::cache::{Format, Ls};
use crate::cli::exit::{Exit, Failure};
use crate::cli::open::there;
use crate::cli::units::{age, size};
use crate::store::Usage;
use crate::units::duration;

pub(super) fn ls(command: &Ls, cache: &Path) -> Result<Exit, Failure> {
    let usage = there(cache)?.usage()?;
    match command.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&usage).map_err(Failure::cannot_start)?),
        Format::Text => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
            print!("{}", render(&usage, now));
        }
    }
    Ok(Exit::Done)
}

fn render(usage: &Usage, now: u64) -> String {
    let mut text = String::new();
    writeln!(text, "{:<20} {:>7} {:>9} {:>9} {:>9} {:>14}", "kind", "steps", "size", "oldest", "newest", "took").ok();
    for kind in &usage.kinds {
        // It comes from a file that may be anybody's.
        let name: String = kind.kind.escape_debug().take(40).collect();
        let ages = [kind.oldest, kind.newest].map(|began| age(now.saturating_sub(began)));
        let took = duration(kind.seconds);
        writeln!(text, "{name:<20} {:>7} {:>9} {:>9} {:>9} {took:>14}", kind.steps, size(kind.bytes), ages[0], ages[1])
            .ok();
    }
    let steps: usize = usage.kinds.iter().map(|kind| kind.steps).sum();
    // Adding to 0 and not to −0, which the sum of nothing is.
    let took = duration(0.0 + usage.kinds.iter().map(|kind| kind.seconds).sum::<f64>());
    writeln!(text, "{:<20} {steps:>7} {:>9} {:>9} {:>9} {took:>14}", "all", size(usage.total_bytes), "", "").ok();
    for (part, what) in [
        (&usage.shared_objects, "objects that several steps share, counted where they came first"),
        (&usage.unreferenced_objects, "objects that no step refers to"),
        (&usage.unreadable_manifests, "manifests that cannot be read"),
        (&usage.scratch, "steps that are not finished, in scratch"),
        (&usage.runs, "runs with journals and logs"),
        (&usage.damaged, "damaged files that were moved away"),
    ] {
        if part.count > 0 {
            writeln!(text, "{:>8} {:>9}  {what}", part.count, size(part.bytes)).ok();
        }
    }
    text
}
