//! Kills. What was finished stays finished, and the end result is the same.

use crate::background::Run;
use crate::workspace::{TINY, Workspace};

/// More seeds, so that there is enough to be interrupted in.
fn longer() -> String {
    TINY.replace("seeds = \"0..4\"", "seeds = \"0..6\"")
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let untouched = Workspace::new(&longer());
    untouched.run(&["--jobs", "2"]).ok();

    let workspace = Workspace::new(&longer());
    for name in ["-INT", "-KILL", "-TERM", "-KILL"] {
        // Each worker finishes three steps at most, so four rounds do not come to the end.
        let (here, told) = (workspace.hold_at_visit("committed", 3), workspace.hold("stop-asked"));
        let run = Run::start(&workspace, &["--jobs", "2"]);
        here.reached();
        let before = workspace.finished();
        assert!(before.len() < untouched.finished().len());
        if name == "-KILL" {
            assert_eq!(run.kill().code, None);
        } else {
            run.signal(name);
            told.reached();
            told.let_go();
            here.let_go();
            let ended = run.end();
            assert_eq!(ended.code, Some(130), "{}", ended.err);
            assert!(ended.err.contains("interrupted: finished steps are kept"), "{}", ended.err);
        }
        let after = workspace.finished();
        assert!(before.iter().all(|(key, outputs)| after.get(key) == Some(outputs)));
    }
    let kept = workspace.finished().len();
    let last = workspace.run(&["--jobs", "2"]).ok();
    assert!(last.err.contains(&format!("{kept} fresh")), "{}", last.err);
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
