use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::open::there;
use super::units::age;
use crate::engine::{Going, going_on};
use crate::slurm::{Answer, Submitted, ask};

/// All runs that are going on in a cache, of all machines, and what waits in a cluster's queue.
pub(super) fn status(cache: &Path) -> Result<Exit, Failure> {
    let store = there(cache)?;
    let going = going_on(&store)?;
    if going.is_empty() {
        println!("nothing is running in this cache");
    }
    going.iter().for_each(|run| print!("{}", render(run)));
    let submitted = Submitted::all(store.root());
    if !submitted.is_empty() {
        print!("{}", queue(&submitted, &ask(store.root(), &submitted)));
    }
    Ok(Exit::Done)
}

fn render(run: &Going) -> String {
    let since = run.seconds.map_or(String::new(), |seconds| format!(", since {}", age(seconds)));
    let job = run.job.as_ref().map_or(String::new(), |job| format!(", job {job}"));
    let mut text = format!("{}: {}{job}{since}", run.experiment, run.who);
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

/// Jobs by their state, and by the reason where they wait for one: `queue: pilots 12 of qqp: 5 running, 3 pending
/// (Resources)`.
fn queue(all: &[Submitted], answer: &Answer) -> String {
    let mut text = String::new();
    if let Some(trouble) = &answer.trouble {
        let last = if answer.is_known() { format!("; {} ago it said", age(answer.age())) } else { String::new() };
        writeln!(text, "queue: {trouble}{last}").ok();
    }
    for one in all {
        for (what, jobs) in [("pilots", &one.pilots), ("results", &one.results)] {
            for job in jobs {
                let lines = answer.lines.iter().filter(|line| line.array() == job);
                let mut states: BTreeMap<String, usize> = BTreeMap::new();
                for line in lines {
                    // Where a job runs is told with its run.
                    let why = if line.state == "PENDING" { format!(" {}", line.place) } else { String::new() };
                    *states.entry(format!("{}{why}", line.state.to_lowercase())).or_default() += 1;
                }
                let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
                if !states.is_empty() {
                    writeln!(text, "queue: {what} {job} of {}: {}", one.experiment, states.join(", ")).ok();
                }
            }
        }
    }
    text
}
