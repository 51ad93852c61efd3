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
    let plan = workspace.pipeline(&["plan", "study.toml", "--only", "eval.passive[3]"]).ok().out;
    assert!(
        plan.contains("31 steps: 7 fresh, 0 will run, 1 waiting, 23 not selected")
            || plan.contains("7 fresh, 1 will run"),
        "{plan}"
    );
    let unknown = workspace.run(&["--only", "eval.passive[4]"]);
    assert_eq!(
        unknown.err,
        "error: there is no stage `eval.passive[4]` in this experiment; did you mean `eval.passive[0]`?\n"
    );
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

/// What `check --resolved` prints is the same study, and nothing in it is left to a default.
#[test]
fn a_study_with_every_default_written_out_has_the_same_keys() {
    let workspace = Workspace::new(TINY);
    workspace.write("more.toml", "extends = \"study.toml\"\n[finetune.agents]\nrecipe = \"google-bert\"\ndropout_seed = 0x10\n[finetune.flax]\nmodel = \"start\"\ndata = \"sentences.train\"\nseeds = [1, 2]\nrecipe = \"hf-flax\"\nclip_norm = 2\n[sharpness.sharp]\nmodels = \"agents[0]\"\ndata = \"sentences.passive\"\n[surface.plane]\nmodels = \"agents[0..3]\"\ndata = \"sentences.passive\"\n");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments");
    for file in ["more.toml".to_owned(), format!("{shipped}/quickstart.toml"), format!("{shipped}/nli-minilm.toml")] {
        let resolved = workspace.pipeline(&["check", &file, "--resolved"]).ok().out;
        workspace.write("resolved.toml", &resolved);
        let plan = |file: &str| workspace.pipeline(&["plan", file, "--verbose"]).ok().out;
        assert_eq!(plan("resolved.toml"), plan(&file), "{resolved}");
        let steps = |file: &std::path::Path| {
            let graph = pipeline::experiment::expand(&pipeline::experiment::read(file, &[]).unwrap()).unwrap();
            graph.steps.iter().map(|step| (step.name(), step.work.parameters())).collect::<Vec<_>>()
        };
        assert_eq!(steps(&workspace.path("resolved.toml")), steps(&workspace.path("").join(&file)), "{resolved}");
        assert_eq!(workspace.pipeline(&["check", "resolved.toml", "--resolved"]).ok().out, resolved);
    }
    let resolved = workspace.pipeline(&["check", "more.toml", "--resolved"]).ok().out;
    for line in [
        "precision = \"f32\"",
        "schedule = \"from-start\"",
        "adam_epsilon = 0.000001",
        "head_init = \"lecun-normal\"",
        "beta2 = 0.999",
        "gelu_training = \"tanh\"",
        "points_per_unit = 20.0",
        "# examples = 512",
    ] {
        assert!(resolved.lines().any(|written| written == line), "{line} is missing in\n{resolved}");
    }
}
