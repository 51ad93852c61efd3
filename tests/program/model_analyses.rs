//! Sharpness, agreement, training curves and the overview of a small study, end to end.

use crate::workspace::{TINY, Workspace};

const MORE: &str = r#"
[sharpness.sharp]
models = "agents"
data = "sentences.in_domain"
examples = 32
epsilon = 1e-3
learning_rate = 1.0
batch_size = 16

[agreement.same]
of = "passive"

[plot.against_loss]
kind = "sharpness"
of = "sharp"
metric = "eval.passive:loss"
clusters = "basins"

[plot.agreement]
kind = "heatmap"
of = "same"
value = "agreement"

[plot.divergence]
kind = "heatmap"
of = "same"
value = "divergence"
clusters = "basins"

[plot.training]
kind = "training"
of = "agents"
smooth = 3

[plot.pretraining]
kind = "training"
of = "start"

[plot.overview]
kind = "matrix"
of = "lines"
"#;

/// The rows of a table, without its header.
fn rows(workspace: &Workspace, table: &str) -> Vec<Vec<String>> {
    let text = workspace.read(&format!("results/tiny/{table}.csv"));
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

#[test]
fn analyses_of_models_run_once_and_are_drawn() {
    let workspace = Workspace::new(&format!("{TINY}{MORE}"));
    let run = workspace.run(&["--jobs", "2"]).ok();
    assert!(run.err.contains("tiny: 42 ran, 0 fresh"), "{}", run.err);
    for name in ["against_loss", "agreement", "divergence", "training", "pretraining", "overview"] {
        let svg = workspace.read(&format!("results/tiny/{name}.svg"));
        assert!(svg.contains("<svg") && svg.contains("pipeline "), "{name}");
        let png = std::fs::read(workspace.path(&format!("results/tiny/{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        if let Some(folder) = std::env::var_os("LOOK") {
            std::fs::write(std::path::Path::new(&folder).join(format!("tiny-{name}.png")), png).unwrap();
        }
    }
    let sharp = rows(&workspace, "sharpness");
    assert_eq!(sharp.len(), 4);
    for row in &sharp {
        let [before, after, sharpness] = [3, 4, 5].map(|column| number(&row[column]));
        assert_eq!((row[0].as_str(), row[2].as_str()), ("sharp", "32"));
        assert!((sharpness - 100.0 * (after - before) / (1.0 + before)).abs() < 1e-12, "{row:?}");
        assert!(sharpness != 0.0, "{row:?}");
    }
    let same = rows(&workspace, "agreement");
    assert_eq!(same.len(), 6);
    for row in &same {
        let [agreement, divergence] = [4, 5].map(|column| number(&row[column]));
        assert!(row[3] == "40" && (0.0..=1.0).contains(&agreement), "{row:?}");
        // 40 predictions: the share is a number of fortieths.
        assert!((agreement * 40.0 - (agreement * 40.0).round()).abs() < 1e-9, "{row:?}");
        assert!((1e-12..=std::f64::consts::LN_2).contains(&divergence), "{row:?}");
    }
    let shown = workspace.pipeline(&["show", "study.toml"]).ok().out;
    let pairs = shown.split("\nagreement, least first\n").nth(1).unwrap_or_else(|| panic!("{shown}"));
    let header: Vec<&str> = pairs.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["stage", "first", "second", "examples", "agreement", "divergence"], "{shown}");
    let least = same.iter().map(|row| number(&row[4])).fold(1.0, f64::min);
    assert!(pairs.lines().nth(1).unwrap().contains(&format!("  40        {least:.4} ")), "{shown}");
    // The published divergence is the mean of the roots, which is below the root of the mean.
    workspace.run(&["--set", "agreement.same.divergence=jensen-shannon-distance"]).ok();
    for (row, before) in rows(&workspace, "agreement").iter().zip(&same) {
        let (distance, divergence) = (number(&row[6]), number(&before[5]));
        assert!(row[5].is_empty() && distance > divergence && distance <= divergence.sqrt() + 1e-12, "{row:?}");
    }
    let again = workspace.run(&[]).ok();
    assert!(again.err.contains("nothing to do, all 42 steps are fresh"), "{}", again.err);
}

#[test]
fn the_ascent_follows_its_parameters() {
    let workspace = Workspace::new(&format!("{TINY}{MORE}"));
    let sharpness = |settings: &[&str]| {
        let set = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = ["--until", "sharpness.sharp"].into_iter().chain(set).collect();
        workspace.run(&arguments).ok();
        let values = rows(&workspace, "sharpness").iter().map(|row| number(&row[5])).collect::<Vec<f64>>();
        assert_eq!(values.len(), 4);
        values
    };
    let base = sharpness(&[]);
    assert_ne!(sharpness(&["sharpness.sharp.box=\"keskar\""]), base);
    assert_ne!(sharpness(&["sharpness.sharp.seed=5"]), base);
    assert_ne!(sharpness(&["sharpness.sharp.dropout=0.0"]), base);
    assert_ne!(sharpness(&["sharpness.sharp.directions=100"]), base);
    // Without dropout and directions, nothing is drawn.
    let still = sharpness(&["sharpness.sharp.dropout=0.0"]);
    assert_eq!(sharpness(&["sharpness.sharp.dropout=0.0", "sharpness.sharp.seed=5"]), still);
    let too_many = workspace.run(&["--only", "sharpness", "--set", "sharpness.sharp.directions=1000000000"]);
    assert!(too_many.err.contains("1000000000 directions of a model with"), "{}", too_many.err);
}

#[test]
fn mistakes_are_named() {
    let study = format!("{TINY}{MORE}");
    for (setting, message) in [
        ("sharpness.sharp.box=\"cube\"", "unknown box `cube`"),
        ("sharpness.sharp.epsilon=0.0", "`epsilon` must be greater than 0"),
        ("sharpness.sharp.directions=0", "`directions` must be at least 1"),
        ("sharpness.sharp.metrics=[\"loss\"]", "unknown key `metrics`"),
        ("agreement.same.of=\"pasive\"", "did you mean `passive`?"),
        ("plot.agreement.value=\"agrement\"", "did you mean `agreement`?"),
        ("plot.agreement.order_by=\"cluster\"", "nothing says which clusters"),
        ("plot.agreement.of=\"basins\"", "`basins` is [cluster.basins], and here a stage [agreement.NAME] is needed"),
        ("plot.curves.smooth=3", "a curves has no `smooth`"),
        ("plot.training.smooth=0", "`smooth` must be at least 1"),
        ("plot.training.of=\"lines\"", "`lines` is [interpolate.lines], and here a stage [finetune.NAME] is needed"),
        ("plot.training.clusters=\"basins\"", "a training has no `clusters`"),
        ("plot.overview.distance=\"convexity\"", "unknown distance `convexity`"),
        ("plot.overview.metric=\"f1\"", "does not measure `f1`"),
        ("plot.against_loss.metric=\"eval.in_domain:f1\"", "does not measure `f1`"),
        ("eval.passive.models=\"agents[0..1]\"", "agreement is between two"),
        ("interpolate.lines.models=\"agents[0..2]\"", "[cluster.basins] does not cluster the model `2`"),
        ("finetune.agents.seeds=\"0..13\"", "an overview has room for 12 models, and these lines join 13"),
    ] {
        let workspace = Workspace::new(&study);
        let ended = workspace.pipeline(&["check", "study.toml", "--set", setting]);
        assert!(ended.code == Some(2) && ended.err.contains(message), "{setting}: {}{}", ended.out, ended.err);
    }
}
