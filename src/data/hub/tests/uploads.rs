//! Commits to a hub that says what it is asked.

use super::*;
use serde_json::{Value, json};

const CREATE: &str = "/api/repos/create";
const PREUPLOAD: &str = "/api/models/me/bert/preupload/main";
const BATCH: &str = "/me/bert.git/info/lfs/objects/batch";
const COMMIT_TO: &str = "/api/models/me/bert/commit/main";

fn answer(value: Value) -> Reply {
    Reply::ok(value.to_string().as_bytes())
}

fn weights() -> Vec<u8> {
    b"0123456789".repeat(100)
}

fn files() -> Vec<(String, Vec<u8>)> {
    vec![("config.json".into(), CONFIG.to_vec()), ("model.safetensors".into(), weights())]
}

fn modes(config: Option<String>, weights: Option<String>) -> Reply {
    answer(json!({"files": [
        {"path": "config.json", "uploadMode": "regular", "shouldIgnore": false, "oid": config},
        {"path": "model.safetensors", "uploadMode": "lfs", "shouldIgnore": false, "oid": weights},
    ]}))
}

/// An empty repository with large file storage on another host.
fn stubs() -> (Stub, Stub) {
    let cdn = Stub::start(vec![("/put?signature=x", vec![Reply::ok(b"")])]);
    let stub = Stub::start(vec![
        (CREATE, vec![answer(json!({"url": "https://hub/me/bert"}))]),
        (PREUPLOAD, vec![modes(None, None)]),
        (COMMIT_TO, vec![answer(json!({"commitUrl": "https://hub/me/bert/commit/abc", "commitOid": "abc"}))]),
        ("/verify", vec![Reply::ok(b"{}")]),
    ]);
    let upload = json!({"href": format!("{}/put?signature=x", cdn.address)});
    // Addresses of the original come back to the endpoint in use.
    let verify = json!({"href": "https://huggingface.co/verify"});
    let object = json!({"oid": sha256(&weights()), "size": 1000, "actions": {"upload": upload, "verify": verify}});
    stub.page(BATCH, vec![answer(json!({"transfer": "basic", "objects": [object]}))]);
    (stub, cdn)
}

fn upload(stub: &Stub, change: impl FnOnce(&mut HubSettings)) -> Result<Uploaded, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder, &stub.address, false);
    change(&mut settings);
    let wanted = Upload { repo: "me/bert", branch: "main", private: true, message: "Step 7", files: &files() };
    Hub::new(settings).unwrap().upload(&wanted)
}

/// The JSON that a page was sent.
fn sent(stub: &Stub, page: &str) -> Vec<Value> {
    let requests = stub.requests();
    let request = requests.iter().find(|request| request.line() == format!("POST {page}")).expect(page);
    let text = String::from_utf8(request.body.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_commit_holds_small_files_and_names_large_ones_that_were_sent_before() {
    let (stub, cdn) = stubs();
    let done = upload(&stub, |_| {}).unwrap();
    assert_eq!(done, Uploaded { url: "https://hub/me/bert/commit/abc".into(), changed: 2 });
    let lines = [CREATE, PREUPLOAD, BATCH, "/verify", COMMIT_TO].map(|page| format!("POST {page}"));
    assert_eq!(stub.lines(), lines);
    assert!(stub.requests().iter().all(|asked| asked.header("authorization") == Some("Bearer very-secret")));

    let oid = sha256(&weights());
    let create = json!({"name": "bert", "organization": "me", "type": "model", "private": true});
    assert_eq!(sent(&stub, CREATE), [create]);
    let first = &sent(&stub, PREUPLOAD)[0]["files"][0];
    assert_eq!(first, &json!({"path": "config.json", "sample": "eyJtb2RlbF90eXBlIjogImJlcnQifQ==", "size": 22}));
    let batch = &sent(&stub, BATCH)[0];
    assert_eq!(batch["objects"], json!([{"oid": oid, "size": 1000}]));
    assert_eq!((&batch["operation"], &batch["hash_algo"]), (&json!("upload"), &json!("sha256")));
    assert_eq!(sent(&stub, "/verify"), [json!({"oid": oid, "size": 1000})]);
    let commit = sent(&stub, COMMIT_TO);
    assert_eq!(commit[0], json!({"key": "header", "value": {"summary": "Step 7", "description": ""}}));
    let content = "eyJtb2RlbF90eXBlIjogImJlcnQifQ==";
    let small = json!({"content": content, "path": "config.json", "encoding": "base64"});
    assert_eq!(commit[1], json!({"key": "file", "value": small}));
    let large = json!({"path": "model.safetensors", "algo": "sha256", "oid": oid, "size": 1000});
    assert_eq!(commit[2], json!({"key": "lfsFile", "value": large}));

    let requests = cdn.requests();
    assert_eq!((requests.len(), requests[0].line()), (1, "PUT /put?signature=x"));
    assert_eq!((&requests[0].body, requests[0].header("authorization")), (&weights(), None));
}

#[test]
fn what_is_there_is_not_sent_again() {
    let (stub, cdn) = stubs();
    stub.page(CREATE, vec![Reply::status(409)]);
    let there = json!({"oid": sha256(&weights()), "size": 1000});
    stub.page(BATCH, vec![answer(json!({"objects": [there]}))]);
    assert_eq!(upload(&stub, |_| {}).unwrap().changed, 2);
    assert!(cdn.lines().is_empty() && stub.lines().contains(&format!("POST {COMMIT_TO}")));

    // Only one file differs, then none.
    stub.page(
        PREUPLOAD,
        vec![modes(None, Some(sha256(&weights()))), modes(Some(git_blob(CONFIG)), Some(sha256(&weights())))],
    );
    let before = stub.lines().len();
    assert_eq!(upload(&stub, |_| {}).unwrap().changed, 1);
    assert_eq!(stub.lines()[before..], [CREATE, PREUPLOAD, COMMIT_TO].map(|page| format!("POST {page}")));
    let nothing = upload(&stub, |_| {}).unwrap();
    assert_eq!(nothing, Uploaded { url: format!("{}/me/bert/tree/main", stub.address), changed: 0 });
}

#[test]
fn large_files_go_in_parts_where_the_hub_says_so() {
    let (stub, cdn) = stubs();
    for (part, etag) in [("/1", "one"), ("/2", "two"), ("/3", "three")] {
        cdn.page(part, vec![Reply::status(500), Reply::ok(b"").header("etag", etag)]);
    }
    let part = |number: usize| format!("{}/{number}", cdn.address);
    let header = json!({"chunk_size": "400", "2": part(2), "1": part(1), "3": part(3)});
    let upload_action = json!({"href": format!("{}/complete", stub.address), "header": header});
    let object = json!({"oid": sha256(&weights()), "size": 1000, "actions": {"upload": upload_action}});
    stub.page(BATCH, vec![answer(json!({"objects": [object]}))]);
    stub.page("/complete", vec![Reply::ok(b"{}")]);
    assert_eq!(upload(&stub, |_| {}).unwrap().changed, 2);
    let arrived: Vec<u8> = cdn.requests().into_iter().step_by(2).flat_map(|request| request.body).collect();
    assert_eq!(arrived, weights());
    let parts =
        [(1, "one"), (2, "two"), (3, "three")].map(|(number, etag)| json!({"partNumber": number, "etag": etag}));
    assert_eq!(sent(&stub, "/complete"), [json!({"oid": sha256(&weights()), "parts": parts})]);

    let header = json!({"chunk_size": "400", "1": part(1)});
    let upload_action = json!({"href": format!("{}/complete", stub.address), "header": header});
    let object = json!({"oid": sha256(&weights()), "size": 1000, "actions": {"upload": upload_action}});
    stub.page(BATCH, vec![answer(json!({"objects": [object]}))]);
    assert!(upload(&stub, |_| {}).unwrap_err().to_string().contains("make no sense"));
}

#[test]
fn a_broken_upload_commits_nothing_and_says_why() {
    let committed = |stub: &Stub| stub.lines().contains(&format!("POST {COMMIT_TO}"));
    let (stub, cdn) = stubs();
    cdn.page("/put?signature=x", vec![Reply::status(500)]);
    let error = upload(&stub, |_| {}).unwrap_err().to_string();
    assert!(error.contains("answered 500 for model.safetensors of me/bert") && !error.contains("signature"), "{error}");
    assert!(!committed(&stub));

    let (stub, _) = stubs();
    let refused = json!({"oid": sha256(&weights()), "size": 1000, "error": {"code": 413, "message": "too large"}});
    stub.page(BATCH, vec![answer(json!({"objects": [refused]}))]);
    let error = upload(&stub, |_| {}).unwrap_err().to_string();
    assert_eq!(error, "failed to upload to me/bert: the hub does not take model.safetensors: too large");
    assert!(!committed(&stub));

    let (stub, _) = stubs();
    stub.page(COMMIT_TO, vec![Reply::status(500)]);
    assert!(upload(&stub, |_| {}).is_err());
    assert_eq!(stub.lines().iter().filter(|line| line.ends_with(COMMIT_TO)).count(), 1, "it might be there twice");

    let (stub, _) = stubs();
    stub.page(CREATE, vec![Reply { body: b"{\"error\": \"no such organization\"}".to_vec(), ..Reply::status(403) }]);
    let error = upload(&stub, |_| {}).unwrap_err().to_string();
    assert!(error.ends_with("answered 403: no such organization; check that HF_TOKEN may write there"), "{error}");
    // A token for one repository may not make any, and need not.
    stub.page("/api/models/me/bert", vec![Reply::ok(b"{}")]);
    assert!(upload(&stub, |_| {}).is_ok());
}

#[test]
fn without_a_token_nothing_is_asked() {
    let (stub, _) = stubs();
    let error = upload(&stub, |settings| settings.token = None).unwrap_err().to_string();
    assert!(error.contains("set HF_TOKEN to one that may write"), "{error}");
    assert!(upload(&stub, |settings| settings.offline = true).unwrap_err().to_string().contains("HF_HUB_OFFLINE"));
    assert!(stub.lines().is_empty());
}

#[test]
fn a_branch_is_made_where_it_is_missing() {
    let (stub, folder) = (stubs().0, tempfile::tempdir().unwrap());
    let branch = "/api/models/me/bert/branch/step%2F7";
    stub.page(branch, vec![Reply::status(409)]);
    stub.page("/api/models/me/bert/preupload/step%2F7", vec![modes(None, Some(sha256(&weights())))]);
    stub.page("/api/models/me/bert/commit/step%2F7", vec![answer(json!({"commitUrl": "x"}))]);
    let wanted = Upload { repo: "me/bert", branch: "step/7", private: false, message: "m", files: &files() };
    assert_eq!(hub(&folder, &stub.address, false).upload(&wanted).unwrap().changed, 1);
    assert_eq!(stub.lines()[1], format!("POST {branch}"));
    assert_eq!(sent(&stub, CREATE)[0].get("private"), None);
}
