//! Steps that are stopped or killed in the middle: they go on where they were, and the result is the same.

use crate::background::{Run, children, signal, wait_until_gone};
use crate::random::{Random, parameter};
use crate::workspace::{Ended, TINY, Workspace};

/// One fine-tune of 40 steps.
fn one(run: &str) -> String {
    let study = TINY.split("[eval.in_domain]").next().unwrap();
    let study = study.replace("seeds = \"0..4\"", "seeds = [1]").replace("epochs = 2", "epochs = 10");
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
points_per_unit = 2
";
    let study = format!("[run]\nsnapshot_every = \"0.001 s\"\n{TINY}{more}");
    study
        .replace("steps = 3\n", "steps = 12\n")
        .replace("epochs = 2", "epochs = 4")
        .replace("examples = 40", "examples = 4000")
}

/// The names of the files that running steps keep.
fn kept(workspace: &Workspace) -> Vec<String> {
    let steps = std::fs::read_dir(workspace.path("cache/v1/scratch")).into_iter().flatten().flatten();
    let files = steps.filter_map(|step| std::fs::read_dir(step.path()).ok()).flatten().flatten();
    let mut names: Vec<String> = files.map(|file| file.path().display().to_string()).collect();
    names.sort();
    names
}

/// The training steps of the snapshots that running steps keep.
fn snapshots(workspace: &Workspace) -> Vec<usize> {
    let step = |name: String| name.rsplit_once("/snapshot-").map(|(_, step)| step.parse().unwrap());
    kept(workspace).into_iter().filter_map(step).collect()
}

/// A fact of the fine-tune's manifest.
fn fact(workspace: &Workspace, name: &str) -> Option<String> {
    let manifests = workspace.manifests();
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
    let untouched = untouched(&one(""));
    assert_eq!(fact(&untouched, "resumed_from_step"), None);
    let workspace = Workspace::new(&one(""));
    for (name, step) in [("-TERM", 11), ("-INT", 25)] {
        let ended = workspace.stop_at(&format!("finetune-{step}"), name);
        assert_eq!(ended.code, Some(130), "{}", ended.err);
        assert!(ended.err.contains("stopping: saving what is half done; press Ctrl-C again"), "{}", ended.err);
        assert!(ended.err.contains("stopped finetune.agents[seed=1]"), "{}", ended.err);
        assert!(!ended.err.contains("failed"), "{}", ended.err);
        // No further step was done.
        assert_eq!(snapshots(&workspace).last(), Some(&step));
    }
    workspace.run(&["--jobs", "1"]).ok();
    assert_eq!(fact(&workspace, "resumed_from_step").unwrap(), "25");
    assert_eq!(workspace.finished(), untouched.finished());
    assert!(kept(&workspace).is_empty());
}

#[test]
fn a_killed_fine_tune_goes_on_after_its_last_whole_snapshot() {
    let workspace = Workspace::new(&one("snapshot_every = 5"));
    workspace.kill_at("finetune-22");
    assert_eq!(snapshots(&workspace), [15, 20]);
    let newest = kept(&workspace).pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    workspace.run(&["--jobs", "1"]).ok();
    assert_eq!(fact(&workspace, "resumed_from_step").unwrap(), "15");
    assert_eq!(workspace.finished(), untouched(&one("")).finished());
}

/// A batch system's signal can reach a worker alone.
#[test]
fn a_worker_that_is_stopped_alone_is_replaced() {
    let workspace = Workspace::new(&one(""));
    // Each worker does five more steps. Whoever starts the tests may have told them to ignore SIGHUP.
    let signals = ["-TERM", "-USR1", "-USR2", "-XCPU", "-QUIT"];
    let steps = [5, 10, 15, 20, 25];
    let (holds, told) = (steps.map(|step| workspace.hold(&format!("finetune-{step}"))), workspace.hold("stop-asked"));
    let run = Run::start(&workspace, &["--jobs", "1"]);
    let mut told = Some(told);
    for (here, name) in holds.into_iter().zip(signals) {
        let worker = here.reached();
        assert_ne!(worker, run.pid());
        assert!(signal(worker, name));
        let asked = told.take().unwrap();
        assert_eq!(asked.reached(), worker, "{name}");
        asked.let_go();
        here.let_go();
        wait_until_gone(worker);
        told = Some(workspace.hold("stop-asked"));
    }
    drop(told);
    let ended = run.end().ok();
    assert_eq!(ended.err.matches("stopped finetune.agents[seed=1]").count(), signals.len(), "{}", ended.err);
    assert_eq!(fact(&workspace, "resumed_from_step").unwrap(), "25");
    assert_eq!(workspace.finished(), untouched(&one("")).finished());
}

/// What sites and schedulers warn with before they kill: to every process, more than once, and by several signals.
#[test]
fn whatever_a_batch_system_sends_saves_what_is_half_done() {
    let workspace = Workspace::new(&one(""));
    let rounds = [["-USR1", "-TERM"], ["-USR2", "-USR2"], ["-XCPU", "-XCPU"], ["-QUIT", "-HUP"]];
    for (round, names) in rounds.into_iter().enumerate() {
        let step = 7 * (round + 1);
        let (here, told) = (workspace.hold(&format!("finetune-{step}")), workspace.hold("stop-asked"));
        let interrupted = workspace.hold("interrupted");
        let run = Run::start(&workspace, &["--jobs", "1"]);
        let worker = here.reached();
        for name in names {
            run.signal(name);
            assert!(signal(worker, name));
        }
        told.reached();
        interrupted.reached();
        // Ctrl-C so much later would end it at once.
        std::thread::sleep(std::time::Duration::from_millis(600));
        interrupted.let_go();
        told.let_go();
        here.let_go();
        let ended = run.end();
        assert_eq!(ended.code, Some(130), "{names:?}: {}", ended.err);
        assert!(ended.err.contains("stopped finetune.agents[seed=1]"), "{names:?}: {}", ended.err);
        assert_eq!(snapshots(&workspace).last(), Some(&step), "{names:?}");
    }
    workspace.run(&["--jobs", "1"]).ok();
    assert_eq!(fact(&workspace, "resumed_from_step").unwrap(), "28");
    assert_eq!(workspace.finished(), untouched(&one("")).finished());
}

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing_finished() {
    let workspace = Workspace::new(&one(""));
    // A worker that cannot save anything, and a driver that waits: only the second signal ends it.
    let (here, stopping) = (workspace.hold("finetune-11"), workspace.hold("stopping"));
    let run = Run::start(&workspace, &["--jobs", "1"]);
    here.reached();
    let workers = children(run.pid());
    let finished = workspace.finished();
    run.signal("-INT");
    assert_eq!(stopping.reached(), run.pid());
    // Nearer together they count as one: a terminal that is closed sends two.
    std::thread::sleep(std::time::Duration::from_millis(600));
    run.signal("-INT");
    let ended = run.end();
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    workers.into_iter().for_each(wait_until_gone);
    assert_eq!(workspace.finished(), finished);
    here.let_go();
    workspace.run(&["--jobs", "1"]).ok();
}

#[test]
fn a_large_plane_over_few_examples_stops_at_once() {
    // 15 × 15 points.
    let study = everything().replace("examples = 4000", "examples = 40");
    let workspace = Workspace::new(&study.replace("points_per_unit = 2", "points_per_unit = 5"));
    let ended = workspace.stop_at("surface-20", "-INT");
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert!(ended.err.contains("stopped surface.plane[0,1,2]"), "{}", ended.err);
    // One row, and five points of the next one: no further point was measured.
    let kept = kept(&workspace);
    let names: Vec<&str> = kept.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["points-00001", "row-00000"]);
    let points = std::fs::read_to_string(&kept[0]).unwrap();
    let points: serde_json::Value = serde_json::from_str(points.split_once('\n').unwrap().1).unwrap();
    assert_eq!(points["metrics"].as_array().unwrap().len(), 5);
}

#[test]
fn no_room_for_snapshots_is_no_failure() {
    let workspace = Workspace::new(&one("snapshot_every = 10"));
    let limits = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    // In blocks of 512 bytes: the weights fit, three times as much does not.
    let program = env!("CARGO_BIN_EXE_pipeline");
    let mut command = workspace.command_of("sh");
    command.args(["-c", limits, "sh", "100", program, "run", "study.toml", "--backend", "cpu", "--jobs", "1"]);
    let ended: Ended = command.output().unwrap().into();
    let ended = ended.ok();
    assert_eq!(ended.err.matches("no snapshot could be written").count(), 1, "{}", ended.err);
    assert!(ended.err.contains("/snapshot-000000000"), "{}", ended.err);
    assert_eq!(workspace.finished(), untouched(&one("")).finished());
}

/// `STOPS` and `STOPS_SEED` make it longer or another one.
#[test]
fn whatever_is_stopped_ends_the_same() {
    let untouched = untouched(&everything());
    let workspace = Workspace::new(&everything());
    let mut random = Random(parameter("STOPS_SEED", 1));
    let mut stopped = 0;
    for _ in 0..parameter("STOPS", 8) {
        let (here, told) = (workspace.hold_at_visit("any", 1 + random.below(200)), workspace.hold("stop-asked"));
        let mut run = Run::start(&workspace, &["--jobs", "1"]);
        let held = here.reached_or_ended(&mut run);
        let ended = if random.below(2) == 0 || held.is_none() {
            run.kill()
        } else {
            run.signal("-TERM");
            // A driver that is held itself tells nobody.
            if held != Some(run.pid()) {
                told.reached_or_ended(&mut run);
            }
            told.let_go();
            here.let_go();
            run.end()
        };
        assert!(!ended.err.contains("failed"), "{}", ended.err);
        stopped += usize::from(ended.code != Some(0));
    }
    workspace.run(&["--jobs", "1"]).ok();
    let all = workspace.manifests();
    let resumed = all.iter().filter(|manifest| {
        let facts = manifest["provenance"]["facts"].as_object();
        facts.is_some_and(|facts| facts.keys().any(|name| name.contains("interrupted") || name.contains("resumed")))
    });
    println!("{stopped} runs were broken off; {} of {} steps were gone on with", resumed.count(), all.len());
    assert!(stopped > 0);
    assert_eq!(workspace.finished(), untouched.finished());
    assert!(kept(&workspace).is_empty());
}
