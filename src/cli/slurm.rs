//! `pipeline slurm`: a study's pilots, and their end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::forecast::{CPU, GPU};
use super::open::Study;
use super::plan::chosen;
use super::run::{locked, run};
use super::share::bring;
use crate::device::Backend;
use crate::engine::{Graph, Plan};
use crate::kinds::cost::StudyCosts;
use crate::progress::{Costs, Estimate};
use crate::remote::Remote;
use crate::slurm::{Gpus, Limit, Memory, Pilots, Queue, Scripts, Settings, Submitted, ask};
use crate::store::{Store, publish};

/// Where nothing is known of a study's hours, and the most that the plan asks for.
const UNKNOWN: u16 = 8;
const MOST: f64 = 64.0;
const HOUR: f64 = 3600.0;

pub(super) fn slurm(command: &args::Slurm, cache: &Path) -> Result<Exit, Failure> {
    let study = Study::load(&command.experiment)?;
    let (experiment, graph) = (&study.experiment, &study.graph);
    command.settings.check().map_err(Failure::wrong_input)?;
    if command.cancel {
        return cancel(&experiment.name, cache);
    }
    let (only, from, until) = (command.only.clone(), command.from.clone(), command.until.clone());
    let (wanted, _) = chosen(graph, &args::Chosen { only, from, until, force: Vec::new() })?;
    let store = if command.dry_run { Store::existing(cache) } else { Store::open(cache)? };
    if let Some(address) = experiment.run.remote.as_ref().filter(|_| !command.dry_run) {
        // Here, where the network is.
        let _staying = store.stay(&graph.experiment, |who| eprintln!("waiting for `cache gc`, which {who} runs"))?;
        let wanted = graph.with_needs(wanted.clone(), |_| true);
        match Remote::open(address).and_then(|remote| bring(graph, &store, &remote, &wanted)) {
            Ok((_, pulled)) => eprintln!("{} steps came from {address}", pulled.found.len()),
            Err(error) => eprintln!("note: {address}: {error}"),
        }
    }
    let mut plan = Plan::new(graph, &store, &BTreeSet::new())?;
    let open =
        |plan: &Plan| wanted.iter().copied().filter(|step| plan.states[*step].finished().is_none()).collect::<Vec<_>>();
    if open(&plan).is_empty() {
        eprintln!(
            "{}: nothing to do, all {} steps are fresh; `pipeline results` writes them",
            graph.experiment,
            wanted.len()
        );
        return Ok(Exit::Done);
    }
    let here = without_device(graph, &open(&plan));
    let only = here.iter().map(|step| graph.steps[*step].name()).collect();
    // What pilots read is fetched before they are submitted, so the lock holds them too.
    let own = args::Run::of(&command.experiment, only, &command.results_dir);
    let own = args::Run { locked: command.locked, ..own };
    locked(&own, graph, &store, &BTreeSet::new())?;
    if !command.dry_run && !here.is_empty() {
        let ended = run(&own, cache)?;
        if ended != Exit::Done {
            eprintln!("nothing is submitted: what the pilots would read is not there");
            return Ok(ended);
        }
        plan = Plan::new(graph, &store, &BTreeSet::new())?;
    }
    let settings = command.settings.clone().or(&experiment.run.slurm);
    let gpus = settings
        .gpus
        .clone()
        .unwrap_or_else(|| Gpus { kind: None, count: u32::from(wants_gpu(experiment.run.backend)) });
    let needs = Needs::of(graph, &plan, &wanted, &store, gpus.count > 0);
    let scripts = scripts(command, cache, &settings, gpus, &needs, experiment.run.jobs, &graph.experiment)?;
    let folder = Submitted::folder(store.root(), &graph.experiment);
    let [pilot, last] = ["pilot.sh", "results.sh"].map(|name| folder.join(name));
    if command.dry_run {
        print!("==> {} <==\n{}\n==> {} <==\n{}", pilot.display(), scripts.pilot, last.display(), scripts.results);
        return Ok(Exit::Done);
    }
    let mut submitted = still_there(&store, &graph.experiment);
    if !submitted.pilots.is_empty() {
        eprintln!(
            "pilots {} of this study are in the queue already; these come in addition",
            submitted.pilots.join(", ")
        );
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::cannot_start(format!("`{}`: {error}", folder.display())))?;
    publish(&pilot, scripts.pilot.as_bytes(), false)?;
    publish(&last, scripts.results.as_bytes(), false)?;
    let array = Queue::submit(&pilot, None).map_err(|error| refused(&error))?;
    // Kept before anything else can go wrong.
    submitted.pilots.push(array.clone());
    submitted.write(store.root())?;
    let after = Queue::submit(&last, Some(&array)).map_err(|error| {
        let again = format!("sbatch --dependency=afterany:{array} {}", last.display());
        Failure::cannot_start(format!("the pilots are job {array}, but the last job is not in the queue: {error}\n  = help: submit it with `{again}`"))
    })?;
    submitted.results.push(after.clone());
    submitted.write(store.root())?;
    println!(
        "{}: the pilots are job {array}, which writes {}",
        graph.experiment,
        folder.join(format!("{array}_1.out")).display()
    );
    println!("results follow as job {after}, when all of them have ended");
    println!("`pipeline status` shows them, `pipeline slurm {} --cancel` ends them", command.experiment.file.display());
    Ok(Exit::Done)
}

/// Ends a study's pilots, which save what is half done.
fn cancel(experiment: &str, cache: &Path) -> Result<Exit, Failure> {
    let store = super::open::there(cache)?;
    let submitted = Submitted::read(store.root(), experiment);
    let jobs: Vec<String> = submitted.jobs().cloned().collect();
    let lines = if jobs.is_empty() { Vec::new() } else { Queue::list(&jobs).map_err(Failure::cannot_start)? };
    let jobs: BTreeSet<String> = lines.iter().map(|line| line.array().to_owned()).collect();
    if jobs.is_empty() {
        println!("{experiment}: no pilots are in the queue");
        return Ok(Exit::Done);
    }
    Queue::end(&lines).map_err(Failure::cannot_start)?;
    println!(
        "{experiment}: {} are taken out of the queue, or save what is half done and end",
        jobs.into_iter().collect::<Vec<_>>().join(", ")
    );
    Ok(Exit::Done)
}

/// The jobs of a study that the queue knows of; all, where it does not answer.
fn still_there(store: &Store, experiment: &str) -> Submitted {
    let mut submitted = Submitted::read(store.root(), experiment);
    let answer = ask(store.root(), std::slice::from_ref(&submitted));
    if answer.trouble.is_none() {
        let known: BTreeSet<&str> = answer.lines.iter().map(|line| line.array()).collect();
        submitted.pilots.retain(|job| known.contains(job.as_str()));
        submitted.results.retain(|job| known.contains(job.as_str()));
    }
    submitted
}

fn refused(error: &impl std::fmt::Display) -> Failure {
    let text = error.to_string();
    let help = match text.as_str() {
        text if text.contains("array spec") => "fewer --pilots: the cluster's MaxArraySize is the most of one job",
        text if text.contains("generic resource") => {
            "`gpus = 0` in [run.slurm] is for a cluster without them, `gpus = \"KIND:1\"` for one that names them"
        }
        text if text.contains("help:") => return Failure::cannot_start(text),
        _ => "what is submitted is said in [run.slurm]; `--dry-run` shows it",
    };
    Failure::cannot_start(format!("{text}\n  = help: {help}"))
}

fn wants_gpu(backend: Option<Backend>) -> bool {
    match backend {
        Some(Backend::Cpu) => false,
        Some(Backend::Cuda | Backend::Wgpu) => true,
        // What this machine has says nothing about the nodes.
        Some(Backend::Auto) | None => Queue::has_gpus(),
    }
}

/// Those of the open steps that neither compute on a device nor need what does: what brings data and models here.
fn without_device(graph: &Graph, open: &[usize]) -> Vec<usize> {
    let mut here: BTreeSet<usize> = BTreeSet::new();
    let all: BTreeSet<usize> = open.iter().copied().collect();
    for step in all.iter().copied() {
        let node = &graph.steps[step];
        if !node.work.needs_device() && node.needs().iter().all(|need| !all.contains(need) || here.contains(need)) {
            here.insert(step);
        }
    }
    here.into_iter().collect()
}

/// What the open steps take.
struct Needs {
    /// Steps that compute and can run at once.
    width: usize,
    seconds: Option<f64>,
    /// Of the largest step.
    memory: Option<f64>,
}

impl Needs {
    fn of(graph: &Graph, plan: &Plan, wanted: &BTreeSet<usize>, store: &Store, gpu: bool) -> Self {
        let open: Vec<usize> = wanted.iter().copied().filter(|step| plan.states[*step].finished().is_none()).collect();
        let mut costs = StudyCosts::new(store);
        costs.begin(graph, plan);
        let known: Vec<_> = open.iter().filter_map(|step| costs.of(graph, *step)).collect();
        let operations: f64 = known.iter().map(|cost| cost.operations).sum();
        let memory = known.iter().map(|cost| cost.memory).reduce(f64::max);
        let timed = !costs.timed(graph, plan, &open).is_empty();
        let mut estimate = Estimate::new(Box::new(costs));
        estimate.plan(graph, plan, wanted);
        let left = estimate.left(1);
        let seconds = match timed && left.unknown < left.steps {
            true => Some(left.seconds),
            false => (operations > 0.0).then(|| operations / if gpu { GPU } else { CPU }),
        };
        Self { width: width(graph, &open), seconds, memory }
    }

    fn pilots(&self) -> u16 {
        let by_hours = self.seconds.map_or(f64::from(UNKNOWN), |seconds| (seconds / HOUR).ceil());
        by_hours.min(self.width as f64).clamp(1.0, MOST) as u16
    }

    /// Twice its share, in whole hours, and a day at most: a pilot goes on in the queue.
    fn time(&self, pilots: u16) -> Option<Limit> {
        let hours = (2.0 * self.seconds? / f64::from(pilots) / HOUR).ceil().clamp(1.0, 24.0);
        Some(Limit(std::time::Duration::from_secs_f64(hours * HOUR)))
    }

    fn memory(&self, workers: usize) -> Option<Memory> {
        let bytes = 2e9 + workers as f64 * 1.5 * self.memory?;
        Some(Memory::gigabytes((bytes / 1e9).ceil() as u64))
    }
}

/// The most computing steps that stand at the same depth, each being one deeper than the deepest that it needs.
fn width(graph: &Graph, open: &[usize]) -> usize {
    let mut depths: BTreeMap<usize, usize> = BTreeMap::new();
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for step in open {
        let node = &graph.steps[*step];
        let before = node.needs().iter().filter_map(|need| depths.get(need)).max().copied().unwrap_or(0);
        let computes = node.work.needs_device();
        depths.insert(*step, before + usize::from(computes));
        if computes {
            *counts.entry(before).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(1)
}

fn scripts(
    command: &args::Slurm,
    cache: &Path,
    settings: &Settings,
    gpus: Gpus,
    needs: &Needs,
    jobs: Option<usize>,
    experiment: &str,
) -> Result<Scripts, Failure> {
    let directory = std::env::current_dir().map_err(Failure::cannot_start)?;
    let program = std::env::current_exe().map_err(Failure::cannot_start)?;
    let pilots = settings.pilots.map_or_else(|| needs.pilots(), u16::from);
    let workers = jobs.unwrap_or_else(|| (gpus.count as usize).max(1));
    let words = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::wrong_input(format!("the name `{}` is not UTF-8", path.display())))
    };
    let named = |name: &str, values: &[String]| {
        values.iter().flat_map(|value| [name.to_owned(), value.clone()]).collect::<Vec<_>>()
    };
    let file = [vec![words(&command.experiment.file)?], named("--set", &command.experiment.overrides)].concat();
    let chosen =
        [named("--only", &command.only), named("--from", &command.from), named("--until", &command.until)].concat();
    let pilots = Pilots {
        experiment,
        settings,
        pilots,
        time: settings.time.or_else(|| needs.time(pilots)),
        memory: settings.memory.clone().or_else(|| needs.memory(workers)),
        gpus,
        program: &program,
        directory: &directory,
        file: &file,
        cache: &words(cache)?,
        chosen: &chosen,
        results: &words(&command.results_dir)?,
        folder: &directory.join(Submitted::folder(&cache.join("v1"), experiment)),
    };
    Ok(pilots.scripts())
}
