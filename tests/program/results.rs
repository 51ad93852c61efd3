//! What lies in `results/`: what the experiment gives, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::background::{Run, signal};
use crate::workspace::{Ended, TINY, Workspace, files};

fn index(workspace: &Workspace) -> Value {
    serde_json::from_str(&workspace.read("results/tiny/results.json")).unwrap()
}

fn names(workspace: &Workspace) -> BTreeSet<String> {
    let all = [files(workspace.path("results/tiny")), files(workspace.path("results/tiny/training"))].concat();
    let files = all.into_iter().filter(|path| path.is_file());
    files.map(|path| path.strip_prefix(workspace.path("results/tiny")).unwrap().display().to_string()).collect()
}

fn ends_with_results(ended: &Ended) -> bool {
    ended.err.contains("\nresults: ")
}

#[test]
fn the_folder_holds_what_the_index_says_and_a_persons_files() {
    let workspace = Workspace::new(TINY);
    let first = workspace.run(&["--jobs", "2"]).ok();
    assert!(ends_with_results(&first), "{}", first.err);
    workspace.write("results/tiny/notes.txt", "mine");
    let all = index(&workspace);
    assert_eq!((&all["format"], &all["experiment"]["name"]), (&"pipeline.results.v1".into(), &"tiny".into()));
    assert_eq!((&all["experiment"]["files"][0], &all["steps"]["finished"]), (&"../../study.toml".into(), &31.into()));
    assert_eq!((&all["experiment"]["git"], all["keys"].as_object().unwrap().len()), (&Value::Null, 31));
    let listed: BTreeSet<String> = all["files"].as_object().unwrap().keys().cloned().collect();
    let mut there = names(&workspace);
    assert!(there.remove("notes.txt") && there.remove("results.json"));
    assert_eq!(listed, there);
    for (name, file) in all["files"].as_object().unwrap() {
        let bytes = std::fs::read(workspace.path(&format!("results/tiny/{name}"))).unwrap();
        assert_eq!(file["blake3"], pipeline::fingerprint::Digest::of(&bytes).to_string(), "{name}");
    }
    assert_eq!(all["files"]["metrics.csv"]["stages"], serde_json::json!(["eval.in_domain", "eval.passive"]));
    assert_eq!(all["files"]["scatter.svg"]["stages"], serde_json::json!(["plot.scatter"]));

    // Another configuration: what it does not give is gone, and what somebody has changed is left and said.
    workspace.write("results/tiny/scatter.csv", "edited");
    let fewer = TINY.split("[plot.scatter]").next().unwrap().replace("[plot.heatmap]", "[plot.map]");
    workspace.write("study.toml", fewer);
    let second = workspace.run(&["--set", "eval.passive.metrics=[\"loss\"]"]).ok();
    assert!(second.err.contains("left as it is: scatter.csv is of an earlier run"), "{}", second.err);
    let there = names(&workspace);
    for name in ["heatmap.svg", "heatmap.csv", "scatter.svg", "curves.csv"] {
        assert!(!there.contains(name), "{name}");
    }
    for name in ["notes.txt", "scatter.csv", "map.svg", "metrics.csv", "training/agents.parquet"] {
        assert!(there.contains(name), "{name}");
    }
    assert_eq!(index(&workspace)["experiment"]["set"], serde_json::json!(["eval.passive.metrics=[\"loss\"]"]));
}

#[test]
fn a_run_in_part_says_which_figures_it_lacks_and_why() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    // A study whose clusters fail: heatmaps and what else needs them are of another configuration now.
    let failing = ["--set", "cluster.basins.delta=1e-30", "--jobs", "2"];
    let failed = workspace.run(&failing);
    assert_eq!(failed.code, Some(1), "{}", failed.err);
    assert!(!ends_with_results(&failed), "{}", failed.err);
    for name in ["heatmap", "scatter", "curves"] {
        let said = format!("not drawn: {name}, because cluster.basins failed\n");
        assert!(failed.err.contains(&said), "{}", failed.err);
        assert!(!workspace.path(&format!("results/tiny/{name}.svg")).exists(), "{name}");
        assert_eq!(index(&workspace)["not_drawn"][name], "cluster.basins failed");
    }
    assert!(failed.err.contains("results in part: results/tiny, of 27 finished steps of 31\n"), "{}", failed.err);
    assert!(workspace.path("results/tiny/metrics.csv").exists());
    assert!(!workspace.path("results/tiny/clusters.csv").exists());
    let again = workspace.pipeline(&["results", "study.toml", "--set", "cluster.basins.delta=1e-30"]).ok();
    assert!(again.err.contains("not drawn: heatmap, because cluster.basins is not finished\n"), "{}", again.err);
    let whole = workspace.run(&[]).ok();
    assert!(ends_with_results(&whole) && workspace.path("results/tiny/heatmap.svg").exists(), "{}", whole.err);

    let nothing = Workspace::new(TINY).run(&["--only", "plot.heatmap"]);
    assert!(nothing.err.contains("no results in results/tiny: nothing is finished\n"), "{}", nothing.err);
}

#[test]
fn two_experiment_files_of_one_name_are_told_apart() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--until", "fetch"]).ok();
    workspace.write("other.toml", TINY.replace("points = 5", "points = 4"));
    let other = |more: &[&str]| {
        workspace.pipeline(&[&["run", "other.toml", "--backend", "cpu", "--until", "fetch"], more].concat())
    };
    let refused = other(&[]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    let whole = workspace.path("study.toml").canonicalize().unwrap();
    let said = format!("holds the results of `{}`, whose experiment is also called `tiny`", whole.display());
    assert!(
        refused.err.contains(&said) && refused.err.contains("help: give one of them another `name`"),
        "{}",
        refused.err
    );
    assert_eq!(workspace.pipeline(&["results", "other.toml"]).code, Some(2));
    // Elsewhere, under another name, or when the file was moved.
    other(&["--results-dir", "elsewhere"]).ok();
    other(&["--set", "experiment.name=another"]).ok();
    std::fs::rename(workspace.path("study.toml"), workspace.path("moved.toml")).unwrap();
    workspace.pipeline(&["run", "moved.toml", "--backend", "cpu", "--until", "fetch"]).ok();
    workspace.write("moved.toml", TINY.replace("name = \"tiny\"", "name = \"renamed\""));
    other(&[]).ok();
}

#[test]
fn a_partial_run_goes_on_without_the_models_that_lack_something() {
    // An expectation that names the model that will be missing is not judged, nor is one of all models.
    let expected = "[expect.lowest]\nmetric = \"eval.passive:loss\"\nlowest = \"3\"\n[expect.mean]\nmetric = \"eval.passive:loss\"\nbetween = [8, 9]\n";
    let tiny = TINY.replace("[pretrain.start]", "[run]\nretries = 0\n\n[pretrain.start]");
    let workspace = Workspace::new(&format!("{tiny}{expected}"));
    // The worker of the fourth fine-tune is killed.
    let here = workspace.hold_at_visit("finetune-1", 4);
    let run = Run::start(&workspace, &["--jobs", "1", "--partial"]);
    assert!(signal(here.reached(), "-KILL"));
    here.let_go();
    let ended = run.end();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("\nin part: 1 models are left out: agents/3\n"), "{}", ended.err);
    assert!(ended.err.contains("basins: 3 of 4 models in clusters of "), "{}", ended.err);
    assert!(ended.err.contains("expectations: 0 of 1 hold, 1 not known yet\n"), "{}", ended.err);
    for name in ["heatmap", "scatter", "curves"] {
        let svg = workspace.read(&format!("results/tiny/{name}.svg"));
        assert!(svg.contains("3 of 4 models"), "{name}");
    }
    let clusterings = workspace.read("results/tiny/clusterings.csv");
    assert!(clusterings.lines().nth(1).unwrap().starts_with("basins,euclidean,loss,3,4,2,"), "{clusterings}");
    assert_eq!(index(&workspace)["without"], serde_json::json!(["agents/3"]));
    // Only where it is asked for.
    let plain = workspace.pipeline(&["results", "study.toml"]).ok();
    assert!(plain.err.contains("not drawn: heatmap, because finetune.agents[seed=3] is not finished"), "{}", plain.err);
    assert!(!workspace.path("results/tiny/heatmap.svg").exists());
    // And whole once it can be.
    let whole = workspace.run(&["--partial"]);
    assert_eq!(whole.code, Some(5), "{}", whole.err);
    assert!(ends_with_results(&whole), "{}", whole.err);
    assert!(!workspace.read("results/tiny/heatmap.svg").contains("of 4 models"));
}
