//! A study's lock: the same bytes on another machine and in another year, or a word about what is another.

use crate::workspace::{Ended, Workspace};

const HEADER: &str = "[experiment]\nname = \"locked\"\n";

const HUB: &str = r#"
[fetch.data]
dataset = "hf:me/data"
text = ["text"]
label = "label"
labels = ["neg", "pos"]
"#;

const LOCAL: &str = r#"
[fetch.data]
dataset = "path:train.csv"
text = ["text"]
"#;

/// Whatever reads the data.
const READER: &str = r#"
[pretrain.start]
data = "data.train"
layers = 1
hidden = 16
heads = 2
max_length = 24
steps = 2
batch_size = 4
learning_rate = 1e-3
"#;

const FIRST: &str = "1111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222";

/// The hub's cache as it is after somebody asked for a commit of the main branch.
fn moved_to(workspace: &Workspace, commit: &str, rows: usize) {
    let repository = "hf_home/hub/datasets--me--data";
    let text: String = (0..rows).map(|row| format!("the doctor saw {row},{}\n", ["neg", "pos"][row % 2])).collect();
    workspace.write(&format!("{repository}/snapshots/{commit}/train.csv"), format!("text,label\n{text}"));
    workspace.write(&format!("{repository}/snapshots/{commit}/README.md"), "data\n");
    workspace.write(&format!("{repository}/refs/main"), commit);
}

/// The command in a cache of its own, with the hub out of reach.
fn within(workspace: &Workspace, cache: &str, arguments: &[&str]) -> Ended {
    let mut command = workspace.command(&[&["--cache-dir", cache], arguments].concat());
    command.env("HF_HUB_OFFLINE", "1").output().unwrap().into()
}

fn run(workspace: &Workspace, cache: &str, more: &[&str]) -> Ended {
    within(workspace, cache, &[&["run", "study.toml", "--backend", "cpu"], more].concat())
}

/// The number of the first line of the lock that begins so.
fn line(workspace: &Workspace, beginning: &str) -> usize {
    let lock = workspace.read("study.lock");
    1 + lock.lines().position(|line| line.starts_with(beginning)).unwrap_or_else(|| panic!("{beginning}:\n{lock}"))
}

fn refused(ended: &Ended, said: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    for said in said {
        assert!(ended.err.contains(said), "{said}\n{}", ended.err);
    }
    assert!(!ended.err.lines().any(|line| line.starts_with("start ")), "{}", ended.err);
}

#[test]
fn a_lock_pins_a_revision_that_moved_and_names_the_line_that_differs() {
    let workspace = Workspace::new(&[HEADER, HUB, READER].concat());
    moved_to(&workspace, FIRST, 12);
    refused(
        &run(&workspace, "a", &["--locked"]),
        &["failed to read the lock `study.lock`", "help: `pipeline lock study.toml` writes it"],
    );
    let locked = within(&workspace, "a", &["lock", "study.toml"]).ok();
    assert!(locked.out.ends_with("study.lock: 1 source\n"), "{}", locked.out);
    let lock = workspace.read("study.lock");
    for part in [
        "format = \"pipeline.lock.v1\"\n",
        "[source.\"fetch.data[train]\"]\nfrom = [\"hf:me/data\"]\n",
        &format!("revisions = {{ \"hf:me/data\" = \"{FIRST}\" }}\nrows = 12\nlabels = [\"neg\", \"pos\"]\n"),
    ] {
        assert!(lock.contains(part), "{part}\n{lock}");
    }
    run(&workspace, "a", &["--locked"]).ok();
    let again = within(&workspace, "a", &["lock", "study.toml"]).ok();
    assert_eq!((workspace.read("study.lock"), again.out), (lock.clone(), "study.lock: 1 source\n".to_owned()));

    // The branch moves: a plain run takes what there is, a locked one what was.
    moved_to(&workspace, SECOND, 20);
    let held = run(&workspace, "b", &["--locked"]).ok();
    assert!(held.err.contains("note: 12 rows"), "{}", held.err);
    let plain = run(&workspace, "c", &[]).ok();
    assert!(plain.err.contains("note: 20 rows"), "{}", plain.err);
    let at = format!("study.lock:{}:", line(&workspace, "revisions"));
    let said = format!("hf:me/data is commit {SECOND} in the cache, and {FIRST} in the lock");
    refused(&run(&workspace, "c", &["--locked"]), &[&said, &at, "--locked --force fetch.data` fetches what is locked"]);
    let forced = run(&workspace, "c", &["--locked", "--force", "fetch.data"]).ok();
    assert!(forced.err.contains("note: 12 rows"), "{}", forced.err);
    run(&workspace, "c", &["--locked"]).ok();

    // Without the network, with what the hub's cache has.
    let offline = |cache: &str, more: &[&str]| -> Ended {
        let arguments = [&["--cache-dir", cache, "run", "study.toml", "--backend", "cpu", "--offline"], more].concat();
        workspace.command(&arguments).output().unwrap().into()
    };
    let held = offline("d", &[]).ok();
    assert!(held.err.contains("note: 12 rows"), "{}", held.err);
    std::fs::remove_dir_all(workspace.path(&format!("hf_home/hub/datasets--me--data/snapshots/{FIRST}"))).unwrap();
    let gone = offline("e", &[]);
    assert!(gone.code == Some(1) && gone.err.contains("--offline"), "{}", gone.err);
    moved_to(&workspace, FIRST, 12);

    // What is another in the study, in the lock, in the program.
    let set = |value: &str| run(&workspace, "a", &["--locked", "--set", value]);
    let place = |beginning: &str| format!("study.lock:{}:", line(&workspace, beginning));
    refused(
        &set("fetch.data.dataset=hf:me/other"),
        &["reads hf:me/other, and the lock says something else", &place("from")],
    );
    refused(&set("fetch.data.labels=[\"pos\", \"neg\"]"), &["in another way than when it was locked", &place("key")]);
    refused(&set("experiment.name=other"), &["the lock is of the experiment `locked`, and this is `other`"]);
    let written = |old: &str, new: &str| workspace.write("study.lock", lock.replace(old, new));
    written("pipeline = \"", "pipeline = \"9.");
    refused(
        &run(&workspace, "a", &["--locked"]),
        &["the lock is of pipeline 9.0.1.0, and this is 0.1.0", &place("pipeline")],
    );
    written("fetch.data[train]", "fetch.data[test]");
    refused(
        &run(&workspace, "a", &["--locked"]),
        &[
            "fetch.data[train] reads hf:me/data, and the lock does not say what that was",
            "the study has no step fetch.data[test]",
        ],
    );
    written("rows =", "row =");
    refused(&run(&workspace, "a", &["--locked"]), &["unknown key `row`", "help: did you mean `rows`?"]);
    // Other bytes under the same commit: they are fetched, and nothing goes on with them.
    workspace.write("study.lock", &lock);
    moved_to(&workspace, FIRST, 13);
    let other = run(&workspace, "f", &["--locked"]);
    let at = format!("it is not what the lock says (study.lock:{})", line(&workspace, "[source"));
    assert!(other.code == Some(1) && other.err.contains(&at) && !other.err.contains("start pretrain"), "{}", other.err);
}

#[test]
fn a_lock_with_results_tells_when_others_come_out() {
    let workspace = Workspace::new(&[HEADER, LOCAL, READER].concat());
    let rows: String = (0..12).map(|row| format!("the doctor saw {row}\n")).collect();
    workspace.write("train.csv", format!("text\n{rows}"));
    let early = workspace.pipeline(&["lock", "study.toml", "--results"]);
    assert!(early.code == Some(3) && early.err.contains("so its results cannot be locked"), "{}", early.err);
    workspace.run(&[]).ok();
    workspace.pipeline(&["lock", "study.toml", "--results"]).ok();
    workspace.run(&["--locked"]).ok();
    let other = workspace.run(&["--locked", "--set", "pretrain.start.learning_rate=0.5"]);
    let at = format!("study.lock:{}:", line(&workspace, "\"pretrain.start\""));
    assert_eq!(other.code, Some(5), "{}", other.err);
    assert!(
        other.err.contains("pretrain.start came to another result than the lock says") && other.err.contains(&at),
        "{}",
        other.err
    );
    // What is in the cache already is refused at once.
    refused(&workspace.run(&["--locked", "--set", "pretrain.start.learning_rate=0.5"]), &["came to another result"]);
    // A file of one's own that was changed.
    workspace.write("train.csv", format!("text\n{rows}more\n"));
    refused(&workspace.run(&["--locked"]), &["train.csv` was changed since"]);
}
