//! A repository that tries to be written where it does not belong.

use super::*;

/// Everything below a folder that is no folder itself.
fn written(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() && !entry.is_symlink() {
            true => found.extend(written(&entry)),
            false => found.push(entry),
        }
    }
    found
}

fn assert_inside(folder: &tempfile::TempDir) {
    let cache = folder.path().join("hub");
    for path in written(folder.path()) {
        let below = path.strip_prefix(&cache).unwrap_or_else(|_| panic!("{} was written", path.display()));
        let first = below.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        assert!(["models--me--logs", "datasets--me--logs", ".locks"].contains(&first.as_str()), "{}", path.display());
        if let Ok(target) = std::fs::read_link(&path) {
            let blobs = cache.join("models--me--logs/blobs").canonicalize().unwrap();
            let target = path.parent().unwrap().join(target).canonicalize().unwrap();
            assert!(target.starts_with(&blobs), "{} leads to {}", path.display(), target.display());
        }
    }
}

#[test]
fn names_of_files_stay_in_their_folder() {
    let names = [
        "../../../escape.log",
        "/tmp/absolute.log",
        "..\\up.log",
        "C:\\x.log",
        "a/../../b.log",
        "a//b.log",
        "./c.log",
        "..",
        "",
        "nul\0.log",
        "deep/er/fine.log",
        "fine.log",
    ];
    let stub = Stub::start(vec![
        ("/api/datasets/me/logs/revision/main", vec![Reply::status(404)]),
        ("/api/models/me/logs/revision/main", vec![info(COMMIT, &names)]),
    ]);
    for name in names {
        stub.page(&format!("/me/logs/resolve/{COMMIT}/{name}"), vec![file(b"hostile")]);
    }
    let folder = tempfile::tempdir().unwrap();
    let found = hub(&folder, &stub.address, false).files("me/logs", None, &|_| true).unwrap();
    let kept: Vec<&str> = found.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(kept, ["deep/er/fine.log", "fine.log"]);
    assert_inside(&folder);
}

#[test]
fn what_names_a_blob_is_no_path() {
    for etag in ["../../../escape", "/tmp/absolute", "..", ".hidden", "a/b", "a\\b", "", &"e".repeat(300)] {
        let stub = Stub::start(vec![
            ("/api/datasets/me/logs/revision/main", vec![Reply::status(404)]),
            ("/api/models/me/logs/revision/main", vec![info(COMMIT, &["a.log"])]),
            (&format!("/me/logs/resolve/{COMMIT}/a.log"), vec![Reply::hub_file(COMMIT, etag, b"hostile")]),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let error = hub(&folder, &stub.address, false).files("me/logs", None, &|_| true).unwrap_err().to_string();
        assert!(error.contains("no ETag that can name a file"), "{etag}: {error}");
        assert!(!folder.path().join("hub").exists() || written(folder.path()).is_empty(), "{etag}");
    }
}

#[test]
fn a_commit_is_no_path() {
    for commit in ["../../../escape", "main", ""] {
        let stub = Stub::start(vec![
            ("/api/datasets/me/logs/revision/main", vec![Reply::status(404)]),
            ("/api/models/me/logs/revision/main", vec![info(commit, &["a.log"])]),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let error = hub(&folder, &stub.address, false).files("me/logs", None, &|_| true).unwrap_err().to_string();
        assert!(error.contains("it named no commit"), "{commit}: {error}");
        assert!(written(folder.path()).is_empty());
    }
}

/// A link in a snapshot that somebody else put there, out of the cache: their file is neither read nor written, and what
/// the hub has takes the link's place.
#[test]
fn a_link_out_of_the_cache_is_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let theirs = outside.path().join("theirs");
    std::fs::write(&theirs, b"theirs").unwrap();
    let snapshot = folder.path().join(format!("hub/models--me--logs/snapshots/{COMMIT}"));
    std::fs::create_dir_all(&snapshot).unwrap();
    std::os::unix::fs::symlink(&theirs, snapshot.join("a.log")).unwrap();
    let stub = Stub::start(vec![
        ("/api/datasets/me/logs/revision/main", vec![Reply::status(404)]),
        ("/api/models/me/logs/revision/main", vec![info(COMMIT, &["a.log"])]),
        (&format!("/me/logs/resolve/{COMMIT}/a.log"), vec![file(b"hostile")]),
    ]);
    let found = hub(&folder, &stub.address, false).files("me/logs", None, &|_| true).unwrap();
    assert_eq!(std::fs::read(&found.files[0].1).unwrap(), b"hostile");
    assert_eq!(std::fs::read(&theirs).unwrap(), b"theirs");
}

#[test]
fn a_cache_full_of_circles_pipes_and_devices_is_read_and_no_more() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let repo = folder.path().join("hub/models--me--logs");
    let (snapshot, blobs) = (repo.join("snapshots").join(COMMIT), repo.join("blobs"));
    for path in [&snapshot, &blobs, &repo.join("refs")] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(repo.join("refs/main"), COMMIT).unwrap();
    std::fs::write(blobs.join("x"), "fine").unwrap();
    symlink("../../blobs/x", snapshot.join("fine.log")).unwrap();
    symlink("/etc/passwd", snapshot.join("passwd.log")).unwrap();
    for circle in ["a", "b", "c"] {
        symlink(".", snapshot.join(circle)).unwrap();
    }
    let pipe = |path: PathBuf| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    pipe(snapshot.join("pipe.log"));
    symlink("/dev/zero", snapshot.join("zero.log")).unwrap();
    let read = |offline: bool, stub: &str| {
        let found = hub(&folder, stub, offline).files("me/logs", None, &|_| true);
        found.map(|found| found.files.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    assert_eq!(read(true, "http://127.0.0.1:9").unwrap(), ["fine.log"]);

    // What the hub has of these names takes their place.
    let stub = Stub::start(vec![
        ("/api/datasets/me/logs/revision/main", vec![Reply::status(404)]),
        ("/api/models/me/logs/revision/main", vec![info(COMMIT, &["pipe.log", "zero.log", "passwd.log"])]),
    ]);
    for name in ["pipe.log", "zero.log", "passwd.log"] {
        stub.page(&format!("/me/logs/resolve/{COMMIT}/{name}"), vec![file(name.as_bytes())]);
        pipe(blobs.join(format!("{}.incomplete", git_blob(name.as_bytes()))));
    }
    read(false, &stub.address).unwrap();
    for name in ["pipe.log", "zero.log", "passwd.log"] {
        assert_eq!(std::fs::read(snapshot.join(name)).unwrap(), name.as_bytes());
    }
    std::fs::remove_file(repo.join("refs/main")).unwrap();
    pipe(repo.join("refs/main"));
    assert!(read(true, "http://127.0.0.1:9").is_err());
}
