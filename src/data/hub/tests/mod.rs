//! The hub as a tiny server on this machine, and its cache in a temporary folder.

mod downloads;
mod hostile;
mod logs;
mod steps;
mod uploads;

use super::digest::{git_blob, sha256};
use super::*;
use crate::data::ModelFiles;
use crate::data::tests::stub::{Gate, Reply, Stub};
use std::path::Path;
use std::time::Duration;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const NEWER: &str = "89abcdef0123456789abcdef0123456789abcdef";
const CONFIG: &[u8] = b"{\"model_type\": \"bert\"}";

fn info(commit: &str, files: &[&str]) -> Reply {
    let siblings: Vec<_> = files.iter().map(|file| serde_json::json!({"rfilename": file})).collect();
    Reply::ok(serde_json::json!({"sha": commit, "siblings": siblings, "id": "me/bert"}).to_string().as_bytes())
}

fn file(body: &[u8]) -> Reply {
    Reply::hub_file(COMMIT, &git_blob(body), body)
}

fn settings(folder: &tempfile::TempDir, endpoint: &str, offline: bool) -> HubSettings {
    HubSettings {
        cache: folder.path().join("hub"),
        endpoint: endpoint.to_string(),
        token: Some("very-secret".to_string()),
        token_from: "HF_TOKEN".to_string(),
        offline,
        offline_by: "HF_HUB_OFFLINE",
        pause: Duration::ZERO,
        stalled: Duration::from_secs(300),
        window: Duration::from_secs(300),
    }
}

fn hub(folder: &tempfile::TempDir, endpoint: &str, offline: bool) -> Hub {
    Hub::new(settings(folder, endpoint, offline)).unwrap()
}

fn model_stub() -> Stub {
    let weights = b"weights".repeat(1000);
    let at = |file: &str| format!("/me/bert/resolve/{COMMIT}/{file}");
    let linked = Reply::status(302)
        .header("x-repo-commit", COMMIT)
        .header("x-linked-etag", format!("\"{}\"", sha256(&weights)))
        .header("x-linked-size", weights.len().to_string())
        .header("location", "/cdn/weights");
    let files = ["README.md", "../../escape", "config.json", "model.safetensors", "vocab.txt"];
    Stub::start(vec![
        ("/api/models/me/bert/revision/main", vec![Reply::status(503), info(COMMIT, &files)]),
        (&at("config.json"), vec![file(CONFIG)]),
        (&at("model.safetensors"), vec![linked]),
        ("/cdn/weights", vec![file(&weights).header("x-linked-etag", sha256(&weights))]),
        (&at("vocab.txt"), vec![Reply::status(429), file(b"[PAD]\n")]),
        ("/api/models/me/gated/revision/main", vec![Reply::status(401)]),
        ("/api/models/me/terms/revision/main", vec![Reply::status(403).header("x-error-code", "GatedRepo")]),
    ])
}

#[test]
fn a_model_is_downloaded_once_and_serves_without_the_hub_after_that() {
    let (stub, folder) = (model_stub(), tempfile::tempdir().unwrap());
    let online = hub(&folder, &stub.address, false);
    let model = online.model_files("me/bert", None, None, ModelFiles::choose).unwrap();
    assert_eq!((model.commit.as_str(), &model.note), (COMMIT, &None));
    let names: Vec<&str> = model.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["config.json", "model.safetensors", "vocab.txt"]);
    assert_eq!(std::fs::read(&model.files[0].1).unwrap(), CONFIG);
    assert_eq!(std::fs::read(&model.files[1].1).unwrap(), b"weights".repeat(1000));
    assert!(stub.requests().iter().all(|asked| asked.header("authorization") == Some("Bearer very-secret")));

    let before = stub.requests().len();
    assert_eq!(online.model_files("me/bert", None, None, ModelFiles::choose).unwrap().files, model.files);
    assert_eq!(stub.requests().len(), before + 1, "only the revision is asked for again");
    assert_eq!(online.model_files("me/bert", Some(COMMIT), None, ModelFiles::choose).unwrap().files, model.files);
    assert_eq!(stub.requests().len(), before + 1, "a commit is not asked for at all");

    let offline =
        hub(&folder, "http://127.0.0.1:9", true).model_files("me/bert", None, None, ModelFiles::choose).unwrap();
    assert_eq!((&offline.files, offline.note), (&model.files, None));
    let cut_off =
        hub(&folder, "http://127.0.0.1:9", false).model_files("me/bert", None, None, ModelFiles::choose).unwrap();
    assert_eq!(cut_off.files, model.files);
    let note = cut_off.note.unwrap();
    assert!(note.contains("failed to reach 127.0.0.1:9") && note.contains("commit 0123456789ab"), "{note}");
}

#[test]
fn what_cannot_be_had_is_named_with_what_to_do() {
    let (stub, folder) = (model_stub(), tempfile::tempdir().unwrap());
    let cases = [
        (
            stub.address.as_str(),
            false,
            "me/gated",
            ["(401), and the token from HF_TOKEN was sent along", "renew it, or unset it"],
        ),
        (stub.address.as_str(), false, "me/terms", ["me/terms is gated", "HF_TOKEN"]),
        (stub.address.as_str(), false, "me/absent", ["no repository me/absent", "revision `main`"]),
        ("http://127.0.0.1:9", false, "me/bert", ["failed to reach 127.0.0.1:9", "HF_HUB_OFFLINE=1"]),
        ("http://127.0.0.1:9", true, "me/bert", ["HF_HUB_OFFLINE is set", "nothing of that repository"]),
    ];
    for (endpoint, offline, repo, parts) in cases {
        let error = hub(&folder, endpoint, offline).model_files(repo, None, None, ModelFiles::choose).unwrap_err();
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert!(!message.contains("secret") && !format!("{error:?}").contains("secret"), "{message}");
        assert!(!offline || message.contains(folder.path().to_str().unwrap()), "{message}");
    }
}

/// The network is blamed only where it may be what lacks.
#[test]
fn a_cache_that_has_the_answer_gives_it_and_one_that_cannot_be_read_says_so() {
    let (stub, folder) = (model_stub(), tempfile::tempdir().unwrap());
    let found = hub(&folder, &stub.address, false).model_files("me/bert", None, None, ModelFiles::choose).unwrap();
    let snapshot = found.files[0].1.parent().unwrap().to_owned();
    let offline = || {
        let offline = hub(&folder, "http://127.0.0.1:9", true);
        offline.model_files("me/bert", None, None, ModelFiles::choose).unwrap_err().to_string()
    };
    std::fs::remove_file(snapshot.join("config.json")).unwrap();
    let message = offline();
    assert!(
        message.contains("me/bert has no config.json") && message.contains("if the hub itself has more"),
        "{message}"
    );
    std::fs::rename(&snapshot, folder.path().join("away")).unwrap();
    std::fs::write(&snapshot, "no folder").unwrap();
    let message = offline();
    assert!(message.contains("failed to read") && !message.contains("HF_HUB_OFFLINE"), "{message}");
}

/// Of a commit too, of which the cache may hold some files: those of another split.
#[test]
fn the_readme_says_which_files_are_a_split_and_the_hub_how_many() {
    let readme =
        b"---\nconfigs:\n- data_files:\n  - split: few\n    path: a.csv\n  - split: all\n    path: '*.csv'\n---\n";
    let at = |name: &str| format!("/datasets/me/set/resolve/{COMMIT}/{name}");
    let stub = Stub::start(vec![
        (&format!("/api/datasets/me/set/revision/{COMMIT}"), vec![info(COMMIT, &["README.md", "a.csv", "b.csv"])]),
        (&at("README.md"), vec![file(readme)]),
        (&at("a.csv"), vec![file(b"a")]),
        (&at("b.csv"), vec![file(b"b")]),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let count = |endpoint: &str, offline, split| {
        let found = hub(&folder, endpoint, offline).dataset_files("me/set", Some(COMMIT), None, split).unwrap();
        (found.files.len(), found.note)
    };
    assert_eq!(count(&stub.address, false, "few"), (1, None));
    assert_eq!(count("http://127.0.0.1:9", true, "few"), (1, None));
    let doubt = "read from the hub cache's part of me/set: how many files the split has is not known there";
    assert_eq!(count("http://127.0.0.1:9", true, "all"), (1, Some(doubt.to_string())));
    assert_eq!(count(&stub.address, false, "all"), (2, None));
}

/// A mirror may know nothing itself: what it is asked is the original's to answer, and the token is not the original's.
#[test]
fn a_mirror_that_sends_on_for_good_is_followed_without_the_token() {
    let (original, folder) = (model_stub(), tempfile::tempdir().unwrap());
    let on = |path: &str| Reply::status(308).header("location", format!("{}{path}", original.address));
    let at = |file: &str| format!("/me/bert/resolve/{COMMIT}/{file}");
    let revision = "/api/models/me/bert/revision/main";
    let paths = [revision.to_string(), at("config.json"), at("model.safetensors"), at("vocab.txt")];
    let mirror = Stub::start(paths.iter().map(|path| (path.as_str(), vec![on(path)])).collect());
    let model = hub(&folder, &mirror.address, false).model_files("me/bert", None, None, ModelFiles::choose).unwrap();
    assert_eq!((model.commit.as_str(), model.files.len()), (COMMIT, 3));
    assert_eq!(std::fs::read(&model.files[1].1).unwrap(), b"weights".repeat(1000));
    assert!(mirror.requests().iter().all(|asked| asked.header("authorization") == Some("Bearer very-secret")));
    assert!(original.requests().iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn a_split_comes_from_main_or_else_from_the_hubs_own_conversion() {
    let rows = b"PAR1";
    let one = format!("/datasets/me/set/resolve/{COMMIT}/qqp/train-00000-of-00002.parquet");
    let two = format!("/datasets/me/set/resolve/{COMMIT}/qqp/train-00001-of-00002.parquet");
    let converted = format!("/datasets/me/old/resolve/{NEWER}/default/test/0000.parquet");
    let files = ["qqp/train-00001-of-00002.parquet", "qqp/train-00000-of-00002.parquet"];
    let stub = Stub::start(vec![
        ("/api/datasets/me/set/revision/main", vec![info(COMMIT, &files)]),
        (&one, vec![file(rows)]),
        (&two, vec![file(b"PAR2")]),
        ("/api/datasets/me/old/revision/main", vec![info(COMMIT, &["old.py"])]),
        ("/api/datasets/me/old/revision/refs%2Fconvert%2Fparquet", vec![info(NEWER, &["default/test/0000.parquet"])]),
        (&converted, vec![file(rows)]),
    ]);
    let folder = tempfile::tempdir().unwrap();
    for (endpoint, offline) in [(stub.address.as_str(), false), ("http://127.0.0.1:9", true)] {
        let hub = hub(&folder, endpoint, offline);
        let train = hub.dataset_files("me/set", None, Some("qqp"), "train").unwrap();
        assert_eq!((train.revision.as_str(), train.files.len()), ("main", 2));
        assert_eq!(std::fs::read(&train.files[1]).unwrap(), b"PAR2");
        let test = hub.dataset_files("me/old", None, None, "test").unwrap();
        assert_eq!((test.revision.as_str(), test.commit.as_str()), (CONVERTED, NEWER));
        let error = hub.dataset_files("me/set", None, Some("qqp"), "trian").unwrap_err().to_string();
        assert!(error.contains("did you mean `train`"), "{error}");
        let error = hub.dataset_files("me/set", None, Some("qpq"), "train").unwrap_err().to_string();
        assert!(error.contains("no configuration `qpq`"), "{error}");
    }
    let cut_off = hub(&folder, "http://127.0.0.1:9", false).dataset_files("me/old", None, None, "test").unwrap();
    assert_eq!(cut_off.commit, NEWER);
    assert!(cut_off.note.unwrap().contains("failed to reach 127.0.0.1:9"));
    // A download that was interrupted before the first file is not taken for the whole split.
    let snapshot = folder.path().join(format!("hub/datasets--me--set/snapshots/{COMMIT}/qqp"));
    std::fs::remove_file(snapshot.join("train-00000-of-00002.parquet")).unwrap();
    let error = hub(&folder, "x", true).dataset_files("me/set", None, Some("qqp"), "train").unwrap_err().to_string();
    assert!(error.contains("1 of 2 are there"), "{error}");
}
