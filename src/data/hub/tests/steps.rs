//! Models at a training step.

use super::*;

const COMMITS: &str = "/api/models/me/bert/commits/main";

fn commits(entries: &[(&str, &str)]) -> Reply {
    let entry = |(id, title): &(&str, &str)| serde_json::json!({"id": id, "title": title, "message": "", "date": ""});
    Reply::ok(serde_json::Value::from_iter(entries.iter().map(entry)).to_string().as_bytes())
}

/// Two pages of history.
fn stub() -> Stub {
    let stub = model_stub();
    let (old, other) = ("1".repeat(40), "2".repeat(40));
    let next = format!("<{}{COMMITS}?p=1>; rel=\"next\"", stub.address);
    let first =
        commits(&[(&other, "Saving weights and logs of step 150000"), (&other, "v0.15000")]).header("link", next);
    let second = commits(&[(COMMIT, "Saving weights and logs of step 15000"), (&old, "an older step 15000")]);
    stub.page(COMMITS, vec![first]);
    stub.page(&format!("{COMMITS}?p=1"), vec![second]);
    let files = ["config.json", "model.safetensors", "vocab.txt"];
    stub.page(&format!("/api/models/me/bert/revision/{COMMIT}"), vec![info(COMMIT, &files)]);
    stub
}

#[test]
fn the_newest_commit_that_names_the_step_serves_online_and_off() {
    let (stub, folder) = (stub(), tempfile::tempdir().unwrap());
    let online = hub(&folder, &stub.address, false);
    let model = online.model_files("me/bert", None, Some(15000), ModelFiles::choose).unwrap();
    assert_eq!((model.commit.as_str(), &model.note), (COMMIT, &None));
    let reference = folder.path().join("hub/models--me--bert/refs/main~step-15000");
    assert_eq!(std::fs::read_to_string(reference).unwrap(), COMMIT);

    let before = stub.lines().len();
    assert_eq!(online.model_files("me/bert", None, Some(15000), ModelFiles::choose).unwrap(), model);
    assert_eq!(stub.lines()[before..], [format!("GET {COMMITS}"), format!("GET {COMMITS}?p=1")]);

    assert_eq!(
        hub(&folder, "http://127.0.0.1:9", true).model_files("me/bert", None, Some(15000), ModelFiles::choose).unwrap(),
        model
    );
    let cut_off = hub(&folder, "http://127.0.0.1:9", false)
        .model_files("me/bert", None, Some(15000), ModelFiles::choose)
        .unwrap();
    assert_eq!(cut_off.commit, COMMIT);
    assert!(cut_off.note.unwrap().contains("`main~step-15000`"));
}

#[test]
fn a_step_that_no_message_names_is_an_error_that_lists_those_named() {
    let (stub, folder) = (stub(), tempfile::tempdir().unwrap());
    let error = hub(&folder, &stub.address, false)
        .model_files("me/bert", None, Some(1500), ModelFiles::choose)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "no commit of me/bert before `main` names training step 1500; numbers that they name are [15000, 150000]"
    );
    let error = hub(&folder, "http://127.0.0.1:9", true)
        .model_files("me/bert", None, Some(15000), ModelFiles::choose)
        .unwrap_err();
    assert!(error.to_string().contains("at revision `main~step-15000`"), "{error}");
    let error = hub(&folder, "http://127.0.0.1:9", false)
        .model_files("me/bert", None, Some(15000), ModelFiles::choose)
        .unwrap_err();
    assert!(matches!(error, DataError::HubUnreachable { .. }), "{error}");
    let error =
        hub(&folder, &stub.address, false).model_files("me/absent", None, Some(1), ModelFiles::choose).unwrap_err();
    assert!(matches!(error, DataError::RepoNotFound { .. }), "{error}");
}
