use std::fs;
use std::sync::Mutex;

use super::*;
use crate::data::s3::Put;
use crate::data::tests::bucket::{BUCKET, Bucket as Server, KEY, error};
use crate::data::tests::stub::{Gate, Reply};
use crate::store::tests::{finish, manifest, store};
use crate::store::{Finished, Manifest, OutputRecord, Store};

fn remote(server: &Server) -> Remote {
    Remote::with(format!("s3://{BUCKET}/qqp").parse().unwrap(), S3Settings::test(server.endpoint(), KEY)).unwrap()
}

fn push(remote: &Remote, store: &Store, steps: &[&Manifest]) -> (Pushed, Result<(), String>) {
    let steps: Vec<Finished> = steps.iter().map(|step| Finished::of(step)).collect();
    let (pushed, done) = remote.push(store, &steps.iter().collect::<Vec<_>>(), &|_| ());
    (pushed, done.map_err(|error| error.to_string()))
}

fn pull(remote: &Remote, store: &Store, steps: &[&Manifest]) -> Result<Pulled, String> {
    let keys: Vec<Key> = steps.iter().map(|step| step.key).collect();
    remote.pull(store, &keys, &|_| ()).map_err(|error| error.to_string())
}

fn name_of(step: &Manifest) -> String {
    format!("qqp/{}", step_name(&step.key))
}

fn object_of(step: &Manifest) -> String {
    format!("qqp/{}", object_name(&step.outputs["x"].digest))
}

#[test]
fn what_is_pushed_comes_in_elsewhere_and_is_not_sent_twice() {
    let ((_here, from), (_there, to), server) = (store(), store(), Server::start());
    let remote = remote(&server);
    let steps: Vec<Manifest> = (0..20).map(|number| finish(&from, number, &[number as u8 / 2; 100])).collect();
    let mut small = manifest(99, BTreeMap::from([("y".to_owned(), OutputRecord::inline(0.1.into()))]));
    small.step = "eval.small".to_owned();
    from.commit(&small).unwrap();
    let all: Vec<&Manifest> = steps.iter().chain([&small]).collect();
    let told = Mutex::new((0, 0));
    let finished: Vec<Finished> = all.iter().map(|step| Finished::of(step)).collect();
    let (pushed, done) = remote.push(&from, &finished.iter().collect::<Vec<_>>(), &|what| {
        let mut told = told.lock().unwrap();
        match what {
            Told::All(bytes) => told.0 += bytes,
            Told::Moved(bytes) => told.1 += bytes,
        }
    });
    done.unwrap();
    assert_eq!((pushed.steps, pushed.known, pushed.objects, pushed.bytes), (21, 0, 10, 1000));
    assert_eq!(told.into_inner().unwrap(), (1000, 1000));
    // Every manifest after all of its objects.
    let lines = server.lines("PUT");
    for step in &steps {
        let place = |name: &str| lines.iter().position(|line| line.ends_with(name)).unwrap();
        assert!(place(&object_of(step)) < place(&name_of(step)));
    }
    let conditional = |request: &crate::data::tests::stub::Request| request.header("if-none-match") == Some("*");
    assert!(server.requests().iter().filter(|request| request.line().starts_with("PUT")).all(conditional));

    let (again, _) = push(&remote, &from, &all);
    assert_eq!((again.steps, again.known, again.objects, server.lines("PUT").len()), (0, 21, 0, lines.len()));
    assert_eq!(remote.push_new(&from, &finished[0]).unwrap().known, 1);

    // It has a part of it already, damaged or whole.
    finish(&to, 0, &[0; 100]);
    to.put(&[1; 100]).unwrap();
    let damaged = to.object_path(&steps[4].outputs["x"].digest);
    crate::store::publish(&damaged, b"damaged", true).unwrap();
    let pulled = pull(&remote, &to, &all).unwrap();
    assert_eq!((pulled.found.len(), pulled.objects, pulled.bytes, pulled.broken.len()), (21, 8, 800, 0));
    assert!(to.verify(true, |_| ()).unwrap().is_whole());
    assert_eq!(to.manifest(&small.key).unwrap().unwrap().to_json(), small.to_json());
    assert!(to.object_path(&steps[4].outputs["x"].digest).metadata().unwrap().permissions().readonly());
    let gets = server.lines("GET").len();
    assert_eq!(pull(&remote, &to, &all).unwrap().objects, 0);
    assert_eq!(server.lines("GET").len(), gets + all.len(), "manifests alone");
}

#[test]
fn what_is_large_goes_and_comes_in_parts_and_only_if_it_is_whole() {
    let ((_here, from), (_there, to), server) = (store(), store(), Server::start());
    let remote = remote(&server);
    let large: Vec<u8> = (0..17u32 << 20).map(|byte| (byte % 251) as u8).collect();
    let step = finish(&from, 1, &large);
    assert_eq!(push(&remote, &from, &[&step]).1, Ok(()));
    assert!(server.content(&object_of(&step)).unwrap() == large);
    assert_eq!(server.lines("partNumber=").len(), 2);
    server.cut("GET", 16 << 20);
    assert_eq!(pull(&remote, &to, &[&step]).unwrap().bytes, 17 << 20);

    // Damaged here: it never gets its name there, and the step does not go.
    server.remove(&object_of(&step));
    server.remove(&name_of(&step));
    let path = from.object_path(&step.outputs["x"].digest);
    let mut flipped = large;
    flipped[5] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, &flipped).unwrap();
    let (pushed, done) = push(&remote, &from, &[&step]);
    assert_eq!((done, pushed.steps, pushed.damaged.len()), (Ok(()), 0, 1));
    assert!(pushed.damaged[0].1.contains("it was moved to"), "{pushed:?}");
    assert_eq!((server.names().len(), server.unfinished()), (0, 0));
}

#[test]
fn what_breaks_off_leaves_a_remote_that_is_right_and_is_gone_on_with() {
    let ((_here, from), (_there, to), server) = (store(), store(), Server::start());
    let remote = remote(&server);
    let steps: Vec<Manifest> = (0..12).map(|number| finish(&from, number, &[number as u8; 50])).collect();
    let all: Vec<&Manifest> = steps.iter().collect();
    // The keys are lost after some requests; then they are there again.
    server.fault(object_of(&steps[7]).leak(), 1, error(403, "InvalidAccessKeyId", "lost"));
    let (first, lost) = push(&remote, &from, &all);
    let lost = lost.unwrap_err();
    assert!(lost.contains("403 InvalidAccessKeyId (lost)") && first.steps < 12, "{lost}");
    for name in server.names().iter().filter(|name| name.contains("/steps/")) {
        let step = steps.iter().find(|step| name_of(step) == *name).unwrap();
        assert!(server.content(&object_of(step)).is_some(), "a manifest without its object");
    }
    let (second, done) = push(&remote, &from, &all);
    assert_eq!((done, second.known, second.steps), (Ok(()), first.steps, 12 - first.steps));
    assert_eq!(second.objects + first.objects, 12);

    // The same on the way back: what has come stays, and is not asked for again.
    server.fault(object_of(&steps[7]).leak(), 9, Reply::status(403));
    assert!(pull(&remote, &to, &all).unwrap_err().contains("answered 403"));
    assert!(to.verify(false, |_| ()).unwrap().is_whole());
    let here = all.iter().filter(|step| to.manifest(&step.key).unwrap().is_some()).count();
    assert!(here < 12);
    server.forgive();
    let rest = pull(&remote, &to, &all).unwrap();
    assert_eq!(rest.found.len(), 12);
    assert!(rest.objects <= 12 - here && to.verify(false, |_| ()).unwrap().is_whole());
}

#[test]
fn what_is_missing_or_wrong_there_is_said_and_mended_by_the_next_push() {
    let ((_here, from), (_there, to), server) = (store(), store(), Server::start());
    let remote = remote(&server);
    let steps: Vec<Manifest> = (0..6).map(|number| finish(&from, number, &[number as u8; 50])).collect();
    let all: Vec<&Manifest> = steps.iter().collect();
    push(&remote, &from, &all).1.unwrap();
    server.remove(&object_of(&steps[0]));
    server.set(&object_of(&steps[1]), &[9; 50]);
    server.set(&object_of(&steps[2]), b"short");
    server.set(&name_of(&steps[3]), b"{}");
    server.set(&name_of(&steps[4]), steps[5].to_json().as_bytes());
    let pulled = pull(&remote, &to, &all).unwrap();
    let mut broken: Vec<&str> = pulled.broken.iter().map(|broken| broken.what.as_str()).collect();
    broken.sort_unstable_by_key(|what| what.len());
    let of = |words: &str| broken.iter().any(|what| what.contains(words));
    assert_eq!((pulled.found.len(), broken.len()), (1, 5), "{broken:?}");
    for words in ["it is missing", "does not match its name", "is shorter than", "it is not a manifest", "another key"]
    {
        assert!(of(words), "{words}: {broken:?}");
    }
    assert!(broken.iter().all(|what| what.contains("s3://lab-cache/qqp/v1/")), "{broken:?}");
    assert!(to.verify(true, |_| ()).unwrap().is_whole());
    assert_eq!(pull(&remote, &to, &all).unwrap().broken, pulled.broken);

    // Whoever has them puts right what shows; what has the right size and wrong bytes is removed by hand.
    let (pushed, done) = push(&remote, &from, &all);
    assert_eq!((done, pushed.mended, pushed.known), (Ok(()), 4, 2));
    assert_eq!(pull(&remote, &to, &all).unwrap().broken.len(), 1);
    server.remove(&object_of(&steps[1]));
    push(&remote, &from, &all).1.unwrap();
    assert_eq!(pull(&remote, &to, &all).unwrap().found.len(), 6);
}

#[test]
fn of_two_results_of_a_step_the_first_that_is_whole_stays() {
    let ((_here, from), (_there, other), server) = (store(), store(), Server::start());
    let remote = remote(&server);
    let (ours, theirs) = (finish(&from, 1, b"ours"), finish(&other, 1, b"theirs"));
    push(&remote, &other, &[&theirs]).1.unwrap();
    let (pushed, _) = push(&remote, &from, &[&ours]);
    assert_eq!((pushed.steps, pushed.known, pushed.different), (0, 1, 1));
    assert_eq!(remote.push_new(&from, &Finished::of(&ours)).unwrap().different, 1);
    assert_eq!(server.content(&object_of(&ours)), None);
    // Even where our object is there, as another step's.
    server.set(&object_of(&ours), b"ours");
    assert_eq!(push(&remote, &from, &[&ours]).0.different, 1);
    server.remove(&object_of(&theirs));
    let (pushed, _) = push(&remote, &from, &[&ours]);
    assert_eq!((pushed.steps, pushed.mended), (1, 1));
    assert_eq!(server.content(&name_of(&ours)).unwrap(), ours.to_json().into_bytes());
}

#[test]
fn two_who_push_at_once_do_not_disturb_each_other() {
    let ((_here, from), (_there, to), server) = (store(), store(), Server::start());
    let steps: Vec<Manifest> = (0..30).map(|number| finish(&from, number, &[number as u8; 50])).collect();
    let all: Vec<&Manifest> = steps.iter().collect();
    let (first, second) = (remote(&server), remote(&server));
    // Both know what is there before either sends anything.
    let gate = Gate::default();
    server.hold("PUT", &gate);
    let both = std::thread::scope(|scope| {
        let pushes = [&first, &second].map(|remote| scope.spawn(|| push(remote, &from, &all)));
        let listed = || server.lines("list-type").len() >= 2 * (1 + 32);
        while !listed() || server.lines("PUT").len() < 32 {
            std::thread::yield_now();
        }
        gate.open();
        pushes.map(|push| push.join().unwrap())
    });
    for (_, done) in &both {
        assert_eq!(*done, Ok(()));
    }
    assert_eq!(both.iter().map(|(pushed, _)| pushed.objects).sum::<usize>(), 30);
    assert_eq!(both.iter().map(|(pushed, _)| pushed.steps).sum::<usize>(), 30);
    assert_eq!(pull(&first, &to, &all).unwrap().found.len(), 30);
}

#[test]
fn what_nobody_reaches_goes_and_what_is_young_stays() {
    let ((_here, from), server) = (store(), Server::start());
    let remote = remote(&server);
    let steps: Vec<Manifest> = (0..4).map(|number| finish(&from, number, &[number as u8 / 2; 50])).collect();
    push(&remote, &from, &steps.iter().collect::<Vec<_>>()).1.unwrap();
    let orphan = |bytes: &[u8]| {
        let name = object_name(&Digest::of(bytes));
        assert_eq!(remote.bucket.put(&name, bytes, false).unwrap(), Put::New);
        format!("qqp/{name}")
    };
    let (old, young) = (orphan(b"old"), orphan(b"young"));
    server.is_young(&young);
    server.set("qqp/v1/objects/notes.txt", b"somebody's own");
    server.set("other/v1/objects/x", b"another's");
    drop(remote.bucket.upload("v1/objects/begun").unwrap());
    let wanted = [steps[0].key].into();
    let before = server.names();
    let looked = remote.sweep(Some(&wanted), true).unwrap();
    assert_eq!((looked.steps, looked.objects, looked.unfinished, server.names()), (3, 2, 1, before));
    let swept = remote.sweep(Some(&wanted), false).unwrap();
    assert_eq!((swept.steps, swept.objects, swept.bytes, swept.left), (3, 2, looked.bytes, looked.left));
    let mut left = vec![
        name_of(&steps[0]),
        object_of(&steps[0]),
        young,
        "qqp/v1/objects/notes.txt".into(),
        "other/v1/objects/x".into(),
    ];
    left.sort();
    assert_eq!((server.names(), server.unfinished()), (left, 0));
    assert!(server.content(&old).is_none());
    let again = remote.sweep(Some(&wanted), false).unwrap();
    assert_eq!((again.steps, again.objects, again.bytes), (0, 0, 0));
    assert_eq!(remote.sweep(None, false).unwrap().steps, 0);
    server.set(
        &name_of(&steps[1]),
        steps[1].to_json().replace("manifest.v1", "manifest.v9").replace("\"eval\"", "\"eva\"").as_bytes(),
    );
    assert!(remote.sweep(None, false).unwrap_err().to_string().contains("newer version"));
}
