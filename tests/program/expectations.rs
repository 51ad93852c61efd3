//! What a study expects, and what comes of it.

use std::path::Path;

use pipeline::experiment::{expand, read_with};

use crate::workspace::{TINY, Workspace};

/// One of each kind; the table of runs has numbers that a person can check.
const EXPECTED: &str = r#"
[eval.runs]
table = "path:runs.csv"
model = "Run"
seeds = "0..4"
columns = { accuracy = "Accuracy", loss = "Loss" }

[cluster.given]
seeds = "0..4"
members = "1"

[expect.mean]
metric = "eval.runs:accuracy"
between = [0.4, 0.5]

[expect.not_the_mean]
metric = "eval.runs:accuracy"
between = [-inf, 0.4]

[expect.every]
metric = "eval.runs:accuracy"
statistic = "every"
between = [0.2, inf]

[expect.alone]
metric = "eval.runs:accuracy"
clusters = "given"
cluster = "smallest"
between = [0.9, 0.9]

[expect.lowest]
metric = "eval.runs:accuracy"
lowest = "0"

[expect.not_the_highest]
metric = "eval.runs:accuracy"
highest = [1, 3]

[expect.line]
correlation = ["eval.runs:accuracy", "eval.runs:loss"]
between = [-1, -0.9]

[expect.members]
clusters = "given"
members = "0, 2..4"

[expect.size]
clusters = "given"
measure = "size"
cluster = "largest"
between = [3, 3]

[expect.not_the_same]
clusters = "given"
members = ["0, 2", "1"]

[expect.near]
clusters = "given"
members = ["0, 2", "1"]
between = [0.0, 1.0]

[expect.feature]
clusters = "basins"
correlation = "eval.passive:loss"
between = [-1, 1]

[expect.some]
metric = "eval.passive:accuracy"
statistic = "max"
models = "agents[0..2]"
between = [0, 1]
"#;

#[test]
fn what_does_not_come_out_is_told_and_has_an_exit_code_of_its_own() {
    let workspace = Workspace::new(&format!("{TINY}{EXPECTED}"));
    // Loss is 1 − accuracy.
    workspace.write("runs.csv", "Run,Accuracy,Loss\n0,0.1,0.9\n1,0.9,0.1\n2,0.5,0.5\n3,0.3,0.7\n");
    let run = workspace.run(&["--jobs", "2"]);
    assert_eq!(run.code, Some(5), "{}", run.err);
    for said in [
        "not as expected: not_the_mean: mean of runs:accuracy is 0.4500, expected is 0.4 or less\n",
        "not as expected: every: every runs:accuracy is 0.1000, expected is 0.2 or more; outside: agents/0\n",
        "not as expected: not_the_highest: 1, 3 have the highest runs:accuracy: no; otherwise: agents/2, agents/3\n",
        "expectations: 9 of 13 hold\n",
    ] {
        assert!(run.err.contains(said), "{said}\n{}", run.err);
    }
    let table = workspace.read("results/tiny/expectations.csv");
    for line in [
        "mean,mean of runs:accuracy,0.4,0.5,0.45,true,\"\",",
        "alone,mean of runs:accuracy in the smallest cluster of given,0.9,0.9,0.9,true,\"\",",
        "size,size of the largest cluster of given,3.0,3.0,3.0,true,\"\",",
    ] {
        assert!(table.lines().any(|known| known.starts_with(line)), "{line}\n{table}");
    }

    // Another bound trains nothing again, and the other commands know.
    let fewer = EXPECTED.split("[expect.not_the_mean]").next().unwrap();
    workspace.write("study.toml", format!("{TINY}{fewer}"));
    let again = workspace.run(&["--set", "expect.mean.between=[0.45, 1]"]).ok();
    assert!(
        again.err.contains("tiny: 1 ran, 33 fresh") && again.err.contains("expectations: 1 of 1 hold"),
        "{}",
        again.err
    );
    let results = workspace.pipeline(&["results", "study.toml", "--set", "expect.mean.between=[0.45, 1]"]).ok();
    assert!(results.err.contains("expectations: 1 of 1 hold"), "{}", results.err);
    let shown = workspace.pipeline(&["show", "study.toml"]).ok();
    assert!(shown.out.contains("\nexpectations\n"), "{}", shown.out);
    // What is not there yet is not known, and no failure.
    let part = workspace.run(&["--set", "expect.mean.between=[2, 3]", "--only", "eval"]).ok();
    assert!(part.err.contains("expectations: 0 of 1 hold, 1 not known yet\n"), "{}", part.err);
}

#[test]
fn an_expectation_that_cannot_be_judged_is_told_at_its_place() {
    let base = format!("{TINY}{EXPECTED}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runs.csv"), "Run,Accuracy,Loss\n0,1,1\n").unwrap();
    let path = folder.path().join("study.toml");
    let read = |stage: &str| {
        let text = format!("{base}\n[expect.x]\n{stage}\n");
        let read = |_: &Path| Ok(text.clone());
        let graph = read_with(&path, &[], &read).and_then(|experiment| expand(&experiment));
        graph.map(|_| ()).map_err(|error| error.to_string())
    };
    for (stage, said) in [
        ("", "an expectation needs `metric`, `correlation` or `clusters`"),
        (
            "metric = \"eval.runs:accuracy\"",
            "an expectation needs `between`, the least and the greatest value that it allows",
        ),
        ("metric = \"eval.runs:f1\"\nbetween = [0, 1]", "[eval.runs] does not measure `f1`"),
        (
            "metric = \"eval.runs:accuracy\"\nbetween = [1, 0]",
            "`between` is [LEAST, GREATEST], of which one may be infinite",
        ),
        ("metric = \"eval.runs:accuracy\"\nbetween = [nan, 0]", "`between` is [LEAST, GREATEST]"),
        ("metric = \"eval.runs:accuracy\"\nbetween = [0, 1]\nstatistic = \"mode\"", "unknown statistic `mode`"),
        (
            "metric = \"eval.runs:accuracy\"\nbetween = [0, 1]\nclusters = \"given\"",
            "`clusters` needs the `cluster` whose models are meant",
        ),
        (
            "metric = \"eval.runs:accuracy\"\nbetween = [0, 1]\ncluster = \"smallest\"",
            "`cluster` needs `clusters`, the stage that it is of",
        ),
        (
            "metric = \"eval.runs:accuracy\"\nbetween = [0, 1]\nclusters = \"given\"\ncluster = \"smalest\"",
            "did you mean `smallest`?",
        ),
        ("metric = \"eval.runs:accuracy\"\nlowest = \"9\"", "there is no model `9` here"),
        ("metric = \"eval.runs:accuracy\"\nlowest = \"1, 1\"", "model 1 is named twice"),
        (
            "metric = \"eval.runs:accuracy\"\nlowest = \"1\"\nbetween = [0, 1]",
            "`between` means nothing beside `lowest` and `highest`",
        ),
        (
            "correlation = \"eval.runs:accuracy\"\nbetween = [0, 1]",
            "a correlation is of the centroid feature of `clusters`",
        ),
        (
            "correlation = \"eval.runs:accuracy\"\nclusters = \"given\"\nbetween = [0, 1]",
            "is given by its members, so it has no distances",
        ),
        ("clusters = \"given\"", "of `clusters` one of `members`, `same_as` and `measure` is expected"),
        ("clusters = \"givn\"\nmembers = \"1\"", "did you mean `given`?"),
        ("clusters = \"given\"\nmeasure = \"size\"\nbetween = [1, 2]", "`size` needs the `cluster` that is counted"),
        ("clusters = \"given\"\nmeasure = \"silhouette\"\nbetween = [0, 1]", "has no distances"),
        (
            "clusters = \"given\"\nmembers = \"1\"\nstatistic = \"mean\"",
            "`statistic` belongs to a metric, and this one expects something of clusters",
        ),
        ("clusters = \"given\"\nsame_as = \"basins\"\nbetween = [0, 1]", ""),
    ] {
        match read(stage) {
            Ok(()) => assert_eq!(said, "", "{stage}"),
            Err(error) => assert!(!said.is_empty() && error.contains(said), "{stage}\n{error}"),
        }
    }
    // All checkpoints together are no sample of models.
    let pooled = "[eval.pooled]\nmodels = [\"agents\", \"agents@2\"]\ndata = \"sentences.passive\"\n";
    let stage = format!("metric = \"eval.pooled:accuracy\"\nbetween = [0, 1]\n{pooled}");
    assert!(read(&stage).unwrap_err().contains("evaluates 4 models at several checkpoints"));
    read(&stage.replace("between", "models = \"agents@2\"\nbetween")).unwrap();
}
