//! Faults of machines and of other processes: every step runs once, finished work stays, and it is said what happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::background::{Hold, Run, signal, wait_for, wait_until_gone};
use crate::workspace::{Ended, TINY, Workspace, files};

/// More seeds, so that there is enough left after a fault.
fn longer(run: &str) -> String {
    format!("{}\n[run]\n{run}\n", TINY.replace("seeds = \"0..4\"", "seeds = \"0..6\""))
}

fn start(workspace: &Workspace, more: &[&str]) -> Run {
    Run::start(workspace, &[&["--jobs", "1"], more].concat())
}

/// Waits until a worker is held in the middle of a step; says its process and the step.
fn held_worker(workspace: &Workspace, hold: &Hold) -> (u32, String) {
    let worker = hold.reached();
    let step = wait_for("the lock of the worker", || {
        let read = |lock| serde_json::from_slice::<Value>(&std::fs::read(lock).ok()?).ok();
        let record = files(workspace.path("cache/v1/locks")).into_iter().filter_map(read);
        record.into_iter().find(|record| record["pid"] == worker)?["step"].as_str().map(str::to_owned)
    });
    (worker, step)
}

/// Every line of every journal; the last one may be half written.
fn journals(cache: &Path) -> Vec<Value> {
    let texts = files(cache.join("v1/runs")).into_iter();
    let texts = texts.filter_map(|run| std::fs::read_to_string(run.join("journal.jsonl")).ok());
    let whole = |text: String| text.rsplit_once('\n').map(|(lines, _)| lines.to_owned()).unwrap_or_default();
    let lines = |text: String| whole(text).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>();
    texts.flat_map(lines).collect()
}

fn events(cache: &Path, name: &str) -> Vec<Value> {
    journals(cache).into_iter().filter(|line| line["event"] == name).collect()
}

/// Nothing is left of work in progress, and every finished step ran once.
#[track_caller]
fn is_tidy(workspace: &Workspace) {
    let cache = workspace.path("cache");
    let mut runs: BTreeMap<String, usize> = workspace.finished().into_keys().map(|key| (key, 0)).collect();
    for done in events(&cache, "done") {
        assert!(done["seconds"].as_f64().unwrap() > 0.0, "{done}");
        *runs.get_mut(done["key"].as_str().unwrap()).unwrap() += 1;
    }
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
    no_leftovers(&cache);
}

#[track_caller]
fn no_leftovers(cache: &Path) {
    let left: Vec<PathBuf> = ["objects", "steps"]
        .into_iter()
        .flat_map(|folder| files(cache.join("v1").join(folder)))
        .flat_map(files)
        .chain(files(cache.join("v1/experiments")))
        .chain(files(cache.join("v1")))
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(".tmp-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn three_runs_at_once_do_each_step_once() {
    let workspace = Workspace::new(&longer(""));
    // Another folder, an experiment that shares half of its steps.
    let other =
        Workspace::new(&TINY.replace("seeds = \"0..4\"", "seeds = \"2..8\"").replace("points = 5", "points = 3"));
    let cache = workspace.path("cache");
    let shared = ["--cache-dir", cache.to_str().unwrap()];
    for run in [start(&workspace, &[]), start(&other, &shared), start(&workspace, &[])] {
        run.end().ok();
    }
    is_tidy(&workspace);
    assert!(files(cache.join("v1/locks")).is_empty());
    for ended in [workspace.run(&[]), other.run(&shared)] {
        assert!(ended.ok().err.contains("nothing to do"));
    }
}

#[test]
fn a_run_waits_for_another_and_takes_over_what_it_left() {
    let workspace = Workspace::new(&longer(""));
    let cache = workspace.path("cache");
    // In the middle of writing an object.
    let hold = workspace.hold_at_visit("written", 7);
    let first = start(&workspace, &[]);
    let (worker, step) = held_worker(&workspace, &hold);
    let mut second = workspace.command(&["run", "study.toml", "--backend", "cpu", "--jobs", "1"]);
    second.env_remove("PIPELINE_HOLD");
    let second = Run::of(second);
    wait_for("a run that waits", || events(&cache, "waiting").iter().any(|event| event["step"] == *step).then_some(()));
    first.signal("-KILL");
    signal(worker, "-KILL");
    wait_until_gone(worker);
    drop(first);
    let ended = second.end().ok();
    let who = format!("pid {worker} on ");
    assert!(ended.err.contains(&format!("waiting for {step}, which {who}")), "{}", ended.err);
    assert!(ended.err.contains(&format!("took over {step} from {who}")), "{}", ended.err);
    assert_eq!(events(&cache, "took-over").len(), 1);
    assert!(files(cache.join("v1/locks")).is_empty());
    assert!(workspace.run(&[]).ok().err.contains("nothing to do"));
    // What the killed worker was writing goes with the next run that has something to do.
    workspace.run(&["--force", "cluster.basins"]).ok();
    no_leftovers(&cache);
}

#[test]
fn a_worker_that_is_killed_costs_one_try() {
    let untouched = Workspace::new(&longer(""));
    untouched.run(&["--jobs", "2"]).ok();

    let workspace = Workspace::new(&longer("retries = 1"));
    let hold = workspace.hold("finetune-3");
    let run = start(&workspace, &[]);
    let (worker, step) = held_worker(&workspace, &hold);
    assert!(signal(worker, "-KILL"));
    hold.let_go();
    let ended = run.end().ok();
    let said =
        format!("{step}: the worker was killed (signal 9): often the machine ran out of memory; running it again");
    assert!(ended.err.contains(&said), "{}", ended.err);
    assert!(!ended.err.contains("took over"), "{}", ended.err);
    is_tidy(&workspace);
    assert_eq!(workspace.finished(), untouched.finished());

    let workspace = Workspace::new(&longer("retries = 0"));
    let hold = workspace.hold("finetune-3");
    let run = start(&workspace, &[]);
    let (worker, step) = held_worker(&workspace, &hold);
    assert!(signal(worker, "-KILL"));
    hold.let_go();
    let ended = run.end();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let said = format!("failed {step}: the worker was killed (signal 9): often the machine ran out of memory\n");
    assert!(ended.err.contains(&said), "{}", ended.err);
    workspace.run(&[]).ok();
    is_tidy(&workspace);
    assert_eq!(workspace.finished(), untouched.finished());
}

#[test]
fn a_worker_that_hangs_is_ended() {
    // Others may be ended too, in the moment in which the clock is ahead; on a slow machine that can be often.
    let workspace = Workspace::new(&longer("timeout = \"30 min\"\nretries = 1000"));
    let hold = workspace.hold("finetune-3");
    let run = start(&workspace, &[]);
    let (worker, step) = held_worker(&workspace, &hold);
    workspace.write("hold/late", "1800");
    wait_until_gone(worker);
    std::fs::remove_file(workspace.path("hold/late")).unwrap();
    hold.let_go();
    let ended = run.end().ok();
    assert!(ended.err.contains(&format!("{step}: no progress for 30 min 00 s; running it again")), "{}", ended.err);
    is_tidy(&workspace);

    workspace.write("study.toml", longer("timeout = \"soon\""));
    let checked = workspace.pipeline(&["check", "study.toml"]);
    assert!(
        checked.err.starts_with("error: `soon` is not a time") && checked.err.contains("--> study.toml:"),
        "{}",
        checked.err
    );
}

/// No file may grow beyond so many blocks of 512 bytes: a disk that is full, for everything that is large.
fn limited(workspace: &Workspace, blocks: usize) -> Ended {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run study.toml --backend cpu --jobs 2");
    let mut command = workspace.command_of("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_pipeline")]);
    command.output().unwrap().into()
}

#[test]
fn a_disk_that_is_full_fails_the_step_and_keeps_the_cache() {
    let untouched = Workspace::new(TINY);
    untouched.run(&["--jobs", "2"]).ok();
    let mut failed_in = [0, 0];
    for blocks in [0, 1, 4, 8, 24] {
        let workspace = Workspace::new(TINY);
        let ended = limited(&workspace, blocks);
        assert_ne!(ended.code, Some(0), "{blocks}: {}", ended.err);
        assert!(ended.err.contains(" bytes): File too large"), "{blocks}: {}", ended.err);
        assert!(!ended.err.contains("panicked") && !ended.err.contains("the worker "), "{blocks}: {}", ended.err);
        failed_in[usize::from(ended.err.contains("`cache/v1/objects/"))] += 1;
        no_leftovers(&workspace.path("cache"));
        workspace.run(&["--jobs", "2"]).ok();
        assert_eq!(workspace.finished(), untouched.finished(), "{blocks}");
    }
    assert!(failed_in.iter().all(|count| *count > 0), "{failed_in:?}");

    // Results are written when the steps are safe.
    std::fs::remove_dir_all(untouched.path("results")).unwrap();
    let ended = limited(&untouched, 4);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("error: failed to write `results/tiny/"), "{}", ended.err);
    assert!(ended.err.contains("help: finished steps are in the cache; `pipeline results` writes"), "{}", ended.err);
    assert!(untouched.run(&[]).ok().err.contains("nothing to do"));
}

#[test]
fn a_cache_that_cannot_be_written_serves_what_is_finished() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    std::fs::remove_dir_all(workspace.path("results")).unwrap();
    // Permissions do not stop the administrator, a file in a folder's place does.
    std::fs::remove_dir_all(workspace.path("cache/v1/locks")).unwrap();
    workspace.write("cache/v1/locks", "");
    let ended = workspace.run(&[]).ok();
    assert!(
        ended.err.contains("tiny: nothing to do, all 31 steps are fresh (the cache is read-only)"),
        "{}",
        ended.err
    );
    assert!(workspace.path("results/tiny/metrics.csv").exists());
    workspace.pipeline(&["results", "study.toml"]).ok();
    workspace.pipeline(&["show", "study.toml"]).ok();
    workspace.pipeline(&["plan", "study.toml"]).ok();
    workspace.write("study.toml", TINY.replace("points = 5", "points = 6"));
    let ended = workspace.run(&[]);
    assert!(ended.err.starts_with("error: cannot write to the cache: `cache/v1/locks`: "), "{}", ended.err);
    assert_eq!(ended.code, Some(3));
}

#[test]
fn a_program_that_is_replaced_goes_on_with_its_own_file() {
    let workspace = Workspace::new(&longer(""));
    let program = workspace.path("pipeline");
    if std::fs::hard_link(env!("CARGO_BIN_EXE_pipeline"), &program).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_pipeline"), &program).unwrap();
    }
    let mut command = workspace.command_of(&program);
    command.args(["run", "study.toml", "--backend", "cpu", "--jobs", "1"]);
    let hold = workspace.hold("finetune-3");
    let run = Run::of(command);
    let worker = hold.reached();
    std::fs::remove_file(&program).unwrap();
    workspace.write("pipeline", "not a program");
    workspace.write("study.toml", "changed");
    assert!(signal(worker, "-KILL"));
    hold.let_go();
    let ended = run.end().ok();
    assert!(ended.err.contains("running it again"), "{}", ended.err);
    is_tidy(&workspace);
}

#[test]
fn folders_with_spaces_and_any_letters() {
    let workspace = Workspace::new(TINY);
    let folders = ["--cache-dir", "der Cache/Ümläute 日本", "--results-dir", "meine Ergebnisse'\"/é"];
    workspace.run(&folders).ok();
    assert!(workspace.path("meine Ergebnisse'\"/é/tiny/metrics.csv").exists());
    assert!(workspace.run(&folders).ok().err.contains("nothing to do"));
}
