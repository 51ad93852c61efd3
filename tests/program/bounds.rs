//! What an experiment names may be anything and of any size: it is refused early and in words, never waited for, and
//! never shown where it is none of ours.

use crate::workspace::{TINY, Workspace};

/// What opens it waits for somebody who writes.
fn pipe(workspace: &Workspace, name: &str) {
    std::fs::remove_file(workspace.path(name)).ok();
    assert!(std::process::Command::new("mkfifo").arg(workspace.path(name)).status().unwrap().success());
}

#[test]
fn what_is_no_regular_file_is_refused_wherever_it_is_named() {
    let workspace = Workspace::new(TINY);
    pipe(&workspace, "pipe");
    let said = |arguments: &[&str], code: i32, what: &str| {
        let ended = workspace.pipeline(arguments);
        assert!(ended.code == Some(code) && ended.err.contains(what), "{arguments:?}: {:?} {}", ended.code, ended.err);
    };
    for (file, what) in [
        ("pipe", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        (".", "it is a folder, not a file"),
        // Files of the system have no size and, some of them, no end.
        ("/proc/kmsg", "it has none of the tables of one"),
        ("/proc/self/environ", "it has none of the tables of one"),
    ] {
        if std::fs::metadata(file).is_err() && file.starts_with('/') {
            continue;
        }
        said(&["check", file], 2, what);
        workspace.write("above.toml", format!("extends = \"{file}\"\n{TINY}"));
        said(&["check", "above.toml"], 2, what);
    }
    said(&["cache", "import", "pipe"], 1, "failed to read `pipe`: it is not a regular file");
    for (key, source) in [("dataset", "pipe"), ("dataset", "/dev/zero"), ("model", "pipe"), ("model", "pipe.zip")] {
        pipe(&workspace, "pipe.zip");
        let rest = if key == "dataset" { "text = [\"a\"]\nformat = \"csv\"" } else { "" };
        let study = format!(
            "[experiment]\nname = \"x\"\n[fetch.b]\nmodel = \"path:pipe.zip\"\n[fetch.a]\n{key} = \"path:{source}\"\n{rest}\n\
             [eval.e]\nmodels = \"b\"\ndata = \"a.pipe\""
        );
        workspace.write("source.toml", study);
        said(&["check", "source.toml"], 2, "error");
    }
    // A pipe in the place of a result is replaced by the result.
    workspace.run(&["--jobs", "1"]).ok();
    pipe(&workspace, "results/tiny/metrics.csv");
    workspace.run(&[]).ok();
    assert!(workspace.path("results/tiny/metrics.csv").is_file());
}

#[test]
fn every_number_has_an_end_that_check_knows() {
    let study = TINY.replace(
        "[plot.heatmap]",
        "[sharpness.sharp]\nmodels = \"agents\"\ndata = \"sentences.in_domain\"\n[plot.heatmap]",
    ) + "\n[plot.training]\nkind = \"training\"\nof = \"agents\"\n[run]\njobs = 1\n";
    let workspace = Workspace::new(&study);
    let largest = "9223372036854775807";
    for (keys, values) in [
        ("run jobs", largest),
        ("run retries", largest),
        ("run snapshot_every", largest),
        ("fetch.sentences.splits.train examples", "1000001"),
        ("pretrain.start layers hidden heads intermediate vocabulary max_length steps batch_size", largest),
        ("pretrain.start learning_rate initializer_range weight_decay", "1e-300 1e300 inf nan"),
        ("pretrain.start dropout warmup", "1.0"),
        // Each of them is possible, and both together are more than any machine has.
        ("pretrain.start layers=1024,hidden", "16777216"),
        ("finetune.agents batch_size max_length", largest),
        ("finetune.agents epochs", "1e300 1e6"),
        ("finetune.agents learning_rate clip_norm weight_decay", "1e-300 1e300"),
        ("finetune.agents dropout warmup", "1.0"),
        ("finetune.agents checkpoints", "[9223372036854775807]"),
        ("eval.passive examples max_length", largest),
        ("interpolate.lines points", "9223372036854775807 10001"),
        ("interpolate.lines examples", largest),
        ("cluster.basins clusters", largest),
        ("cluster.basins delta", "1e300"),
        ("sharpness.sharp epsilon learning_rate", "1e-300 1e300"),
        ("sharpness.sharp directions batch_size", largest),
        ("sharpness.sharp dropout", "1.0"),
        ("plot.training smooth", largest),
    ] {
        let (table, keys) = keys.split_once(' ').unwrap();
        for (key, value) in keys.split(' ').flat_map(|key| values.split(' ').map(move |value| (key, value))) {
            let overrides: Vec<String> =
                format!("{key}={value}").split(',').map(|set| format!("{table}.{set}")).collect();
            let mut arguments = vec!["check", "study.toml"];
            overrides.iter().for_each(|set| arguments.extend(["--set", set]));
            let ended = workspace.pipeline(&arguments);
            let name = key.rsplit(',').next().unwrap();
            let said = ended.err.contains(&format!("`{name}"))
                || ended.err.contains("GB of memory")
                || ended.err.contains("models");
            assert!(ended.code == Some(2) && said, "{overrides:?}: {:?} {}", ended.code, ended.err);
        }
    }
}

#[test]
fn keys_that_mean_nothing_beside_another_are_refused() {
    let workspace = Workspace::new("");
    workspace.write("runs.csv", "Run,a\n0,1\n");
    let model = "model = \"hf:a/b\"\n";
    let data = "dataset = \"path:runs.csv\"\ntext = [\"a\"]\n";
    let built_in = "dataset = \"builtin:agents\"\nsplits.a = { examples = 1, passive = 0.5 }\n";
    let logs = "logs = \"path:.\"\nfile = \"{}.json\"\nseeds = \"0..2\"\n";
    let table = "table = \"path:runs.csv\"\nmodel = \"Run\"\nseeds = \"0..1\"\ncolumns = { accuracy = \"a\" }\n";
    for (kind, stage, key, what) in [
        ("fetch", model, "text = [\"a\"]", "`text` belongs to a data set, and this stage fetches a model"),
        ("fetch", model, "header = false", "`header` belongs to a data set, and this stage fetches a model"),
        ("fetch", model, "contrast = 0.5", "`contrast` belongs to a built-in data set, and this stage fetches a model"),
        (
            "fetch",
            model,
            "blake3 = \"00\"",
            "`blake3` belongs to an address, and a repository is known by its revision",
        ),
        ("fetch", data, "step = 7", "`step` belongs to a model, and this stage fetches a data set"),
        ("fetch", data, "seed = 7", "`seed` belongs to a built-in data set, and this stage fetches a data set"),
        ("fetch", built_in, "label = \"x\"", "`label` belongs to a data set, and this one is built in"),
        ("fetch", built_in, "keep = [\"x\"]", "`keep` belongs to a data set, and this one is built in"),
        ("eval", logs, "format = \"csv\"", "`format` belongs to a `table`, and these are `logs`"),
        ("eval", logs, "model = \"Run\"", "`model` belongs to a `table`, and these are `logs`"),
        ("eval", logs, "blake3 = \"00\"", "`blake3` belongs to a `table`, and these are `logs`"),
        ("eval", table, "metrics = [\"loss\"]", "`metrics` belongs to `logs`, and this is a `table`"),
        ("eval", table, "folder = \"x\"", "`folder` belongs to `logs`, and this is a `table`"),
    ] {
        workspace.write("study.toml", format!("[experiment]\nname = \"x\"\n[{kind}.a]\n{stage}{key}\n"));
        let ended = workspace.pipeline(&["check", "study.toml"]);
        assert!(ended.code == Some(2) && ended.err.contains(&format!("error: {what}\n")), "{key}: {}", ended.err);
    }
}

#[test]
fn a_file_that_is_no_experiment_tells_nothing_of_itself() {
    let workspace = Workspace::new("");
    workspace.write("token", "hf_SECRET\n");
    workspace.write("keys.csv", "hf_SECRET\nhf_SECRET\n");
    workspace.write("above.toml", format!("extends = \"token\"\n{TINY}"));
    workspace.write(
        "data.toml",
        "[experiment]\nname = \"x\"\n[fetch.keys]\ndataset = \"path:keys.csv\"\ntext = [\"a\"]\n\
         [fetch.s]\ndataset = \"builtin:agents\"\nsplits.a = { examples = 9, passive = 0.5 }\n\
         [pretrain.b]\ndata = \"keys.keys\"\nlayers = 1\nhidden = 2\nheads = 1\nsteps = 1\nlearning_rate = 1e-3",
    );
    for (arguments, code) in
        [(&["check", "token"][..], 2), (&["check", "above.toml"], 2), (&["run", "data.toml", "--backend", "cpu"], 1)]
    {
        let ended = workspace.pipeline(arguments);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(!ended.err.contains("SECRET") && !ended.out.contains("SECRET"), "{}", ended.err);
    }
    for line in [
        "dataset = \"https:/me:SECRET@host/a?sig=SECRET\"",
        "dataset = \"host/a?sig=SEC\"RET\"",
        "datset = \"me:SECRET@host\"",
    ] {
        workspace.write("study.toml", format!("[experiment]\nname = \"x\"\n[fetch.a]\n{line}\n"));
        let ended = workspace.pipeline(&["check", "study.toml"]);
        assert!(ended.code == Some(2) && ended.err.contains(" --> study.toml:4"), "{}", ended.err);
        assert!(!ended.err.contains("SECRET") && !ended.err.contains("RET\""), "{}", ended.err);
    }
}

#[test]
fn texts_of_others_reach_a_terminal_spelled_out_and_cut() {
    let workspace = Workspace::new(TINY);
    let header = format!("\u{1b}[2J{},label", "x".repeat(5_000_000));
    workspace.write("odd.csv", format!("{header}\nfine,worker\n"));
    let study = TINY.replace("data = \"sentences.passive\"", "data = \"odd.odd\"")
        + "\n[fetch.odd]\ndataset = \"path:odd.csv\"\ntext = [\"text\"]\n";
    workspace.write("study.toml", study);
    for format in ["human", "json"] {
        let ended = workspace.run(&["--jobs", "1", "--log-format", format]);
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        assert!(ended.err.contains("has no column `text`; its columns are ["), "{}", ended.err);
        assert!(!ended.err.contains('\u{1b}') && ended.err.len() < 100_000, "{} bytes", ended.err.len());
    }
    let logs = std::fs::read_dir(workspace.path("cache/v1/runs"))
        .unwrap()
        .flat_map(|run| std::fs::read_dir(run.unwrap().path().join("logs")).unwrap().map(|log| log.unwrap().path()));
    let logs: Vec<String> =
        logs.map(|log| String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned()).collect();
    assert!(logs.iter().any(|log| log.contains("has no column `text`")));
    assert!(logs.iter().all(|log| !log.contains('\u{1b}') && log.len() < 1_000_000));
}

/// Passes over all stages for each of them would take hours.
#[test]
fn twenty_thousand_stages_are_read_one_after_the_other() {
    let workspace = Workspace::new("");
    // No text is longer, so none is cut into tokens by `plan`.
    let mut study = TINY.replace("max_length = 24", "max_length = 512");
    for number in 0..10_000 {
        let before = if number == 0 { "start".to_owned() } else { format!("f{}", number - 1) };
        study += &format!("[finetune.f{number}]\nmodel=\"{before}\"\ndata=\"sentences.train\"\nseeds=[1]\n");
        study += &format!("[eval.e{number}]\nmodels=\"f{number}\"\ndata=\"sentences.in_domain\"\n");
    }
    workspace.write("study.toml", &study);
    let ended = workspace.pipeline(&["check", "study.toml"]).ok();
    assert_eq!(ended.out, "study.toml: 20010 stages, 20031 steps\n");
    workspace.pipeline(&["plan", "study.toml"]).ok();
    workspace.write("study.toml", study.replace("models=\"f", "models=\"g"));
    let ended = workspace.pipeline(&["check", "study.toml"]);
    assert_eq!((ended.code, ended.err.matches("error: there is no model").count()), (Some(2), 10));
    assert!(ended.err.ends_with("and 90 more mistakes\n"), "{}", ended.err);
}
