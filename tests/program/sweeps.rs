//! Lists of values in stages that make models.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pipeline::engine::Graph;
use pipeline::experiment::{expand, read_with, resolved, step_named, steps_named};
use pipeline::fingerprint::{Digest, KeyParts};

use crate::workspace::{TINY, Workspace};

/// The study with one line of its fine-tune, or of another stage, changed.
fn changed(old: &str, new: &str) -> String {
    assert_eq!(TINY.matches(old).count(), 1, "{old}");
    TINY.replace(old, new)
}

/// The same with another rate, or rates.
fn rates(list: &str) -> String {
    changed("learning_rate = 3e-2", &format!("learning_rate = {list}"))
}

fn graph(text: &str) -> Graph {
    match read_with(Path::new("study.toml"), &[], &|_| Ok(text.to_owned())) {
        Ok(experiment) => expand(&experiment).unwrap(),
        Err(error) => panic!("{error}"),
    }
}

/// What is wrong, each with the words in the file that it points at.
fn wrong(text: &str) -> Vec<String> {
    let error = read_with(Path::new("study.toml"), &[], &|_| Ok(text.to_owned())).map(|_| ()).unwrap_err();
    let line = |error: &pipeline::study::Diagnostic| {
        let at = error.span.clone().map_or("", |at| &text[at]);
        format!("{at}: {}{}", error.message, error.help.as_ref().map_or(String::new(), |help| format!("; {help}")))
    };
    error.diagnostics.iter().map(line).collect()
}

/// Key of each step by its name, with stand-ins for what no run has made yet.
fn keys(graph: &Graph) -> BTreeMap<String, String> {
    let mut keys: Vec<String> = Vec::new();
    for step in &graph.steps {
        let stand_in = |from: usize, output: &str| Digest::of(format!("{}:{output}", keys[from]).as_bytes());
        let inputs = step.inputs.iter().map(|input| (&*input.role, stand_in(input.from, &input.output))).collect();
        let parameters = step.work.parameters();
        let parts = KeyParts { kind: step.work.kind(), version: step.work.version(), parameters: &parameters, inputs };
        keys.push(parts.key().0.to_string());
    }
    graph.steps.iter().map(|step| step.name()).zip(keys).collect()
}

fn key_set(text: &str) -> BTreeSet<String> {
    keys(&graph(text)).into_values().collect()
}

#[test]
fn a_value_in_a_list_has_the_keys_that_it_has_alone() {
    // All of them, figures and clusters too.
    for list in ["[3e-2]", "[0.03]"] {
        assert_eq!(key_set(&rates(list)), key_set(TINY), "{list}");
    }
    let two = keys(&graph(&rates("[3e-2, 6e-2]")));
    for rate in ["0.03", "0.06"] {
        let alone = keys(&graph(&rates(rate)));
        for seed in 0..4 {
            let name = format!("finetune.agents[learning_rate={rate},seed={seed}]");
            assert_eq!(two[&name], alone[&format!("finetune.agents[seed={seed}]")], "{name}");
            let eval = format!("eval.passive[learning_rate={rate}/{seed}]");
            assert_eq!(two[&eval], alone[&format!("eval.passive[{seed}]")], "{eval}");
        }
    }
    // Every key that can have a list, with two values each where the second is the one in the file.
    for (line, list) in [
        ("epochs = 2", "epochs = [1, 2.0]"),
        ("checkpoints = [2, \"last\"]", "checkpoints = [2, \"last\"]\nrecipe = [\"hf-flax\", \"adamw\"]"),
        (
            "checkpoints = [2, \"last\"]",
            "checkpoints = [2, \"last\"]\ndropout = [0.1, \"model\"]\nclip_norm = [false, 1.0]",
        ),
        ("checkpoints = [2, \"last\"]", "checkpoints = [2, \"last\"]\nbias_correction = [false, true]"),
        ("model = \"start\"", "model = [\"pretrain.start@last\"]"),
        ("data = \"sentences.train\"", "data = [\"sentences.pretraining\", \"fetch.sentences.train\"]"),
        ("data = \"sentences.train\"", "data = \"sentences.train\"\nexamples = [8, 16]"),
        ("layers = 1", "layers = [1]"),
        ("initializer_range = 0.2", "initializer_range = [0.2]\nseed = [0]"),
    ] {
        let (all, alone) = (key_set(&changed(line, list)), key_set(TINY));
        let models =
            graph(&changed(line, list)).steps.iter().filter(|step| step.stage.kind.name() == "finetune").count();
        let rest = all.intersection(&alone).count();
        // Fetches, the start and, but where rows are chosen, the fine-tunes.
        assert!(rest >= if list.contains("examples") { 5 } else { 9 }, "{list}: {rest} of {models}");
    }
}

#[test]
fn a_longer_list_changes_nothing_of_what_was_there() {
    let within = "\n[interpolate.within]\nmodels = \"agents[learning_rate=3e-2]\"\ndata = \"sentences.in_domain\"\n\
        \n[cluster.within]\nof = \"within\"\n\n[plot.within]\nkind = \"heatmap\"\nof = \"within\"\n";
    let of = |list: &str| keys(&graph(&(rates(list) + within)));
    let (two, three) = (of("[3e-2, 6e-2]"), of("[1e-2, 3e-2, 6e-2]"));
    let whole = ["cluster.basins", "plot.heatmap", "plot.scatter", "plot.curves"];
    for (name, key) in two.iter().filter(|(name, _)| !whole.contains(&name.as_str())) {
        assert_eq!(three.get(name), Some(key), "{name}");
    }
    assert!(whole.iter().all(|name| two[*name] != three[*name]));
    // Of one value alone the models are called as they are where no list is, so its clusters stay what they were.
    assert_eq!(of("[3e-2]")["cluster.within"], two["cluster.within"]);
    assert!(two.contains_key("interpolate.within[0,1]"));
}

#[test]
fn lists_are_crossed_or_zipped_and_more_than_ten_thousand_models_are_refused() {
    let with = |line: &str| rates(&format!("[3e-2, 6e-2]\n{line}"));
    let tuned = |text: &str| {
        let graph = graph(text);
        let tuned = graph.steps.iter().filter(|step| step.stage.kind.name() == "finetune");
        tuned.map(|step| step.instance.clone()).collect::<Vec<_>>()
    };
    let crossed = tuned(&with("weight_decay = [0.1, 0]\nbeta1 = [0.8]"));
    assert_eq!(crossed.len(), 2 * 2 * 4);
    // Keys are in one order, whatever that of the lines; the seed changes fastest.
    assert_eq!(crossed[5], "learning_rate=0.03,weight_decay=0,beta1=0.8,seed=1");
    let zipped = tuned(&with("weight_decay = [0.1, 0]\nsweep = \"zip\""));
    assert_eq!(zipped.len(), 2 * 4);
    assert_eq!(zipped[4], "learning_rate=0.06,weight_decay=0,seed=0");
    assert_eq!(tuned(&with("weight_decay = [0.1, 0]\nsweep = \"cross\"")).len(), 2 * 2 * 4);
    let many: Vec<String> = (1..=101).map(|rate| rate.to_string()).collect();
    let many = many.join(", ");
    for (text, message) in [
        (
            with("weight_decay = [0.1, 0, 1]\nsweep = \"zip\""),
            "[0.1, 0, 1]: `learning_rate` has 2 values and `weight_decay` 3: lists that are zipped are equally long",
        ),
        (
            with("sweep = \"zop\""),
            "\"zop\": `sweep` is \"cross\", every value of a list with all of the others, or \"zip\"; did you mean `zip`?",
        ),
        (
            rates("3e-2\nsweep = \"zip\""),
            "\"zip\": `sweep` says how lists of values go together, and there is none; for example learning_rate = [5e-5, 2e-4]",
        ),
        (
            rates(&format!("[{many}]\nadam_epsilon = [{many}]")),
            "agents: crossed, these lists make more than 10000 models",
        ),
        (
            rates(&format!("[{many}]")).replace("\"0..4\"", "\"0..100\""),
            "agents: lists and seeds make more than 10000 models",
        ),
    ] {
        assert_eq!(wrong(&text), [message]);
    }
}

#[test]
fn what_cannot_be_a_list_is_said_at_the_line() {
    let tuned = "model, data, recipe, epochs, batch_size, learning_rate, max_length, warmup, schedule, weight_decay, \
        decay_matrices_only, bias_correction, adam_epsilon, beta1, beta2, clip_norm, drop_last, carry_over, gelu_training, \
        head_init, dropout, examples, permute";
    let no_list = format!("[1, 2]: wrong type: a list, expected a whole number; lists of values can stand at {tuned}");
    let with = |line: &str| changed("checkpoints = [2, \"last\"]", line);
    let pick = |pick: &str| {
        rates("[3e-2, 6e-2]").replace(
            "models = \"agents\"\ndata = \"sentences.passive\"",
            &format!("models = \"{pick}\"\ndata = \"sentences.passive\""),
        )
    };
    for (text, messages) in [
        (with("head_seed = [1, 2]"), vec![no_list.as_str()]),
        (
            rates("[]"),
            vec!["[]: `learning_rate` is an empty list; write one value, several in a list, or leave it out"],
        ),
        (
            rates("[1e-4, 1e-3, 0.0001]"),
            vec!["0.0001: `learning_rate` has the value 1e-4 twice; leave one of them out"],
        ),
        (
            rates("[1e-4, [1]]"),
            vec!["[1]: `learning_rate` is a list of values, each of which must be a number or a word"],
        ),
        // Every value that is wrong, and what is wrong beside them once.
        (
            rates("[-1, 1e-4, -2]\nwarmup = 7"),
            vec![
                "-1: `learning_rate` must be greater than 0",
                "-2: `learning_rate` must be greater than 0",
                "7: `warmup` must be between 0 and 1",
            ],
        ),
        (
            with("recipe = [\"adamw\", \"hf-flux\"]"),
            vec!["\"hf-flux\": there is no recipe `hf-flux`; did you mean `hf-flax`?"],
        ),
        (
            changed("model = \"start\"", "model = [\"start\", \"stat\"]"),
            vec!["\"stat\": there is no model `stat`; did you mean `start`?"],
        ),
        (
            changed("model = \"start\"", "model = [\"start\", \"pretrain.start\"]"),
            vec!["\"pretrain.start\": `model` has the value start twice; leave one of them out"],
        ),
        (
            changed("layers = 1", "layers = [1, 2]"),
            vec![
                "\"start\": `start` has 2 models here, and one is needed; name one, for example `start[layers=1]`, or several \
                 in a list, each of which is taken in turn",
            ],
        ),
        (
            changed("seeds = \"0..4\"", "dropout_seeds = \"0..4\"\ndropout = [0, 0.1]"),
            vec![
                "[0, 0.1]: `dropout` and `dropout_seeds` would both be called `dropout`; write a stage for each `dropout`",
            ],
        ),
        (
            pick("agents[learning_rate=3e-3]"),
            vec!["\"agents[learning_rate=3e-3]\": `agents` has no learning_rate 3e-3; its values are 0.03, 0.06"],
        ),
        (
            pick("agents[rate=3e-2]"),
            vec![
                "\"agents[rate=3e-2]\": the models of `agents` are not told apart by `rate`; they are by learning_rate, seed",
            ],
        ),
        (
            pick("agents[learning_rate=3e-2, seed=4]"),
            vec!["\"agents[learning_rate=3e-2, seed=4]\": `agents` has no seed 4"],
        ),
        (
            pick("agents[learning_rate=3e-2, weight_decay=0]")
                .replace("6e-2]", "6e-2]\nweight_decay = [1, 0]\nsweep = \"zip\"")
                .replace("seeds = \"0..4\"", "seeds = [0]"),
            vec![
                "\"agents[learning_rate=3e-2, weight_decay=0]\": no model of `agents` has all of these values; there are \
                 `agents[learning_rate=0.03,weight_decay=1,seed=0]`, `agents[learning_rate=0.06,weight_decay=0,seed=0]`",
            ],
        ),
    ] {
        assert_eq!(wrong(&text), messages);
    }
}

#[test]
fn one_fine_tune_starts_from_each_of_many_models() {
    let tuned = |model: &str| {
        let text = changed("initializer_range = 0.2", "initializer_range = 0.2\nseed = [0, 1, 2]")
            .replace("model = \"start\"", &format!("model = {model}"))
            .replace("seeds = \"0..4\"", "seeds = [0, 1]");
        let graph = graph(&text);
        let all =
            graph.steps.iter().filter(|step| step.stage.kind.name() == "finetune" && step.instance.ends_with("0"));
        all.map(|step| (step.instance.clone(), step.subjects.concat())).collect::<Vec<_>>()
    };
    let names =
        |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let three = names(&[
        ("model=start[0],seed=0", "agents/model=start[0]/0"),
        ("model=start[1],seed=0", "agents/model=start[1]/0"),
        ("model=start[2],seed=0", "agents/model=start[2]/0"),
    ]);
    for model in ["\"start[0..3]\"", "\"start[{0..2}]\"", "[\"start[seed=0]\", \"start[1, 2]\"]"] {
        assert_eq!(tuned(model), three, "{model}");
    }
    assert_eq!(tuned("\"start[1]\""), names(&[("seed=0", "agents/0")]));
}

#[test]
fn steps_go_by_any_spelling_of_their_values() {
    let graph = graph(&rates("[3e-2, 6e-2]"));
    let named = |name: &str| {
        let steps = steps_named(&graph, &[name.to_owned()]).unwrap();
        steps.into_iter().map(|step| graph.steps[step].name()).collect::<Vec<_>>()
    };
    let one = "finetune.agents[learning_rate=0.06,seed=3]";
    for name in [one, "finetune.agents[seed=3, learning_rate=6e-2]", "finetune.agents[3, learning_rate=60e-3]"] {
        assert_eq!(named(name), [one]);
    }
    assert_eq!(named("finetune.agents[learning_rate=6e-2]").len(), 4);
    assert_eq!(named("finetune.agents[seed=1..3]").len(), 4);
    assert_eq!(named("eval.passive[learning_rate=6e-2, seed=3]"), ["eval.passive[learning_rate=0.06/3]"]);
    for (name, message) in [
        ("finetune.agents[learning_rate=1]", "`finetune.agents` has no learning_rate 1; its values are 0.03, 0.06"),
        ("finetune.agents[learning_rate=3e-2, seed=4]", "`finetune.agents` has no seed 4; its values are 0, 1, 2, 3"),
    ] {
        assert_eq!(steps_named(&graph, &[name.to_owned()]).unwrap_err().to_string(), message);
        assert_eq!(step_named(&graph, name).unwrap_err().to_string(), message);
    }
    assert_eq!(
        step_named(&graph, "finetune.agents[3, learning_rate=6e-2]@2").unwrap().0,
        steps_named(&graph, &[one.to_owned()]).unwrap().pop_first().unwrap()
    );
}

#[test]
fn what_is_resolved_is_the_same_study() {
    for list in ["[3e-2, 6e-2]", "[3e-2, 6e-2]\nrecipe = [\"adamw\", \"hf-flax\"]\nsweep = \"zip\""] {
        let text = rates(list);
        let experiment = read_with(Path::new("study.toml"), &[], &|_| Ok(text.clone())).unwrap();
        let written = resolved(&experiment);
        assert_eq!(keys(&graph(&written)), keys(&graph(&text)), "{written}");
        // What follows from a value in a list is not written out.
        assert!(written.contains("\nbeta1 = "), "{written}");
        assert_eq!(written.contains("\nadam_epsilon = "), !list.contains("hf-flax"), "{written}");
    }
}

const FIGURES: &str = r#"
[eval.one]
models = "agents@2[learning_rate=0.060, seed=1]"
data = "sentences.passive"

[plot.training]
kind = "training"
of = "agents"
labels = { "learning_rate=0.06" = "fast" }

[plot.by_value]
kind = "curves"
of = "lines"
group_by = "learning_rate"
order = ["between values"]

[plot.points]
kind = "scatter"
of = "basins"
metric = "eval.passive:accuracy"
group_by = "examples"

[plot.counts]
kind = "histogram"
of = "basins"
metric = "eval.passive:accuracy"
group_by = "learning_rate"

[plot.ordered]
kind = "heatmap"
of = "basins"
order_by = "learning_rate"
"#;

#[test]
fn figures_are_grouped_by_what_tells_models_apart_or_say_what_does() {
    let with = |figure: &str| {
        let text = rates("[3e-2, 6e-2]") + "\n[plot.x]\n" + figure;
        let read = read_with(Path::new("study.toml"), &[], &|_| Ok(text.clone()));
        let diagnostics = match read {
            Ok(experiment) => expand(&experiment).map(|_| Vec::new()).unwrap_or_else(|error| error.diagnostics),
            Err(error) => error.diagnostics,
        };
        let said = |one: pipeline::study::Diagnostic| format!("{}; {}", one.message, one.help.unwrap_or_default());
        diagnostics.into_iter().map(said).collect::<Vec<_>>()
    };
    let curves = "kind = \"curves\"\nof = \"lines\"\n";
    for (figure, message) in [
        (
            format!("{curves}group_by = \"epochs\""),
            "the model `agents/learning_rate=0.03/0` is not told from others by `epochs`; models are grouped by what tells \
             them apart: learning_rate, seed",
        ),
        (
            format!("{curves}group_by = \"seed\"\nclusters = \"basins\""),
            "models are grouped by `clusters` or by `group_by`, not both: leave one out; ",
        ),
        (
            format!("{curves}group_by = \"seed\"\nby = \"eval.passive:accuracy\""),
            "lines are grouped by `group_by` or by best and worst, not both: leave one out; ",
        ),
        (
            "kind = \"heatmap\"\nof = \"basins\"\norder_by = \"clusters\"".to_owned(),
            "the model `agents/learning_rate=0.03/0` is not told from others by `clusters`; models are ordered by \
             \"seed\", \"cluster\", a metric such as eval.paws:f1, or what tells them apart: learning_rate, seed",
        ),
    ] {
        assert_eq!(with(&figure), [message]);
    }
    assert!(with(&format!("{curves}group_by = \"seed\"")).is_empty());
}

#[test]
fn lists_from_run_to_tables_and_figures() {
    let text = rates("[3e-2, 6e-2]")
        .replace("seeds = \"0..4\"", "seeds = \"0..2\"\nexamples = [32, 64]\nsweep = \"zip\"")
        + FIGURES;
    let workspace = Workspace::new(&text);
    workspace.run(&["--jobs", "2"]).ok();
    let models = workspace.read("results/tiny/models.csv");
    let columns: Vec<&str> = models.lines().next().unwrap().split(',').collect();
    let cell = |model: &str, column: &str| {
        let row: Vec<&str> =
            models.lines().find(|line| line.starts_with(&format!("{model},"))).unwrap().split(',').collect();
        row[columns.iter().position(|own| *own == column).unwrap()].to_owned()
    };
    let model = "agents/learning_rate=0.06/examples=64/1";
    for (column, value) in [("learning_rate", "0.06"), ("examples", "64"), ("seed", "1"), ("start", "start")] {
        assert_eq!((cell(model, column), cell(&format!("{model}@2"), column)), (value.to_owned(), value.to_owned()));
    }
    assert_eq!(cell("agents/learning_rate=0.03/examples=32/0", "examples"), "32");
    for (figure, texts) in [
        ("training", &["learning rate 0.03, examples 32, mean of 2 runs", "fast, examples 64, mean of 2 runs"][..]),
        ("by_value", &["within learning rate 0.03, one pair", "between values, mean of 4 pairs"]),
        ("points", &["examples 32 (n = 2)", "examples 64 (n = 2)", "models by learning rate/examples/seed"]),
        ("counts", &["learning rate 0.03 (n = 2, mean ", "learning rate 0.06 (n = 2, mean "]),
        ("ordered", &["learning rate 0.03,…", "learning rate 0.06,…", "seed"]),
    ] {
        let svg = workspace.read(&format!("results/tiny/{figure}.svg"));
        for text in texts {
            assert!(svg.contains(&format!("aria-label=\"{text}")), "{text} is not in {figure}");
        }
    }
    let points = workspace.read("results/tiny/points.csv");
    assert!(points.starts_with("model,group,") && points.contains(&format!("\n{model},examples=64,")), "{points}");
    assert!(workspace.read("results/tiny/metrics.csv").contains(&format!("\none,{model}@2,")));
    // Where each value stands, and which recipe it is of.
    let name = "finetune.agents[learning_rate=6e-2, seed=1]";
    let explained = workspace.pipeline(&["explain", "study.toml", name]).ok().out;
    assert!(explained.starts_with("finetune.agents[learning_rate=0.06,examples=64,seed=1]\n"), "{explained}");
    let exported = ["export", "study.toml", "finetune.agents[1, examples=64]@2", "--to", "model"];
    workspace.pipeline(&exported).ok();
    assert!(workspace.path("model/config.json").exists());
    // One more value on each list runs what is new, and what is made of all.
    workspace.write("study.toml", text.replace("6e-2]", "6e-2, 1e-2]").replace("[32, 64]", "[32, 64, 48]"));
    let plan = workspace.pipeline(&["plan", "study.toml", "--verbose"]).ok().out;
    for line in plan.lines().filter(|line| line.contains("learning_rate=0.03") || line.contains("learning_rate=0.06")) {
        assert!(line.contains("fresh") || line.contains("learning_rate=0.01"), "{line}");
    }
    workspace.run(&["--jobs", "2"]).ok();
    let more: Vec<String> = workspace
        .manifests()
        .iter()
        .filter(|made| made["kind"] == "finetune")
        .map(|made| made["parameters"]["recipe"]["learning_rate"].to_string())
        .collect();
    assert_eq!((more.len(), more.iter().filter(|rate| *rate == "0.01").count()), (6, 2), "{more:?}");
}
