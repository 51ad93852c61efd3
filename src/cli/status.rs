use std::fmt::Write;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::open::there;
use super::units::age;
use crate::engine::{Going, going_on};

/// All runs that are going on in a cache, of all machines.
pub(super) fn status(cache: &Path) -> Result<Exit, Failure> {
    let going = going_on(&there(cache)?)?;
    if going.is_empty() {
        println!("nothing is running in this cache");
    }
    going.iter().for_each(|run| print!("{}", render(run)));
    Ok(Exit::Done)
}

fn render(run: &Going) -> String {
    let since = run.seconds.map_or(String::new(), |seconds| format!(", since {}", age(seconds)));
    let mut text = format!("{}: {}{since}", run.experiment, run.who);
    write!(text, ": {} of {} steps done", run.done, run.steps).ok();
    for (count, what) in [(run.fresh, "were fresh"), (run.failed, "failed")] {
        if count > 0 {
            write!(text, ", {count} {what}").ok();
        }
    }
    text.push('\n');
    for running in &run.running {
        let far = running.how_far().map_or(String::new(), |far| format!("  {far}"));
        writeln!(text, "  {}  since {}{far}", running.step, age(running.seconds)).ok();
    }
    text
}
