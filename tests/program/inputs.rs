//! Data and labels as other people's files have them: read as they were meant, or refused with the line to write.

use std::fmt::Write;

use crate::workspace::{Ended, Workspace};

const STUDY: &str = r#"
[experiment]
name = "inputs"

[fetch.sentences]
dataset = "builtin:agents"
splits.pretraining = { examples = 64, passive = 0.5 }

[pretrain.model]
data = "sentences.pretraining"
layers = 1
hidden = 16
heads = 2
max_length = 24
initializer_range = 0.2
steps = 3
batch_size = 16
learning_rate = 1e-3

[fetch.d]
dataset = "path:d"
text = ["text"]
label = "label"
labels = ["no", "yes"]

[finetune.f]
model = "model"
data = "d.train"
seeds = [1]
epochs = 1
batch_size = 8
learning_rate = 1e-2
max_length = 16

[eval.e]
models = "f"
data = "d.dev"
"#;

/// `rows` sentences with a label each.
fn csv(rows: std::ops::Range<usize>, separator: char, label: impl Fn(usize) -> String) -> String {
    let mut text = format!("text{separator}label\n");
    for row in rows {
        writeln!(text, "the doctor saw the guest {row}{separator}{}", label(row)).unwrap();
    }
    text
}

/// The study with keys in the place of its `labels`, until the data is fetched.
fn fetched(workspace: &Workspace, keys: &str) -> Ended {
    workspace.write("study.toml", STUDY.replace("labels = [\"no\", \"yes\"]", keys));
    workspace.run(&["--only", "fetch.d", "--force", "fetch.d"])
}

#[track_caller]
fn says(run: &Ended, what: &[&str]) {
    for what in what {
        assert!(run.err.contains(what), "no `{what}` in\n{}", run.err);
    }
}

#[test]
fn what_is_read_of_a_data_set_is_told_and_counted() {
    let workspace = Workspace::new("");
    let label = |row: usize| if row % 10 == 3 { "-".to_owned() } else { (row % 3 + 1).to_string() };
    let whole = csv(0..40, ';', label);
    workspace.write("d/train-00000-of-00002.csv", csv(0..20, ';', label));
    workspace.write("d/train-00001-of-00002.csv", csv(20..40, ';', label));
    workspace.write("d/dev.csv", format!("{whole}cut short\n\n;1\n"));
    let keys = "labels = { neg = 1, neu = 2, pos = 3 }\ndrop_labels = [\"-\"]\nseparator = \";\"\nskip_bad_rows = true";
    let run = fetched(&workspace, keys).ok();
    says(
        &run,
        &[
            "done fetch.d[train]",
            "note: 36 rows (neg 12, neu 12, pos 12), the longest of 6 words; 4 rows without a label left out: 4 with -\n",
            "1 row could not be read and left out: line 42 has 1 fields instead of 2; no `text` in 1 row, first line 44 of",
        ],
    );
    let manifests = workspace.manifests();
    let facts = |part: &str| {
        let of = |manifest: &&serde_json::Value| manifest["provenance"]["facts"]["note"].to_string().contains(part);
        manifests.iter().find(of).unwrap()["provenance"]["facts"].clone()
    };
    assert_eq!(facts("line 42")["rows_left_out"], "6");
    // A changed shard is another data set.
    workspace.write("d/train-00001-of-00002.csv", csv(20..39, ';', label));
    says(&fetched(&workspace, keys).ok(), &["note: 35 rows"]);

    std::fs::remove_file(workspace.path("d/train-00001-of-00002.csv")).unwrap();
    let run = fetched(&workspace, keys);
    assert_eq!(run.code, Some(2));
    says(&run, &["has no whole set of files for split `train`: 1 of 2 are there", "dataset = \"path:d\""]);
}

#[test]
fn what_cannot_be_known_is_refused_with_the_line_to_write() {
    let workspace = Workspace::new("");
    let plain = csv(0..8, ',', |row| (row % 2).to_string());
    workspace.write("d/dev.csv", &plain);
    let names = "labels = [\"no\", \"yes\"]";
    let cases: [(&str, Vec<u8>, &str, &str); 8] = [
        (
            "csv",
            csv(0..9, ',', |row| (row % 3 + 1).to_string()).into(),
            "labels = [\"a\", \"b\", \"c\"]",
            "write labels = { a = 1, b = 2, c = 3 }",
        ),
        (
            "csv",
            csv(0..9, ',', |row| ["NO", "YES"][row % 2].into()).into(),
            names,
            "write labels = { no = \"NO\", yes = \"YES\" }",
        ),
        (
            "csv",
            csv(0..9, ',', |row| ["-", "a", "b"][row % 3].into()).into(),
            "",
            "leave such rows out with drop_labels = [\"-\"]",
        ),
        (
            "csv",
            csv(0..42, ',', |row| (row as f64 / 4.0).to_string()).into(),
            "",
            "42 rows have 42 different values, such as 0.25",
        ),
        ("csv", csv(0..8, ';', |row| (row % 2).to_string()).into(), names, "write separator = \";\""),
        (
            "csv",
            plain.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            names,
            "is UTF-16, not UTF-8: convert it with `iconv",
        ),
        (
            "tsv",
            b"text\tlabel\n\"all of it\"\t1\nx\t0\n".to_vec(),
            names,
            "write quote = true if they stand around fields",
        ),
        ("tsv", b"text\tlabel\na\t1\nb\nc\nd\t0\n".to_vec(), names, "2 of 4 rows of"),
    ];
    for (ending, content, keys, message) in cases {
        for ending in ["csv", "tsv"] {
            let _ = std::fs::remove_file(workspace.path(&format!("d/train.{ending}")));
        }
        workspace.write(&format!("d/train.{ending}"), content);
        let run = fetched(&workspace, keys);
        assert_eq!(run.code, Some(1), "{}", run.err);
        says(&run, &["failed fetch.d[train]: ", message]);
    }
    let cases = [
        ("labels = { a = 1, b = 1 }", "`labels` says the same twice"),
        ("labels = [\"a\", \"b\"]\ndrop_labels = \"b\"", "`b` is among the `labels`, and dropped too"),
        ("labels = 7", "expected a list of names, or a table of names with the values that mean them"),
        ("separator = \";;\"", "`separator` is one character of ASCII"),
    ];
    for (keys, message) in cases {
        let run = fetched(&workspace, keys);
        assert_eq!(run.code, Some(2), "{}", run.err);
        says(&run, &[message]);
    }
}

#[test]
fn the_readme_of_a_repository_says_what_its_splits_are() {
    let workspace = Workspace::new(&STUDY.replace("path:d", "hf:me/d"));
    let readme = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: [train.csv, extra.csv]\n  \
                  - split: dev\n    path: test.csv\n---\n# d\n";
    let commit = "a".repeat(40);
    let files = [
        ("README.md", readme.to_owned()),
        ("train.csv", csv(0..32, ',', |row| (row % 2).to_string())),
        ("extra.csv", csv(32..64, ',', |row| (row % 2).to_string())),
        ("test.csv", csv(0..20, ',', |row| (row % 2).to_string())),
        ("dev.csv", csv(0..4, ',', |row| (row % 2).to_string())),
    ];
    workspace.write("hf_home/hub/datasets--me--d/refs/main", &commit);
    for (name, content) in &files {
        workspace.write(&format!("hf_home/hub/datasets--me--d/snapshots/{commit}/{name}"), content);
    }
    let offline = |workspace: &Workspace| -> Ended {
        let mut command =
            workspace.command(&["run", "study.toml", "--backend", "cpu", "--only", "fetch.d", "--force", "fetch"]);
        command.env("HF_HUB_OFFLINE", "1").output().unwrap().into()
    };
    says(&offline(&workspace).ok(), &["note: 64 rows (no 32, yes 32)", "note: 20 rows (no 10, yes 10)"]);
    std::fs::remove_file(workspace.path(&format!("hf_home/hub/datasets--me--d/snapshots/{commit}/README.md"))).unwrap();
    says(
        &offline(&workspace).ok(),
        &[
            "; 4 rows (no 2, yes 2)",
            "read from the hub cache's part of me/d: its README, which may list other files for its splits, is not there",
        ],
    );
    // The same in a folder: a clone of the repository.
    for (name, content) in &files {
        workspace.write(&format!("d/{name}"), content);
    }
    workspace.write("study.toml", STUDY);
    says(
        &workspace.run(&["--only", "fetch.d"]).ok(),
        &["note: 64 rows (no 32, yes 32)", "note: 20 rows (no 10, yes 10)"],
    );
}

#[test]
fn rows_to_train_on_are_chosen_and_what_has_no_labels_is_predicted() {
    let study = STUDY
        .replace("labels = [\"no\", \"yes\"]", "labels = [\"no\", \"yes\"]\nkeep = [\"id\"]")
        .replace("data = \"d.train\"", "data = \"d.train\"\nwhere = { label = \"yes\" }\npermute = 3\nexamples = 9")
        .replace(
            "[eval.e]\nmodels = \"f\"\ndata = \"d.dev\"",
            "[fetch.blind]\ndataset = \"path:blind.csv\"\ntext = \
                  [\"text\"]\nkeep = [\"id\"]\n\n[eval.e]\nmodels = \"f\"\ndata = \"blind.blind\"\nmetrics = []",
        );
    let workspace = Workspace::new(&study);
    let rows =
        |label: &str| (0..30).map(|row| format!("the guest knew the doctor,i{row}{label}\n")).collect::<String>();
    let train: String = (0..30).map(|row| format!("the guest knew the doctor,i{row},{}\n", row % 2)).collect();
    workspace.write("d/train.csv", format!("text,id,label\n{train}"));
    workspace.write("blind.csv", format!("text,id\n{}", rows("")));
    let run = workspace.run(&[]).ok();
    says(&run, &["note: all 9 rows to train on have the label `yes`, so there is nothing to tell apart"]);
    let predictions = workspace.read("results/inputs/predictions/e.csv");
    let lines: Vec<&str> = predictions.lines().collect();
    assert_eq!((lines.len(), lines[0]), (31, "row,prediction,id,logit_no,logit_yes,model,key"));
    assert!(lines[8].starts_with("7,yes,i7,") || lines[8].starts_with("7,no,i7,"), "{}", lines[8]);
    assert!(workspace.path("results/inputs/predictions/e.parquet").exists());

    let measured = workspace.run(&["--set", "eval.e.metrics=[\"accuracy\"]"]);
    assert_eq!(measured.code, Some(2));
    says(
        &measured,
        &[
            "`blind.blind` has no labels, and what is measured needs them",
            "name their column with `label` in [fetch.blind]; an eval stage makes a table of predictions without them, \
             with metrics = []",
        ],
    );
}

#[test]
fn labels_of_a_model_that_its_configuration_contradicts_are_refused_unless_they_are_meant() {
    let trained = Workspace::new(STUDY);
    let sentences = csv(0..32, ',', |row| (row % 2).to_string());
    trained.write("d/train.csv", &sentences);
    trained.write("d/dev.csv", &sentences);
    trained.run(&["--until", "finetune"]).ok();
    let study = "[experiment]\nname = \"turned\"\n\n[fetch.m]\nmodel = \"path:m\"\nlabels = [\"yes\", \"no\"]\n\n[fetch.d]\n\
                 dataset = \"path:d\"\ntext = [\"text\"]\nlabel = \"label\"\nlabels = [\"No\", \"Yes\"]\n\n[eval.e]\nmodels = \"m\"\n\
                 data = \"d.dev\"\n";
    let workspace = Workspace::new(study);
    trained.lay_out_models("finetune", &workspace, |_| "m".to_owned());
    workspace.write("d/dev.csv", &sentences);
    let run = workspace.run(&[]);
    assert_eq!(run.code, Some(1));
    says(
        &run,
        &[
            "failed fetch.m: `labels` says [yes, no], but the model's config.json says [no, yes]",
            "leave `labels` out; or, if config.json is wrong, write relabel = true beside it",
        ],
    );
    workspace.run(&["--only", "fetch", "--set", "fetch.m.relabel=true"]).ok();
    // The model's own order, and the data's other spelling of it.
    workspace.write("study.toml", study.replace("labels = [\"yes\", \"no\"]\n", ""));
    let run = workspace.run(&[]);
    says(&run, &["map them with labels = { No = \"no\", Yes = \"yes\" }"]);
    workspace.run(&["--set", "eval.e.labels={ No = \"no\", Yes = \"yes\" }"]).ok();
}
