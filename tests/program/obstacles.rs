//! Things that stand where files belong: a run puts the cache right, and says at once what it cannot.

use std::path::{Path, PathBuf};

use crate::workspace::{TINY, Workspace};

/// A folder with something in it.
fn folder(path: &Path) {
    if path.is_file() {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::create_dir_all(path).unwrap();
    std::fs::write(path.join("mine"), "mine").unwrap();
}

/// Whoever opens it waits for somebody who writes.
fn pipe(path: &Path) {
    std::fs::remove_file(path).ok();
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn whatever_stands_in_the_place_of_a_file_goes_out_of_the_way() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    let whole = workspace.finished();
    let cache = |name: &str| workspace.path("cache/v1").join(name);
    let manifests = workspace.manifests();
    let step = |kind: &str, number: usize| -> (String, PathBuf) {
        let key = manifests.iter().filter(|one| one["kind"] == kind).nth(number).unwrap()["key"].as_str().unwrap();
        (key.to_owned(), workspace.manifest(key))
    };
    let object = |kind: &str| {
        let manifest = manifests.iter().find(|one| one["kind"] == kind).unwrap();
        let digest = manifest["outputs"]["weights"]["digest"].as_str().unwrap();
        workspace.object(digest)
    };
    folder(&object("finetune"));
    pipe(&object("pretrain"));
    // What must run again has its lock and its scratch blocked, too.
    for (number, harm) in [folder as fn(&Path), pipe].into_iter().enumerate() {
        let (key, path) = step("eval", number);
        harm(&path);
        harm(&cache(&format!("locks/{key}.lock")));
        std::fs::write(cache(&format!("scratch/{key}")), "").unwrap();
    }
    // A folder of steps or objects that is none: its files are gone.
    let (_, path) = step("pair", 0);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path.parent().unwrap(), "").unwrap();
    pipe(&cache("experiments/tiny.json"));

    let healed = workspace.run(&["--jobs", "2"]).ok();
    assert!(healed.err.contains("it is not a file; it runs again"), "{}", healed.err);
    assert_eq!(workspace.finished(), whole);
    assert!(workspace.run(&[]).ok().err.contains("nothing to do"));
    workspace.pipeline(&["cache", "verify"]).ok();
    // Nothing of the user's was thrown away.
    let kept =
        std::fs::read_dir(cache("damaged")).unwrap().filter(|one| one.as_ref().unwrap().path().join("mine").exists());
    assert_eq!(kept.count(), 3);
}

#[test]
fn a_place_for_results_that_is_none_is_said_before_anything_runs() {
    let workspace = Workspace::new(TINY);
    workspace.write("results", "");
    let ended = workspace.run(&[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let said = "error: cannot write results to `results/tiny`: Not a directory (os error 20)\n  = help: choose another";
    assert!(ended.err.starts_with(said), "{}", ended.err);
    assert!(workspace.finished().is_empty());
    workspace.run(&["--results-dir", "elsewhere"]).ok();
}
