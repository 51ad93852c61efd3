//! A planted token is nowhere but in the requests to the hub: not in a log, an error, a journal, a manifest, a result,
//! the cache, or the command line of a process.

use std::path::Path;

use crate::background::{Run, wait_for};
use crate::sources::{MODEL_FILES, model_info, sha256, with_model};
use crate::stub::{Gate, Reply, Stub};
use crate::workspace::{Ended, Workspace};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The one in the environment and the one in the file have it in common.
const SECRET: &str = "planted_secret";
const STUDY: &str = r#"
[experiment]
name = "far"

[fetch.model]
model = "hf:someone/tiny-bert"

[fetch.refused]
model = "hf:someone/refused"

[fetch.absent]
model = "hf:someone/absent"

[fetch.busy]
model = "hf:someone/busy"

[fetch.astray]
model = "hf:someone/astray"
"#;

/// Everything that was written below a folder, names and contents, but for one file.
pub fn assert_unwritten(folder: &Path, secret: &str, but: Option<&Path>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        assert!(!entry.to_string_lossy().contains(secret), "{}", entry.display());
        if entry.is_symlink() || Some(entry.as_path()) == but {
            continue;
        }
        if entry.is_dir() {
            assert_unwritten(&entry, secret, but);
            continue;
        }
        let found = std::fs::read(&entry).unwrap().windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{} holds the secret", entry.display());
    }
}

/// The command lines of a process and of those that it started.
fn command_lines(process: u32) -> Vec<String> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path()) {
        let read =
            |name: &str| std::fs::read(folder.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (Ok(stat), Ok(line)) = (read("stat"), read("cmdline")) else { continue };
        // The parent's number is the second word after the name, which is in parentheses.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent == Some(process) || folder.file_name().is_some_and(|name| *name == *process.to_string()) {
            found.push(line.replace('\0', " "));
        }
    }
    found
}

/// A hub where one model is there and everything that can go wrong does with the others.
fn hub(workspace: &Workspace, gate: &Gate) -> Stub {
    let info = model_info(COMMIT);
    let stub = Stub::start(Vec::new());
    let elsewhere = Stub::start(vec![("/gone", vec![Reply::status(403)])]);
    for name in MODEL_FILES {
        let content = std::fs::read(workspace.path(&format!("model/{name}"))).unwrap();
        let file = Reply::hub_file(COMMIT, &sha256(&content), &content);
        stub.page(&format!("/someone/tiny-bert/resolve/{COMMIT}/{name}"), vec![file]);
        let away = Reply::status(302)
            .header("x-linked-etag", sha256(&content))
            .header("location", format!("{}/gone?X-Signature={SECRET}", elsewhere.address));
        stub.page(&format!("/someone/astray/resolve/{COMMIT}/{name}"), vec![away]);
    }
    // Silent until the processes have been looked at.
    let weights = std::fs::read(workspace.path("model/model.safetensors")).unwrap();
    let slow = Reply { cut: Some(2000), stalls: Some(gate.clone()), ..Reply::ok(&weights) };
    let page = format!("GET /someone/tiny-bert/resolve/{COMMIT}/model.safetensors");
    stub.page(&page, vec![slow, Reply::ok(&weights)]);
    for (name, reply) in [
        ("tiny-bert", info.clone()),
        ("astray", info),
        ("refused", Reply::status(401)),
        ("absent", Reply::status(404)),
        ("busy", Reply::status(500).header("retry-after", "0")),
    ] {
        stub.page(&format!("/api/models/someone/{name}/revision/main"), vec![reply]);
    }
    stub
}

#[test]
fn a_token_is_nowhere_but_in_requests_to_the_hub() {
    let workspace = with_model(STUDY);
    let gate = Gate::default();
    let stub = hub(&workspace, &gate);
    let stored = workspace.path("hf_home/token");
    for (in_file, format) in [(false, "json"), (true, "human")] {
        workspace.write("hf_home/token", format!("hf_{SECRET}_of_the_file\n"));
        let mut command =
            workspace.command(&["run", "study.toml", "--backend", "cpu", "--log-format", format, "--jobs", "2"]);
        command.env("HF_ENDPOINT", &stub.address).env("RUST_BACKTRACE", "1").env("RUST_LOG", "trace");
        if !in_file {
            command.env("HF_TOKEN", format!("hf_{SECRET}_of_the_environment"));
        }
        let run = Run::of(command);
        if !in_file {
            wait_for("a worker", || {
                let lines = command_lines(run.pid());
                assert!(lines.iter().all(|line| !line.contains(SECRET)), "{lines:?}");
                lines.iter().any(|line| line.contains("worker")).then_some(())
            });
            gate.open();
        }
        let ended = run.end();
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        for failed in ["refused", "absent", "busy", "astray"] {
            assert!(ended.err.contains(failed) || ended.out.contains(failed), "{failed}: {}\n{}", ended.out, ended.err);
        }
        assert!(!ended.out.contains(SECRET) && !ended.err.contains(SECRET), "{}\n{}", ended.out, ended.err);
        assert_unwritten(&workspace.path(""), SECRET, Some(&stored));
        std::fs::remove_dir_all(workspace.path("cache")).unwrap();
        std::fs::remove_dir_all(workspace.path("hf_home/hub")).unwrap();
    }
    let with = |part: &str| {
        stub.requests().iter().any(|asked| asked.header("authorization").is_some_and(|a| a.contains(part)))
    };
    assert!(with("of_the_environment") && with("of_the_file"), "the token was never used, so this shows nothing");
}

#[test]
fn an_address_is_not_asked_where_the_network_is_off() {
    let study =
        format!("[experiment]\nname = \"far\"\n[fetch.model]\nmodel = \"https://127.0.0.1:9/model.zip?{SECRET}\"\n");
    let workspace = Workspace::new(&format!("{study}blake3 = \"{}\"\n", "0".repeat(64)));
    let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu"]);
    let ended: Ended = command.env("HF_HUB_OFFLINE", "1").output().unwrap().into();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("cannot fetch https://127.0.0.1:9/model.zip?…: HF_HUB_OFFLINE is set"), "{}", ended.err);
}

#[test]
fn secrets_in_addresses_are_not_repeated() {
    let study = |url: &str| {
        format!("[experiment]\nname = \"far\"\n[fetch.model]\nmodel = \"{url}\"\nblake3 = \"{}\"\n", "0".repeat(64))
    };
    // Nothing listens there, so the run fails, but for other reasons.
    for (url, code) in [
        (format!("https://me:{SECRET}@127.0.0.1:9/model.zip"), 2),
        (format!("https://127.0.0.1:9/model.zip?token={SECRET}"), 1),
        (format!("https://127.0.0.1:9/model.tar?token={SECRET}"), 2),
        (format!("http://me:{SECRET}@127.0.0.1:9/model.zip"), 2),
    ] {
        let workspace = Workspace::new(&study(&url));
        for arguments in [&["check"][..], &["run", "--backend", "cpu", "--log-format", "json"]] {
            let mut command = workspace.command(&[&arguments[..1], &["study.toml"], &arguments[1..]].concat());
            let ended: Ended = command.env("RUST_BACKTRACE", "1").output().unwrap().into();
            let expected = if arguments[0] == "check" && code == 1 { 0 } else { code };
            assert_eq!(ended.code, Some(expected), "{url}: {}\n{}", ended.out, ended.err);
            assert!(!ended.out.contains(SECRET) && !ended.err.contains(SECRET), "{}\n{}", ended.out, ended.err);
        }
        assert_unwritten(&workspace.path(""), SECRET, Some(&workspace.path("study.toml")));
    }
}
