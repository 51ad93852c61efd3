//! A whole study: once, again, with other numbers of jobs, and after a change.

use std::time::SystemTime;

use crate::workspace::{Ended, TINY, Workspace};

#[test]
fn a_study_runs_once_and_then_has_nothing_to_do() {
    let workspace = Workspace::new(TINY);
    let first = workspace.run(&["--jobs", "2"]).ok();
    assert!(first.err.contains("tiny: 31 ran, 0 fresh"), "{}", first.err);
    assert!(first.err.contains("done finetune.agents[seed=3] in "), "{}", first.err);

    for name in ["heatmap", "scatter", "curves"] {
        let svg = workspace.read(&format!("results/tiny/{name}.svg"));
        assert!(svg.contains("<svg") && svg.contains("pipeline "), "{name}");
        let png = std::fs::read(workspace.path(&format!("results/tiny/{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        let pdf = std::fs::read(workspace.path(&format!("results/tiny/{name}.pdf"))).unwrap();
        assert!(pdf.starts_with(b"%PDF-"));
    }
    let curves = workspace.read("results/tiny/curves.csv");
    assert_eq!(curves.lines().next(), Some("group,statistic,first,second,coefficient,loss (nats)"));
    let metrics = workspace.read("results/tiny/metrics.csv");
    assert!(metrics.starts_with("eval,model,group,examples,metric,value,key\n"), "{metrics}");
    // Each row names a step that is in the cache.
    let finished = workspace.finished();
    for row in metrics.lines().skip(1) {
        assert!(finished.contains_key(row.rsplit(',').next().unwrap()), "{row}");
    }
    assert_eq!(workspace.read("results/tiny/distances.csv").lines().count(), 1 + 6 * 2);
    assert_eq!(workspace.read("results/tiny/clusters.csv").lines().count(), 1 + 4);
    for table in ["metrics", "distances", "lines", "clusters", "cluster_metrics", "training/agents", "training/start"] {
        let bytes = std::fs::read(workspace.path(&format!("results/tiny/{table}.parquet"))).unwrap();
        assert!(bytes.starts_with(b"PAR1"), "{table}");
    }

    let written = |name: &str| -> SystemTime { workspace.path(name).metadata().unwrap().modified().unwrap() };
    let before = written("results/tiny/metrics.csv");
    let second = workspace.run(&[]).ok();
    assert!(second.err.contains("tiny: nothing to do, all 31 steps are fresh"), "{}", second.err);
    assert_eq!(written("results/tiny/metrics.csv"), before);

    std::fs::remove_dir_all(workspace.path("results")).unwrap();
    workspace.pipeline(&["results", "study.toml"]).ok();
    assert_eq!(workspace.read("results/tiny/metrics.csv"), metrics);
    let shown = workspace.pipeline(&["show", "study.toml"]).ok().out;
    assert!(shown.contains("tiny: 31 of 31 steps finished") && shown.contains("passive:accuracy"), "{shown}");
}

#[test]
fn curves_of_the_best_and_the_worst_models() {
    let looks =
        "by = \"eval.passive:loss\"\nbest = 2\nworst = 2\nband = true\nlines = false\ntitle = false\nwidth = \"page\"";
    let workspace =
        Workspace::new(&TINY.replace("clusters = \"basins\"", looks).replace("[plot.curves]", "[plot.lines]"));
    workspace.run(&["--jobs", "2"]).ok();
    // The table `lines` keeps its name.
    assert!(workspace.read("results/tiny/lines.csv").contains("interpolate,first,second,metric,point"));
    let csv = workspace.read("results/tiny/lines.figure.csv");
    // Two pairs of two models have a mean; only the four pairs between them have a deviation.
    let rows = |start: &str| csv.lines().filter(|line| line.starts_with(start)).count();
    for (start, count) in [
        ("within the best 2,mean,,,", 5),
        ("within the worst 2,mean,,,", 5),
        ("between best and worst,mean,", 5),
        ("between best and worst,standard deviation,", 5),
    ] {
        assert_eq!(rows(start), count, "{start}: {csv}");
    }
    assert_eq!(csv.lines().count(), 1 + 20);
    let svg = workspace.read("results/tiny/lines.svg");
    assert!(svg.contains("width=\"486pt\"") && svg.contains("aria-label=\"±1 standard deviation\""));
}

#[test]
fn results_do_not_depend_on_jobs() {
    let (one, three) = (Workspace::new(TINY), Workspace::new(TINY));
    one.run(&["--jobs", "1"]).ok();
    three.run(&["--jobs", "3"]).ok();
    assert_eq!(one.finished(), three.finished());
}

#[test]
fn a_model_is_asked_once_for_an_evaluation_and_an_end_point_on_the_same_examples() {
    let study = TINY.replace("examples = 32", "examples = 40");
    let asked = |runs: &[&[&str]]| {
        let workspace = Workspace::new(&study);
        runs.iter().for_each(|run| drop(workspace.run(&[&["--jobs", "1"], *run].concat()).ok()));
        let runs = workspace.path("cache/v1/runs").read_dir().unwrap().map(|run| run.unwrap().path().join("logs"));
        let logs = runs.flat_map(|logs| logs.read_dir().unwrap()).map(|log| log.unwrap().path());
        let texts = logs.map(|log| std::fs::read_to_string(log).unwrap());
        let shared = texts.filter(|text| text.contains("on these examples are those of a step before")).count();
        (shared, workspace.finished())
    };
    let (shared, finished) = asked(&[&[]]);
    assert_eq!(shared, 4);
    // Another worker remembers nothing, and finds the same.
    assert_eq!(asked(&[&["--until", "eval.in_domain"], &[]]), (0, finished));
}

#[test]
fn the_cores_that_a_run_may_use_are_shared_by_the_steps_that_are_ready() {
    let workspace = Workspace::new(TINY);
    let arguments = ["run", "study.toml", "--backend", "cpu", "--until", "cluster.basins"];
    let run: Ended = workspace.command(&arguments).env("RAYON_NUM_THREADS", "3").output().unwrap().into();
    run.ok();
    let run = workspace.path("cache/v1/runs").read_dir().unwrap().next().unwrap().unwrap().path();
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let threads = |stage: &str| -> Vec<u64> {
        let lines = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let begun = lines.filter(|line| line["event"] == "start" && line["step"].as_str().unwrap().starts_with(stage));
        begun.map(|line| line["threads"].as_u64().unwrap()).collect()
    };
    assert_eq!(threads("finetune.agents"), [1; 4], "{journal}");
    assert_eq!(threads("cluster.basins"), [3], "{journal}");
}

#[test]
fn a_changed_metric_runs_its_evaluations_and_no_fine_tune() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    let changed = TINY.replace("metrics = [\"loss\", \"accuracy\"]", "metrics = [\"loss\", \"accuracy\", \"f1\"]");
    workspace.write("study.toml", changed);
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    assert!(
        plan.contains("will run: changed: metrics [\"loss\",\"accuracy\"] → [\"loss\",\"accuracy\",\"f1\"]"),
        "{plan}"
    );
    assert!(plan.contains("31 steps: 26 fresh, 4 will run, 1 waiting"), "{plan}");
    let run = workspace.run(&[]).ok();
    assert!(run.err.contains("tiny: 5 ran, 26 fresh"), "{}", run.err);
    assert!(!run.err.contains("finetune"), "{}", run.err);
}

#[test]
fn what_decides_only_how_changes_no_key() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    let renamed = TINY
        .replace("agents\"", "who\"")
        .replace("[finetune.agents]", "[finetune.who]")
        .replace("builtin:who", "builtin:agents");
    workspace.write("study.toml", renamed.replace("[pretrain", "[run]\njobs = 1\nkeep_going = false\n[pretrain"));
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    // But for figures, whose numbers name models as the tables do.
    assert!(plan.contains("31 steps: 28 fresh, 3 will run"), "{plan}");
    assert_eq!(plan.matches("will run: changed: names.0 \"agents/0\" → \"who/0\"").count(), 3, "{plan}");
}

#[test]
fn forced_stages_run_again_and_give_the_same() {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2"]).ok();
    let before = workspace.finished();
    let run = workspace.run(&["--force", "finetune.agents"]).ok();
    // An identical rebuilt model stops the change from spreading.
    assert!(run.err.contains("tiny: 4 ran, 27 fresh"), "{}", run.err);
    assert_eq!(workspace.finished(), before);
}

#[test]
fn checkpoints_are_models_of_their_own() {
    let workspace = Workspace::new(TINY);
    let run = workspace.run(&["--set", "eval.in_domain.models=[\"agents\", \"agents@2[0..2]\"]"]).ok();
    assert!(run.err.contains("done eval.in_domain[1@2]"), "{}", run.err);
    let metrics = workspace.read("results/tiny/metrics.csv");
    let of =
        |model: &str| metrics.lines().find(|line| line.starts_with(&format!("in_domain,agents/{model},"))).unwrap();
    assert_ne!(of("1").split(',').nth(5), of("1@2").split(',').nth(5));
}
