//! The hub as a stub on this machine: a download that is killed with its whole process is gone on with.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sources::with_model;
use crate::stub::{Reply, Stub};
use crate::workspace::Ended;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const STUDY: &str = r#"
[experiment]
name = "far"

[fetch.model]
model = "hf:someone/tiny-bert"
"#;

fn sha256(bytes: &[u8]) -> String {
    <sha2::Sha256 as sha2::Digest>::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_killed_download_is_gone_on_with_by_the_next_run() {
    let workspace = with_model(STUDY);
    let names = ["config.json", "model.safetensors", "tokenizer.json"];
    let siblings = names.map(|name| serde_json::json!({"rfilename": name}));
    let info = serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string();
    let stub = Stub::start(vec![("/api/models/someone/tiny-bert/revision/main", vec![Reply::ok(info.as_bytes())])]);
    let page = |name: &str| format!("/someone/tiny-bert/resolve/{COMMIT}/{name}");
    for name in names {
        let content = std::fs::read(workspace.path(&format!("model/{name}"))).unwrap();
        stub.page(&page(name), vec![Reply::hub_file(COMMIT, &sha256(&content), &content)]);
    }
    let weights = std::fs::read(workspace.path("model/model.safetensors")).unwrap();
    let silent = Reply { cut: Some(2000), stalls: Duration::from_secs(60), ..Reply::ok(&weights) };
    stub.page(&format!("GET {}", page("model.safetensors")), vec![silent, Reply::ok(&weights)]);

    let run = || {
        let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu"]);
        command.env("HF_ENDPOINT", &stub.address).env("HF_TOKEN", "hf_planted_secret");
        command
    };
    let mut first = run().process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let partial = format!("hf_home/hub/models--someone--tiny-bert/blobs/{}.incomplete", sha256(&weights));
    let since = Instant::now();
    while std::fs::metadata(workspace.path(&partial)).map_or(0, |found| found.len()) < 2000 {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing arrived");
        std::thread::sleep(Duration::from_millis(5));
    }
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
