use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::cli::args::cache::Gc;
use crate::cli::exit::{Exit, Failure};
use crate::cli::open::there;
use crate::cli::units::size;
use crate::data::s3::S3Address;
use crate::engine::Graph;
use crate::engine::{Plan, State};
use crate::experiment;
use crate::experiment::expand;
use crate::git;
use crate::kinds::stages::Experiment;
use crate::remote::Remote;
use crate::store::{Attempt, Store, Sweep, Wanted, What};
use crate::units::duration;

pub(super) fn gc(command: &Gc, cache: &Path) -> Result<Exit, Failure> {
    if command.files.is_empty() {
        return Err(Failure::wrong_input(
            "name the experiment files whose results stay: pipeline cache gc FILE…; all that none of them reaches is removed\n  \
             = help: to start anew, delete the cache's folder",
        ));
    }
    let mut graphs = Vec::new();
    let mut expanded = |experiment: Experiment| {
        graphs.push(expand(&experiment)?);
        Ok::<(), Failure>(())
    };
    for file in &command.files {
        expanded(experiment::read(file, &[])?)?;
        for revision in &command.keep_revision {
            let text = |path: &Path| git::file(path, revision);
            let old = experiment::read_with(file, &[], &text)
                .map_err(|error| Failure::wrong_input(format!("in revision {revision}: {error}")))?;
            expanded(old)?;
        }
    }
    if let Some(remote) = &command.remote {
        return gc_remote(&remote.parse().map_err(Failure::wrong_input)?, &graphs, cache, command.dry_run);
    }
    let store = there(cache)?;
    let refused = |message: String| {
        Failure::cannot_start(format!("{message}; nothing was removed\n  = help: wait for it, or end it"))
    };
    // Taken before anything is looked at: what a run finishes from now on is not judged by what there was before.
    let mut lock = None;
    if !command.dry_run {
        lock = match store.lock_for_gc()? {
            Attempt::Held(lock) => Some(lock),
            Attempt::Busy(holder) => {
                let who = holder.map_or("another process".to_owned(), |holder| holder.to_string());
                return Err(refused(format!("another `cache gc` is going on in this cache ({who})")));
            }
        };
    }
    if let Some(message) = store.at_work()? {
        if lock.is_some() {
            return Err(refused(message));
        }
        println!("{message}: removing would have to wait for it");
    }
    let mut wanted = Wanted::default();
    for graph in &graphs {
        keep(graph, &store, &mut wanted)?;
    }
    let sweep = store.sweep(&wanted, command.max_size, store.file_clock())?;
    tell(&sweep, command.dry_run);
    if lock.is_some() {
        store.remove(&sweep)?;
    }
    if let Some(limit) = command.max_size
        && sweep.left > limit
    {
        println!("no more can go now: journals, scratch and objects of the last hour stay");
    }
    Ok(Exit::Done)
}

/// The same in a bucket. What an experiment reaches is what it reaches from what is here and from what is there: a step
/// that was made twice may have two results, and those behind it two keys.
fn gc_remote(address: &S3Address, graphs: &[Graph], cache: &Path, dry_run: bool) -> Result<Exit, Failure> {
    let (remote, store) = (Remote::open(address)?, Store::existing(cache));
    let mut wanted = Wanted::default();
    for graph in graphs {
        keep(graph, &store, &mut wanted)?;
        let all = (0..graph.steps.len()).collect();
        let there = Plan::by_asking(graph, &all, |keys| remote.finished(keys))?;
        wanted.steps.extend(there.states.iter().filter_map(State::key));
    }
    wanted.steps.extend(&wanted.unfinished);
    let swept = remote.sweep((!wanted.all).then_some(&wanted.steps), dry_run)?;
    for (count, what) in [
        (swept.steps, "steps, not reached"),
        (swept.objects, "objects that no step refers to"),
        (swept.unfinished, "large objects that never arrived whole"),
    ] {
        if count > 0 {
            println!("{count:>8} {what}");
        }
    }
    let verb = if dry_run { "would come back" } else { "come back" };
    println!("{} {verb}, {} stay in {address}", size(swept.bytes), size(swept.left));
    Ok(Exit::Done)
}

/// Adds what an experiment can reach. A step behind one that is not finished has no key yet; what it had last stays,
/// because it counts again once that step is made again with the same result.
fn keep(graph: &Graph, store: &Store, wanted: &mut Wanted) -> Result<(), Failure> {
    let plan = Plan::new(graph, store, &BTreeSet::new())?;
    let last_keys = store.read_last_keys(&graph.experiment);
    for (step, state) in graph.steps.iter().zip(&plan.states) {
        match (state, &last_keys) {
            (State::Fresh(finished), _) => drop(wanted.steps.insert(finished.key)),
            (State::WillRun(key, _), _) => drop(wanted.unfinished.insert(*key)),
            (State::Waiting(_), Ok(last_keys)) => {
                let last = last_keys.get(&step.name());
                wanted.steps.extend(last);
                wanted.unfinished.extend(last);
            }
            (State::Waiting(_), Err(_)) => wanted.all = true,
        }
    }
    if let Err(error) = last_keys
        && wanted.all
    {
        println!("{error}, so no step is removed until all of {} was run again", graph.experiment);
    }
    Ok(())
}

fn tell(sweep: &Sweep, dry_run: bool) {
    // Steps by kind and reason, the rest by what it is.
    let mut steps: BTreeMap<(bool, &str), (usize, f64)> = BTreeMap::new();
    let mut rest: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    let mut seconds = 0.0;
    for removal in &sweep.removals {
        let what = match &removal.what {
            What::Step { kind, seconds: took, wanted } => {
                let group = steps.entry((*wanted, kind)).or_default();
                *group = (group.0 + 1, group.1 + took);
                seconds += took;
                "manifests"
            }
            What::BrokenManifest => "manifests that cannot be read",
            What::Object => "objects",
            What::Temporary => "unfinished files",
            What::Damaged => "damaged files that were moved away",
            What::Scratch => "folders of scratch",
            What::Lock => "lock files",
            What::Run => "runs older than 30 days",
        };
        let group = rest.entry(what).or_default();
        *group = (group.0 + 1, group.1 + removal.bytes);
    }
    for ((wanted, kind), (count, took)) in steps {
        let why = if wanted { "for the size" } else { "not reached" };
        println!("{count:>8} {} steps, {why}, took {}", kind.escape_debug(), duration(took));
    }
    for (what, (count, bytes)) in rest {
        println!("{count:>8} {what}, {}", size(bytes));
    }
    let (verb, time) = (if dry_run { "would come back" } else { "come back" }, duration(seconds));
    println!("{} {verb}, {} stay; {time} to make it all again", size(sweep.bytes()), size(sweep.left));
}
