//! The hub as a stub on this machine: a download that is killed with its whole process is gone on with.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::background::wait_for;
use crate::sources::{MODEL_FILES, model_info, sha256, with_model};
use crate::stub::{Gate, Reply, Stub};
use crate::workspace::{Ended, TINY, Workspace};
use serde_json::json;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const STUDY: &str = r#"
[experiment]
name = "far"

[fetch.model]
model = "hf:someone/tiny-bert"
"#;

#[test]
fn a_killed_download_is_gone_on_with_by_the_next_run() {
    let workspace = with_model(STUDY);
    let stub = Stub::start(vec![("/api/models/someone/tiny-bert/revision/main", vec![model_info(COMMIT)])]);
    let page = |name: &str| format!("/someone/tiny-bert/resolve/{COMMIT}/{name}");
    for name in MODEL_FILES {
        let content = std::fs::read(workspace.path(&format!("model/{name}"))).unwrap();
        stub.page(&page(name), vec![Reply::hub_file(COMMIT, &sha256(&content), &content)]);
    }
    let weights = std::fs::read(workspace.path("model/model.safetensors")).unwrap();
    let silent = Reply { cut: Some(2000), stalls: Some(Gate::default()), ..Reply::ok(&weights) };
    stub.page(&format!("GET {}", page("model.safetensors")), vec![silent, Reply::ok(&weights)]);

    let run = || {
        let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu"]);
        command.env("HF_ENDPOINT", &stub.address).env("HF_TOKEN", "hf_planted_secret");
        command
    };
    let mut first = run().process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let partial = format!("hf_home/hub/models--someone--tiny-bert/blobs/{}.incomplete", sha256(&weights));
    let arrived = || std::fs::metadata(workspace.path(&partial)).map_or(0, |found| found.len());
    wait_for("the first part", || (arrived() == 2000).then_some(()));
    // The worker too: it is what downloads.
    let killed = Command::new("kill").args(["-KILL", "--", &format!("-{}", first.id())]).status().unwrap();
    assert!(killed.success());
    first.wait().unwrap();

    let second: Ended = run().output().unwrap().into();
    let second = second.ok();
    assert!(second.err.contains("far: 1 ran, 0 fresh"), "{}", second.err);
    let requests = stub.requests();
    let asked = format!("GET {}", page("model.safetensors"));
    let asked = requests.iter().filter(|request| request.line() == asked);
    let ranges: Vec<_> = asked.map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=2000-")]);
    assert!(!workspace.path(&partial).exists());
    let link = workspace.path(&format!("hf_home/hub/models--someone--tiny-bert/snapshots/{COMMIT}/model.safetensors"));
    assert_eq!(std::fs::read(link).unwrap(), weights);
    let grep = Command::new("grep").args(["-r", "planted_secret"]).current_dir(workspace.path("")).output();
    assert!(grep.unwrap().stdout.is_empty(), "the token was written somewhere");

    // What it left serves without the hub.
    std::fs::remove_dir_all(workspace.path("cache")).unwrap();
    let offline: Ended = run().env("HF_HUB_OFFLINE", "1").output().unwrap().into();
    offline.ok();
    assert_eq!(stub.requests().len(), requests.len());
}

/// The tiny study's models on a hub, each with a history of three commits; a study of them at step 200.
const PUBLISHED: &str = r#"
[experiment]
name = "published"

[fetch.sentences]
dataset = "builtin:agents"
splits.in_domain = { examples = 40, passive = 0.1 }

[fetch.others]
models = "hf:someone/bert-{00..02}"
step = 200

[eval.in_domain]
models = "others"
data = "sentences.in_domain"
max_length = 24
"#;

#[test]
fn published_models_come_from_the_commit_of_their_training_step() {
    let maker = Workspace::new(TINY);
    maker.run(&["--until", "eval.in_domain"]).ok();
    let study = Workspace::new(PUBLISHED);
    maker.lay_out_models("finetune", &study, |parameters| format!("bert-{}", parameters["head_seed"]));
    // Step 200 of model N has the weights of seed N; later and earlier commits have files that would not do.
    let (wanted, commits) = ("2".repeat(40), ["3", "2", "1"].map(|digit| digit.repeat(40)));
    let messages = ["Saved at step 2000", "Saved at step 200", "Saved at step 100"];
    let history: Vec<_> = commits.iter().zip(messages).map(|(id, title)| json!({"id": id, "title": title})).collect();
    let history = serde_json::Value::from(history).to_string();
    let stub = Stub::start(Vec::new());
    for model in 0..3 {
        let api = format!("/api/models/someone/bert-0{model}");
        stub.page(&format!("{api}/commits/main"), vec![Reply::ok(history.as_bytes())]);
        stub.page(&format!("{api}/revision/{wanted}"), vec![model_info(&wanted)]);
        for name in MODEL_FILES {
            let content = std::fs::read(study.path(&format!("bert-{model}/{name}"))).unwrap();
            let file = Reply::hub_file(&wanted, &sha256(&content), &content);
            // Busy at first, as a hub is when a hundred models are asked for.
            let busy = Reply::status(429).header("retry-after", "0");
            stub.page(&format!("/someone/bert-0{model}/resolve/{wanted}/{name}"), vec![busy, file]);
        }
    }
    let run = |more: &[&str]| -> Ended {
        let mut command = study.command(&[&["run", "study.toml", "--backend", "cpu"], more].concat());
        command.env("HF_ENDPOINT", &stub.address).output().unwrap().into()
    };
    run(&[]).ok();
    let theirs = study.read("results/published/metrics.csv");
    let values = |table: &str, stage: &str| -> Vec<String> {
        let models = [0, 1, 2].map(|model| format!("in_domain,{stage}/{model},"));
        let own = table.lines().filter(|line| models.iter().any(|model| line.starts_with(model)));
        own.map(|line| line.rsplit_once(',').unwrap().0.replace(stage, "")).collect()
    };
    let own = maker.read("results/tiny/metrics.csv");
    assert_eq!(values(&own, "agents").len(), 3 * 2, "{own}");
    assert_eq!(values(&own, "agents"), values(&theirs, "others"));

    // On a node without network, with another cache of results.
    let before = stub.requests().len();
    let mut offline = study.command(&["run", "study.toml", "--backend", "cpu", "--cache-dir", "other"]);
    let offline: Ended = offline.env("HF_HUB_OFFLINE", "1").output().unwrap().into();
    offline.ok();
    assert_eq!(stub.requests().len(), before);

    let unknown = run(&["--set", "fetch.others.step=20"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("100, 200, 2000"), "{}", unknown.err);
    let gone = run(&["--set", "fetch.others.models=hf:someone/bert-{02..03}"]);
    assert_eq!(gone.code, Some(1), "{}", gone.err);
    assert!(gone.err.contains("failed fetch.others[3]: "), "{}", gone.err);
    assert!(gone.err.contains("someone/bert-03"), "{}", gone.err);
}
