//! Local files and the offline hub: read right, and refused with clear words when they are broken.

use std::path::Path;

use serde_json::json;

use crate::stub::Reply;
use crate::workspace::{TINY, Workspace};

/// A model from nothing as local files: what the tiny study's pretrain stage makes.
pub fn with_model(experiment: &str) -> Workspace {
    let maker = Workspace::new(TINY);
    maker.run(&["--until", "pretrain.start"]).ok();
    let workspace = Workspace::new(experiment);
    maker.lay_out_models("pretrain", &workspace, |_| "model".to_owned());
    workspace
}

/// The files of a model, as a hub lists them.
pub const MODEL_FILES: [&str; 3] = ["config.json", "model.safetensors", "tokenizer.json"];

/// What a hub says of a model at a commit.
pub fn model_info(commit: &str) -> Reply {
    let siblings = MODEL_FILES.map(|name| json!({"rfilename": name}));
    Reply::ok(json!({"sha": commit, "siblings": siblings}).to_string().as_bytes())
}

pub fn sha256(bytes: &[u8]) -> String {
    <sha2::Sha256 as sha2::Digest>::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Three labels to train on; two, with a heuristic column, to evaluate on.
fn write_nli(workspace: &Workspace) {
    let labels = ["entailment", "neutral", "contradiction"];
    let rows = (0..48).map(|row| {
        format!("the doctor saw \"the tourist\nthe guest {}\t{}\n", ["saw", "knew", "drew"][row % 3], labels[row % 3])
            .replacen('\n', "\t", 1)
    });
    workspace.write("data/nli.tsv", format!("premise\thypothesis\tgold\n{}", rows.collect::<String>()));
    let challenge = (0..24).map(|row| {
        let heuristic = if row % 2 == 0 { "lexical_overlap" } else { "constituent" };
        format!(
            "{{\"a\": \"the guest saw\", \"b\": \"the doctor knew\", \"label\": {}, \"heuristic\": \"{heuristic}\"}}\n",
            row / 12
        )
    });
    workspace.write("data/challenge.jsonl", challenge.collect::<String>());
}

const NLI: &str = r#"
[experiment]
name = "nli"

[fetch.model]
model = "path:model"

[fetch.nli]
dataset = "path:data/nli.tsv"
text = ["premise", "hypothesis"]
label = "gold"
labels = ["entailment", "neutral", "contradiction"]

[fetch.challenge]
dataset = "path:data/challenge.jsonl"
text = ["a", "b"]
label = "label"
labels = ["entailment", "non-entailment"]
keep = ["heuristic"]

[finetune.nli]
model = "model"
data = "nli.nli[0..40]"
seeds = [1]
epochs = 1
batch_size = 8
learning_rate = 1e-2
max_length = 24

[eval.challenge]
models = "nli"
data = "challenge.challenge"
labels = { entailment = "entailment", non-entailment = ["neutral", "contradiction"] }
by = ["heuristic", "label"]

[eval.filtered]
models = "nli"
data = "challenge.challenge"
labels = { entailment = "entailment", non-entailment = ["neutral", "contradiction"] }
where = { heuristic = "lexical_overlap", label = "non-entailment" }
permute = 42
examples = 5
"#;

#[test]
fn labels_are_mapped_by_name_and_groups_are_counted() {
    let workspace = with_model(NLI);
    write_nli(&workspace);
    workspace.run(&[]).ok();
    let metrics = workspace.read("results/nli/metrics.csv");
    let rows =
        |start: &str| metrics.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect::<Vec<_>>();
    assert!(rows("challenge,nli/1,\"\",24,accuracy,").len() == 1, "{metrics}");
    for group in ["lexical_overlap,entailment", "constituent,non-entailment"] {
        assert!(rows(&format!("challenge,nli/1,\"{group}\",6,accuracy,")).len() == 1, "{metrics}");
    }
    assert!(rows("filtered,nli/1,\"\",5,loss,").len() == 1, "{metrics}");

    // The same bytes at another place are the same source.
    std::fs::rename(workspace.path("data/nli.tsv"), workspace.path("nli.tsv")).unwrap();
    let moved = workspace.run(&["--set", "fetch.nli.dataset=path:nli.tsv"]).ok();
    assert!(moved.err.contains("nothing to do"), "{}", moved.err);
}

#[test]
fn the_offline_hub_serves_models_and_data() {
    let hub = NLI
        .replace("path:model", "hf:someone/tiny-bert")
        .replace("dataset = \"path:data/nli.tsv\"", "dataset = \"hf:someone/nli\"")
        .replace("nli.nli[0..40]", "nli.train[0..40]");
    let workspace = with_model(&hub);
    write_nli(&workspace);
    let lay_out = |repo: &str, files: &[(&str, &Path)]| {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        workspace.write(&format!("hf_home/hub/{repo}/refs/main"), commit);
        for (name, file) in files {
            let content = std::fs::read(file).unwrap();
            workspace.write(&format!("hf_home/hub/{repo}/snapshots/{commit}/{name}"), content);
        }
    };
    let model = workspace.path("model");
    let files = ["config.json", "tokenizer.json", "model.safetensors"].map(|name| (name, model.join(name)));
    let files: Vec<(&str, &Path)> = files.iter().map(|(name, path)| (*name, path.as_path())).collect();
    lay_out("models--someone--tiny-bert", &files);
    lay_out("datasets--someone--nli", &[("data/train-00000-of-00001.tsv", &workspace.path("data/nli.tsv"))]);

    let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu", "--until", "finetune"]);
    let ended: crate::workspace::Ended =
        command.env("HF_HUB_OFFLINE", "1").env("HF_TOKEN", "hf_planted_secret").output().unwrap().into();
    ended.ok();
    let grep =
        std::process::Command::new("grep").args(["-r", "hf_planted_secret"]).current_dir(workspace.path("")).output();
    assert!(grep.unwrap().stdout.is_empty(), "the token was written somewhere");
    // The commit that `main` was is kept.
    let kept = std::process::Command::new("grep")
        .args(["-rl", "0123456789abcdef", "cache/v1/steps"])
        .current_dir(workspace.path(""))
        .output();
    assert_eq!(String::from_utf8_lossy(&kept.unwrap().stdout).lines().count(), 2);
}

/// What the one failed step said, without its log's path.
#[track_caller]
fn failure(workspace: &Workspace) -> String {
    let run = workspace.run(&[]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(!run.err.contains("panicked") && !run.err.contains("broke off"), "{}", run.err);
    let start = run.err.find("failed ").unwrap();
    let text = run.err[start..].lines().next().unwrap().to_owned();
    let log = run.err.lines().find_map(|line| line.strip_prefix("  log: ")).unwrap();
    assert!(std::fs::read_to_string(workspace.path(log)).unwrap().contains("failed: "));
    text.replace(&workspace.path("").display().to_string(), "")
}

#[test]
fn broken_sources_are_refused_with_clear_words() {
    let workspace = with_model(NLI);
    write_nli(&workspace);
    let tsv = workspace.read("data/nli.tsv");
    let weights = std::fs::read(workspace.path("model/model.safetensors")).unwrap();

    workspace.write("data/nli.tsv", tsv.replacen("gold", "label", 1));
    let missing = failure(&workspace);
    assert_eq!(
        missing,
        "failed fetch.nli[nli]: data/nli.tsv has no column `gold`; its columns are [premise, hypothesis, label]"
    );

    workspace.write("data/nli.tsv", tsv.replacen("\tcontradiction", "\tcontradicts", 1));
    assert_eq!(
        failure(&workspace),
        "failed fetch.nli[nli]: 1 row of data/nli.tsv has labels outside [entailment, neutral, contradiction]: contradicts, \
         neither a name nor a place, 0 to 2, first in line 4: write labels = { entailment = \"entailment\", neutral = \
         \"neutral\", contradiction = [\"contradiction\", \"contradicts\"] }"
    );

    workspace.write("data/nli.tsv", tsv.lines().next().unwrap());
    assert_eq!(failure(&workspace), "failed fetch.nli[nli]: data/nli.tsv has no rows of data");

    workspace.write("data/nli.tsv", tsv);
    workspace.write("model/model.safetensors", &weights[..weights.len() / 2]);
    assert_eq!(
        failure(&workspace),
        "failed fetch.model: failed to read the safetensors file: incomplete metadata, file not fully covered; it may be truncated, fetch it again (`model/model.safetensors`)"
    );

    workspace.write("model/model.safetensors", &weights);
    let config = workspace.read("model/config.json");
    workspace.write("model/config.json", config.replace("\"intermediate_size\": 64", "\"intermediate_size\": 32"));
    assert_eq!(
        failure(&workspace),
        "failed fetch.model: the weights do not fit the configuration: of another shape: \
         `bert.encoder.layer.0.intermediate.dense.weight` (it is [64, 16], not [32, 16]), \
         `bert.encoder.layer.0.intermediate.dense.bias` (it is [64], not [32]), \
         `bert.encoder.layer.0.output.dense.weight` (it is [16, 64], not [16, 32]) (`model/model.safetensors`)"
    );
}

#[test]
fn without_a_network_the_message_says_what_would_help() {
    let workspace = Workspace::new(&NLI.replace("path:model", "hf:someone/tiny-bert"));
    write_nli(&workspace);
    assert_eq!(
        failure(&workspace),
        "failed fetch.model: failed to reach 127.0.0.1:9 for someone/tiny-bert: io: Connection refused (os error 111); \
         the hub cache hf_home/hub does not serve either (it holds nothing of that repository): fetch it where there \
         is a network, share or copy that folder, and set HF_HUB_OFFLINE=1"
    );
}

#[test]
fn files_that_are_not_there_are_found_by_check() {
    let workspace = Workspace::new(&NLI.replace("path:model", "hf:someone/tiny-bert"));
    let checked = workspace.pipeline(&["check", "study.toml"]);
    assert!(checked.err.starts_with("error: there is no file or folder `data/nli.tsv`\n"), "{}", checked.err);
}

/// A published model in its zip file, TensorFlow's checkpoint inside, and the same model as others write it.
#[test]
fn every_form_of_a_model_is_the_same_model() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/formats");
    let study = NLI.replace("path:model", "path:cased_tiny.zip");
    let workspace = Workspace::new(&study);
    write_nli(&workspace);
    let copy = |from: &str, to: &str| workspace.write(to, std::fs::read(fixtures.join(from)).unwrap());
    copy("cased_tiny.zip", "cased_tiny.zip");
    for (folder, from, weights) in [
        ("torch", "zip.bin", "pytorch_model.bin"),
        ("legacy", "legacy.bin", "pytorch_model.bin"),
        ("flax", "flax.msgpack", "flax_model.msgpack"),
        ("safetensors", "model.safetensors", "model.safetensors"),
    ] {
        copy(from, &format!("cased_{folder}/{weights}"));
        copy("bert_config.json", &format!("cased_{folder}/bert_config.json"));
        copy("vocab.txt", &format!("cased_{folder}/vocab.txt"));
        workspace.write(&format!("cased_{folder}/README.md"), "not read");
    }
    let fetch = |source: &str| {
        let set = format!("fetch.model.model=path:{source}");
        workspace.run(&["--only", "fetch.model", "--set", &set]).ok()
    };
    assert!(!fetch("cased_tiny.zip").err.contains("note:"));
    let first = workspace.finished();
    assert_eq!(first.len(), 1);
    for folder in ["torch", "legacy", "flax", "safetensors"] {
        fetch(&format!("cased_{folder}"));
    }
    let models = workspace.finished();
    let outputs: std::collections::BTreeSet<_> = models.values().collect();
    assert_eq!((models.len(), outputs.len()), (5, 1), "{models:?}");

    // Only what is read is part of the key; the name is, where it decides about case.
    workspace.write("cased_torch/README.md", "read by people only");
    fetch("cased_torch");
    assert_eq!(workspace.finished().len(), 5);
    std::fs::rename(workspace.path("cased_torch"), workspace.path("torch")).unwrap();
    fetch("torch");
    workspace.write("torch/tokenizer_config.json", "{\"do_lower_case\": false}");
    fetch("torch");
    let models = workspace.finished();
    let outputs: std::collections::BTreeSet<_> = models.values().collect();
    assert_eq!((models.len(), outputs.len()), (7, 2), "{models:?}");

    workspace.run(&["--until", "finetune", "--set", "finetune.nli.max_length=12"]).ok();
}

/// As a Trainer leaves a checkpoint that was given no tokenizer.
#[test]
fn a_model_without_its_tokenizer_takes_another_ones() {
    let workspace = with_model(NLI);
    write_nli(&workspace);
    workspace.run(&["--only", "fetch.model"]).ok();
    let whole = workspace.finished();
    std::fs::create_dir(workspace.path("words")).unwrap();
    let files =
        ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt"];
    for file in files.into_iter().filter(|file| workspace.path("model").join(file).exists()) {
        std::fs::rename(workspace.path("model").join(file), workspace.path("words").join(file)).unwrap();
    }
    std::fs::copy(workspace.path("model/config.json"), workspace.path("words/config.json")).unwrap();
    workspace.write("model/trainer_state.json", "{}");
    let checked = workspace.pipeline(&["check", "study.toml"]);
    let said =
        "a Trainer that was given none saves none; write tokenizer = \"hf:REPO\" or \"path:FOLDER\" beside `model`";
    assert!(checked.code == Some(2) && checked.err.contains(said), "{}", checked.err);

    let apart = ["--set", "fetch.model.tokenizer=path:words"];
    workspace.run(&[&["--only", "fetch.model"], &apart[..]].concat()).ok();
    let steps = workspace.finished();
    let outputs: std::collections::BTreeSet<_> = steps.values().collect();
    assert_eq!((whole.len(), steps.len(), outputs.len()), (1, 3, 2), "{steps:?}");
    // What decides ids is in the key.
    workspace.write("words/tokenizer_config.json", "{\"do_lower_case\": false}");
    workspace.run(&[&["--only", "fetch.model"], &apart[..]].concat()).ok();
    assert_eq!(workspace.finished().len(), 5);
    let wrong = workspace.pipeline(&["check", "study.toml", "--set", "fetch.model.tokenizer=path:d"]);
    assert!(wrong.code == Some(2), "{}", wrong.err);
}

#[test]
fn a_models_address_is_a_zip_file_with_a_digest() {
    let study = |source: &str| NLI.replace("\"path:model\"", source);
    let workspace = Workspace::new(NLI);
    write_nli(&workspace);
    let cases = [
        ("\"https://a.b/model.zip\"", Some("an https source needs the `blake3` of its content")),
        ("\"https://a.b/model.bin\"\nblake3 = \"00\"", Some("`path:FILE.zip` or `https://….zip`")),
        ("\"https://a.b/model.zip\"\nblake3 = \"00\"", Some("`blake3` must be 64 hexadecimal digits")),
        ("\"path:study.toml\"", Some("is neither a folder nor a zip file")),
        (&format!("\"https://a.b/cased_model.zip?x\"\nblake3 = \"{}\"", "0".repeat(64)), None),
    ];
    for (source, message) in cases {
        workspace.write("study.toml", study(source));
        let checked = workspace.pipeline(&["check", "study.toml"]);
        match message {
            Some(message) => assert!(checked.err.contains(message), "{source}: {}", checked.err),
            None => drop(checked.ok()),
        }
    }
}

#[test]
fn what_a_checkpoint_lacks_is_said() {
    let workspace = with_model(NLI);
    write_nli(&workspace);
    let run = workspace.run(&["--only", "fetch.model"]).ok();
    let note = "  note: classifier.weight and classifier.bias are not in the file: a new head is drawn\n";
    assert!(run.err.contains(note), "{}", run.err);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/formats");
    std::fs::remove_file(workspace.path("model/model.safetensors")).unwrap();
    workspace.write("model/pytorch_model.bin", std::fs::read(fixtures.join("trap_zip.bin")).unwrap());
    let refused = failure(&workspace);
    assert!(refused.contains("the pickle asks for the class `posix.system`"), "{refused}");
    assert!(!workspace.run(&["--only", "fetch.model"]).out.contains("must never run"));
    std::fs::remove_file(workspace.path("model/pytorch_model.bin")).unwrap();
    let checked = workspace.pipeline(&["check", "study.toml"]);
    assert!(
        checked.err.contains("`model` is not a model: it has no model.safetensors, pytorch_model.bin"),
        "{}",
        checked.err
    );
}
