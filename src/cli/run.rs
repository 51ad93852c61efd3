use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::args;
use super::drain::{drain, until};
use super::ending::ending;
use super::exit::{Exit, Failure, as_expected};
use super::open::{Study, place};
use super::partial::partial;
use super::plan::{chosen, show};
use super::report::write_results;
use super::share::share;
use super::signals::{Asked, on_signal};
use crate::device::Backend;
use crate::engine::Graph;
use crate::engine::{self, BeforeComputing, Lost, Plan, RunError, RunOptions, RunSummary, StopFlag, Why};
use crate::experiment::{Lock, Looking, lock_of};
use crate::hold;
use crate::kinds;
use crate::kinds::cost::StudyCosts;
use crate::kinds::stages::Experiment;
use crate::progress::{LogFormat, reporter};
use crate::results::{Place, Written};
use crate::say;
use crate::store::{Store, StoreError};
use crate::units::duration;

/// Set by Ctrl-C and by every other signal that asks for an end.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Set in a worker, by its driver or by a signal.
static STOP: StopFlag = StopFlag::new();

pub(super) fn run(command: &args::Run, cache: &Path) -> Result<Exit, Failure> {
    let clock = Instant::now();
    let until = until(command.time);
    if cache.to_str().is_none() {
        let text = format!("the cache folder's name `{}` is not UTF-8", cache.display());
        return Err(Failure::wrong_input(format!("{text}\n  = help: choose another with --cache-dir")));
    }
    let study = Study::load_part(&command.experiment, &command.chosen)?;
    let (experiment, graph) = (&study.experiment, &study.graph);
    let (selected, forced) = chosen(graph, &command.chosen)?;
    let lock = locked(command, graph, &Store::existing(cache), &forced)?;
    if command.dry_run {
        return show(&study, &Store::existing(cache), &selected, &forced, false);
    }
    let to = place(experiment, &command.experiment, &command.results_dir)?;
    let store = match Store::open(cache) {
        Ok(store) => store,
        Err(error) => return without_writing(experiment, &to, graph, cache, &(selected, forced), error),
    };
    if !store.has_locks() && command.log_format == LogFormat::Human {
        let folder = cache.display();
        eprintln!(
            "note: in `{folder}` the file system gives a lock to everybody who asks; what lock files say decides"
        );
    }
    let waiting = |who: &str| match command.log_format {
        LogFormat::Human => eprintln!("waiting for `cache gc`, which {who} runs"),
        LogFormat::Json => say::event(json!({"event": "waiting", "step": "cache gc", "for": who})),
    };
    // Kept to the end: what this run has found or finished is not removed before.
    let _staying = match store.stay(&graph.experiment, waiting) {
        Ok(lock) => lock,
        Err(error) => return without_writing(experiment, &to, graph, cache, &(selected, forced), error),
    };
    let tell = |text: String| match command.log_format {
        LogFormat::Human => eprintln!("{text}"),
        LogFormat::Json => say::event(json!({"event": "remote", "what": text})),
    };
    let remote = share(command, &experiment.run, graph, &store, &selected, &forced, &tell)?;
    if let Some(lock) = lock.as_ref().filter(|_| command.locked && remote.is_some()) {
        // What has come is held against it too.
        lock.check(graph, &Plan::new(graph, &store, &forced)?, &store, &|step| forced.contains(&step))?;
    }
    let options = RunOptions {
        cache: cache.to_owned(),
        backend: command.backend.or(experiment.run.backend).unwrap_or(Backend::Auto),
        jobs: command.jobs.map(usize::from).or(experiment.run.jobs),
        threads: experiment.run.threads,
        keep_going: !command.fail_fast && (command.keep_going || experiment.run.keep_going.unwrap_or(true)),
        snapshot_every: experiment.run.snapshot_every,
        retries: experiment.run.retries.unwrap_or(1),
        timeout: experiment.run.timeout,
        drain: match command.drain {
            true => Some(drain(graph, &Plan::new(graph, &store, &forced)?, &store)),
            false => None,
        },
        until,
        remote,
        selected,
        forced,
        git: to.git().cloned(),
        pinned: lock.as_ref().map_or_else(BTreeMap::new, |lock| lock.pinned(graph)),
        offline: command.offline,
    };
    on_signal(|asked| {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        let since = FIRST.get_or_init(Instant::now).elapsed();
        // Nothing finished can be lost, so a second Ctrl-C need not wait for anything; workers end with their pipes.
        // A terminal that is closed signals twice at once.
        let again = INTERRUPT.swap(true, Ordering::Relaxed);
        if again && asked == Asked::CtrlC && since > Duration::from_millis(500) {
            Exit::Interrupted.now();
        }
        hold::at(format_args!("interrupted"));
    })?;

    let said = Cell::new(false);
    let look = |plan: &Plan| {
        let looking = Looking { selected: &options.selected, unfinished_only: true, local: false };
        let notes = study.preflight(plan, &store, &looking).map_err(|error| error.to_string())?;
        // Later rounds need not say it again.
        Ok(if said.replace(true) { Vec::new() } else { notes.iter().map(|note| format!("note: {note}")).collect() })
    };
    let format = command.log_format;
    let (mut summary, mut written, plan) =
        run_and_heal(experiment, graph, &store, options.clone(), &to, &look, format)?;
    let kept = match &lock {
        Some(lock) if command.locked => keeps(lock, graph, &plan, format),
        _ => true,
    };
    // Of those that were tried first.
    let mut failed = summary.failed.len();
    let rest = match command.partial && !summary.interrupted {
        true => partial(experiment, graph, &plan, &options.selected),
        false => None,
    };
    if let Some(rest) = &rest {
        let mut selected = chosen(rest, &command.chosen)?.0;
        selected.retain(|step| rest.steps[*step].runs().iter().all(|run| !rest.without.contains(*run)));
        let options = RunOptions { selected, forced: BTreeSet::new(), ..options.clone() };
        let ran = summary.ran;
        // What is left was looked at with the whole.
        (summary, written, _) = run_and_heal(experiment, rest, &store, options, &to, &|_| Ok(Vec::new()), format)?;
        summary.ran += ran;
        failed += summary.failed.len();
    }
    let graph = rest.as_ref().unwrap_or(graph);
    let told = |failed: &[usize]| written.as_ref().map_or(String::new(), |written| ending(written, &to, graph, failed));
    let took = duration(clock.elapsed().as_secs_f64());
    let fresh = match summary.ran {
        0 if command.log_format == LogFormat::Human
            && failed == 0
            && summary.not_selected == 0
            && summary.left == 0
            && !summary.interrupted =>
        {
            eprintln!("{}: nothing to do, all {} steps are fresh ({took})", graph.experiment, summary.fresh);
            eprint!("{}", told(&[]));
            return Ok(exit_of(&summary, failed, written.as_ref(), kept));
        }
        _ => format!("{} ran, {} fresh", summary.ran, summary.fresh),
    };
    if command.log_format == LogFormat::Json {
        let missing: Vec<String> = summary.missing.iter().map(|(step, _)| graph.steps[*step].name()).collect();
        let not_drawn: BTreeMap<&str, String> = (written.iter().flat_map(|written| &written.not_drawn))
            .map(|one| (one.stage.as_str(), one.why(graph, &summary.failed)))
            .collect();
        let expectations = written.iter().flat_map(|written| &written.expectations);
        let unmet: Vec<&str> = expectations.filter(|one| one.fails()).map(|one| one.name.as_str()).collect();
        let end = json!({"event": "end", "ran": summary.ran, "fresh": summary.fresh, "failed": failed,
            "dropped": summary.dropped, "not-selected": summary.not_selected, "missing": missing,
            "interrupted": summary.interrupted, "time-is-up": summary.time_is_up, "left": summary.left,
            "results": written.as_ref().map(|_| &to.folder), "finished": written.as_ref().map(|written| written.finished),
            "not-drawn": not_drawn, "not-as-expected": unmet, "seconds": clock.elapsed().as_secs_f64()});
        say::event(end);
        return Ok(exit_of(&summary, failed, written.as_ref(), kept));
    }
    let mut parts = vec![fresh];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    let counts = [
        (summary.dropped, "need a failed step"),
        (summary.not_selected, "not selected"),
        (summary.left, "left to other runs"),
    ];
    for (count, what) in counts {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    eprintln!("{}: {} ({took})", graph.experiment, parts.join(", "));
    eprint!("{}", told(&summary.failed));
    if summary.interrupted {
        let why = if summary.time_is_up { "its time is up" } else { "interrupted" };
        eprintln!(
            "{why}: finished steps are kept, and half-done ones where they could be; run the same command again \
             to go on"
        );
        return Ok(exit_of(&summary, failed, written.as_ref(), kept));
    }
    for (step, wanted) in &summary.missing {
        let name = graph.steps[*step].name();
        eprintln!("{wanted} selected steps need {name}, which is neither finished nor selected");
    }
    Ok(exit_of(&summary, failed, written.as_ref(), kept))
}

/// The lock that the run is held to, and held against. With `--offline` alone it only says which revisions are meant.
pub(super) fn locked(
    command: &args::Run,
    graph: &Graph,
    store: &Store,
    forced: &BTreeSet<usize>,
) -> Result<Option<Lock>, Failure> {
    let file = &command.experiment.file;
    let wanted = command.locked || (command.offline && lock_of(file).exists());
    if !wanted {
        return Ok(None);
    }
    let lock = Lock::read(file)?;
    if command.locked {
        lock.check(graph, &Plan::new(graph, store, forced)?, store, &|step| forced.contains(&step))?;
    }
    Ok(Some(lock))
}

/// Whether what came out is what the lock says, if it says so; else that is told.
fn keeps(lock: &Lock, graph: &Graph, plan: &Plan, format: LogFormat) -> bool {
    let Err(error) = lock.check_results(graph, plan) else { return true };
    match format {
        LogFormat::Human => eprintln!("{error}"),
        LogFormat::Json => say::event(json!({"event": "not-as-locked", "what": error.to_string()})),
    }
    false
}

fn exit_of(summary: &RunSummary, failed: usize, written: Option<&Written>, kept: bool) -> Exit {
    match summary.interrupted {
        true if summary.time_is_up => Exit::TimeIsUp,
        true => Exit::Interrupted,
        false if failed > 0 || !summary.missing.is_empty() => Exit::Failed,
        false if !kept => Exit::NotAsExpected,
        false => written.map_or(Exit::Done, as_expected),
    }
}

/// A cache that cannot be written is enough where nothing has to run.
fn without_writing(
    experiment: &Experiment,
    to: &Place,
    graph: &Graph,
    cache: &Path,
    (selected, forced): &(BTreeSet<usize>, BTreeSet<usize>),
    error: StoreError,
) -> Result<Exit, Failure> {
    let store = Store::existing(cache);
    let plan = Plan::new(graph, &store, forced).ok();
    let plan = plan.filter(|plan| selected.iter().all(|step| plan.states[*step].finished().is_some()));
    let Some(plan) = plan else { return Err(error.into()) };
    let written = write_results(experiment, graph, &plan, &store, to, &[]).map_err(Failure::ResultsOfRun)?;
    let count = selected.len();
    eprintln!("{}: nothing to do, all {count} steps are fresh (the cache is read-only)", graph.experiment);
    eprint!("{}", ending(&written, to, graph, &[]));
    Ok(as_expected(&written))
}

/// How often a run goes round again for what turned out to be damaged.
const ROUNDS: usize = 2;

/// Runs and writes the results, unless they are left to others. Where something in the cache was damaged, which shows only when it is read, the steps
/// that made it run again, and then what could not.
fn run_and_heal(
    experiment: &Experiment,
    graph: &Graph,
    store: &Store,
    mut options: RunOptions,
    to: &Place,
    before_computing: BeforeComputing<'_>,
    format: LogFormat,
) -> Result<(RunSummary, Option<Written>, Plan), Failure> {
    let mut ran = 0;
    let mut round = 0;
    loop {
        let mut reporter = reporter(format, Box::new(StudyCosts::new(store)));
        let (mut summary, plan) = engine::run(graph, store, &options, &INTERRUPT, before_computing, reporter.as_mut())?;
        drop(reporter);
        ran += summary.ran;
        summary.ran = ran;
        let again = round < ROUNDS && !summary.interrupted;
        let mut lost = Vec::new();
        if again && !summary.failed.is_empty() {
            lost = selected_losses(graph, store, &plan, &options, &summary.failed, false)?;
        }
        if lost.is_empty() {
            let written = match options.drain {
                Some(_) => Ok(None),
                None => write_results(experiment, graph, &plan, store, to, &summary.failed).map(Some),
            };
            if again && written.is_err() {
                lost = selected_losses(graph, store, &plan, &options, &summary.failed, true)?;
            }
            if lost.is_empty() {
                return Ok((summary, written.map_err(Failure::ResultsOfRun)?, plan));
            }
        }
        for Lost { step, why } in &lost {
            let name = graph.steps[*step].name();
            match (format, why) {
                (LogFormat::Human, Why::Damaged(why)) => eprintln!("damaged: {name}: {why}; it runs again"),
                (LogFormat::Json, Why::Damaged(why)) => {
                    say::event(json!({"event": "damaged", "step": name, "what": why}));
                }
                (LogFormat::Human, Why::Remade) => {
                    eprintln!("changed: another run has made {name} again, with another result; what needs it runs");
                }
                (LogFormat::Json, Why::Remade) => say::event(json!({"event": "changed", "step": name})),
            }
        }
        options.forced.retain(|step| plan.states[*step].finished().is_none());
        round += 1;
    }
}

fn selected_losses(
    graph: &Graph,
    store: &Store,
    plan: &Plan,
    options: &RunOptions,
    failed: &[usize],
    results: bool,
) -> Result<Vec<Lost>, Failure> {
    let mut lost = engine::lost(graph, store, plan, failed, results)?;
    lost.retain(|lost| lost.why == Why::Remade || options.selected.contains(&lost.step));
    Ok(lost)
}

pub(super) fn worker(command: &args::Worker, cache: &Path) -> Result<Exit, Failure> {
    on_signal(|asked| {
        let again = STOP.asked();
        STOP.ask();
        if again && asked == Asked::CtrlC {
            Exit::Interrupted.now();
        }
    })?;
    let remote = command.remote.as_ref().map(|remote| remote.parse().map(|address| (address, command.push)));
    let remote = remote.transpose().map_err(Failure::wrong_input)?;
    engine::work(cache, remote, command.backend, &STOP, kinds::steps()).map_err(RunError::Worker)?;
    Ok(if STOP.asked() { Exit::Interrupted } else { Exit::Done })
}
