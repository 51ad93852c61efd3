//! What is told of clusters: how clear and stable they are, how they move over training, and their figures.

use crate::workspace::{TINY, Workspace};

const MORE: &str = r#"
[interpolate.lines_2]
models = "agents@2"
data = "sentences.in_domain"
examples = 32
points = 3

[cluster.basins_2]
of = "lines_2"
distance = "euclidean"

[dynamics.training]
of = ["basins_2", "basins"]

[plot.movement]
kind = "movement"
of = "training"

[plot.histogram]
kind = "histogram"
of = "basins"
metric = "eval.passive:accuracy"

[plot.distributions]
kind = "distributions"
of = ["eval.in_domain:accuracy", "eval.passive:accuracy"]

[fetch.hans]
dataset = "path:hans.tsv"
text = ["sentence1"]
label = "gold_label"
labels = ["entailment", "non-entailment"]
keep = ["heuristic", "subcase"]

[eval.hans]
models = "agents"
data = "hans.hans"
labels = { entailment = "FIRST", non-entailment = "SECOND" }
by = ["heuristic", "subcase", "label"]

[eval.entailed]
models = "agents"
data = "hans.hans"
labels = { entailment = "FIRST", non-entailment = "SECOND" }
where = { label = "entailment" }
by = ["label"]
"#;

/// Of each row: label, heuristic, subcase. Five rows are entailed.
const HANS: [[&str; 3]; 8] = [
    ["entailment", "lexical_overlap", "le_1"],
    ["non-entailment", "lexical_overlap", "ln_1"],
    ["entailment", "lexical_overlap", "le_1"],
    ["non-entailment", "constituent", "cn_1"],
    ["entailment", "constituent", "ce_1"],
    ["entailment", "constituent", "ce_2"],
    ["entailment", "constituent", "ce_2"],
    ["non-entailment", "lexical_overlap", "ln_1"],
];

fn study() -> Workspace {
    let classes = ["worker", "visitor"];
    let workspace =
        Workspace::new(&format!("{TINY}{}", MORE.replace("FIRST", classes[0]).replace("SECOND", classes[1])));
    let row = |(number, [label, heuristic, subcase]): (usize, &[&str; 3])| {
        format!("the {} saw the {}\t{label}\t{heuristic}\t{subcase}\n", classes[number % 2], classes[1 - number % 2])
    };
    let rows: String = HANS.iter().enumerate().map(row).collect();
    workspace.write("hans.tsv", format!("sentence1\tgold_label\theuristic\tsubcase\n{rows}"));
    workspace
}

/// Rows of a table as the cells between commas; no cell here holds one but the quoted groups.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let parts = line.split('"').enumerate();
        let kept = parts.map(|(place, part)| if place % 2 == 1 { part.replace(',', ";") } else { part.to_owned() });
        kept.collect::<String>().split(',').map(str::to_owned).collect()
    };
    table.lines().skip(1).map(cells).collect()
}

#[test]
fn clusters_are_described_followed_and_drawn() {
    let workspace = study();
    workspace.run(&["--jobs", "2"]).ok();
    for name in ["movement", "histogram", "distributions"] {
        assert!(workspace.read(&format!("results/tiny/{name}.svg")).contains("<svg"), "{name}");
    }
    let table = |name: &str| workspace.read(&format!("results/tiny/{name}.csv"));
    assert_eq!(rows(&table("clusterings")).len(), 2);
    let stability = rows(&table("stability"));
    assert_eq!(stability.len(), 18);
    let middle = [&stability[4], &stability[13]];
    assert!(middle.iter().all(|row| row[2] == "1.0"), "{stability:?}");
    // Of distances between weights, the width is their median.
    let mut distances: Vec<f64> = rows(&table("distances"))
        .iter()
        .filter(|row| row[0] == "lines" && row[3] == "loss")
        .map(|row| row[4].parse().unwrap_or_else(|_| panic!("{row:?}")))
        .collect();
    distances.sort_by(f64::total_cmp);
    let median: f64 = (distances[2] + distances[3]) / 2.0;
    assert!(middle.iter().any(|row| row[1].parse::<f64>().unwrap() == median), "{stability:?} {distances:?}");
    let transitivity = rows(&table("transitivity"));
    // Euclidean distances keep the triangle inequality.
    assert!(transitivity.iter().all(|row| row[3] == "4" && row[4] == "0" && row[5] == "0.0"), "{transitivity:?}");
    // The silhouette's column of the members.
    assert!(table("clusters").contains("clustering,model,cluster,centroid_feature,silhouette,key"));

    let dynamics = rows(&table("dynamics"));
    assert_eq!(dynamics.len(), 4 * 2);
    assert_eq!(
        dynamics[..2].iter().map(|row| (&*row[1], &*row[2])).collect::<Vec<_>>(),
        [("agents/0@2", "agents/0"), ("agents/0", "agents/0")]
    );
    let last: Vec<String> =
        rows(&table("clusters")).iter().filter(|row| row[0] == "basins").map(|row| row[2].clone()).collect();
    let followed: Vec<String> = dynamics.iter().filter(|row| row[3] == "last").map(|row| row[4].clone()).collect();
    assert_eq!(last, followed);
    let changed = dynamics.iter().filter(|row| row[5] == "true").count();
    assert_eq!(rows(&table("dynamics_transitions"))[0][3], changed.to_string());
    let differences = rows(&table("cluster_differences"));
    for row in differences.iter().filter(|row| row[0] == "basins") {
        assert!(row[7] == "true" && row[5].parse::<f64>().is_ok_and(|p| p > 0.0 && p <= 1.0), "{row:?}");
    }
    assert!(differences.iter().any(|row| row[3] == "hans:loss[constituent;ce_2;entailment]"), "{differences:?}");

    hans_by_subcase(&rows(&table("metrics")));
    let again = workspace.run(&[]).ok();
    assert!(again.err.contains("nothing to do"), "{}", again.err);
}

fn hans_by_subcase(metrics: &[Vec<String>]) {
    let value = |eval: &str, group: &str, metric: &str| {
        let found =
            metrics.iter().find(|row| row[0] == eval && row[1] == "agents/2" && row[2] == group && row[4] == metric);
        let row = found.unwrap_or_else(|| panic!("no {metric} of {eval} [{group}]: {metrics:?}"));
        (row[3].parse::<f64>().unwrap(), row[5].parse::<f64>().unwrap())
    };
    let groups = [
        ("lexical_overlap;le_1;entailment", 2.0),
        ("constituent;ce_1;entailment", 1.0),
        ("constituent;ce_2;entailment", 2.0),
    ];
    for metric in ["loss", "accuracy"] {
        let mut sum = 0.0;
        for (group, examples) in groups {
            let (count, mean) = value("hans", group, metric);
            assert_eq!(count, examples, "{group}");
            sum += count * mean;
        }
        assert_eq!(value("hans", "lexical_overlap;ln_1;non-entailment", metric).0, 2.0);
        // The entailed rows by filter are the entailed rows by group.
        let (count, mean) = value("entailed", "", metric);
        assert!(count == 5.0 && (mean - sum / 5.0).abs() < 1e-6, "{metric}: {mean} {}", sum / 5.0);
        assert_eq!(value("entailed", "entailment", metric).0, 5.0);
    }
    assert!(!metrics.iter().any(|row| row[0] == "entailed" && row[2] == "non-entailment"));
}

#[test]
fn dynamics_are_of_the_same_models() {
    let workspace = study();
    let check = |set: &str| workspace.pipeline(&["plan", "study.toml", "--set", set]);
    let fewer = check("interpolate.lines_2.models=\"agents@2[0..3]\"");
    assert!(
        fewer.err.contains("error: [cluster.basins] has a model `3` that the first clustering lacks"),
        "{}",
        fewer.err
    );
    let fewer = check("interpolate.lines.models=\"agents[0..3]\"");
    assert!(fewer.err.contains("error: [cluster.basins] lacks the model `3`"), "{}", fewer.err);
    let both = check("interpolate.lines_2.models=[\"agents@2\", \"agents\"]");
    assert!(both.err.contains("error: [cluster.basins_2] has the model `0` twice"), "{}", both.err);
    let one = check("dynamics.training.of=[\"basins\"]");
    assert!(one.err.contains("error: dynamics need the clusterings of at least two checkpoints"), "{}", one.err);
    let unknown = check("dynamics.training.of=[\"basins\", \"basin\"]");
    assert!(unknown.err.contains("error: there is no stage [cluster.basin]"), "{}", unknown.err);
    let three = check("plot.distributions.of=[\"eval.passive:loss\"]");
    assert!(three.err.contains("error: distributions are of two metrics"), "{}", three.err);
    let list = check("plot.histogram.of=[\"basins\", \"basins_2\"]");
    assert!(list.err.contains("error: a plot of kind `histogram` is of one stage"), "{}", list.err);
}
