//! Steps that are stopped or killed in the middle: they go on where they were, and the result is the same.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::{Ended, TINY, Workspace, read_manifests};

/// One fine-tune of 2400 steps.
fn long(run: &str) -> String {
    let study = TINY.split("[eval.in_domain]").next().unwrap();
    let study = study.replace("seeds = \"0..4\"", "seeds = 1").replace("epochs = 2", "epochs = 600");
    format!("[run]\n{run}\n{}", study.replace("learning_rate = 3e-2", "learning_rate = 1e-3"))
}

/// Everything that can be gone on with, small.
fn everything() -> String {
    let more = "
[sharpness.sharp]
models = \"agents\"
data = \"sentences.in_domain\"
epsilon = 1e-3
batch_size = 16

[surface.plane]
models = \"agents\"
data = \"sentences.in_domain\"
planes = [[0, 1, 2]]
range = 1.5
points_per_unit = 5
";
    let study = format!("[run]\nsnapshot_every = \"0.001 s\"\n{TINY}{more}");
    study
        .replace("steps = 3\n", "steps = 60\n")
        .replace("epochs = 2", "epochs = 30")
        .replace("examples = 40", "examples = 4000")
}

fn start(workspace: &Workspace) -> Child {
    let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu", "--jobs", "1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

fn worker_of(driver: &Child) -> u32 {
    let list = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", driver.id())).unwrap();
    list.split_whitespace().next().unwrap().parse().unwrap()
}

/// Polls until something is there, at most a minute.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{what} never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The training steps of the newest run's fine-tune that its log tells of.
fn steps_done(workspace: &Workspace) -> usize {
    let runs = std::fs::read_dir(workspace.path("cache/v1/runs")).into_iter().flatten().flatten();
    let logs = runs.map(|run| run.path().join("logs/finetune.agents_seed=1_.log"));
    let newest = logs.filter(|log| log.exists()).max_by_key(|log| log.metadata().unwrap().modified().unwrap());
    let text = newest.and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
    text.lines().rev().find_map(|line| line.split_once("/2400 loss")?.0.parse().ok()).unwrap_or(0)
}

/// The names of the files that running steps keep.
fn kept(workspace: &Workspace) -> Vec<String> {
    let steps = std::fs::read_dir(workspace.path("cache/v1/scratch")).into_iter().flatten().flatten();
    let files = steps.filter_map(|step| std::fs::read_dir(step.path()).ok()).flatten().flatten();
    let mut names: Vec<String> = files.map(|file| file.path().display().to_string()).collect();
    names.sort();
    names
}

fn snapshots(workspace: &Workspace) -> Vec<String> {
    kept(workspace).into_iter().filter(|name| name.contains("/snapshot-")).collect()
}

/// A fact of the fine-tune's manifest.
fn fact(workspace: &Workspace, name: &str) -> Option<String> {
    let manifests = read_manifests(&workspace.path("cache/v1/steps"));
    let manifest = manifests.iter().find(|manifest| manifest["kind"] == "finetune").unwrap();
    manifest["provenance"]["facts"][name].as_str().map(str::to_owned)
}

fn untouched(study: &str) -> Workspace {
    let workspace = Workspace::new(study);
    workspace.run(&["--jobs", "1"]).ok();
    workspace
}

#[test]
fn a_stopped_fine_tune_goes_on_after_its_last_step() {
    let untouched = untouched(&long(""));
    assert_eq!(fact(&untouched, "resumed_from_step"), None);
    let workspace = Workspace::new(&long(""));
    let mut last = 0;
    for (name, wanted) in [("-TERM", 100), ("-INT", 500)] {
        let child = start(&workspace);
        wait_for("training", || (steps_done(&workspace) > wanted).then_some(()));
        let since = Instant::now();
        signal(child.id(), name);
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(130), "{}", ended.err);
        assert!(since.elapsed() < Duration::from_secs(10), "it took {:?}", since.elapsed());
        assert!(ended.err.contains("stopping: saving what is half done; press Ctrl-C again"), "{}", ended.err);
        assert!(ended.err.contains("stopped finetune.agents[seed=1]"), "{}", ended.err);
        assert!(!ended.err.contains("failed"), "{}", ended.err);
        last = snapshots(&workspace).last().unwrap().rsplit('-').next().unwrap().parse().unwrap();
        assert!(last > wanted);
    }
    workspace.run(&["--jobs", "1"]).ok();
    assert_eq!(fact(&workspace, "resumed_from_step").unwrap(), last.to_string());
    assert_eq!(workspace.finished(), untouched.finished());
    assert!(kept(&workspace).is_empty());
}

#[test]
fn a_killed_fine_tune_goes_on_after_its_last_whole_snapshot() {
    let study = long("snapshot_every = 50");
    let untouched = untouched(&long(""));
    let workspace = Workspace::new(&study);
    let mut child = start(&workspace);
    wait_for("training", || (steps_done(&workspace) > 220).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    // The worker outlives it by a moment, in which it may write another snapshot.
    std::thread::sleep(Duration::from_millis(500));
    let found = wait_for("two snapshots", || Some(snapshots(&workspace)).filter(|found| found.len() == 2));
    let mut bytes = std::fs::read(&found[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&found[1], bytes).unwrap();
    workspace.run(&["--jobs", "1"]).ok();
    let wanted: usize = found[0].rsplit('-').next().unwrap().parse().unwrap();
    assert_eq!(fact(&workspace, "resumed_from_step").unwrap(), wanted.to_string());
    assert!(wanted >= 150 && wanted.is_multiple_of(50), "{wanted}");
    assert_eq!(workspace.finished(), untouched.finished());
}

/// A batch system's signal can reach a worker alone.
#[test]
fn a_worker_that_is_stopped_alone_is_replaced() {
    let workspace = Workspace::new(&long(""));
    let child = start(&workspace);
    wait_for("training", || (steps_done(&workspace) > 100).then_some(()));
    signal(worker_of(&child), "-TERM");
    let ended: Ended = child.wait_with_output().unwrap().into();
    let ended = ended.ok();
    assert!(ended.err.contains("stopped finetune.agents[seed=1]"), "{}", ended.err);
    assert!(fact(&workspace, "resumed_from_step").unwrap().parse::<usize>().unwrap() > 100);
    assert_eq!(workspace.finished(), untouched(&long("")).finished());
}

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing_finished() {
    let workspace = Workspace::new(&long(""));
    let child = start(&workspace);
    wait_for("training", || (steps_done(&workspace) > 10).then_some(()));
    // One that cannot save anything, for which the driver would wait.
    let worker = worker_of(&child);
    signal(worker, "-STOP");
    signal(child.id(), "-INT");
    // Nearer together they count as one: a terminal that is closed sends two.
    std::thread::sleep(Duration::from_millis(700));
    let since = Instant::now();
    signal(child.id(), "-INT");
    let ended: Ended = child.wait_with_output().unwrap().into();
    signal(worker, "-KILL");
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert!(since.elapsed() < Duration::from_secs(5), "it took {:?}", since.elapsed());
    workspace.run(&["--jobs", "1"]).ok();
}

#[test]
fn a_large_plane_over_few_examples_stops_at_once() {
    let study = everything().replace("examples = 4000", "examples = 40");
    let workspace = Workspace::new(&study.replace("points_per_unit = 5", "points_per_unit = 500"));
    let child = start(&workspace);
    wait_for("a point", || kept(&workspace).iter().any(|name| name.contains("/row-")).then_some(()));
    let since = Instant::now();
    signal(child.id(), "-INT");
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert!(ended.err.contains("stopped surface.plane[0,1,2]"), "{}", ended.err);
    assert!(since.elapsed() < Duration::from_secs(10), "it took {:?}", since.elapsed());
}

#[test]
fn no_room_for_snapshots_is_no_failure() {
    let workspace = Workspace::new(&long("snapshot_every = 100"));
    let limits = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    // In blocks of 512 bytes: the weights fit, three times as much does not.
    let program = env!("CARGO_BIN_EXE_pipeline");
    let mut command = Command::new("sh");
    command.args(["-c", limits, "sh", "150", program, "run", "study.toml", "--backend", "cpu", "--jobs", "1"]);
    command.current_dir(workspace.path(".")).stdin(Stdio::null());
    let ended: Ended = command.output().unwrap().into();
    let ended = ended.ok();
    assert_eq!(ended.err.matches("no snapshot could be written").count(), 1, "{}", ended.err);
    assert!(ended.err.contains("/snapshot-000000000"), "{}", ended.err);
    assert_eq!(workspace.finished(), untouched(&long("")).finished());
}

/// `STOPS` and `STOPS_SEED` make it longer or another one.
#[test]
fn whatever_is_stopped_ends_the_same() {
    let number = |name: &str, or: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or);
    let untouched = untouched(&everything());
    let workspace = Workspace::new(&everything());
    let mut state = number("STOPS_SEED", 1);
    let mut stopped = 0;
    for _ in 0..number("STOPS", 8) {
        // Knuth's linear congruential generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let child = start(&workspace);
        std::thread::sleep(Duration::from_millis(150 + (state >> 33) % 700));
        let name = if state >> 60 & 1 == 0 { "-TERM" } else { "-KILL" };
        Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert!(!ended.err.contains("failed"), "{}", ended.err);
        stopped += usize::from(ended.code != Some(0));
    }
    workspace.run(&["--jobs", "1"]).ok();
    let all = read_manifests(&workspace.path("cache/v1/steps"));
    let resumed = all.iter().filter(|manifest| {
        let facts = manifest["provenance"]["facts"].as_object();
        facts.is_some_and(|facts| facts.keys().any(|name| name.contains("interrupted") || name.contains("resumed")))
    });
    println!("{stopped} runs were broken off; {} of {} steps were gone on with", resumed.count(), all.len());
    assert!(stopped > 0);
    assert_eq!(workspace.finished(), untouched.finished());
    assert!(kept(&workspace).is_empty());
}
