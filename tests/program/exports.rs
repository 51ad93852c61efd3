//! `pipeline export`: to a folder, and to a hub on this machine.

use serde_json::{Value, json};

use crate::stub::{Reply, Stub};
use crate::workspace::{Ended, TINY, Workspace};

/// The tiny study with its fine-tunes finished.
fn trained() -> Workspace {
    let workspace = Workspace::new(TINY);
    workspace.run(&["--jobs", "2", "--until", "finetune"]).ok();
    workspace
}

fn export(workspace: &Workspace, step: &str, more: &[&str]) -> Ended {
    workspace.pipeline(&[&["export", "study.toml", step], more].concat())
}

#[test]
fn a_finished_model_becomes_a_folder_for_transformers() {
    let workspace = trained();
    let done = export(&workspace, "finetune.agents[seed=1]@2", &["--to", "out/model"]).ok();
    assert_eq!(done.out, "out/model\n");
    let mut names: Vec<String> = std::fs::read_dir(workspace.path("out/model"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "README.md",
        "config.json",
        "model.safetensors",
        "pipeline.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ];
    assert_eq!(names, expected);
    assert_eq!(std::fs::read_dir(workspace.path("out")).unwrap().count(), 1, "something temporary is left");

    let config: Value = serde_json::from_str(&workspace.read("out/model/config.json")).unwrap();
    assert_eq!(config["architectures"], json!(["BertForSequenceClassification"]));
    let provenance: Value = serde_json::from_str(&workspace.read("out/model/pipeline.json")).unwrap();
    let key = provenance["key"].as_str().unwrap();
    assert_eq!(provenance["step"], "finetune.agents[seed=1]");
    let weights = std::fs::read(workspace.path("out/model/model.safetensors")).unwrap();
    let digest = &workspace.finished()[key]["weights@2"];
    assert_eq!(
        (&*blake3::hash(&weights).to_hex(), &provenance["blake3"]["model.safetensors"]),
        (digest.as_str(), &json!(digest))
    );
    let card = workspace.read("out/model/README.md");
    assert!(card.starts_with("---\nlibrary_name: transformers\npipeline_tag: text-classification\n---\n"), "{card}");
    for part in [key, "finetune.agents[seed=1]", "`pretrain.start`", "\"head_seed\": 1", "labels"] {
        assert!(card.contains(part), "{part}: {card}");
    }
    let here = workspace.path("").display().to_string();
    assert!(!card.contains(&here) && !workspace.read("out/model/pipeline.json").contains(&here));

    // The last weights are others; what is there is replaced only when told so.
    let again = export(&workspace, "finetune.agents[seed=1]", &["--to", "out/model"]);
    let refusal = "error: `out/model` is not empty; to replace this earlier export say --force\n";
    assert_eq!((again.code, again.err.as_str()), (Some(3), refusal));
    export(&workspace, "finetune.agents[seed=1]", &["--to", "out/model", "--force"]).ok();
    assert_ne!(std::fs::read(workspace.path("out/model/model.safetensors")).unwrap(), weights);

    // A model that is no classifier has no labels to show.
    export(&workspace, "pretrain.start", &["--to", "start"]).ok();
    assert!(!workspace.read("start/README.md").contains("pipeline_tag"));
}

#[test]
fn what_cannot_be_exported_is_said_with_the_nearest_name() {
    let workspace = trained();
    let cases = [
        (
            "finetune.agents",
            2,
            "error: `finetune.agents` is 4 steps: name one of them, for example `finetune.agents[seed=0]`\n",
        ),
        (
            "finetune.agent[seed=2]",
            2,
            "error: there is no step `finetune.agent[seed=2]` in this experiment; did you mean `finetune.agents[seed=2]`?\n",
        ),
        (
            "finetune.agents[seed=0]@0",
            2,
            "error: `0` is not a checkpoint: write a training step, for example 15000, or \"last\"\n",
        ),
        (
            "nothing like it",
            2,
            "error: there is no step `nothing like it` in this experiment; `pipeline plan FILE --verbose` lists its steps\n",
        ),
        ("finetune.agents[seed=0]@7", 3, "error: finetune.agents[seed=0] keeps no checkpoint 7; it keeps last, 2\n"),
        (
            "fetch.sentences[train]",
            3,
            "error: fetch.sentences[train] makes no model\n  = help: name a step of a fetched, pre-trained or fine-tuned model\n",
        ),
    ];
    for (step, code, message) in cases {
        let ended = export(&workspace, step, &["--to", "out"]);
        assert_eq!((ended.err.as_str(), ended.code), (message, Some(code)));
    }
    let changed = export(&workspace, "finetune.agents[seed=0]", &["--to", "out", "--set", "finetune.agents.epochs=1"]);
    assert_eq!(
        changed.err,
        "error: finetune.agents[seed=0] is not in the cache as the experiment is now\n  = help: run it first, for \
         example with `pipeline run FILE --until finetune.agents`\n"
    );
    for (more, part) in [
        (["--to", "hf:bert", ""], "names no owner"),
        (["--to", "out", "--private"], "--private is for"),
        (["--to", "hf:me/bert", "--force"], "--force is for folders"),
        (["--to", "https://x.y/z", ""], "no place for a model"),
        (["--to", "hf:me/bert", ""], "set HF_TOKEN to one that may write"),
    ] {
        let more: Vec<&str> = more.into_iter().filter(|argument| !argument.is_empty()).collect();
        let ended = export(&workspace, "finetune.agents[seed=0]", &more);
        assert!(ended.err.contains(part) && ended.code != Some(0), "{}", ended.err);
    }
    assert!(!workspace.path("out").exists());
}

#[test]
fn a_model_is_uploaded_and_the_token_stays_secret() {
    let workspace = trained();
    let answer = |value: Value| Reply::ok(value.to_string().as_bytes());
    let stub = Stub::start(vec![("/api/repos/create", vec![answer(json!({"url": "x"}))])]);
    let mode = |name: &str| {
        let large = name == "model.safetensors";
        json!({"path": name, "uploadMode": if large { "lfs" } else { "regular" }, "shouldIgnore": false, "oid": null})
    };
    let names = ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"];
    let names = names.into_iter().chain(["README.md", "model.safetensors", "pipeline.json"]);
    stub.page("/api/models/me/agents/branch/dev", vec![Reply::status(409)]);
    stub.page(
        "/api/models/me/agents/preupload/dev",
        vec![answer(json!({"files": names.map(mode).collect::<Vec<_>>()}))],
    );
    export(&workspace, "finetune.agents[seed=3]@2", &["--to", "local"]).ok();
    let weights = std::fs::read(workspace.path("local/model.safetensors")).unwrap();
    let oid: String =
        <sha2::Sha256 as sha2::Digest>::digest(&weights).iter().map(|byte| format!("{byte:02x}")).collect();
    let action = json!({"upload": {"href": format!("{}/put", stub.address)}});
    let object = json!({"oid": oid, "size": weights.len(), "actions": action});
    stub.page("/me/agents.git/info/lfs/objects/batch", vec![answer(json!({"objects": [object]}))]);
    stub.page("/put", vec![Reply::status(503), Reply::ok(b"")]);
    let page = format!("{}/me/agents/commit/abc", stub.address);
    stub.page("/api/models/me/agents/commit/dev", vec![answer(json!({"commitUrl": page, "commitOid": "abc"}))]);

    let arguments = ["export", "study.toml", "finetune.agents[seed=3]@2", "--to", "hf:me/agents@dev"];
    let mut command = workspace.command(&arguments);
    command.env("HF_ENDPOINT", &stub.address).env("HF_TOKEN", "hf_planted_secret");
    let ended: Ended = command.output().unwrap().into();
    let ended = ended.ok();
    assert_eq!(ended.out, format!("{page}\n"));
    assert!(ended.err.contains("8 of 8 files were new or different"), "{}", ended.err);
    let requests = stub.requests();
    let puts: Vec<_> = requests.iter().filter(|request| request.line().starts_with("PUT")).collect();
    assert_eq!((puts.len(), &puts[1].body, puts[1].header("authorization")), (2, &weights, None));
    let commit = requests.last().unwrap();
    assert_eq!(commit.line(), "POST /api/models/me/agents/commit/dev");
    let lines: Vec<Value> =
        commit.body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!((lines.len(), &lines[0]["value"]["summary"]), (9, &json!("Weights of training step 2")));
    assert!(lines.iter().any(|line| line["value"]["oid"] == json!(oid)));

    stub.page("/api/models/me/agents/commit/dev", vec![Reply::status(403)]);
    let failed: Ended = command.output().unwrap().into();
    assert_eq!(failed.code, Some(1), "{}", failed.err);
    for text in [ended.err, failed.err] {
        assert!(!text.contains("planted_secret"), "{text}");
    }
    let grep =
        std::process::Command::new("grep").args(["-r", "planted_secret"]).current_dir(workspace.path("")).output();
    assert!(grep.unwrap().stdout.is_empty(), "the token was written somewhere");
}
