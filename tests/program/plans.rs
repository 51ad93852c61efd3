//! Looking before running: check, plan, graph, selections.

use crate::background::Run;
use crate::workspace::{TINY, Workspace};

#[test]
fn plan_and_status_tell_what_runs_and_what_was_interrupted() {
    let workspace = Workspace::new(TINY);
    assert_eq!(workspace.pipeline(&["status"]).code, Some(3));
    let (here, told) = (workspace.hold("finetune-3"), workspace.hold("stop-asked"));
    let run = Run::start(&workspace, &["--jobs", "1"]);
    here.reached();
    let status = workspace.pipeline(&["status"]).ok().out;
    let who = format!("pid {} on ", run.pid());
    let lines: Vec<&str> = status.lines().collect();
    assert!(lines[0].starts_with(&format!("tiny: {who}")) && lines[0].contains(": 5 of 31 steps done"), "{status}");
    assert!(lines[1].starts_with("  finetune.agents[seed=0]  since ") && lines.len() == 2, "{status}");
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    assert!(plan.contains(&format!("  seed=0  runs now: {who}")) && plan.contains(", since "), "{plan}");
    assert!(plan.contains("  seed=1 … seed=3 (3)  will run: never run"), "{plan}");
    run.signal("-INT");
    told.reached();
    told.let_go();
    here.let_go();
    assert_eq!(run.end().code, Some(130));

    assert_eq!(workspace.pipeline(&["status"]).ok().out, "nothing is running in this cache\n");
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    assert!(plan.contains("  seed=0  will run: was interrupted, 3 of 8 steps saved\n"), "{plan}");
    // One step that was timed tells of all that compute.
    assert!(plan.contains("\nroughly ") && plan.contains(" with one worker, by 1 pretrain step here"), "{plan}");
    let again = workspace.run(&["--jobs", "1"]).ok();
    assert!(again.err.contains("finetune.agents[seed=0]: goes on from step 3 of 8\n"), "{}", again.err);
}

#[test]
fn a_run_in_a_pipe_says_what_begins_and_how_long_it_will_take() {
    let workspace = Workspace::new(TINY);
    let first = workspace.run(&["--jobs", "1"]).ok().err;
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines[0], "tiny: 31 steps to run, 0 fresh; time left unknown");
    for said in ["start finetune.agents[seed=0]", "start plot.heatmap"] {
        assert!(lines.contains(&said), "{said}: {first}");
    }
    assert!(
        lines.iter().any(|line| line.starts_with("done pretrain.start in ") && line.contains("; 26 to go, about ")),
        "{first}"
    );
    assert!(!first.contains('\r') && !first.contains('\u{1b}') && !first.contains("at least"), "{first}");
    // What is known of a first run is known of a second one of another study from its first moment.
    workspace.write("study.toml", TINY.replace("name = \"tiny\"", "name = \"second\"").replace("3e-2", "2e-2"));
    let second = workspace.run(&["--jobs", "1"]).ok().err;
    let (first_line, _) = second.split_once('\n').unwrap();
    assert!(
        first_line.starts_with("second: 26 steps to run, 5 fresh; about ") && !first_line.contains("unknown"),
        "{second}"
    );
    // The end says how clear the clusters are, and where figures are.
    assert!(second.ends_with("\nresults: results/second, 3 figures\n"), "{second}");
    assert!(second.contains("\nbasins: 4 models in clusters of "), "{second}");
}

#[test]
fn check_counts_and_plan_explains() {
    let workspace = Workspace::new(TINY);
    assert_eq!(workspace.pipeline(&["check", "study.toml"]).ok().out, "study.toml: 10 stages, 31 steps\n");
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    let golden = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/plan.txt")).unwrap();
    assert_eq!(plan, golden, "{plan}");
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
    let svg = workspace.pipeline(&["graph", "study.toml", "--format", "svg"]).ok().out;
    assert!(svg.starts_with("<svg ") && svg.contains(">finetune.agents</text>") && svg.contains(">4 steps<"), "{svg}");
    assert_eq!((svg.matches("<rect ").count(), svg.matches("<path ").count()), (10, dot.matches(" -> ").count()));
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
        ("quickstart", "14 stages, 197 steps"),
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
