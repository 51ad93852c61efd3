//! Runs that share a study on a cluster: they end when only others are at work, and before their time is up.

use std::collections::BTreeMap;

use crate::background::{Run, children, wait_for};
use crate::workspace::{TINY, Workspace, files};

/// The journals' lines about steps that were run to their end.
fn done(workspace: &Workspace) -> BTreeMap<String, usize> {
    let mut done = BTreeMap::new();
    for run in files(workspace.path("cache/v1/runs")) {
        let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
        for line in journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
            if line["event"] == "done" {
                *done.entry(line["step"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }
    done
}

#[test]
fn a_draining_run_ends_when_only_others_are_at_work() {
    let workspace = Workspace::new(TINY);
    // The last fine-tune holds back little: what needs it will be done by who runs it.
    workspace.run(&["--jobs", "1", "--until", "finetune", "--set", "finetune.agents.seeds=\"0..3\""]).ok();
    let here = workspace.hold("finetune-3");
    let until = ["--until", "finetune"];
    let first = Run::start(&workspace, &[&["--jobs", "1"], &until[..]].concat());
    here.reached();
    let ended = workspace.run(&[&["--jobs", "1", "--drain"], &until[..]].concat()).ok();
    assert!(ended.err.contains("0 ran, 6 fresh, 24 not selected, 1 left to other runs"), "{}", ended.err);
    assert!(!ended.err.contains("results") && !ended.err.contains("waiting for"), "{}", ended.err);
    here.let_go();
    first.end().ok();
    let ended = workspace.run(&[&["--jobs", "1", "--drain"], &until[..]].concat()).ok();
    assert!(ended.err.contains("0 ran, 7 fresh, 24 not selected ("), "{}", ended.err);
}

#[test]
fn a_draining_run_waits_for_what_all_the_rest_needs() {
    let workspace = Workspace::new(TINY);
    let here = workspace.hold("pretrain-1");
    let first = Run::start(&workspace, &["--jobs", "1"]);
    here.reached();
    let mut second = Run::start(&workspace, &["--jobs", "1", "--drain"]);
    wait_for("word of whom it waits for", || second.said().contains("waiting for pretrain.start").then_some(()));
    assert!(!second.has_ended());
    // It takes the step over, and then does all the rest, but writes no results.
    first.kill();
    here.let_go();
    let ended = second.end().ok();
    assert!(!ended.err.contains("left to other runs"), "{}", ended.err);
    assert_eq!(files(workspace.path("results/tiny")), [] as [std::path::PathBuf; 0]);
    let results = workspace.pipeline(&["results", "study.toml"]).ok();
    assert!(!results.out.contains("in part"), "{}", results.out);
    let untouched = Workspace::new(TINY);
    untouched.run(&["--jobs", "1"]).ok();
    assert_eq!(workspace.finished(), untouched.finished());
}

#[test]
fn draining_runs_leave_nothing_undone_and_do_nothing_twice() {
    let workspace = Workspace::new(TINY);
    let runs = [(); 4].map(|()| Run::start(&workspace, &["--jobs", "1", "--drain"]));
    for run in runs {
        run.end().ok();
    }
    let untouched = Workspace::new(TINY);
    untouched.run(&["--jobs", "1"]).ok();
    assert_eq!(workspace.finished(), untouched.finished());
    let done = done(&workspace);
    assert_eq!(done.len(), untouched.finished().len());
    assert!(done.values().all(|times| *times == 1), "{done:?}");
}

#[test]
fn a_run_whose_time_is_up_saves_and_says_so() {
    let workspace = Workspace::new(TINY);
    let (here, told) = (workspace.hold("finetune-3"), workspace.hold("stop-asked"));
    let run = Run::start(&workspace, &["--jobs", "1", "--for", "1 h"]);
    here.reached();
    // The last minutes are for saving.
    workspace.write("hold/late", (60 * 60 - 120).to_string());
    told.reached();
    told.let_go();
    here.let_go();
    let ended = run.end();
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    assert!(ended.err.contains("its time is up: finished steps are kept"), "{}", ended.err);
    let kept = files(workspace.path("cache/v1/scratch")).into_iter().flat_map(files).collect::<Vec<_>>();
    assert!(kept.iter().any(|file| file.ends_with("snapshot-000000000003")), "{kept:?}");
    std::fs::remove_file(workspace.path("hold/late")).unwrap();
    // Of a job, the time limit; of one that is over, nothing.
    for end in ["4102444800", "1"] {
        let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu", "--until", "pretrain"]);
        assert_eq!(command.env("SLURM_JOB_END_TIME", end).output().unwrap().status.code(), Some(0));
    }
}

#[test]
fn workers_of_one_run_see_a_gpu_each() {
    let workspace = Workspace::new(TINY);
    let here = workspace.hold("finetune-1");
    let mut command =
        workspace.command(&["run", "study.toml", "--backend", "cpu", "--jobs", "2", "--until", "finetune"]);
    let run = Run::of({
        command.env("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b");
        command
    });
    here.reached();
    let workers = wait_for("two workers", || Some(children(run.pid())).filter(|workers| workers.len() == 2));
    let seen = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        environment.split('\0').find_map(|one| one.strip_prefix("CUDA_VISIBLE_DEVICES=").map(str::to_owned)).unwrap()
    };
    let mut gpus: Vec<String> = workers.iter().map(seen).collect();
    gpus.sort();
    assert_eq!(gpus, ["GPU-a", "GPU-b"]);
    here.let_go();
    run.end().ok();
}
