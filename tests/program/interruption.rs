//! Kills. What was finished stays finished, and the end result is the same.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::{Ended, TINY, Workspace};

/// Waits until so many steps are finished, at most a minute.
fn wait_for(workspace: &Workspace, steps: usize) {
    let since = Instant::now();
    while workspace.finished().len() < steps {
        assert!(since.elapsed() < Duration::from_secs(60), "no step was finished");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn start(workspace: &Workspace) -> Child {
    let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu", "--jobs", "2"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// More seeds, so that there is time to be interrupted in.
fn longer() -> String {
    TINY.replace("seeds = \"0..4\"", "seeds = \"0..12\"")
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let untouched = Workspace::new(&longer());
    untouched.run(&["--jobs", "2"]).ok();

    let workspace = Workspace::new(&longer());
    let mut killed = 0;
    for (round, name) in ["-INT", "-KILL", "-TERM", "-KILL"].into_iter().enumerate() {
        let child = start(&workspace);
        wait_for(&workspace, 4 + 5 * round);
        let before = workspace.finished();
        signal(&child, name);
        let ended: Ended = child.wait_with_output().unwrap().into();
        if name != "-KILL" && ended.code != Some(0) {
            assert_eq!(ended.code, Some(130), "{}", ended.err);
            assert!(ended.err.contains("interrupted: finished steps are kept"), "{}", ended.err);
        }
        killed += usize::from(ended.code != Some(0));
        let after = workspace.finished();
        assert!(before.iter().all(|(key, outputs)| after.get(key) == Some(outputs)));
    }
    assert!(killed > 0, "every run ended before it could be interrupted");
    // A worker outlives its killed driver by a moment, in which it may commit a step.
    std::thread::sleep(Duration::from_millis(500));
    let kept = workspace.finished().len();
    let last = workspace.run(&["--jobs", "2"]).ok();
    assert!(last.err.contains(&format!("{kept} fresh")) || last.err.contains("nothing to do"), "{}", last.err);
    assert_eq!(workspace.finished(), untouched.finished());
}

#[test]
fn damage_in_the_cache_is_said_and_repaired() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    let whole = workspace.finished();
    // Every manifest cut in half, every object but the first few gone.
    let files = |folder: &str| {
        let folders = std::fs::read_dir(workspace.path(folder)).unwrap();
        folders.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap()).map(|file| file.unwrap().path())
    };
    for manifest in files("cache/v1/steps").take(5).collect::<Vec<_>>() {
        let text = std::fs::read(&manifest).unwrap();
        std::fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    }
    for object in files("cache/v1/objects").take(5).collect::<Vec<_>>() {
        std::fs::remove_file(object).unwrap();
    }
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    assert!(plan.contains("is damaged: "), "{plan}");
    workspace.run(&["--jobs", "2"]).ok();
    assert_eq!(workspace.finished(), whole);
}
