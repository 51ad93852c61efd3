//! Damage is healed by the next run, and what `pipeline cache` lists, checks, sweeps and moves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::background::Run;
use crate::workspace::{TINY, Workspace};

fn files(workspace: &Workspace, folder: &str) -> Vec<PathBuf> {
    let shards = std::fs::read_dir(workspace.path("cache/v1").join(folder)).unwrap();
    let mut files: Vec<PathBuf> = shards
        .flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

fn finished_study() -> Workspace {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    workspace
}

/// Everything in results/, byte for byte, but what says how long steps took.
fn results(workspace: &Workspace) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, found),
                false if ["models.csv", "models.parquet", "results.json"].iter().any(|name| path.ends_with(name)) => {}
                false => drop(found.insert(path.clone(), std::fs::read(&path).unwrap())),
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&workspace.path("results"), &mut found);
    found
}

fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    overwrite(path, &bytes);
}

fn cut(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    overwrite(path, &bytes[..bytes.len() / 2]);
}

fn delete(path: &Path) {
    std::fs::remove_file(path).unwrap();
}

type Harm = fn(&Path);
const HARM: [(&str, Harm); 3] = [("flip", flip), ("cut", cut), ("delete", delete)];

/// The objects that steps of a kind made, and the manifests of those steps.
fn made_by(workspace: &Workspace, kind: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut objects, mut steps) = (Vec::new(), Vec::new());
    for manifest in workspace.manifests().iter().filter(|one| one["kind"] == kind) {
        let key = manifest["key"].as_str().unwrap();
        steps.push(workspace.manifest(key));
        for output in manifest["outputs"].as_object().unwrap().values().filter(|one| one.get("inline").is_none()) {
            let digest = output["digest"].as_str().unwrap();
            objects.push(workspace.object(digest));
        }
    }
    (objects, steps)
}

#[test]
fn a_run_heals_what_it_finds_damaged_when_it_reads_it() {
    let workspace = finished_study();
    let (whole, drawn) = (workspace.finished(), results(&workspace));
    let (models, _) = made_by(&workspace, "finetune");
    let (_, evaluations) = made_by(&workspace, "eval");
    for (name, harm) in HARM {
        // The models are read because their evaluations have to run again.
        models.iter().filter(|path| path.metadata().unwrap().len() > 5000).for_each(|path| harm(path));
        evaluations.iter().for_each(|path| delete(path));
        let healed = workspace.run(&["--jobs", "2"]).ok();
        // What is flipped shows when it is read, the rest before the step starts; all of it is said.
        assert!(healed.err.contains("damaged: finetune.agents[seed="), "{name}: {}", healed.err);
        assert_eq!(workspace.finished(), whole, "{name}");
        assert_eq!(results(&workspace), drawn, "{name}");
        assert!(workspace.run(&[]).ok().err.contains("nothing to do"), "{name}");
        let verified = workspace.pipeline(&["cache", "verify"]).ok();
        assert!(verified.out.contains("all whole"), "{name}: {}", verified.out);
    }
}

#[test]
fn a_run_heals_one_damaged_file_or_all_of_them() {
    let workspace = finished_study();
    let (whole, drawn) = (workspace.finished(), results(&workspace));
    for (name, harm) in HARM {
        for folder in ["objects", "steps"] {
            let all = files(&workspace, folder);
            for chosen in [vec![all[all.len() / 3].clone()], all] {
                chosen.iter().for_each(|path| harm(path));
                std::fs::remove_dir_all(workspace.path("results")).unwrap();
                workspace.run(&["--jobs", "2"]).ok();
                assert_eq!(workspace.finished(), whole, "{name} {folder}");
                assert_eq!(results(&workspace), drawn, "{name} {folder}");
                // What nobody had to read is found by looking, and made again.
                workspace.pipeline(&["cache", "verify"]);
                workspace.run(&["--jobs", "2"]).ok();
                workspace.pipeline(&["cache", "verify"]).ok();
            }
        }
    }
}

#[test]
fn what_cannot_be_healed_is_said() {
    let workspace = finished_study();
    let (models, _) = made_by(&workspace, "finetune");
    let (_, evaluations) = made_by(&workspace, "eval");
    models.iter().for_each(|path| flip(path));
    evaluations.iter().for_each(|path| delete(path));
    // The step that could make it again is not selected.
    let ended = workspace.run(&["--only", "eval"]);
    assert_ne!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("which step ") && ended.err.contains("it was moved to `"), "{}", ended.err);
    workspace.run(&[]).ok();
}

#[test]
fn verify_finds_moves_and_says() {
    let workspace = finished_study();
    let (models, _) = made_by(&workspace, "finetune");
    flip(&models[0]);
    let looked = workspace.pipeline(&["cache", "verify", "--dry-run"]);
    assert_eq!(looked.code, Some(1));
    assert!(looked.out.contains("does not match its name\n") && models[0].exists(), "{}", looked.out);
    let moved = workspace.pipeline(&["cache", "verify"]);
    assert_eq!(moved.code, Some(1));
    assert!(moved.out.contains("it was moved to `cache/v1/damaged/") && !models[0].exists(), "{}", moved.out);
    assert!(moved.out.contains("finetune.agents[seed="), "{}", moved.out);
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    assert!(plan.contains("so it was moved away"), "{plan}");
    workspace.run(&[]).ok();
    workspace.pipeline(&["cache", "verify"]).ok();
}

#[test]
fn ls_counts_by_kind() {
    let workspace = finished_study();
    let text = workspace.pipeline(&["cache", "ls"]).ok().out;
    let row = text.lines().find(|line| line.starts_with("finetune")).unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some("4"), "{text}");
    let json = workspace.pipeline(&["cache", "ls", "--format", "json"]).ok().out;
    let usage: serde_json::Value = serde_json::from_str(&json).unwrap();
    let steps: u64 = usage["kinds"].as_array().unwrap().iter().map(|kind| kind["steps"].as_u64().unwrap()).sum();
    assert_eq!(steps, 31);
    assert_eq!(usage["unreferenced_objects"]["count"], 0);
}

#[test]
fn an_archive_takes_a_study_to_another_cache() {
    let workspace = finished_study();
    workspace.pipeline(&["cache", "export", "study.toml", "--to", "study.pipeline"]).ok();
    workspace.pipeline(&["cache", "export", "study.toml", "--to", "again.pipeline"]).ok();
    let archive = std::fs::read(workspace.path("study.pipeline")).unwrap();
    assert_eq!(archive, std::fs::read(workspace.path("again.pipeline")).unwrap());
    let there = workspace.pipeline(&["cache", "export", "study.toml", "--to", "again.pipeline"]);
    assert_eq!(there.code, Some(2), "{}", there.err);

    let elsewhere = Workspace::new(TINY);
    elsewhere.write("study.pipeline", &archive[..archive.len() / 2]);
    assert_eq!(elsewhere.pipeline(&["cache", "import", "study.pipeline"]).code, Some(2));
    elsewhere.write("study.pipeline", &archive);
    let imported = elsewhere.pipeline(&["cache", "import", "study.pipeline"]).ok();
    assert!(imported.out.contains("31 steps imported, 0 were here already"), "{}", imported.out);
    assert_eq!(elsewhere.finished(), workspace.finished());
    let run = elsewhere.run(&[]).ok();
    assert!(run.err.contains("nothing to do, all 31 steps are fresh"), "{}", run.err);
    // Repeated, it changes nothing.
    let repeated = elsewhere.pipeline(&["cache", "import", "study.pipeline"]).ok();
    assert!(repeated.out.contains("0 steps imported, 31 were here already"), "{}", repeated.out);
}

#[test]
fn gc_keeps_what_the_named_experiments_and_revisions_reach() {
    let workspace = finished_study();
    let first = workspace.finished();
    let other = TINY.replace("name = \"tiny\"", "name = \"other\"").replace("epochs = 2", "epochs = 1");
    let other = other.replace("checkpoints = [2, \"last\"]", "");
    workspace.write("other.toml", &other);
    workspace.pipeline(&["run", "other.toml", "--backend", "cpu"]).ok();
    let both = workspace.finished().len();
    assert!(both > first.len());

    let nothing = workspace.pipeline(&["cache", "gc"]);
    assert_eq!(nothing.code, Some(2), "{}", nothing.err);
    assert!(nothing.err.contains("name the experiment files"), "{}", nothing.err);
    let wrong = workspace.pipeline(&["cache", "gc", "study.toml", "nowhere.toml"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    let dry = workspace.pipeline(&["cache", "gc", "study.toml", "--dry-run"]).ok();
    assert!(dry.out.contains("4 finetune steps, not reached") && dry.out.contains("would come back"), "{}", dry.out);
    assert_eq!(workspace.finished().len(), both);

    // Both are reached from the working tree and a revision of the same file.
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let mut command = std::process::Command::new("git");
        let ended = command.args(identity).args(arguments).current_dir(workspace.path("")).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    };
    workspace.write("mine.toml", "extends = \"other.toml\"\n");
    git(&["init", "-q"]);
    git(&["add", "mine.toml", "other.toml"]);
    git(&["commit", "-q", "-m", "one"]);
    workspace.write("mine.toml", "extends = \"study.toml\"\n");
    std::fs::remove_file(workspace.path("other.toml")).unwrap();
    let wrong = workspace.pipeline(&["cache", "gc", "mine.toml", "--keep-revision", "nonsense"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    workspace.pipeline(&["cache", "gc", "mine.toml", "--keep-revision", "HEAD"]).ok();
    assert_eq!(workspace.finished().len(), both);

    workspace.pipeline(&["cache", "gc", "study.toml"]).ok();
    assert_eq!(workspace.finished(), first);
    workspace.pipeline(&["cache", "verify"]).ok();
    assert!(workspace.run(&[]).ok().err.contains("nothing to do"));
    let again = workspace.pipeline(&["cache", "gc", "study.toml"]).ok();
    assert!(again.out.contains("0 B come back"), "{}", again.out);

    // Too large: steps that are wanted go, and a run makes them again.
    workspace.pipeline(&["cache", "gc", "study.toml", "--max-size", "100kB"]).ok();
    assert!(workspace.finished().len() < first.len());
    workspace.pipeline(&["cache", "verify"]).ok();
    workspace.run(&["--jobs", "2"]).ok();
    assert_eq!(workspace.finished(), first);
}

#[test]
fn all_that_is_made_in_a_groups_cache_is_the_groups_whatever_the_umask() {
    use std::os::unix::fs::MetadataExt;
    let workspace = Workspace::new(TINY);
    let group = std::fs::metadata(workspace.path("")).unwrap().gid();
    workspace.pipeline(&["cache", "init", "--group", &group.to_string()]).ok();
    let program = env!("CARGO_BIN_EXE_pipeline");
    let here = workspace.hold("finetune-3");
    let mut command = workspace.command_of("sh");
    let line = "umask 077; exec \"$@\"";
    command.args([
        "-c",
        line,
        "sh",
        program,
        "run",
        "study.toml",
        "--backend",
        "cpu",
        "--jobs",
        "1",
        "--until",
        "finetune",
    ]);
    command.args(["--set", "run.snapshot_every=1"]);
    let run = Run::of(command);
    here.reached();
    let look = |wanted: &[&str]| {
        let mut open = vec![workspace.path("cache/v1")];
        let mut seen = Vec::new();
        while let Some(path) = open.pop() {
            let found = std::fs::symlink_metadata(&path).unwrap();
            let mode = found.mode() & 0o7777;
            let right = if found.is_dir() { mode == 0o2775 } else { mode == 0o664 || mode == 0o444 };
            assert!(right && found.gid() == group, "{mode:o} {}", path.display());
            seen.push(path.display().to_string());
            open.extend(std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path()));
        }
        for name in wanted {
            assert!(seen.iter().any(|path| path.contains(name)), "{name}: {seen:?}");
        }
    };
    look(&["/snapshot-", "/locks/", "/alive/", "journal.jsonl", "worker-0.stderr", "/objects/"]);
    here.let_go();
    run.end().ok();
    look(&["/logs/finetune", "/experiments/tiny.json"]);
    // It may be given back, but no folder with other things in it.
    workspace.pipeline(&["cache", "init"]).ok();
    let mode = std::fs::metadata(workspace.path("cache/v1")).unwrap().mode() & 0o7777;
    assert_eq!(mode, 0o700);
    workspace.write("cache/mine", "");
    let refused = workspace.pipeline(&["cache", "init"]);
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("`mine` is in it"), "{}", refused.err);
    let unknown = workspace.pipeline(&["cache", "init", "--group", "no-such-group"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.err);
}
