//! All files of a folder of logs, from a repository of either kind.

use super::*;

fn wanted(name: &str) -> bool {
    name.starts_with("qqp@1/") && !name.ends_with(".err")
}

fn stub() -> Stub {
    let at = |file: &str| format!("/me/logs/resolve/{COMMIT}/{file}");
    let files = ["qqp@1/1.out", "qqp@1/1.err", "qqp@1/2.out", "other/3.out"];
    Stub::start(vec![
        ("/api/datasets/me/logs/revision/main", vec![Reply::status(401)]),
        ("/api/models/me/logs/revision/main", vec![info(COMMIT, &files)]),
        (&format!("/api/models/me/logs/revision/{COMMIT}"), vec![info(COMMIT, &files)]),
        (&at("qqp%401/1.out"), vec![file(b"one")]),
        (&at("qqp%401/2.out"), vec![file(b"two")]),
    ])
}

#[test]
fn chosen_files_are_fetched_and_serve_offline() {
    let (stub, folder) = (stub(), tempfile::tempdir().unwrap());
    let found = hub(&folder, &stub.address, false).files("me/logs", None, &wanted).unwrap();
    let names: Vec<&str> = found.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.as_slice(), found.commit.as_str()), (&["qqp@1/1.out", "qqp@1/2.out"][..], COMMIT));
    assert_eq!(std::fs::read(&found.files[1].1).unwrap(), b"two");
    let offline = hub(&folder, "http://127.0.0.1:9", true).files("me/logs", None, &wanted).unwrap();
    assert_eq!(offline.files, found.files);
    let cut_off = hub(&folder, "http://127.0.0.1:9", false).files("me/logs", None, &wanted).unwrap();
    assert!(cut_off.files == found.files && cut_off.note.is_some());
    let error = hub(&folder, &stub.address, false).files("me/absent", None, &wanted).unwrap_err().to_string();
    assert!(error.contains("no repository me/absent"), "{error}");
}

#[test]
fn a_commit_that_was_fetched_in_part_is_fetched_whole() {
    let (stub, folder) = (stub(), tempfile::tempdir().unwrap());
    let hub = hub(&folder, &stub.address, false);
    let found = hub.files("me/logs", Some(COMMIT), &wanted).unwrap();
    std::fs::remove_file(&found.files[0].1).unwrap();
    assert_eq!(hub.files("me/logs", Some(COMMIT), &wanted).unwrap().files.len(), 2);
}
