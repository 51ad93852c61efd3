//! A cache that many share in a bucket: pushed, pulled, read through and written through, with a server that keeps what
//! S3 keeps (`src/data/tests/bucket.rs`).

use std::collections::BTreeSet;
use std::process::Command;

use crate::background::Run;
use crate::bucket::{BUCKET, Bucket, KEY, SECRET};
use crate::secrets::assert_unwritten;
use crate::stub::Reply;
use crate::workspace::{Ended, TINY, Workspace};

/// A study of one step, which needs neither a device nor a network.
const SMALL: &str = r#"
[experiment]
name = "small"

[fetch.sentences]
dataset = "builtin:agents"
splits.train = { examples = 8, passive = 0.5 }

[pretrain.never]
data = "sentences.train"
layers = 1
hidden = 16
heads = 2
max_length = 24
steps = 1
batch_size = 4
learning_rate = 1e-3
"#;

/// The program with keys for the bucket, and with nothing of the user's own.
fn command(workspace: &Workspace, bucket: &Bucket, arguments: &[&str]) -> Command {
    let mut command = workspace.command(arguments);
    for name in ["AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_WEB_IDENTITY_TOKEN_FILE"]
    {
        command.env_remove(name);
    }
    command.env("HOME", workspace.path("")).env("AWS_EC2_METADATA_DISABLED", "true");
    command
        .env("AWS_ENDPOINT_URL", bucket.endpoint())
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}

fn pipeline(workspace: &Workspace, bucket: &Bucket, arguments: &[&str]) -> Ended {
    let ended: Ended = command(workspace, bucket, arguments).output().unwrap().into();
    for secret in [KEY, SECRET, "planted"] {
        assert!(!ended.out.contains(secret) && !ended.err.contains(secret), "{}\n{}", ended.out, ended.err);
    }
    ended
}

fn place() -> String {
    format!("s3://{BUCKET}/group/tiny")
}

/// Every manifest there has all of its objects, with their bytes.
fn assert_right(bucket: &Bucket) -> usize {
    let names: BTreeSet<String> = bucket.names().into_iter().collect();
    let manifests = names.iter().filter(|name| name.contains("/steps/"));
    let mut steps = 0;
    for name in manifests {
        let manifest: serde_json::Value = serde_json::from_slice(&bucket.content(name).unwrap()).unwrap();
        for output in manifest["outputs"].as_object().unwrap().values().filter(|output| output.get("inline").is_none())
        {
            let digest = output["digest"].as_str().unwrap();
            let object = bucket.content(&format!("group/tiny/v1/objects/{}/{digest}", &digest[..2]));
            assert_eq!(blake3::hash(&object.expect(name)).to_hex().as_str(), digest, "{name}");
        }
        steps += 1;
    }
    steps
}

#[test]
fn a_study_goes_by_way_of_a_bucket_to_others_who_run_nothing_again() {
    // The file names it, and each step goes there when it is finished.
    let shared = format!("{TINY}\n[run]\nremote = \"{}\"\npush = true\n", place());
    let (bucket, here) = (Bucket::start(), Workspace::new(&shared));
    // Some of it was finished before, and is pushed.
    here.run(&["--until", "pretrain", "--no-remote"]).ok();
    let pushed = pipeline(&here, &bucket, &["cache", "push", "study.toml"]).ok();
    assert!(pushed.out.starts_with("tiny: 2 steps sent, 0 were there already\n"), "{}", pushed.out);
    assert!(pushed.out.ends_with("29 of 31 steps are not finished, and not there\n"), "{}", pushed.out);
    let run = pipeline(&here, &bucket, &["run", "study.toml", "--backend", "cpu", "--jobs", "2"]).ok();
    assert!(run.err.contains("tiny: 29 ran, 2 fresh"), "{}", run.err);
    assert_eq!(assert_right(&bucket), 31);
    let pushed = pipeline(&here, &bucket, &["cache", "push", "study.toml"]).ok();
    assert!(pushed.out.starts_with("tiny: 0 steps sent, 31 were there already\n"), "{}", pushed.out);

    // Into an empty cache, and again into one that has half.
    let there = Workspace::new(TINY);
    let pulled = pipeline(&there, &bucket, &["cache", "pull", "study.toml", "--from", &place()]).ok();
    assert!(pulled.out.starts_with("tiny: 31 steps came, 0 were here already\n"), "{}", pulled.out);
    assert_eq!(there.finished(), here.finished());
    there.pipeline(&["cache", "verify"]).ok();
    assert!(there.run(&[]).ok().err.contains("nothing to do, all 31 steps are fresh"));
    for manifest in there.manifests().iter().filter(|manifest| manifest["kind"] == "eval") {
        std::fs::remove_file(there.manifest(manifest["key"].as_str().unwrap())).unwrap();
    }
    let run = pipeline(&there, &bucket, &["run", "study.toml", "--backend", "cpu", "--remote", &place()]).ok();
    assert!(run.err.contains("8 steps came from s3://lab-cache/group/tiny (0 B)"), "{}", run.err);
    assert!(run.err.contains("nothing to do, all 31 steps are fresh"), "{}", run.err);

    // What no named experiment reaches.
    let looked = pipeline(&here, &bucket, &["cache", "gc", "study.toml", "--remote", &place(), "--dry-run"]).ok();
    assert!(looked.out.starts_with("0 B would come back, "), "{}", looked.out);
    let other = TINY.replace("seeds = \"0..4\"", "seeds = \"0..2\"");
    there.write("other.toml", &other);
    // By what is there, where nothing is here.
    let gc = ["cache", "gc", "other.toml", "--remote", &place(), "--cache-dir", "none"];
    let looked = pipeline(&there, &bucket, &[&gc[..], &["--dry-run"]].concat()).ok();
    assert!(looked.out.contains(" steps, not reached\n") && assert_right(&bucket) == 31, "{}", looked.out);
    let swept = pipeline(&there, &bucket, &gc).ok();
    assert_eq!(swept.out, looked.out.replace("would come back", "come back"));
    let left = assert_right(&bucket);
    assert!(left < 31 && !there.path("none").exists(), "{left}");
    let pulled =
        pipeline(&there, &bucket, &["cache", "pull", "other.toml", "--from", &place(), "--cache-dir", "new"]).ok();
    assert!(pulled.out.starts_with(&format!("tiny: {left} steps came")), "{}", pulled.out);
    for workspace in [&here, &there] {
        for secret in [KEY, SECRET] {
            assert_unwritten(&workspace.path(""), secret, None);
        }
    }
    assert!(bucket.requests().iter().all(|request| !request.head.contains(SECRET)));
}

#[test]
fn a_push_that_is_killed_leaves_a_remote_that_is_right() {
    let (bucket, workspace) = (Bucket::start(), Workspace::new(TINY));
    workspace.run(&["--jobs", "2", "--until", "finetune"]).ok();
    let push = ["cache", "push", "study.toml", "--to", &place()];
    // One of its threads stands still there, the others go on.
    workspace.write("hold/sent", "9");
    let run = Run::of(command(&workspace, &bucket, &push));
    let held = workspace.path(&format!("hold/sent.{}", run.pid()));
    crate::background::wait_for("the ninth", || held.exists().then_some(()));
    drop(run.kill());
    std::fs::remove_file(workspace.path("hold/sent")).unwrap();
    let before = assert_right(&bucket);
    let pushed = pipeline(&workspace, &bucket, &push).ok();
    assert!(pushed.out.starts_with(&format!("tiny: {} steps sent, {before} were there", 7 - before)), "{}", pushed.out);
    assert_eq!(assert_right(&bucket), 7);
}

#[test]
fn trouble_with_a_bucket_is_said_and_costs_no_step() {
    let (bucket, workspace) = (Bucket::start(), Workspace::new(SMALL));
    let place = place();
    let run = ["run", "study.toml", "--backend", "cpu", "--only", "fetch.sentences", "--remote", &place];
    let ended = |change: &dyn Fn(&mut Command), arguments: &[&str]| -> Ended {
        let mut command = command(&workspace, &bucket, arguments);
        change(&mut command);
        let ended: Ended = command.output().unwrap().into();
        assert!(!ended.err.contains("planted") && !ended.err.contains(KEY), "{}", ended.err);
        ended
    };
    // It refuses: nothing runs that somebody may have finished.
    let refused = ended(
        &|command| {
            command.env("AWS_ACCESS_KEY_ID", "AKIALOST");
        },
        &run,
    );
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("403 InvalidAccessKeyId") && refused.err.contains("--no-remote"), "{}", refused.err);
    assert!(!refused.err.contains("AKIALOST"), "{}", refused.err);
    let none = ended(
        &|command| {
            command.env_remove("AWS_ACCESS_KEY_ID");
        },
        &run,
    );
    assert!(none.err.contains("there are no keys for the bucket: set AWS_ACCESS_KEY_ID"), "{}", none.err);
    for (words, arguments) in [
        ("404 NoSuchBucket", &[&run[..7], &["s3://no-such-bucket"]].concat()),
        ("is no place for a remote cache", &[&run[..7], &["s3://me:planted@lab"]].concat()),
        ("name it with --remote", &[&run[..6], &["--push"]].concat()),
    ] {
        let wrong = ended(&|_| (), arguments);
        assert!(wrong.err.contains(words) && matches!(wrong.code, Some(2 | 3)), "{words}: {}", wrong.err);
    }
    assert_eq!(workspace.manifests().len(), 0);
    let file = ended(&|_| (), &["check", "study.toml", "--set", "run.push=true"]);
    assert!(file.code == Some(2) && file.err.contains("`remote` names none"), "{}", file.err);

    // The network does not lead there.
    let away = ended(
        &|command| {
            command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        },
        &run,
    )
    .ok();
    assert!(away.err.contains("what is not in the cache runs here") && away.err.contains("1 ran"), "{}", away.err);
    // It is lost when the step is finished.
    std::fs::remove_dir_all(workspace.path("cache")).unwrap();
    bucket.fault("PUT", 9, Reply::status(403));
    let late = ended(&|_| (), &[&run[..], &["--push"]].concat()).ok();
    assert!(late.err.contains("but was not sent; `pipeline cache push` sends it"), "{}", late.err);
    bucket.forgive();
    assert_eq!(bucket.names(), [] as [&str; 0]);
    pipeline(&workspace, &bucket, &["cache", "push", "study.toml", "--to", &place]).ok();
    // Somebody has removed its object.
    let object = bucket.names().into_iter().find(|name| name.contains("/objects/")).unwrap();
    bucket.remove(&object);
    std::fs::remove_dir_all(workspace.path("cache")).unwrap();
    let pulled = pipeline(&workspace, &bucket, &["cache", "pull", "study.toml", "--from", &place]);
    assert_eq!(pulled.code, Some(1), "{}", pulled.out);
    assert!(pulled.out.contains(&format!("`s3://{BUCKET}/{object}`: it is missing")), "{}", pulled.out);
    let run = ended(&|_| (), &run).ok();
    assert!(run.err.contains("it is missing") && run.err.contains("1 ran"), "{}", run.err);
}
