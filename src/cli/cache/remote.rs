use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use crate::cli::args::cache::{Pull, Push};
use crate::cli::exit::{Exit, Failure};
use crate::cli::open::{load, there};
use crate::cli::share::{Moving, address, bring};
use crate::cli::units::size;
use crate::data::s3::S3Address;
use crate::engine::{Plan, State};
use crate::kinds::stages::Experiment;
use crate::remote::Remote;
use crate::store::{Finished, Store};

pub(super) fn push(command: &Push, cache: &Path) -> Result<Exit, Failure> {
    let (experiment, graph) = load(&command.experiment)?;
    let to = named(command.to.as_deref(), &experiment, "--to")?;
    let store = there(cache)?;
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    let finished: Vec<&Finished> = plan.states.iter().filter_map(State::finished).collect();
    if finished.is_empty() {
        return Err(Failure::cannot_start(format!("no step of {} is finished: run it first", graph.experiment)));
    }
    let remote = Remote::open(&to)?;
    let (clock, moving) = (Instant::now(), Moving::default());
    let (pushed, done) = remote.push(&store, &finished, &|told| moving.tell(told));
    moving.end();
    let rate = rate(pushed.bytes, clock);
    println!("{}: {} steps sent, {} were there already", graph.experiment, pushed.steps, pushed.known);
    println!("{} objects, {}{rate}", pushed.objects, size(pushed.bytes));
    if pushed.different > 0 {
        println!("{} of those that were there have other results than here; theirs stay", pushed.different);
    }
    if pushed.mended > 0 {
        println!("{} of those sent were there before, and lacked something", pushed.mended);
    }
    for (key, why) in &pushed.damaged {
        let step = plan.states.iter().position(|state| state.key() == Some(*key));
        let name = step.map_or_else(|| key.to_string(), |step| graph.steps[step].name());
        println!("{name} was not sent: {why}");
    }
    done.inspect_err(|_| eprintln!("what was sent stays; push again to go on from there"))?;
    let open = plan.states.len() - finished.len();
    if open > 0 {
        println!("{open} of {} steps are not finished, and not there", plan.states.len());
    }
    Ok(if pushed.damaged.is_empty() { Exit::Done } else { Exit::Failed })
}

pub(super) fn pull(command: &Pull, cache: &Path) -> Result<Exit, Failure> {
    let (experiment, graph) = load(&command.experiment)?;
    let from = named(command.from.as_deref(), &experiment, "--from")?;
    let remote = Remote::open(&from)?;
    let store = Store::open(cache)?;
    let _staying = store.stay("pull", |who| eprintln!("waiting for `cache gc`, which {who} runs"))?;
    let clock = Instant::now();
    let all: BTreeSet<usize> = (0..graph.steps.len()).collect();
    let brought = bring(&graph, &store, &remote, &all);
    let (plan, pulled) =
        brought.inspect_err(|_| eprintln!("what has come stays in the cache; pull again to go on from there"))?;
    store.pack(plan.states.iter().filter_map(State::finished))?;
    let known = plan.states.iter().filter_map(State::finished).filter(|step| !pulled.found.contains_key(&step.key));
    let rate = rate(pulled.bytes, clock);
    println!("{}: {} steps came, {} were here already", graph.experiment, pulled.found.len(), known.count());
    println!("{} objects, {}{rate}", pulled.objects, size(pulled.bytes));
    for broken in &pulled.broken {
        println!("{} cannot be used: {}", broken.step, broken.what);
    }
    let open = plan.states.iter().filter(|state| state.finished().is_none()).count();
    if open > 0 {
        println!("{open} of {} steps are neither here nor there", plan.states.len());
    }
    Ok(if pulled.broken.is_empty() { Exit::Done } else { Exit::Failed })
}

fn named(given: Option<&str>, experiment: &Experiment, option: &str) -> Result<S3Address, Failure> {
    address(given, &experiment.run)?.ok_or_else(|| {
        Failure::wrong_input(format!("name the bucket: {option} s3://BUCKET/PREFIX, or remote = \"…\" in [run]"))
    })
}

/// ` in 3.2 s (12 MB a second)`
fn rate(bytes: u64, since: Instant) -> String {
    let seconds = since.elapsed().as_secs_f64();
    let rate = (bytes as f64 / seconds.max(1e-3)) as u64;
    if bytes == 0 {
        String::new()
    } else {
        format!(" in {} ({} a second)", crate::units::duration(seconds), size(rate))
    }
}
