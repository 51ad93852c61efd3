//! Several drivers, `gc` and the user's own hands on one cache: what a step computes from is what its key says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::background::{Run, wait_for};
use crate::workspace::{Ended, TINY, Workspace, files};

const STUDY: &str = r#"
[experiment]
name = "moving"

[fetch.sentences]
dataset = "builtin:agents"
splits.pretraining = { examples = 64, passive = 0.5 }

[fetch.data]
dataset = "hf:someone/moving"
text = ["text"]
label = "label"
labels = ["no", "yes"]

[pretrain.start]
data = "sentences.pretraining"
layers = 1
hidden = 16
heads = 2
max_length = 24
initializer_range = 0.2
steps = 3
batch_size = 16
learning_rate = 1e-3

[finetune.models]
model = "start"
data = "data.train"
seeds = "0..2"
epochs = 5
batch_size = 16
learning_rate = 1e-2
max_length = 24

[eval.later]
models = "models"
data = "data.validation"
metrics = ["loss", "f1"]
"#;

const FIRST: &str = "0123456789abcdef0123456789abcdef01234567";
const SECOND: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Sentences with a label that depends on the commit.
fn sentences(rows: usize, commit: &str) -> String {
    let row = |row: usize| {
        let (noun, verb) = (["doctor", "guest", "tourist"][row % 3], ["saw", "knew"][row % 2]);
        let yes = if commit == FIRST { row.is_multiple_of(3) } else { row.is_multiple_of(2) };
        format!("the {noun} {verb} the worker .\t{}\n", if yes { "yes" } else { "no" })
    };
    std::iter::once("text\tlabel\n".to_owned()).chain((0..rows).map(row)).collect()
}

/// The hub's cache holds two commits, of which the second has so many rows to train on.
fn on_the_hub(rows: usize) -> Workspace {
    let workspace = Workspace::new(STUDY);
    for (commit, rows) in [(FIRST, 48), (SECOND, rows)] {
        for (split, rows) in [("train", rows), ("validation", 30)] {
            let file = format!("snapshots/{commit}/data/{split}-00000-of-00001.tsv");
            workspace.write(&format!("hf_home/hub/datasets--someone--moving/{file}"), sentences(rows, commit));
        }
    }
    move_to(&workspace, FIRST);
    workspace
}

/// Where the main branch is from now on.
fn move_to(workspace: &Workspace, commit: &str) {
    workspace.write("hf_home/hub/datasets--someone--moving/refs/main", commit);
}

fn command(workspace: &Workspace, more: &[&str]) -> Command {
    let mut command = workspace.command(&[&["run", "study.toml", "--backend", "cpu", "--jobs", "1"], more].concat());
    command.env("HF_HUB_OFFLINE", "1");
    command
}

fn run(workspace: &Workspace, more: &[&str]) -> Ended {
    command(workspace, more).output().unwrap().into()
}

/// The outputs of finished steps of these kinds, by key.
fn made(workspace: &Workspace, kinds: &[&str]) -> BTreeMap<String, BTreeMap<String, String>> {
    let manifests = workspace.manifests().into_iter();
    let chosen: Vec<String> = manifests
        .filter(|one| kinds.contains(&one["kind"].as_str().unwrap()))
        .map(|one| one["key"].as_str().unwrap().to_owned())
        .collect();
    workspace.finished().into_iter().filter(|(key, _)| chosen.contains(key)).collect()
}

/// One driver trains the first of two models when another one fetches the data again, which have moved.
fn moved_meanwhile(rows: usize) -> (Workspace, Ended) {
    let workspace = on_the_hub(rows);
    run(&workspace, &["--until", "fetch.data"]).ok();
    let here = workspace.hold("finetune-1");
    let driver = Run::of(command(&workspace, &[]));
    here.reached();
    move_to(&workspace, SECOND);
    let other = run(&workspace, &["--only", "fetch.data", "--force", "fetch.data"]).ok();
    assert!(other.err.contains("2 ran"), "{}", other.err);
    here.let_go();
    (workspace, driver.end())
}

const MADE_FROM_DATA: [&str; 2] = ["finetune", "eval"];

#[test]
fn what_another_driver_fetches_anew_is_not_computed_from_under_the_old_key() {
    let untouched = on_the_hub(48);
    run(&untouched, &[]).ok();
    let (workspace, ended) = moved_meanwhile(48);
    ended.ok();
    // Everything was there under the keys of the first commit, and is right.
    assert_eq!(made(&workspace, &MADE_FROM_DATA), made(&untouched, &MADE_FROM_DATA));
    assert_eq!(workspace.read("results/moving/metrics.csv"), untouched.read("results/moving/metrics.csv"));
    // The second has results of its own, and the way back finds those of the first.
    run(&workspace, &[]).ok();
    assert_eq!(made(&workspace, &MADE_FROM_DATA).len(), 2 * made(&untouched, &MADE_FROM_DATA).len());
    move_to(&workspace, FIRST);
    run(&workspace, &["--force", "fetch.data"]).ok();
    assert_eq!(workspace.read("results/moving/metrics.csv"), untouched.read("results/moving/metrics.csv"));
}

#[test]
fn what_is_not_there_any_more_as_it_was_sends_the_run_round_again() {
    let untouched = on_the_hub(36);
    move_to(&untouched, SECOND);
    run(&untouched, &[]).ok();
    // How many rows there are is kept in the manifest alone, so what it was is gone.
    let (workspace, ended) = moved_meanwhile(36);
    let ended = ended.ok();
    let said = "changed: another run has made fetch.data[train] again, with another result; what needs it runs\n";
    assert!(ended.err.contains(said), "{}", ended.err);
    assert_eq!(workspace.read("results/moving/metrics.csv"), untouched.read("results/moving/metrics.csv"));
    let right = made(&untouched, &MADE_FROM_DATA);
    let found = made(&workspace, &MADE_FROM_DATA);
    assert!(right.iter().all(|(key, outputs)| found.get(key) == Some(outputs)), "{found:?}\n{right:?}");
    assert!(run(&workspace, &[]).ok().err.contains("nothing to do"));
}

#[test]
fn a_file_that_changes_while_the_study_runs_gives_no_result_under_its_old_key() {
    let local = STUDY.replace("hf:someone/moving", "path:data");
    let workspace = Workspace::new(&local);
    let write = |split: &str, rows: usize, commit: &str| {
        workspace.write(&format!("data/{split}.tsv"), sentences(rows, commit));
    };
    write("train", 48, FIRST);
    write("validation", 30, FIRST);
    // Keys are made before anything is read; the splits are read after the sentences are made.
    let here = workspace.hold_at_visit("committed", 1);
    let driver = Run::of(command(&workspace, &[]));
    here.reached();
    write("validation", 30, SECOND);
    here.let_go();
    let ended = driver.end();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let said = "data/validation.tsv` was changed while the study ran\n";
    assert!(ended.err.contains(said), "{}", ended.err);

    let untouched = Workspace::new(&local);
    untouched.write("data/train.tsv", sentences(48, FIRST));
    untouched.write("data/validation.tsv", sentences(30, SECOND));
    run(&untouched, &[]).ok();
    run(&workspace, &[]).ok();
    assert_eq!(workspace.finished(), untouched.finished());
}

/// One worker evaluates on the same rows twice, and the labels are in another order the second time.
#[test]
fn what_a_worker_remembers_of_data_includes_the_order_of_the_labels() {
    let study = |first: &str| {
        let fetch = |name: &str, labels: &str| {
            format!(
                "[fetch.{name}]\ndataset = \"path:data.tsv\"\ntext = [\"text\"]\nlabel = \"label\"\nlabels = {labels}\n\n"
            )
        };
        let eval = |name: &str| {
            format!(
                "[eval.{name}]\nmodels = \"models\"\ndata = \"{name}.data\"\nlabels = {{ no = \"no\", yes = \"yes\" }}\nmetrics = [\"f1\"]\n\n"
            )
        };
        let start = STUDY.split("[eval.later]").next().unwrap().replace("hf:someone/moving", "path:data");
        let both = fetch("one", r#"["no", "yes"]"#) + &fetch("two", r#"["yes", "no"]"#);
        let workspace = Workspace::new(&(start + &both + first + &eval("two")));
        workspace.write("data.tsv", sentences(30, FIRST));
        workspace.write("data/train.tsv", sentences(30, FIRST));
        run(&workspace, &[]).ok();
        let metrics = workspace.read("results/moving/metrics.csv");
        metrics.lines().filter(|line| line.starts_with("two,")).map(str::to_owned).collect::<Vec<_>>()
    };
    let eval = "[eval.one]\nmodels = \"models\"\ndata = \"one.data\"\nlabels = { no = \"no\", yes = \"yes\" }\nmetrics = [\"f1\"]\n\n";
    let alone = study("");
    assert_eq!(alone.len(), 2, "{alone:?}");
    assert_eq!(study(eval), alone);
}

/// A driver that was stopped while it had steps to give out, and whose worker waits for the next one.
fn between_steps(workspace: &Workspace) -> Run {
    let here = workspace.hold("finetune-1");
    let driver = Run::of(command(workspace, &[]));
    here.reached();
    driver.freeze();
    here.let_go();
    wait_for("the end of the worker's step", || files(workspace.path("cache/v1/locks")).is_empty().then_some(()));
    driver
}

#[test]
fn gc_of_another_study_removes_nothing_that_a_run_has_finished() {
    let workspace = Workspace::new(TINY);
    let other = TINY.replace("name = \"tiny\"", "name = \"other\"").replace("examples = 64", "examples = 60");
    workspace.write("other.toml", other.replace("examples = 40", "examples = 38"));
    let driver = between_steps(&workspace);
    let before = workspace.finished();
    let gc = workspace.pipeline(&["cache", "gc", "other.toml"]);
    let dry = workspace.pipeline(&["cache", "gc", "other.toml", "--dry-run"]);
    let after = workspace.finished();
    driver.signal("-CONT");
    let pid = driver.pid();
    let ended = driver.end();
    assert_eq!((gc.code, after), (Some(3), before), "{}", gc.err);
    let who = format!("a run is going on in this cache (pid {pid} on ");
    assert!(gc.err.contains(&who) && gc.err.contains("; nothing was removed\n  = help: wait for it"), "{}", gc.err);
    assert!(dry.ok().out.starts_with(&who));
    assert!(!ended.ok().err.contains("damaged: "));
    // Nobody is there any more.
    assert!(files(workspace.path("cache/v1/alive")).is_empty());
    workspace.pipeline(&["cache", "gc", "other.toml"]).ok();
    assert!(workspace.finished().is_empty());
}

#[test]
fn a_driver_that_was_killed_holds_gc_up_no_longer() {
    let workspace = Workspace::new(TINY);
    between_steps(&workspace).kill();
    wait_for("gc", || (workspace.pipeline(&["cache", "gc", "study.toml"]).code == Some(0)).then_some(()));
    workspace.run(&[]).ok();
    assert!(files(workspace.path("cache/v1/alive")).is_empty());
}

#[test]
fn a_run_waits_while_something_is_removed() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--until", "fetch"]).ok();
    let runs = files(workspace.path("cache/v1/runs")).len();
    // As `gc` holds it; whose it is cannot be read.
    let lock = std::fs::File::create(workspace.path("cache/v1/gc.lock")).unwrap();
    lock.lock().unwrap();
    std::io::Write::write_all(&mut &lock, b"x").unwrap();
    let driver = Run::of(command(&workspace, &[]));
    wait_for("the run", || files(workspace.path("cache/v1/alive")).pop());
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(files(workspace.path("cache/v1/runs")).len(), runs, "it has planned already");
    drop(lock);
    let ended = driver.end().ok();
    assert!(ended.err.contains("waiting for `cache gc`, which another process runs\n"), "{}", ended.err);
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_what_gc_goes_by_makes_it_keep_everything() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    let whole = workspace.finished();
    // The first step of all is gone, so which keys the others have is known from this file alone.
    let first = made(&workspace, &["pretrain"]).into_keys().next().unwrap();
    std::fs::remove_file(workspace.manifest(&first)).unwrap();
    let left = workspace.finished();
    let path = workspace.path("cache/v1/experiments/tiny.json");
    let at = workspace.read("cache/v1/experiments/tiny.json").find("finetune.agents[seed=2]\": \"").unwrap() + 30;
    flip(&path, at);
    let said =
        "tiny.json` in the cache is damaged: it is not what was written, so no step is removed until all of tiny";
    for more in [&["--until", "fetch"][..], &["--until", "pretrain"]] {
        let gc = workspace.pipeline(&["cache", "gc", "study.toml"]).ok();
        assert!(gc.out.contains(said), "{}", gc.out);
        assert_eq!(workspace.finished(), left);
        // A run that does not know them all either changes nothing about that.
        workspace.run(more).ok();
        std::fs::remove_file(workspace.manifest(&first)).ok();
    }
    workspace.run(&[]).ok();
    let gc = workspace.pipeline(&["cache", "gc", "study.toml"]).ok();
    assert!(!gc.out.contains("damaged"), "{}", gc.out);
    assert_eq!(workspace.finished(), whole);
    // Without a seal, as earlier versions wrote it.
    let text = workspace.read("cache/v1/experiments/tiny.json");
    let mut keys: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
    keys.remove("seal").unwrap();
    workspace.write("cache/v1/experiments/tiny.json", serde_json::to_string(&keys).unwrap());
    std::fs::remove_file(workspace.manifest(&first)).unwrap();
    workspace.pipeline(&["cache", "gc", "study.toml"]).ok();
    assert_eq!(workspace.finished(), left);
}

#[test]
fn where_everybody_gets_a_lock_each_step_still_runs_once() {
    let workspace = Workspace::new(TINY);
    workspace.write("hold/flock-lies", "");
    let more = ["--jobs", "1", "--until", "finetune"];
    let runs = [(); 3].map(|()| Run::start(&workspace, &more));
    let mut started = 0;
    for run in runs {
        let ended = run.end().ok();
        assert!(ended.err.contains("the file system gives a lock to everybody"), "{}", ended.err);
        assert!(!ended.err.contains("which is gone"), "{}", ended.err);
        started += ended.err.matches("\ndone ").count();
    }
    assert_eq!(started, workspace.finished().len(), "steps that ran");
}
