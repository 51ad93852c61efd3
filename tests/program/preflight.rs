//! What does not fit the data and models that a study names is said before anything is trained, at its place in the
//! file, by `check` and by `run` in the same words.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::engine::Graph;
use pipeline::experiment::{expand, read};

use crate::workspace::{TINY, Workspace};

const STUDY: &str = r#"[experiment]
name = "held"

[fetch.d]
dataset = "path:d"
text = ["sentence"]
label = "label"
labels = ["no", "yes"]
keep = ["kind"]

[fetch.sentences]
dataset = "builtin:agents"
splits.pretraining = { examples = 64, passive = 0.5 }
splits.others = { examples = 64, passive = 0.5 }

[pretrain.start]
data = "sentences.pretraining"
layers = 1
hidden = 16
heads = 2
max_length = 24
steps = 1
batch_size = 16
learning_rate = 1e-3

[finetune.f]
model = "start"
data = "d.train"
seeds = [0]
epochs = 2
batch_size = 8
max_length = 24
checkpoints = [2, "last"]

[eval.e]
models = "f"
data = "d.dev"
by = ["kind"]
where = { kind = "plain" }
metrics = ["loss", "f1"]
"#;

/// A second start with other heads (`heads = 2` is that of the first), and lines between models of both.
const LINES: &str = r#"
[pretrain.other]
data = "sentences.pretraining"
layers = 1
hidden = 16
heads = 4
max_length = 24
steps = 1
batch_size = 16
learning_rate = 1e-3

[finetune.g]
model = "other"
data = "d.train"
seeds = [0]
max_length = 24

[finetune.h]
model = "start"
data = "d.train"
seeds = [1]
max_length = 24

[interpolate.x]
models = ["f", "h", "g"]
data = "d.dev"
examples = 8
points = 3
"#;

fn workspace(study: &str) -> Workspace {
    let workspace = Workspace::new(study);
    let texts = [
        "the doctor saw the tourist today .",
        "the tourist was seen by the doctor .",
        "a lawyer called the artist .",
        "the artist was called by a lawyer .",
    ];
    let rows = |rows: usize| {
        let row =
            |row: usize| format!("{},{},{}\n", texts[row % 4], ["no", "yes"][row % 2], ["plain", "odd"][row / 2 % 2]);
        format!("sentence,label,kind\n{}", (0..rows).map(row).collect::<String>())
    };
    workspace.write("d/train.csv", rows(16));
    workspace.write("d/dev.csv", rows(8));
    workspace
}

/// `old` in the study becomes `new`; then `message`, and what to write instead, stands under `marked`.
struct Case {
    old: &'static str,
    new: &'static str,
    message: &'static str,
    marked: &'static str,
    help: &'static str,
}

const CASES: &[Case] = &[
    Case {
        old: r#"[2, "last"]"#,
        new: r#"[2, 70, "last"]"#,
        message: "there is no checkpoint 70: 16 rows in batches of 8 for 2 epochs are 4 training steps",
        marked: "70",
        help: r#"write checkpoints = [2, "last"]"#,
    },
    // Of the values in a list, the one that does not fit.
    Case {
        old: "epochs = 2\nbatch_size = 8\nmax_length = 24\ncheckpoints = [2, \"last\"]",
        new: "epochs = [2, 1]\nbatch_size = 8\nmax_length = 24\ncheckpoints = [2, 3, \"last\"]",
        message: "there is no checkpoint 3: 16 rows in batches of 8 for 1 epochs are 2 training steps",
        marked: "3",
        help: r#"write checkpoints = [2, "last"]"#,
    },
    Case {
        old: "batch_size = 8",
        new: "batch_size = [8, 17]\nrecipe = \"hf-flax\"",
        message: "16 rows in batches of 17 for 2 epochs make no training step",
        marked: "17",
        help: "write batch_size = 16, or less",
    },
    Case {
        old: "batch_size = 8",
        new: "batch_size = 17\nrecipe = \"hf-flax\"",
        message: "16 rows in batches of 17 for 2 epochs make no training step",
        marked: "17",
        help: "write batch_size = 16, or less",
    },
    Case {
        old: r#"by = ["kind"]"#,
        new: r#"by = ["kind", "sort"]"#,
        message: "the data has no column `sort`; it has kind, label",
        marked: r#""sort""#,
        help: r#"write keep = ["kind", "sort"] in [fetch.d]"#,
    },
    Case {
        old: r#"{ kind = "plain" }"#,
        new: r#"{ sort = "plain" }"#,
        message: "the data has no column `sort`; it has kind, label",
        marked: r#""plain""#,
        help: r#"write keep = ["kind", "sort"] in [fetch.d]"#,
    },
    Case {
        old: r#"{ kind = "plain" }"#,
        new: r#"{ kind = "rare" }"#,
        message: "no example has kind = rare",
        marked: r#""rare""#,
        help: "kind is one of odd, plain",
    },
    Case {
        old: r#""d.dev""#,
        new: r#""d.dev[4..9]""#,
        message: "`d.dev` has 8 rows, and rows 4..9 are asked for",
        marked: r#""d.dev[4..9]""#,
        help: "write d.dev[4..8]",
    },
    Case {
        old: r#""d.train""#,
        new: r#""d.train[0..17]""#,
        message: "`d.train` has 16 rows, and rows 0..17 are asked for",
        marked: r#""d.train[0..17]""#,
        help: "write d.train[0..16]",
    },
    Case {
        old: r#"metrics = ["loss", "f1"]"#,
        new: "examples = 5",
        message: "5 examples are asked for, and `d.dev` has 4",
        marked: "5",
        help: "write examples = 4, or leave it out",
    },
    Case {
        old: r#"labels = ["no", "yes"]"#,
        new: r#"labels = ["no", "yes", "perhaps"]"#,
        message: "f1 is of two classes, and here are 3: no, yes, perhaps",
        marked: r#""f1""#,
        help: r#"write "macro_f1", "micro_f1" or "weighted_f1" in its place"#,
    },
    Case {
        old: "max_length = 24\ncheckpoints",
        new: "max_length = 25\ncheckpoints",
        message: "`max_length` is 25, and the model has 24 positions",
        marked: "25",
        help: "write max_length = 24, or less",
    },
    Case {
        old: "max_length = 24\nsteps",
        new: "max_length = 7\nsteps",
        message: "`max_length` is 24, and the model has 7 positions",
        marked: "24",
        help: "write max_length = 7, or less",
    },
    Case {
        old: r#"metrics = ["loss", "f1"]"#,
        new: r#"max_length = 25"#,
        message: "`max_length` is 25, and the model has 24 positions",
        marked: "25",
        help: "write max_length = 24, or less",
    },
    Case {
        old: r#"keep = ["kind"]"#,
        new: r#"keep = ["knd"]"#,
        message: "FOLDER/d/dev.csv has no column `knd` (did you mean `kind`?); its columns are [sentence, label, kind]",
        marked: r#""knd""#,
        help: "",
    },
];

/// As `check` and `run` write it, at the first place of `marked` after `from`.
fn told(study: &str, from: usize, marked: &str, message: &str, help: &str) -> String {
    let at = from + study[from..].find(marked).unwrap();
    let start = study[..at].rfind('\n').map_or(0, |at| at + 1);
    let (number, line) = (study[..at].matches('\n').count() + 1, study[start..].lines().next().unwrap());
    let margin = " ".repeat(number.to_string().len());
    let (column, mark) = (at - start, "^".repeat(marked.len()));
    let help = if help.is_empty() { String::new() } else { format!("{margin} = help: {help}\n") };
    let place = format!("{margin}--> study.toml:{number}:{}\n{margin} |\n{number} | {line}", column + 1);
    format!("error: {message}\n{place}\n{margin} | {:column$}{mark}\n{help}", "")
}

#[test]
fn what_does_not_fit_is_named_with_its_place_and_what_to_write() {
    let workspace = workspace("");
    let folder = workspace.path("").canonicalize().unwrap().display().to_string();
    for case in CASES {
        assert!(STUDY.contains(case.old), "{}", case.old);
        let study = STUDY.replacen(case.old, case.new, 1);
        let from = study.find(case.new).unwrap() + case.new.rfind(case.marked).unwrap_or(0);
        workspace.write("study.toml", &study);
        let checked = workspace.pipeline(&["check", "study.toml"]);
        let message = case.message.replace("FOLDER", &folder);
        let expected = told(&study, from, case.marked, &message, case.help);
        assert_eq!(checked.err, expected, "{}\n{expected}", checked.err);
        assert_eq!(checked.code, Some(2));
    }
}

#[test]
fn nothing_is_trained_before_everything_fits() {
    let refused = [
        (STUDY.replacen("[2, \"last\"]", "[2, 70, \"last\"]", 1), "error: there is no checkpoint 70: "),
        (
            format!("{STUDY}{LINES}"),
            "error: no line lies between `f/0` and `g/0`: num_attention_heads is 2 in one and 4 in the other\n",
        ),
    ];
    for (study, message) in refused {
        let workspace = workspace(&study);
        let checked = workspace.pipeline(&["check", "study.toml"]);
        let planned = workspace.pipeline(&["plan", "study.toml"]);
        assert!(checked.err.starts_with(message), "{}", checked.err);
        assert_eq!((planned.err, planned.code), (checked.err.clone(), Some(2)));
        let run = workspace.run(&[]);
        assert!(run.err.ends_with(&checked.err) && run.err.contains("done fetch.d[train,text] in "), "{}", run.err);
        assert_eq!(run.code, Some(2));
        let kinds: BTreeSet<String> = workspace.manifests().iter().map(|made| made["kind"].to_string()).collect();
        assert_eq!(kinds, BTreeSet::from(["\"fetch-data\"".to_owned(), "\"generate\"".to_owned()]));
        // Only what is selected counts.
        workspace.run(&["--only", "pretrain.start"]).ok();
    }
}

#[test]
fn models_that_no_line_joins_are_named_with_the_reason() {
    let other = |old: &str, new: &str| format!("{STUDY}{}", LINES.replacen(old, new, 1));
    let turned = LINES.replacen(r#"data = "d.train""#, r#"data = "r.train""#, 1)
        + "[fetch.r]\ndataset = \"path:d\"\ntext = [\"sentence\"]\nlabel = \"label\"\nlabels = [\"yes\", \"no\"]\n";
    for (study, why) in [
        (other("hidden = 16\nheads = 4", "hidden = 32\nheads = 4"), "hidden_size is 16 in one and 32 in the other"),
        (other("heads = 4", "heads = 4"), "num_attention_heads is 2 in one and 4 in the other"),
        (other("heads = 4", "heads = 2\nvocabulary = 20"), "vocab_size is 52 in one and 20 in the other"),
        (
            format!("{STUDY}{}", turned.replacen("heads = 4", "heads = 2", 1)),
            "their labels are [no, yes] and [yes, no]",
        ),
    ] {
        let workspace = workspace(&study);
        let checked = workspace.pipeline(&["check", "study.toml"]);
        let message = format!("no line lies between `f/0` and `g/0`: {why}");
        let help = r#"write models = ["f", "h"], and ["g"] in a stage of its own"#;
        assert_eq!(checked.err, told(&study, 0, r#"["f", "h", "g"]"#, &message, help), "{}", checked.err);
    }
    // One fine-tune from each: the values in the list say which.
    let both = STUDY.replacen("model = \"start\"", "model = [\"start\", \"other\"]", 1);
    let start = &LINES[..LINES.find("[finetune.g]").unwrap()];
    let both = format!("{both}{start}[interpolate.x]\nmodels = \"f@2\"\ndata = \"d.dev\"\n");
    let checked = workspace(&both).pipeline(&["check", "study.toml"]);
    let why = "num_attention_heads is 2 in one and 4 in the other";
    let message = format!("no line lies between `model=start/0@2` and `model=other/0@2`: {why}");
    let help = r#"join what is alike: models = "f@2[model=start]", and "f@2[model=other]" in a stage of its own"#;
    assert_eq!(checked.err, told(&both, 0, r#""f@2""#, &message, help), "{}", checked.err);
    // The same start for both.
    let workspace = workspace(&other("model = \"other\"", "model = \"start\""));
    workspace.pipeline(&["check", "study.toml"]).ok();
}

#[test]
fn texts_that_are_cut_are_noted_and_those_that_cannot_be_read_refused() {
    let short = STUDY.replacen("max_length = 24\ncheckpoints", "max_length = 6\ncheckpoints", 1);
    let workspace = workspace(&short);
    let note =
        "note: 16 of 16 texts of `d.train` have more tokens than max_length = 6 and are cut; the longest has 10\n";
    let checked = workspace.pipeline(&["check", "study.toml"]).ok();
    assert!(checked.err.starts_with(note), "{}", checked.err);
    let run = workspace.run(&["--until", "finetune.f"]).ok();
    assert!(run.err.contains(note), "{}", run.err);
    // 128 tokens are asked for by default, which is no mistake before a text is that long.
    let default = STUDY.replacen("max_length = 24\ncheckpoints", "checkpoints", 1);
    workspace.write("study.toml", &default);
    assert_eq!(workspace.pipeline(&["check", "study.toml"]).ok().err, "");
    workspace.write("d/dev.csv", format!("sentence,label,kind\n{},no,plain\n", "the doctor ".repeat(15)));
    let checked = workspace.pipeline(&["check", "study.toml"]);
    let message = "1 of 1 texts of `d.dev` has more tokens than the model has positions (24); the longest has 32";
    let help = "write max_length = 24 in [eval.e]: what is longer is then cut";
    let from = default.find("[eval.e]").unwrap() + "[eval.".len();
    assert_eq!(checked.err, told(&default, from, "e", message, help), "{}", checked.err);
}

fn steps(workspace: &Workspace) -> Graph {
    expand(&read(&workspace.path("study.toml"), &[]).unwrap()).unwrap()
}

#[test]
fn models_of_several_stages_are_evaluated_as_long_as_each_was_trained() {
    let more = r#"
[finetune.long]
model = "start"
data = "d.train"
seeds = [0]
max_length = 20
[eval.both]
models = ["f", "long"]
data = "d.dev"
[eval.alone]
models = "long"
data = "d.dev"
"#;
    let workspace = workspace(&format!("{STUDY}{more}"));
    let graph = steps(&workspace);
    let parameters: BTreeMap<String, String> =
        graph.steps.iter().map(|step| (step.name(), step.work.parameters().to_string())).collect();
    assert!(parameters["eval.both[f/0]"].contains("\"max_length\":24"), "{}", parameters["eval.both[f/0]"]);
    assert_eq!(parameters["eval.both[long/0]"], parameters["eval.alone[0]"]);
    // A line is read once.
    let lines = format!("{STUDY}{more}[interpolate.x]\nmodels = [\"f\", \"long\"]\ndata = \"d.dev\"\n");
    workspace.write("study.toml", &lines);
    workspace.pipeline(&["check", "study.toml"]).ok();
    let short = lines.replace("max_length = 20", "max_length = 7");
    workspace.write("study.toml", &short);
    let checked = workspace.pipeline(&["check", "study.toml"]);
    let message =
        "no line lies between models that read the same texts up to 7 and up to 24 tokens, and some are longer";
    let from = short.find("[interpolate.x]").unwrap();
    let expected = told(&short, from, "[\"f\", \"long\"]", message, "write max_length = 24");
    assert_eq!(checked.err, expected, "{}", checked.err);
    workspace.write("study.toml", format!("{short}max_length = 24\n"));
    workspace.pipeline(&["check", "study.toml"]).ok();
}

#[test]
fn a_column_that_is_kept_for_others_trains_nothing_again() {
    let without =
        STUDY.replace("keep = [\"kind\"]\n", "").replace("by = [\"kind\"]\nwhere = { kind = \"plain\" }\n", "");
    let workspace = workspace(&without);
    workspace.run(&[]).ok();
    workspace.write("study.toml", STUDY);
    let plan = workspace.pipeline(&["plan", "study.toml"]).ok().out;
    assert!(plan.contains("finetune.f\n  seed=0  fresh\n"), "{plan}");
    let run = workspace.run(&[]).ok();
    assert!(run.err.contains("held: 2 ran, 4 fresh"), "{}", run.err);
}

/// A cluster's node need not have what only other stages read.
#[test]
fn what_is_not_asked_for_may_lack_its_files() {
    let elsewhere = "\n[fetch.other]\ndataset = \"path:nowhere.csv\"\ntext = [\"a\"]\nlabel = \"b\"\n\n[eval.other]\nmodels = \"agents\"\ndata = \"other.nowhere\"\n";
    let workspace = Workspace::new(&format!("{TINY}{elsewhere}"));
    let whole = workspace.pipeline(&["check", "study.toml"]);
    assert!(whole.code == Some(2) && whole.err.contains("there is no file or folder"), "{}", whole.err);
    let part = workspace.run(&["--only", "fetch.sentences"]).ok();
    assert!(
        part.err.contains("note: left aside, since they are not asked for: [eval.other]: there is no file or folder"),
        "{}",
        part.err
    );
    let wanted = workspace.run(&["--until", "eval"]);
    assert!(wanted.code == Some(2) && wanted.err.contains("there is no file or folder"), "{}", wanted.err);
    let from = workspace.run(&["--from", "finetune.agents"]);
    assert_eq!(from.code, Some(2));
}
