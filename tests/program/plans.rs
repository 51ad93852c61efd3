//! Looking before running: check, plan, graph, selections.

use crate::workspace::{TINY, Workspace};

#[test]
fn check_counts_and_plan_explains() {
    let workspace = Workspace::new(TINY);
    assert_eq!(workspace.pipeline(&["check", "study.toml"]).ok().out, "study.toml: 10 stages, 31 steps\n");
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    assert_eq!(plan, include_str!("plan.txt"), "{plan}");
    assert!(!workspace.path("cache").exists(), "looking must not make a cache");
    let verbose = workspace.pipeline(&["plan", "study.toml", "--verbose"]).ok().out;
    assert!(verbose.contains("  1,3  waiting on "), "{verbose}");
}

#[test]
fn graphs_are_drawn() {
    let workspace = Workspace::new(TINY);
    let mermaid = workspace.pipeline(&["graph", "study.toml", "--format", "mermaid"]).ok().out;
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("[\"finetune.agents × 4\"]"), "{mermaid}");
    let dot = workspace.pipeline(&["graph", "study.toml", "--format", "dot"]).ok().out;
    assert!(dot.starts_with("digraph \"tiny\" {") && dot.contains(" -> "), "{dot}");
}

#[test]
fn selections_run_a_part() {
    let workspace = Workspace::new(TINY);
    let run = workspace.run(&["--until", "finetune.agents"]).ok();
    assert!(run.err.contains("tiny: 7 ran, 0 fresh"), "{}", run.err);
    let plan = workspace.pipeline(&["plan", "study.toml", "--only", "eval"]).ok().out;
    assert!(plan.contains("31 steps: 7 fresh, 0 will run, 8 waiting, 16 not selected"), "{plan}");
    let dry = workspace.run(&["--from", "interpolate.lines", "--dry-run"]).ok();
    assert!(dry.out.contains("31 steps: 7 fresh"), "{}", dry.out);
    let unknown = workspace.run(&["--only", "eval.pasive"]);
    assert_eq!(unknown.code, Some(2));
    assert_eq!(
        unknown.err,
        "error: there is no stage `eval.pasive` in this experiment; did you mean `eval.passive`?\n"
    );
}

#[test]
fn the_shipped_experiments_pass_check_and_plan_at_once() {
    let workspace = Workspace::new("");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments");
    for (name, counted) in [
        ("quickstart", "10 stages, 193 steps"),
        ("nli-minilm", "24 stages, 89 steps"),
        ("cola-minilm", "17 stages, 117 steps"),
        ("qqp", "13 stages, 10409 steps"),
        ("mnli", "13 stages, 10409 steps"),
        ("cola", "12 stages, 10408 steps"),
    ] {
        let file = format!("{folder}/{name}.toml");
        let checked = workspace.pipeline(&["check", &file]).ok().out;
        assert!(checked.ends_with(&format!("{name}.toml: {counted}\n")), "{checked}");
        let plan = workspace.pipeline(&["plan", &file]).ok().out;
        assert!(plan.contains(" steps: 0 fresh, "), "{plan}");
    }
}
