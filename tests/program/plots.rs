//! What a study may say of its figures, and what comes of it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::{TINY, Workspace};

const PLOTS: &str = r##"
[plot.asked]
kind = "curves"
of = "lines"
clusters = "basins"
models = "agents[0..3]"
title = "A title of so many words that even the three lines which a column of a page has room for cannot hold all of them, which is why it has to end somewhere before 模"
xlabel = "from one to the other"
ylabel = "how wrong 模"
limits = { y = [0, "auto"] }
log = []
labels = { "within cluster 0" = "the first" }
order = ["between clusters"]
palette = ["#102030", "#405060", "#708090"]
formats = ["svg", "pdf"]
svg_text = true

[plot.matrix]
kind = "matrix"
of = "lines"
models = ["agents[3]", "agents[0]"]
order = ["3"]
palette = "magma"
formats = ["svg"]

[plot.ordered]
kind = "heatmap"
of = "basins"
order_by = "eval.passive:accuracy"
labels = { passive = "PASSIVE" }
clip = ["auto", 0.1]
formats = ["svg"]
font = "path:own.ttf"

[plot.training]
kind = "training"
of = "agents"
log = "y"
formats = ["svg"]
"##;

/// What an SVG says, as text or as outlines.
fn words(svg: &str) -> BTreeSet<String> {
    let outlined = svg.split("aria-label=\"").skip(1).filter_map(|part| part.split_once('"'));
    let text = svg.split("<text ").skip(1).filter_map(|part| part.split_once('>')?.1.split_once("</text>"));
    outlined.chain(text).map(|(words, _)| words.to_owned()).collect()
}

fn says(svg: &str, expected: &[&str]) {
    let words = words(svg);
    for text in expected {
        assert!(words.contains(*text), "{text} in {words:?}");
    }
}

#[test]
fn a_figure_is_drawn_as_the_file_says() {
    let workspace = Workspace::new(&format!("{TINY}{PLOTS}"));
    let font = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/figures/fonts/LiberationSans-Bold.ttf");
    workspace.write("own.ttf", std::fs::read(font).unwrap());
    let run = workspace.run(&["--jobs", "2"]).ok();
    let said = format!("{}{}", run.out, run.err);
    for note in ["the title is cut to", "the font has no 模 (in `how wrong 模`)"] {
        assert!(said.contains(note), "{note}: {said}");
    }
    let there = |name: &str| workspace.path(&format!("results/tiny/{name}")).exists();
    assert!(there("asked.svg") && there("asked.pdf") && there("asked.csv") && !there("asked.png"));

    let svg = workspace.read("results/tiny/asked.svg");
    says(&svg, &["from one to the other", "how wrong 模", "one pair"]);
    assert!(svg.contains("<text") && svg.contains("#102030"), "{svg}");
    let csv = workspace.read("results/tiny/asked.csv");
    let named = |column: usize| -> BTreeSet<&str> {
        csv.lines().skip(1).map(|line| line.split(',').nth(column).unwrap()).filter(|name| !name.is_empty()).collect()
    };
    // Of three models, as the tables call them; and the axis that was renamed keeps its name for readers.
    let models: BTreeSet<&str> = named(2).into_iter().chain(named(3)).collect();
    assert_eq!(models, ["agents/0", "agents/1", "agents/2"].into());
    assert!(csv.starts_with("group,statistic,first,second,coefficient,loss (nats)\n"), "{csv}");

    let matrix = workspace.read("results/tiny/matrix.csv");
    assert!(matrix.lines().skip(1).all(|line| line.starts_with("agents/3,agents/0,")), "{matrix}");
    // The line is turned with its models: it begins at the first one's loss.
    let lines = workspace.read("results/tiny/lines.csv");
    let row = lines.lines().find(|line| line.contains("agents/0,agents/3,loss,4,")).unwrap();
    let end = row.split(',').nth(6).unwrap();
    assert_eq!(matrix.lines().nth(1).unwrap().split(',').nth(3), Some(end), "{row}");

    let svg = workspace.read("results/tiny/ordered.svg");
    says(&svg, &["seed", "seed and accuracy on PASSIVE"]);
    let ordered = workspace.read("results/tiny/ordered.csv");
    assert!(ordered.starts_with("model,accuracy on passive,cluster,agents/"), "{ordered}");
    says(&workspace.read("results/tiny/training.svg"), &["training loss (nats)", "seed 0"]);

    // A font that changes draws anew what it is for.
    let keys = |workspace: &Workspace| workspace.finished().keys().cloned().collect::<BTreeSet<String>>();
    let before = keys(&workspace);
    let font = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/figures/fonts/LiberationSans-Regular.ttf");
    workspace.write("own.ttf", std::fs::read(font).unwrap());
    workspace.run(&[]).ok();
    assert_eq!(keys(&workspace).difference(&before).count(), 1);
}

#[test]
fn mistakes_in_figures_are_named_before_anything_runs() {
    let workspace = Workspace::new(&format!("{TINY}{PLOTS}"));
    workspace.write("own.ttf", "no font");
    for (setting, message) in [
        ("plot.ordered.font=\"path:own.ttf\"", "own.ttf` is no TrueType or OpenType font"),
        ("plot.asked.font=\"hf:a/b\"", "a font is a file on this machine"),
        ("plot.asked.xlabel=\" \"", "`xlabel` is empty"),
        ("plot.asked.limits={ x = [1, 0] }", "`limits` must be two numbers, the lower one first"),
        ("plot.asked.limits={ y = [\"low\", 0] }", "an end of `limits` is a number, or \"auto\""),
        ("plot.asked.limits={ z = [0, 1] }", "unknown key `z`"),
        ("plot.heatmap.limits={ x = [0, 1] }", "a heatmap has no `limits`"),
        ("plot.asked.log=\"x\"", "the x axis of a curves cannot be logarithmic"),
        ("plot.asked.log=[\"y\", \"z\"]", "there is no axis `z`"),
        ("plot.asked.labels={ \"within cluser 0\" = \"a\" }", "did you mean `within cluster 0`?"),
        ("plot.asked.order=[\"high\"]", "this figure shows nothing called `high`"),
        ("plot.asked.palette=\"viridis\"", "unknown palette `viridis`"),
        ("plot.asked.palette=[\"#12345\"]", "`#12345` is no colour"),
        ("plot.matrix.palette=\"magm\"", "did you mean `magma`?"),
        ("plot.ordered.clip=[0.2, 0.1]", "`clip` must be two numbers, the lower one first"),
        ("plot.asked.clip=[0, 1]", "a curves has no `clip`"),
        ("plot.asked.view=\"3d\"", "a curves has no `view`"),
        ("plot.asked.models=\"agents@2\"", "the model `agents/0@2` is not among those that this figure is of"),
        ("plot.asked.models=\"agent\"", "did you mean `agents`?"),
        ("plot.asked.formats=[\"jpg\"]", "a figure is not written as `jpg`"),
        ("plot.asked.formats=[\"csv\"]", "its numbers are always written beside it"),
        ("plot.asked.formats=[]", "`formats` is empty"),
    ] {
        let ended = workspace.pipeline(&["check", "study.toml", "--set", setting]);
        assert!(ended.code == Some(2) && ended.err.contains(message), "{setting}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains("--> "), "{setting}: {}", ended.err);
    }
}
