//! Published results in the place of our own: read from the formats they were published in, clustered and drawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::workspace::{Ended, Workspace};

const STUDY: &str = r#"
[experiment]
name = "published"

[fetch.hans]
dataset = "path:hans.tsv"
text = ["premise", "hypothesis"]
label = "label"
labels = ["entailment", "non-entailment"]
keep = ["heuristic"]

[interpolate.lines]
logs = "path:lines"
seeds = "3, 7, 11, 22, 31, 40"
metrics = ["loss", "accuracy", "f1"]

[eval.hans]
logs = "path:evals"
file = "hans_eval_bert_{}.json"
seeds = "3, 7, 11, 22, 31, 40"
data = "hans.hans"
by = ["heuristic", "label"]

[surface.planes]
logs = "path:surfaces"
files = { loss = "loss_{}_{}_{}.pkl", accuracy = "more/acc_{}_{}_{}.pkl" }
planes = [[7, 22, 31], [3, 11, 40]]

[sharpness.sharp]
logs = "path:sharpness"
seeds = "3, 7, 11, 22, 31, 40"

[cluster.basins]
of = "lines"

[cluster.published]
seeds = "3, 7, 11, 22, 31, 40"
members = "7, 22"

[plot.heatmap]
kind = "heatmap"
of = "basins"
order_by = "eval.hans:accuracy[lexical_overlap,non-entailment]"

[plot.scatter]
kind = "scatter"
of = "basins"
metric = "eval.hans:accuracy"

[plot.curves]
kind = "curves"
of = "lines"
clusters = "published"

[plot.surfaces]
kind = "surface"
of = "planes"
metric = "accuracy"

[plot.sharp]
kind = "sharpness"
of = "sharp"
metric = "eval.hans:accuracy"
clusters = "basins"

[cluster.by_area]
of = "lines"
distance = "area-under-curve"
delta = 4.0
clusters = 3

[dynamics.both]
of = ["by_area", "basins"]
"#;

#[derive(Deserialize)]
struct Expected {
    lines: BTreeMap<String, Pair>,
    evaluations: BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>>,
    clusters: BTreeMap<String, usize>,
    surfaces: BTreeMap<String, Plane>,
    sharpness: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Plane {
    places: [[f64; 2]; 3],
    x: Vec<f64>,
    y: Vec<f64>,
    loss: Vec<f64>,
    accuracy: Vec<f64>,
}

#[derive(Deserialize)]
struct Pair {
    losses: Vec<f64>,
    euclidean: f64,
    convexity_gap: f64,
    barrier_height: f64,
    bump_height: f64,
    area_under_curve: f64,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/published")
}

fn copy(from: &Path, to: &Workspace, name: &str) {
    if from.is_dir() {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), to, &format!("{name}/{}", entry.file_name().to_string_lossy()));
        }
    } else {
        to.write(name, std::fs::read(from).unwrap());
    }
}

fn study(experiment: &str) -> Workspace {
    let workspace = Workspace::new(experiment);
    for name in ["lines", "evals", "hans.tsv", "surfaces", "sharpness"] {
        copy(&fixtures().join(name), &workspace, name);
    }
    workspace
}

/// Rows of a CSV of ours without its first comment, as cells; none of them has a comma inside quotes but groups.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.replace("published/", "").lines().skip(1) {
        let parts: Vec<&str> = line.split('"').collect();
        let mut cells = vec![String::new()];
        for (number, part) in parts.iter().enumerate() {
            if number % 2 == 1 {
                cells.last_mut().unwrap().push_str(part);
                continue;
            }
            for (at, piece) in part.split(',').enumerate() {
                if at > 0 {
                    cells.push(String::new());
                }
                cells.last_mut().unwrap().push_str(piece);
            }
        }
        rows.push(cells);
    }
    rows
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

#[test]
fn published_results_are_clustered_and_drawn_as_our_own() {
    let workspace = study(STUDY);
    let run = workspace.run(&[]).ok();
    assert!(run.err.contains("skipped 2 files beside the logs: 101_0.err, values.pkl"), "{}", run.err);
    assert!(run.err.contains("skipped 1 file in which no line begins: 103.out"), "{}", run.err);
    assert!(run.err.contains("skipped 1 file beside the logs: notes.txt"), "{}", run.err);

    let expected: Expected =
        serde_json::from_str(&std::fs::read_to_string(fixtures().join("expected.json")).unwrap()).unwrap();
    let distances = rows(&workspace.read("results/published/distances.csv"));
    let loss: Vec<_> = distances.iter().filter(|row| row[3] == "loss").collect();
    assert_eq!(loss.len(), expected.lines.len());
    for row in loss {
        let pair = &expected.lines[&format!("{},{}", row[1], row[2])];
        let theirs = [pair.euclidean, pair.convexity_gap, pair.barrier_height, pair.bump_height, pair.area_under_curve];
        for (ours, theirs) in row[4..9].iter().zip(theirs) {
            assert!((number(ours) - theirs).abs() < 1e-12, "{row:?}: {theirs}");
        }
    }
    let lines = rows(&workspace.read("results/published/lines.csv"));
    for (pair, theirs) in &expected.lines {
        let (first, second) = pair.split_once(',').unwrap();
        let ours = lines.iter().filter(|row| row[1] == first && row[2] == second && row[3] == "loss");
        let ours: Vec<f64> = ours.map(|row| number(&row[6])).collect();
        assert_eq!(ours, theirs.losses, "{pair}");
    }
    let metrics = rows(&workspace.read("results/published/metrics.csv"));
    let mut seen = 0;
    for (model, groups) in &expected.evaluations {
        for (group, values) in groups {
            for (metric, theirs) in values {
                let found = metrics.iter().find(|row| row[1] == *model && row[2] == *group && row[4] == *metric);
                let ours = number(&found.unwrap_or_else(|| panic!("{model} {group} {metric}"))[5]);
                // Logits are kept as f32.
                assert!((ours - theirs).abs() < 1e-6, "{model} {group} {metric}: {ours} {theirs}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, metrics.len());
    for stage in ["basins", "published"] {
        let members = rows(&workspace.read("results/published/clusters.csv"));
        let found: BTreeMap<String, usize> =
            members.iter().filter(|row| row[0] == stage).map(|row| (row[1].clone(), row[2].parse().unwrap())).collect();
        assert_eq!(found, expected.clusters, "{stage}");
    }
    check_planes(&workspace, &expected);
    let sharpness = rows(&workspace.read("results/published/sharpness.csv"));
    let found: BTreeMap<String, f64> = sharpness.iter().map(|row| (row[1].clone(), number(&row[5]))).collect();
    assert_eq!(found, expected.sharpness);
    assert!(sharpness.iter().all(|row| row[3].is_empty() && row[4].is_empty()), "{sharpness:?}");
    for said in [
        "skipped 2 files beside the logs: loss_3_7_11.pkl, notes.txt",
        "skipped 1 file beside the logs: 1_0.err",
        "skipped 1 file without a sharpness: 1_2.out",
        "left out the sharpness of 1 other models",
    ] {
        assert!(run.err.contains(said), "{said}: {}", run.err);
    }
    for figure in ["heatmap", "scatter", "curves", "surfaces", "sharp"] {
        assert!(workspace.read(&format!("results/published/{figure}.svg")).contains("<svg"));
    }

    let shown = workspace.pipeline(&["show", "study.toml"]).ok().out;
    check_correlations(&workspace);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/show.txt");
    if std::env::var_os("UPDATE_SHOW").is_some() {
        std::fs::write(&golden, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(golden).unwrap(), "UPDATE_SHOW=1 writes it anew\n{shown}");

    // Where logs lie is no part of a key, and what lies beside them neither.
    std::fs::rename(workspace.path("lines"), workspace.path("moved")).unwrap();
    workspace.write("moved/104.err", "more");
    let again = workspace.run(&["--set", "interpolate.lines.logs=path:moved"]).ok();
    assert!(again.err.contains("nothing to do"), "{}", again.err);
}

#[test]
fn imported_evaluations_have_distributions_and_agreement() {
    let study = r#"
[experiment]
name = "published"

[eval.hans]
logs = "path:evals"
file = "hans_eval_bert_{}.json"
seeds = "3, 7, 11, 22"

[eval.runs]
table = "path:runs.csv"
model = "Run"
seeds = "3, 7"
columns = { accuracy = "Accuracy" }

[agreement.same]
of = "hans"

[plot.two]
kind = "distributions"
of = ["eval.hans:accuracy", "eval.runs:accuracy"]

[plot.agreement]
kind = "heatmap"
of = "same"
value = "agreement"
order_by = "eval.hans:accuracy"
"#;
    let workspace = self::study(study);
    workspace.write("runs.csv", "Run,Accuracy\n3,0.5\n7,0.75\n");
    workspace.run(&[]).ok();
    for figure in ["two", "agreement"] {
        assert!(workspace.read(&format!("results/published/{figure}.svg")).contains("<svg"));
    }
    let drawn = rows(&workspace.read("results/published/two.csv"));
    assert_eq!(drawn.iter().filter(|row| row[0].starts_with("runs")).count(), 2, "{drawn:?}");
    assert_eq!(drawn.iter().filter(|row| row[0].starts_with("hans")).count(), 4, "{drawn:?}");
    // The files list the same sentences in different orders.
    let said = |model: &str| -> BTreeMap<String, bool> {
        let file: serde_json::Value =
            serde_json::from_str(&workspace.read(&format!("evals/hans_eval_bert_{model}.json"))).unwrap();
        let samples = file["samples"].as_array().unwrap().iter();
        let samples = samples.map(|sample| {
            let positive = sample["logits"][1].as_f64() > sample["logits"][0].as_f64();
            let sentence = sample["sentence"].as_str().unwrap().replace("[PAD]", "");
            (sentence.split_whitespace().collect(), positive)
        });
        samples.collect()
    };
    let (first, second) = (said("11"), said("22"));
    assert!(first.keys().eq(second.keys()));
    let equal = first.iter().filter(|(sentence, said)| second[*sentence] == **said).count() as f64 / first.len() as f64;
    let table = rows(&workspace.read("results/published/agreement.csv"));
    let found = table.iter().find(|row| row[1] == "11" && row[2] == "22").unwrap();
    assert_eq!((table.len(), number(&found[4])), (6, equal), "{table:?}");

    workspace.write("study.toml", study.replace("of = \"hans\"", "of = \"runs\""));
    let checked = workspace.pipeline(&["check", "study.toml"]);
    assert_eq!(checked.code, Some(2), "{}", checked.err);
    assert!(checked.err.contains("[eval.runs] is read from a table of metrics"), "{}", checked.err);

    // Who was evaluated on something else is not compared with the others.
    let text = workspace.read("evals/hans_eval_bert_11.json");
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    file["samples"].as_array_mut().unwrap().pop();
    workspace.write("evals/hans_eval_bert_11.json", file.to_string());
    workspace.write("study.toml", study);
    let failed = failure(workspace.run(&[]));
    assert!(failed.contains("model `11`: it was not evaluated on the same examples"), "{failed}");
}

#[test]
fn what_was_not_measured_is_empty_and_never_0() {
    let study = r#"
[experiment]
name = "published"

[interpolate.accuracies]
logs = "path:lines"
seeds = "3, 7, 11"
metrics = ["accuracy"]

[eval.runs]
table = "path:runs.csv"
model = "Run"
seeds = "3, 7"
columns = { accuracy = "Accuracy", "accuracy[passive]" = "Passive" }

[sharpness.sharp]
logs = "path:sharpness"
seeds = "3, 7"
"#;
    let workspace = self::study(study);
    workspace.write("runs.csv", "Run,Accuracy,Passive\n3,0.5,0.25\n7,0.75,0.5\n");
    workspace.run(&[]).ok();
    let shown = workspace.pipeline(&["show", "study.toml"]).ok().out;
    let header = shown.lines().find(|line| line.contains("euclidean")).unwrap();
    assert_eq!(header.split_whitespace().collect::<Vec<_>>(), ["interpolate", "pair", "euclidean"], "{shown}");
    assert!(!shown.contains("NaN") && !shown.contains(" 0.0000"), "{shown}");

    let table = |name: &str| rows(&workspace.read(&format!("results/published/{name}.csv")));
    assert_eq!(table("distances").iter().map(|row| row[3].as_str()).collect::<Vec<_>>(), ["accuracy"; 3]);
    assert!(table("metrics").iter().all(|row| row[3].is_empty()), "{:?}", table("metrics"));
    assert!(table("sharpness").iter().all(|row| row[2].is_empty()), "{:?}", table("sharpness"));
    for (name, column) in [("metrics", "examples"), ("sharpness", "examples")] {
        let parquet = std::fs::read(workspace.path(&format!("results/published/{name}.parquet"))).unwrap();
        let table = pipeline::data::read_parquet(&parquet).unwrap();
        assert_eq!(table.column(column).unwrap().null_count(), table.height(), "{name}");
    }

    // Beside lines that measure the loss.
    let losses = "\n[interpolate.losses]\nlogs = \"path:lines\"\nseeds = \"3, 7\"\n";
    workspace.write("study.toml", study.to_owned() + losses);
    workspace.run(&[]).ok();
    let shown = workspace.pipeline(&["show", "study.toml"]).ok().out;
    let rows: Vec<&str> = shown.lines().skip_while(|line| !line.contains("euclidean")).skip(1).take(4).collect();
    assert!(rows[0].starts_with("  losses ") && !rows[0].contains(" -"), "{shown}");
    assert!(rows[1..].iter().all(|row| row.split_whitespace().filter(|cell| *cell == "-").count() == 3), "{shown}");
}

/// r of the centroid feature with a metric, with Fisher's interval, from the tables that it is made of.
fn check_correlations(workspace: &Workspace) {
    let table = |name: &str| rows(&workspace.read(&format!("results/published/{name}.csv")));
    let of_basins: Vec<Vec<String>> = table("clusters").into_iter().filter(|row| row[0] == "basins").collect();
    let metric = |model: &str, group: &str| {
        let metrics = table("metrics");
        let row = metrics.iter().find(|row| row[1] == model && row[2] == group && row[4] == "loss").unwrap();
        number(&row[5])
    };
    let sharpness = table("sharpness");
    let sharp = |row: &Vec<String>| (row[1].clone(), number(&row[5]));
    let features: Vec<(String, f64)> = of_basins.iter().map(|row| (row[1].clone(), number(&row[3]))).collect();
    for (name, of, x) in [
        ("correlations", "basins", features),
        ("sharpness_correlations", "sharp", sharpness.iter().map(sharp).collect()),
    ] {
        for (group, metric_name) in [("", "hans:loss"), ("constituent,entailment", "hans:loss[constituent,entailment]")]
        {
            let y: Vec<f64> = x.iter().map(|(model, _)| metric(model, group)).collect();
            let n = x.len() as f64;
            let (mean_x, mean_y) = (x.iter().map(|(_, x)| x).sum::<f64>() / n, y.iter().sum::<f64>() / n);
            let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
                x.iter().zip(&y).map(|((_, x), y)| of(x - mean_x, y - mean_y)).sum()
            };
            let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
            let r = xy / (xx * yy).sqrt();
            let end = |sign: f64| (r.atanh() + sign * 1.959_963_984_540_054 / (n - 3.0).sqrt()).tanh();
            let slope = xy / xx;
            let wanted = [r, end(-1.0), end(1.0), slope, mean_y - slope * mean_x];
            let all = table(name);
            let row = all.iter().find(|row| row[0] == of && row[1] == metric_name).unwrap_or_else(|| panic!("{all:?}"));
            assert_eq!(row[2], "6");
            for (cell, wanted) in row[3..8].iter().zip(wanted) {
                assert!((number(cell) - wanted).abs() < 1e-9 * wanted.abs().max(1.0), "{row:?} {wanted}");
            }
        }
    }
}

/// What is drawn and where the models stand, as the script pickled it.
fn check_planes(workspace: &Workspace, expected: &Expected) {
    let places = rows(&workspace.read("results/published/planes.csv"));
    let points = rows(&workspace.read("results/published/surfaces.csv"));
    let parquet = std::fs::read(workspace.path("results/published/surfaces/planes.parquet")).unwrap();
    let table = pipeline::data::read_parquet(&parquet).unwrap();
    let losses: Vec<f64> = table.column("loss").unwrap().f64().unwrap().iter().flatten().collect();
    assert_eq!((losses.len(), points.len(), places.len()), (40, 40, 6));
    for (number_of, name) in ["7,22,31", "3,11,40"].into_iter().enumerate() {
        let plane = &expected.surfaces[name];
        for ((row, model), [x, y]) in places.iter().filter(|row| row[1] == name).zip(name.split(',')).zip(plane.places)
        {
            assert_eq!((row[2].as_str(), number(&row[3]), number(&row[4]), row[5].as_str()), (model, x, y, ""));
        }
        let drawn: Vec<_> = points.iter().filter(|row| row[0] == name).collect();
        let grid = plane.y.iter().flat_map(|y| plane.x.iter().map(move |x| (*x, *y)));
        for (row, ((x, y), accuracy)) in drawn.iter().zip(grid.zip(&plane.accuracy)) {
            assert_eq!((number(&row[1]), number(&row[2]), number(&row[3])), (x, y, *accuracy), "{name}");
        }
        assert_eq!((drawn.len(), &losses[20 * number_of..][..20]), (20, plane.loss.as_slice()));
    }
}

/// What the one failed step said.
#[track_caller]
fn failure(run: Ended) -> String {
    assert_eq!(run.code, Some(1), "{}", run.err);
    let start = run.err.find("failed ").unwrap();
    run.err[start..].lines().take(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    let workspace = study(STUDY.split("[plot.").next().unwrap());
    let lines = |more: &[&str]| workspace.run(&[&["--only", "interpolate"], more].concat());
    let missing = failure(lines(&["--set", "interpolate.lines.seeds=3, 7, 8"]));
    assert!(missing.contains("2 of 3 pairs are missing: 3-8, 7-8"), "{missing}");

    let log = workspace.read("lines/101_1.out");
    workspace.write("lines/101_1.out", log.replacen("0.8890", "0.8x90", 1));
    let malformed = failure(lines(&[]));
    assert!(malformed.contains("101_1.out: line 6 has `0.8x90` as its accuracy, which is no number"), "{malformed}");

    workspace.write("lines/101_1.out", log.lines().take(30).map(|line| format!("{line}\n")).collect::<String>());
    let cut = failure(lines(&[]));
    assert!(cut.contains("break off in the logs, such as the one at 101_1.out line 2"), "{cut}");
    let part = lines(&["--set", "interpolate.lines.seeds=3, 7"]).ok();
    assert!(part.err.contains("lines between other models"), "{}", part.err);

    workspace.write("evals/hans_eval_bert_7.json", "{}");
    let twice = failure(workspace.run(&["--only", "eval", "--only", "fetch"]));
    assert!(twice.contains("both are of model 7, and they differ"), "{twice}");
    std::fs::remove_file(workspace.path("evals/hans_eval_bert_7.json")).unwrap();
    std::fs::remove_file(workspace.path("evals/hans_eval_bert_07.json")).unwrap();
    let gone = failure(workspace.run(&["--only", "eval", "--only", "fetch"]));
    assert!(gone.contains("1 of 6 evaluations are missing: 7"), "{gone}");
}

#[test]
fn surfaces_and_sharpness_that_are_missing_or_damaged_are_named() {
    let workspace = study(STUDY.split("[plot.").next().unwrap());
    let only = |stage: &str, set: &str| failure(workspace.run(&["--only", stage, "--set", set]));
    let surface = |set: &str| only("surface", set);
    let missing = surface("surface.planes.planes=[[7, 22, 31], [3, 7, 11]]");
    assert!(missing.contains("1 of 4 surfaces are missing: accuracy of 3,7,11"), "{missing}");
    let elsewhere = surface("surface.planes.logs=path:evals");
    assert!(elsewhere.contains("there are no logs in "), "{elsewhere}");
    let one = "surface.planes.planes=[[7, 22, 31]]";
    let name = "surfaces/loss_07_22_31.pkl";
    let bytes = std::fs::read(workspace.path(name)).unwrap();
    workspace.write("surfaces/loss_7_22_31.pkl", std::fs::read(workspace.path("surfaces/loss_03_11_40.pkl")).unwrap());
    let twice = surface(one);
    assert!(twice.contains("both are the loss of the plane 7,22,31, and they differ"), "{twice}");
    std::fs::remove_file(workspace.path("surfaces/loss_7_22_31.pkl")).unwrap();
    workspace.write(name, std::fs::read(workspace.path("surfaces/loss_03_11_40.pkl")).unwrap());
    let other = surface(one);
    assert!(other.contains("are of one plane, but their grids or models differ"), "{other}");
    let renamed: Vec<u8> = bytes
        .iter()
        .scan(0u8, |before, byte| {
            let name = *before == b'w' && *byte == b'2';
            *before = *byte;
            Some(if name { b'9' } else { *byte })
        })
        .collect();
    for (damaged, message) in [
        (&bytes[..bytes.len() / 2], "loss_07_22_31.pkl: "),
        (b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.".as_slice(), "the class `posix.system`"),
        (&renamed, "loss_07_22_31.pkl: it has no place for the model `w2`, only for [w0, w1, w9]"),
    ] {
        workspace.write(name, damaged);
        let found = surface(one);
        assert!(found.contains(message), "{message}: {found}");
    }

    let absent = only("sharpness", "sharpness.sharp.seeds=3, 7, 8");
    assert!(absent.contains("the sharpness of 1 of 3 models is missing: 8"), "{absent}");
    workspace.write("sharpness/2.out", "ɛ-sharpness of 3 is 0.5\n");
    let conflict = only("sharpness", "sharpness.sharp.seeds=3, 7");
    assert!(conflict.contains("the sharpness of 3 is there twice with different numbers"), "{conflict}");
    workspace.write("sharpness/2.out", "ɛ-sharpness of 3 is large\n");
    let malformed = only("sharpness", "sharpness.sharp.seeds=3, 7");
    assert!(malformed.contains("2.out: line 1 names no model by number with its sharpness"), "{malformed}");
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    let workspace = study(STUDY);
    let cases = [
        ("of = \"basins\"\norder_by", "of = \"published\"\norder_by", "given by its members, so it has no distances"),
        ("members = \"7, 22\"", "members = \"7, 23\"", "model 23 is not one of `seeds`"),
        ("members = \"7, 22\"", "members = [\"7, 22\", [22, 31]]", "model 22 is a member of two clusters"),
        ("data = \"hans.hans\"\n", "", "`by` needs `data`"),
        ("_{}.json", "_7.json", "is not a pattern of file names"),
        ("path:lines", "path:absent", "there is no folder `absent`"),
        ("path:lines", "https://a.b/c", "logs come from `path:FOLDER`"),
        ("path:evals", "path:e-{0..3}", "logs come from `path:FOLDER`"),
        ("\"loss\", \"accuracy\", \"f1\"", "\"loss\", \"f2\"", "unknown metric `f2`"),
        ("metric = \"eval.hans:accuracy\"", "metric = \"eval.hans:f1\"", "does not measure `f1`"),
        ("members = ", "member = ", "unknown key `member`"),
        ("logs = \"path:lines\"", "logs = \"path:lines\"\npoints = 10", "unknown key `points`"),
        ("path:surfaces", "path:absent", "there is no folder `absent`"),
        ("path:sharpness", "path:absent", "there is no folder `absent`"),
        ("loss = \"loss_{}_{}_{}.pkl\"", "los = \"loss_{}_{}_{}.pkl\"", "did you mean `loss`?"),
        ("loss_{}_{}_{}.pkl", "loss_{}.pkl", "is not a pattern of file names: write {} three times"),
        ("loss_{}_{}_{}.pkl", "loss.pkl", "one file cannot hold 2 planes"),
        ("[3, 11, 40]", "[3, 11, 11]", "the plane 3, 11, 11 names a model twice"),
        ("planes = [[7, 22, 31], [3, 11, 40]]", "planes = []", "are listed by their models' numbers"),
        ("metric = \"accuracy\"", "metric = \"ece\"", "add it to its `files`, which are accuracy, loss"),
        ("logs = \"path:sharpness\"", "logs = \"path:sharpness\"\nmodels = \"bert\"", "unknown key `models`"),
    ];
    for (good, bad, message) in cases {
        assert!(STUDY.contains(good), "{good}");
        workspace.write("study.toml", STUDY.replacen(good, bad, 1));
        let checked = workspace.pipeline(&["check", "study.toml"]);
        assert!(checked.code == Some(2) && checked.err.contains(message), "{message}: {}", checked.err);
    }
}

/// The scores of the hundred published MNLI models, by the published clusters.
#[test]
fn the_feather_study_gives_the_published_means() {
    let shipped = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/feather.toml"));
    let shipped = shipped.unwrap();
    // Only its numbers are looked at here.
    let workspace = Workspace::new(shipped.split("[plot.").next().unwrap());
    copy(&fixtures().join("feather.csv"), &workspace, "runs.csv");
    let run = workspace.run(&["--set", "eval.hans.table=path:runs.csv", "--set", "eval.mnli.table=path:runs.csv"]).ok();
    assert!(run.err.contains("skipped 4 rows without a run's number"), "{}", run.err);
    assert!(run.err.contains("expectations: 4 of 4 hold\n"), "{}", run.err);
    let wanted = "hans:accuracy[lexical_overlap,non-entailment]";
    let table = rows(&workspace.read("results/feather/cluster_metrics.csv"));
    let found: Vec<_> = table.iter().filter(|row| row[2] == wanted).collect();
    let close = |text: &str, theirs: f64| (number(text) - theirs).abs() < 5e-5;
    assert_eq!(found.len(), 2);
    assert!(found[0][3] == "88" && close(&found[0][5], 0.3011), "{found:?}");
    assert!(found[1][3] == "12" && close(&found[1][5], 0.0964), "{found:?}");
    let metrics = rows(&workspace.read("results/feather/metrics.csv"));
    let mut all: Vec<(f64, &str)> = metrics
        .iter()
        .filter(|row| row[0] == "hans" && row[2] == "lexical_overlap,non-entailment")
        .map(|row| (number(&row[5]), row[1].as_str()))
        .collect();
    assert_eq!(all.len(), 100);
    let mean = all.iter().map(|(value, _)| value).sum::<f64>() / 100.0;
    assert!((mean - 0.2766).abs() < 5e-5, "{mean}");
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest: Vec<&str> = all[..3].iter().map(|(_, model)| *model).collect();
    lowest.sort_unstable();
    assert_eq!(lowest, ["44", "73", "89"]);
}

#[test]
fn the_shipped_studies_of_published_logs_are_read() {
    for name in ["qqp", "mnli", "cola"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("experiments/published-{name}.toml"));
        let workspace = Workspace::new("");
        workspace.pipeline(&["check", file.to_str().unwrap()]).ok();
    }
}
