//! Tables that join: one name a model, plain CSV, and every column as TABLES.md has it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use polars::prelude::{CsvReader, DataFrame, DataFrameJoinOps, SerReader};

use crate::workspace::{TINY, Workspace, files};

/// Two fine-tunes with the same seeds, at two checkpoints, and every analysis of them.
const MORE: &str = r#"
[finetune.high]
model = "start"
data = "sentences.train[0..48]"
seeds = "0..4"
epochs = 2
batch_size = 16
learning_rate = 6e-2
max_length = 24
dropout = 0.2
checkpoints = [1, "last"]

[eval.both]
models = ["agents", "high", "agents@2[0..2]"]
data = "sentences.passive"

[eval.high]
models = ["high@1", "high"]
data = "sentences.in_domain"
by = ["label"]

[interpolate.between]
models = ["agents[0..2]", "high[0..2]"]
data = "sentences.in_domain"
examples = 16
points = 3

[interpolate.early]
models = "agents@2"
data = "sentences.in_domain"
examples = 16
points = 3

[eval.predicted]
models = "high[0..2]"
data = "sentences.passive[0..4]"
metrics = []

[cluster.between]
of = "between"
distance = "euclidean"

[cluster.early]
of = "early"
distance = "euclidean"

[dynamics.training]
of = ["early", "basins"]

[sharpness.sharp]
models = ["high[0..2]", "agents[0]"]
data = "sentences.in_domain"
examples = 16
epsilon = 1e-3

[agreement.same]
of = "both"

[surface.plane]
models = ["agents[1]", "high[1]", "agents@2[1]"]
data = "sentences.in_domain"
examples = 8
range = 1.0
points_per_unit = 1

[eval.published]
table = "path:runs.csv"
model = "Run"
seeds = "0, 9"
columns = { accuracy = "Accuracy" }

[expect.good]
metric = "eval.in_domain:accuracy"
between = [0, 1]
"#;

/// Table → column → unit and words.
fn documented() -> BTreeMap<String, Vec<String>> {
    let page = include_str!("../../TABLES.md");
    let sections = page.split("\n## ").skip(1);
    let columns = |section: &str| {
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        rows.map(|(name, rest)| {
            assert_eq!(rest.matches('|').count(), 2, "{name}: {rest}");
            name.to_owned()
        })
        .collect()
    };
    sections.map(|section| (section.lines().next().unwrap().to_owned(), columns(section))).collect()
}

fn names(frame: &DataFrame) -> Vec<String> {
    frame.get_column_names().iter().map(|name| name.to_string()).collect()
}

fn texts(frame: &DataFrame, column: &str) -> Vec<String> {
    frame.column(column).unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect()
}

#[test]
fn all_tables_join_with_the_models_and_are_documented() {
    let workspace = Workspace::new(&format!("{TINY}{MORE}"));
    workspace.write("runs.csv", "Run,Accuracy\n0,0.5\n9,0.75\n");
    workspace.run(&["--jobs", "2"]).ok();
    let folder = workspace.path("results/tiny");
    // As they are, without an option.
    let read = |path: &Path| CsvReader::new(std::fs::File::open(path).unwrap()).finish().unwrap();
    let models = read(&folder.join("models.csv"));
    let known: BTreeSet<String> = texts(&models, "model").into_iter().collect();
    assert_eq!(known.len(), models.height(), "a row a model");
    let mut documented = documented();
    let mut joined = 0;
    for path in files(folder.clone()).into_iter().filter(|path| path.extension().is_some_and(|end| end == "csv")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let Some(columns) = documented.remove(name) else {
            assert!(["heatmap", "scatter", "curves"].contains(&name), "{name} is in no page");
            let figure = read(&path);
            for column in ["model", "first", "second"]
                .into_iter()
                .filter(|column| names(&figure).iter().any(|name| name == column))
            {
                let lost: Vec<String> = texts(&figure, column)
                    .into_iter()
                    .filter(|model| !model.is_empty() && !known.contains(model))
                    .collect();
                assert!(lost.is_empty(), "{name}.{column}: {lost:?}");
            }
            continue;
        };
        let table = read(&path);
        assert_eq!(names(&table), columns, "{name}");
        let parquet = pipeline::data::read_parquet(&std::fs::read(path.with_extension("parquet")).unwrap()).unwrap();
        assert_eq!((names(&parquet), parquet.height()), (columns.clone(), table.height()), "{name}");
        for column in ["model", "first", "second", "start"].map(str::to_owned) {
            // Clusters are numbers.
            if !columns.contains(&column) || name == "cluster_differences" {
                continue;
            }
            let all = texts(&table, &column);
            let lost: Vec<&String> = all.iter().filter(|model| !known.contains(*model)).collect();
            assert!(lost.is_empty(), "{name}.{column}: {lost:?}");
            assert!(column == "start" || all.len() == table.height(), "{name}.{column}");
            let with = models.clone().with_row_index("row".into(), None).unwrap().select(["row", "model"]).unwrap();
            let inner = table.join(&with, [column.as_str()], ["model"], polars::prelude::JoinType::Inner.into(), None);
            assert!(column == "start" || inner.unwrap().height() == table.height(), "{name}.{column}");
            joined += 1;
        }
        for key in texts(&table, "key") {
            assert!(workspace.manifest(&key).exists(), "{name}: {key}");
        }
    }
    assert_eq!(joined, 1 + 1 + 1 + 2 + 2 + 1 + 1 + 1 + 2 + 1, "tables with models");
    for (file, folder) in [
        ("training/STAGE.parquet", "training/high"),
        ("surfaces/STAGE.parquet", "surfaces/plane"),
        ("predictions/STAGE", "predictions/predicted"),
    ] {
        let bytes = std::fs::read(workspace.path(&format!("results/tiny/{folder}.parquet"))).unwrap();
        let table = pipeline::data::read_parquet(&bytes).unwrap();
        let mut columns = names(&table);
        columns.retain(|name| !["loss", "accuracy"].contains(&name.as_str()) || folder.starts_with("training"));
        columns.retain(|name| !name.starts_with("logit_") && name != "label" && name != "voice");
        assert_eq!(columns, documented.remove(file).unwrap(), "{file}");
        if columns.contains(&"model".to_owned()) {
            assert!(texts(&table, "model").iter().all(|model| known.contains(model)), "{file}");
        }
    }
    documented.remove("Figures");
    assert!(documented.is_empty(), "no such tables: {documented:?}");

    // The two fine-tunes are told apart wherever they are named, and a published run is the only one of its number.
    let metrics = read(&folder.join("metrics.csv"));
    let evals = texts(&metrics, "eval");
    let of = |eval: &str| -> BTreeSet<String> {
        let rows = evals.iter().zip(texts(&metrics, "model")).filter(|(own, _)| *own == eval);
        rows.map(|(_, model)| model).collect()
    };
    assert!(of("both").is_superset(&["agents/0", "high/0", "agents/0@2"].map(str::to_owned).into()));
    assert_eq!(of("high").len(), 8);
    assert_eq!(of("published"), ["published/0", "published/9"].map(str::to_owned).into());
    let row = |model: &str| {
        let place = texts(&models, "model").iter().position(|name| name == model).unwrap();
        move |models: &DataFrame, column: &str| models.column(column).unwrap().get(place).unwrap().to_string()
    };
    for (column, value) in [
        ("kind", "\"finetune\""),
        ("stage", "\"high\""),
        ("seed", "2"),
        ("head_seed", "2"),
        ("checkpoint", "1"),
        ("start", "\"start\""),
        ("data", "\"sentences.train[0..48]\""),
        ("learning_rate", "0.06"),
        ("epochs", "2.0"),
        ("dropout_attention", "0.2"),
        ("batch_size", "16"),
    ] {
        assert_eq!(row("high/2@1")(&models, column), value, "{column}");
    }
    assert_eq!(row("high/2")(&models, "checkpoint"), "6");
    assert_eq!(row("agents/2")(&models, "dropout_attention"), "null");
}

#[test]
fn a_model_at_several_checkpoints_is_not_counted_as_several() {
    let plot = "[plot.two]\nkind = \"distributions\"\nof = [\"eval.in_domain:loss\", \"eval.passive:loss\"]\n";
    let workspace = Workspace::new(&format!("{TINY}{plot}"));
    workspace.pipeline(&["check", "study.toml"]).ok();
    let pooled =
        workspace.pipeline(&["check", "study.toml", "--set", "eval.passive.models=[\"agents\", \"agents@2\"]"]);
    assert_eq!(pooled.code, Some(2));
    assert!(
        pooled.err.contains(
            "error: [eval.passive] evaluates 4 models at several checkpoints each, and they would be drawn as 8"
        ) && pooled.err.contains("help: name an evaluation of one checkpoint, such as models = \"agents@2\""),
        "{}",
        pooled.err
    );
}
