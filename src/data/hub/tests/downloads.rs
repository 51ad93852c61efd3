//! Everything that can happen to one file on its way into the cache.

use super::*;
use std::fs;

const PATH: &str = "/me/bert/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors";

/// A hub with one file: `heads` answer for it, `bodies` serve it.
fn stub(heads: Vec<Reply>, bodies: Vec<Reply>) -> Stub {
    Stub::start(vec![(&format!("HEAD {PATH}"), heads), (&format!("GET {PATH}"), bodies)])
}

fn fetch(hub: &Hub) -> Result<PathBuf, DataError> {
    let repo = Repo::with_revision("me/bert".to_string(), RepoType::Model, COMMIT.to_string());
    hub.file("me/bert", &repo, COMMIT, "model.safetensors")
}

fn content() -> Vec<u8> {
    (0..100_000u32).flat_map(|number| number.to_le_bytes()).collect()
}

fn head(body: &[u8]) -> Reply {
    Reply::ok(body).header("etag", format!("W/\"{}\"", sha256(body)))
}

fn blobs(folder: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("hub/models--me--bert/blobs")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn ranges(stub: &Stub) -> Vec<Option<String>> {
    let gets = stub.requests().into_iter().filter(|request| request.line().starts_with("GET"));
    gets.map(|request| request.header("range").map(str::to_string)).collect()
}

#[test]
fn the_layout_is_the_standard_one() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let stub = stub(vec![head(&body)], vec![Reply::ok(&body)]);
    let path = fetch(&hub(&folder, &stub.address, false)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), body);
    assert_eq!(path, folder.path().join(format!("hub/models--me--bert/snapshots/{COMMIT}/model.safetensors")));
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("../../blobs").join(sha256(&body)));
    assert_eq!(blobs(&folder), [sha256(&body)]);
    assert!(folder.path().join(format!("hub/.locks/models--me--bert/{}.lock", sha256(&body))).exists());
    assert_eq!(stub.lines(), [format!("HEAD {PATH}"), format!("GET {PATH}")]);
}

#[test]
fn a_cut_connection_is_resumed_where_it_stopped() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let cut = |at: usize| Reply { cut: Some(at), ..Reply::ok(&body) };
    // More cuts than retries: each brings something, so none counts.
    let stub = stub(
        vec![head(&body)],
        vec![cut(1000), cut(500), cut(1), cut(1), cut(1), cut(1), cut(1), cut(7), Reply::ok(&body)],
    );
    let path = fetch(&hub(&folder, &stub.address, false)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), body);
    let ranges = ranges(&stub);
    assert_eq!((ranges.len(), &ranges[0]), (9, &None));
    assert_eq!(ranges[1].as_deref(), Some("bytes=1000-"));
    assert_eq!(ranges[8].as_deref(), Some("bytes=1512-"));
}

#[test]
fn another_process_goes_on_with_a_partial_file() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let partial = folder.path().join(format!("hub/models--me--bert/blobs/{}.incomplete", sha256(&body)));
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    let stub = stub(vec![head(&body)], vec![Reply { cut: Some(0), ..Reply::ok(&body) }]);

    fs::write(&partial, &body[..4321]).unwrap();
    let error = fetch(&hub(&folder, &stub.address, false)).unwrap_err().to_string();
    assert!(error.contains("in the middle of model.safetensors of me/bert"), "{error}");
    assert!(error.contains("run again to go on from there"), "{error}");
    assert_eq!(fs::read(&partial).unwrap(), body[..4321], "what arrived stays");

    stub.page(&format!("GET {PATH}"), vec![Reply::ok(&body)]);
    let path = fetch(&hub(&folder, &stub.address, false)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), body);
    assert!(ranges(&stub).iter().all(|range| range.as_deref() == Some("bytes=4321-")), "{:?}", ranges(&stub));
    assert_eq!(blobs(&folder), [sha256(&body)]);

    // All of it was there, but the process ended before its check.
    fs::rename(folder.path().join("hub/models--me--bert/blobs").join(sha256(&body)), &partial).unwrap();
    let before = ranges(&stub).len();
    assert_eq!(fs::read(fetch(&hub(&folder, &stub.address, false)).unwrap()).unwrap(), body);
    assert_eq!(ranges(&stub).len(), before);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let whole = Reply { ignores_range: true, ..Reply::ok(&body) };
    let cut = Reply { cut: Some(70_000), ..whole.clone() };
    let served = stub(vec![head(&body)], vec![cut.clone(), whole]);
    assert_eq!(fs::read(fetch(&hub(&folder, &served.address, false)).unwrap()).unwrap(), body);
    assert_eq!(ranges(&served).len(), 2);
    // One that always breaks off at the same place is given up on.
    let (endless, folder) = (stub(vec![head(&body)], vec![cut]), tempfile::tempdir().unwrap());
    fetch(&hub(&folder, &endless.address, false)).unwrap_err();
    assert_eq!(ranges(&endless).len(), 1 + 4);
}

#[test]
fn a_partial_file_that_is_no_beginning_is_found_out() {
    for (partial, downloads) in [(vec![0; 1000], 2), (vec![0; 500_000], 1)] {
        let (body, folder) = (content(), tempfile::tempdir().unwrap());
        let blobs = folder.path().join("hub/models--me--bert/blobs");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{}.incomplete", sha256(&body))), partial).unwrap();
        let stub = stub(vec![head(&body)], vec![Reply::ok(&body)]);
        assert_eq!(fs::read(fetch(&hub(&folder, &stub.address, false)).unwrap()).unwrap(), body);
        assert_eq!(ranges(&stub).len(), downloads);
        assert_eq!(ranges(&stub).last().unwrap(), &None);
    }
}

#[test]
fn a_wrong_digest_is_tried_once_more_and_never_kept() {
    let body = content();
    let mut damaged = body.clone();
    damaged[77] ^= 1;
    for (etag, name) in [(sha256(&body), "sha256"), (git_blob(&body), "git")] {
        let promise = Reply::ok(&body).header("etag", format!("\"{etag}\""));
        let folder = tempfile::tempdir().unwrap();
        let once = stub(vec![promise.clone()], vec![Reply::ok(&damaged), Reply::ok(&body)]);
        assert_eq!(fs::read(fetch(&hub(&folder, &once.address, false)).unwrap()).unwrap(), body, "{name}");

        let folder = tempfile::tempdir().unwrap();
        let always = stub(vec![promise], vec![Reply::ok(&damaged)]);
        let error = fetch(&hub(&folder, &always.address, false)).unwrap_err();
        assert!(matches!(error, DataError::HubDigest { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(&etag) && message.contains("nothing of it was kept"), "{message}");
        assert_eq!(ranges(&always).len(), 2, "{name}");
        assert!(blobs(&folder).is_empty(), "{:?}", blobs(&folder));
        let snapshots = folder.path().join(format!("hub/models--me--bert/snapshots/{COMMIT}"));
        assert_eq!(fs::read_dir(snapshots).unwrap().count(), 0);
    }
    // More, or another part, than was promised.
    let longer = [body.clone(), b"!".to_vec()].concat();
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(&hub(&folder, &stub(vec![head(&body)], vec![Reply::ok(&longer)]).address, false)).unwrap_err();
    assert!(error.to_string().contains("more than the file's size"), "{error}");
}

#[test]
fn a_server_that_falls_silent_is_left_and_asked_again() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let silent = Reply { cut: Some(5000), stalls: Some(Gate::default()), ..Reply::ok(&body) };
    let stub = stub(vec![head(&body)], vec![silent, Reply::ok(&body)]);
    let settings = HubSettings { stalled: Duration::from_secs(2), ..settings(&folder, &stub.address, false) };
    let path = fetch(&Hub::new(settings).unwrap()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), body);
    assert!(ranges(&stub).len() > 1, "{:?}", ranges(&stub));
}

#[test]
fn a_server_that_drips_is_given_up() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    // A hundred bytes at every attempt, and silence: whoever waits for it does so for ever.
    let drips = Reply { cut: Some(100), stalls: Some(Gate::default()), ..Reply::ok(&body) };
    let stub = stub(vec![head(&body)], vec![drips]);
    // However fast this machine is, a window of no time is over.
    let settings = HubSettings { window: Duration::ZERO, ..settings(&folder, &stub.address, false) };
    let error = fetch(&Hub::new(settings).unwrap()).unwrap_err().to_string();
    assert!(error.contains("it sends less than 1024 bytes a second; run again to go on"), "{error}");
    assert_eq!(ranges(&stub).len(), 5);
}

#[test]
fn the_token_does_not_follow_a_redirect_to_another_host() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let cdn = Stub::start(vec![
        ("/signed?signature=x", vec![Reply::status(302).header("location", "/bytes")]),
        ("/bytes", vec![Reply { cut: Some(10), ..Reply::ok(&body) }, Reply::ok(&body)]),
    ]);
    let linked = Reply::status(302)
        .header("x-linked-etag", format!("\"{}\"", sha256(&body)))
        .header("x-linked-size", body.len().to_string())
        .header("location", format!("{}/signed?signature=x", cdn.address));
    let moved = Reply::status(307).header("location", "/you/bert/file");
    let stub = Stub::start(vec![(PATH, vec![moved]), ("/you/bert/file", vec![linked])]);
    let path = fetch(&hub(&folder, &stub.address, false)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), body);
    assert!(stub.requests().iter().all(|asked| asked.header("authorization") == Some("Bearer very-secret")));
    assert_eq!(stub.lines().iter().filter(|line| line.starts_with("GET")).count(), 0);
    assert_eq!(cdn.lines().len(), 4);
    assert!(cdn.requests().iter().all(|asked| asked.header("authorization").is_none()));

    // An expired signature is not taken for a lack of rights, and its address is not shown.
    fs::remove_file(&path).unwrap();
    fs::remove_dir_all(folder.path().join("hub/models--me--bert/blobs")).unwrap();
    cdn.page("/signed?signature=x", vec![Reply::status(403)]);
    let error = fetch(&hub(&folder, &stub.address, false)).unwrap_err().to_string();
    assert!(error.contains("answered 403") && !error.contains("signature"), "{error}");
}

#[test]
fn busy_servers_are_waited_for_and_refusals_are_not() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let busy = Reply::status(429).header("retry-after", "1");
    let served = stub(vec![busy, Reply::status(503), head(&body)], vec![Reply::status(500), Reply::ok(&body)]);
    let start = std::time::Instant::now();
    assert!(fetch(&hub(&folder, &served.address, false)).is_ok());
    assert!(start.elapsed() >= Duration::from_secs(1), "Retry-After was not obeyed");
    for (status, part) in [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "has no model.safetensors, though")] {
        let (refused, folder) = (stub(vec![Reply::status(status)], vec![]), tempfile::tempdir().unwrap());
        let error = fetch(&hub(&folder, &refused.address, false)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert_eq!(refused.lines().len(), 1);
    }
    let (always, folder) = (stub(vec![Reply::status(502)], vec![]), tempfile::tempdir().unwrap());
    let error = fetch(&hub(&folder, &always.address, false)).unwrap_err().to_string();
    assert!(error.contains("answered 502") && always.lines().len() == 1 + 4, "{error}");
}

#[test]
fn strange_answers_are_errors() {
    let cases = [
        (Reply::ok(b"x"), "has no ETag"),
        (Reply::ok(b"x").header("etag", "\"../../x\""), "has no ETag"),
        (Reply::status(302).header("location", PATH), "circles"),
        (Reply::status(302), "redirects to nowhere"),
    ];
    for (reply, part) in cases {
        let folder = tempfile::tempdir().unwrap();
        let error = fetch(&hub(&folder, &stub(vec![reply], vec![]).address, false)).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("HF_ENDPOINT"), "{error}");
    }
}

#[test]
fn two_at_once_download_it_once() {
    let (body, folder) = (content(), tempfile::tempdir().unwrap());
    let gate = Gate::default();
    let slow = Reply { cut: Some(body.len() / 2), stalls: Some(gate.clone()), ..Reply::ok(&body) };
    let stub = stub(vec![head(&body)], vec![slow, Reply::ok(&body)]);
    let (one, two) = (hub(&folder, &stub.address, false), hub(&folder, &stub.address, false));
    std::thread::scope(|scope| {
        for hub in [&one, &two] {
            scope.spawn(|| assert_eq!(fs::read(fetch(hub).unwrap()).unwrap(), content()));
        }
        // One has half of it, and the other one has asked what there is.
        let since = std::time::Instant::now();
        while stub.lines().len() < 3 && since.elapsed() < Duration::from_secs(300) {
            std::thread::sleep(Duration::from_millis(1));
        }
        gate.open();
    });
    assert_eq!(ranges(&stub).len(), 2, "{:?}", stub.lines());
    assert_eq!(blobs(&folder), [sha256(&body)]);
}
