//! One page for a browser: what is in it, that no text in it is more than text, and when it is written. What a browser
//! makes of it is looked at by `tests/reference/report.py`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::workspace::{TINY, Workspace};

const PAGE: &str = "results/tiny/report.html";

/// What the script reads.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// A column as the script unpacks it.
fn column(packed: &Value, rows: usize) -> Vec<Value> {
    let list = |name: &str| packed[name].as_array().cloned();
    let place = |place: &Value| packed["d"][place.as_u64().unwrap() as usize].clone();
    if let Some(period) = packed["p"].as_u64() {
        return column(&packed["of"], period as usize).into_iter().cycle().take(rows).collect();
    }
    if let Some(runs) = list("r") {
        let run = |run: &[Value]| vec![place(&run[0]); run[1].as_u64().unwrap() as usize];
        return runs.chunks(2).flat_map(run).collect();
    }
    match (list("d"), list("v")) {
        (Some(_), Some(places)) => places.iter().map(place).collect(),
        (None, Some(values)) => values,
        _ => vec![packed["c"].clone(); rows],
    }
}
#[test]
fn a_page_is_there_before_a_run_and_after_it_and_says_what_the_other_results_say() {
    let workspace = Workspace::new(TINY);
    let first = workspace.pipeline(&["report", "study.toml", "--to", "first.html"]).ok();
    assert!(first.err.starts_with("first.html: ") && !workspace.path("results").exists(), "{}", first.err);
    let page = workspace.read("first.html");
    for said in [
        "<b>In part: 0 of 31 steps are finished</b>",
        "heatmap</b> is not drawn: fetch.sentences[pretraining] is not finished, and",
        "Not finished: waiting on fetch.sentences[pretraining]: never run",
        ">0 of 4</text>",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("-0.0 s"));

    // Without a wish for it, none is written; with one, it lies among the results and is known as ours.
    workspace.run(&["--jobs", "2"]).ok();
    assert!(!workspace.path(PAGE).exists());
    let written = workspace.pipeline(&["report", "study.toml"]).ok();
    assert!(written.err.contains(&format!("{PAGE}: ")), "{}", written.err);
    let page = workspace.read(PAGE);
    assert!(page.contains("All 31 steps are finished"), "{}", &page[..5000]);
    let index: Value = serde_json::from_str(&workspace.read("results/tiny/results.json")).unwrap();
    assert!(index["files"]["report.html"]["stages"].as_array().unwrap().len() > 5);

    // The rows of the tables, each with the step that it comes from.
    let data = data(&page);
    let sheets = data["sheets"].as_object().unwrap();
    for (name, file) in index["files"].as_object().unwrap() {
        let Some(table) = name.strip_suffix(".csv").filter(|_| !file["stages"].to_string().contains("plot.")) else {
            continue;
        };
        let rows = workspace.read(&format!("results/tiny/{name}")).lines().count() - 1;
        assert_eq!(sheets[table]["rows"].as_u64(), Some(rows as u64), "{table}");
    }
    let metrics = workspace.read("results/tiny/metrics.csv");
    let rows: Vec<Vec<&str>> = metrics.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let field = |name: &str| {
        let field = sheets["metrics"]["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap();
        column(&field["values"], rows.len())
    };
    let keys = column(&data["steps"]["key"], 31);
    for ((row, value), step) in rows.iter().zip(field("value")).zip(field("key")) {
        let whole: f64 = row[row.len() - 2].parse().unwrap();
        assert!((value.as_f64().unwrap() - whole).abs() < 1e-7, "{row:?}");
        assert_eq!(keys[step.as_u64().unwrap() as usize], row[row.len() - 1]);
    }

    // Where values come from, as explain says it, with a line to go to.
    let stage =
        data["steps"]["stages"].as_array().unwrap().iter().find(|one| one["name"] == "finetune.agents").unwrap();
    let parameters = stage["parameters"].as_array().unwrap();
    let rate = parameters.iter().find(|one| one[0] == "recipe.learning_rate").unwrap();
    assert_eq!((&rate[2]["c"], column(&stage["parameters"][0][2], 4).len()), (&0.03.into(), 4));
    let line = TINY.lines().position(|line| line == "learning_rate = 3e-2").unwrap() + 1;
    assert_eq!(rate[1], format!("study.toml:{line}"));
    assert!(page.contains(&format!("<span id=\"text0-{line}\">learning_rate = 3e-2</span>")));
    assert!(page.contains(&format!("<a href=\"#text0-{line}\">study.toml:{line}</a>")));

    // Every name in the page is there once, and what is referred to is there.
    let names: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
    for (target, before) in [(" xlink:href=\"#", "p"), ("<a href=\"#", "")] {
        for wanted in page.split(target).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(names.contains(&wanted) && wanted.starts_with(before), "{wanted}");
        }
    }
    assert_eq!(page.matches("<figure id=").count(), 3);

    // The same again to the byte; a page that is there follows every run, unless it is not wanted any more.
    workspace.run(&[]).ok();
    assert_eq!(workspace.read(PAGE), page);
    workspace.run(&["--set", "cluster.basins.distance=\"barrier-height\""]).ok();
    let newer = workspace.read(PAGE);
    assert!(newer != page && newer.contains("<code>--set cluster.basins.distance=&quot;barrier-height&quot;</code>"));
    workspace.run(&["--set", "run.report=false"]).ok();
    assert!(!workspace.path(PAGE).exists());
    // What was to come out is said first, whether it did or not.
    let expected = [
        "expect.yes={ metric = \"eval.in_domain:accuracy\", between = [0, 1] }",
        "expect.no={ metric = \"eval.in_domain:accuracy\", between = [2, 3] }",
    ];
    let ended = workspace.run(&["--set", "run.report=true", "--set", expected[0], "--set", expected[1]]);
    let page = workspace.read(PAGE);
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert!(page.contains("<li class=\"holds\"><b>holds</b> yes: mean of in_domain:accuracy is 0."), "{}", ended.err);
    assert!(page.contains("<li class=\"warning\"><b>does not hold</b> no: mean of in_domain:accuracy is 0."));
}

#[test]
fn what_files_say_is_text_in_the_page_and_no_secret() {
    const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>'\\\"&\u{202e}";
    let study = format!(
        r#"
[experiment]
name = "tiny"
description = "{HOSTILE}"

[fetch.sentences]
dataset = "path:rows.csv"
text = ["text"]
label = "label"
labels = ["a", "{HOSTILE}"]

[fetch.start]                                       # https://user:sesame@host/?sig=sesame
model = "path:model"

[finetune.words]
model = "start"
data = "sentences.rows"
seeds = "0..2"
epochs = 1
batch_size = 6
max_length = 24

[eval.words]
models = "words"
data = "sentences.rows"
by = ["label"]

[plot.two]
kind = "distributions"
of = ["eval.words:loss", "eval.words:accuracy"]
title = "{HOSTILE}"
svg_text = true
"#
    );
    let maker = Workspace::new(TINY);
    maker.run(&["--only", "fetch", "--only", "pretrain"]).ok();
    let workspace = Workspace::new(&study);
    maker.lay_out_models("pretrain", &workspace, |_| "model".to_owned());
    let hostile = HOSTILE.replace("\\\"", "\"");
    let quoted = hostile.replace('"', "\"\"");
    let rows: Vec<String> =
        (0..12).map(|row| format!("the doctor saw it,\"{}\"", if row % 2 == 0 { "a" } else { &quoted })).collect();
    workspace.write("rows.csv", format!("text,label\n{}\n", rows.join("\n")));
    let ran = workspace.run(&["--set", "run.report=true"]).ok();
    let page = workspace.read(PAGE);
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", ran.err);
    assert!(page.contains("onerror=alert(1)&gt;&#39;&quot;&amp;\\u{202e}"), "{}", ran.err);
    // Two scripts, of which one is data, and no element that we did not write.
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2), "{}", ran.err);
    assert!(!page.contains("<img") && !page.contains('\u{202e}'));
    assert!(data(&page).to_string().contains("</script><script>alert(1)"), "the label is in a table");
    assert!(!page.contains("sesame"));
}
