use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use serde_json::json;

use super::index::FOOTER;
use super::*;
use crate::fingerprint::Digest;
use crate::store::tests::{manifest, store};
use crate::store::{Manifest, OutputRecord, Wanted};

const MANY: u64 = 12;

/// So many steps that a pack is made of them: each with an object, which some share, and a small artifact.
fn many(store: &Store) -> Vec<Manifest> {
    let one = |number: u64| {
        let small = OutputRecord::inline(json!({"losses": [number, 0.1], "a": {"b": null}}));
        let big = store.put(format!("object {}", number % 7).as_bytes()).unwrap();
        let step = manifest(number, BTreeMap::from([("big".to_owned(), big), ("small".to_owned(), small)]));
        store.commit(&step).unwrap();
        step
    };
    (0..MANY).map(one).collect()
}

fn pack(store: &Store, steps: &[Manifest]) {
    let steps: Vec<Finished> = steps.iter().map(Finished::of).collect();
    store.pack_from(MANY as usize, steps.iter()).unwrap();
}

fn packed() -> (tempfile::TempDir, Store, Vec<Manifest>) {
    let (folder, store) = store();
    let steps = many(&store);
    pack(&store, &steps);
    (folder, store, steps)
}

/// As a process sees it that has just begun.
fn again(store: &Store) -> Store {
    Store::existing(store.root().parent().unwrap())
}

fn files(store: &Store) -> (usize, usize) {
    let packs = fs::read_dir(store.packs_folder()).unwrap().count();
    (store.list_steps().unwrap().entries.len(), packs)
}

#[track_caller]
fn assert_all_there(store: &Store, steps: &[Manifest]) {
    for step in steps {
        let found = store.finished(&step.key).unwrap().unwrap();
        assert!(!Finished::of(step).is_remade(&found) && found.seconds == step.provenance.seconds);
        let small = step.outputs["small"].inline.as_ref().unwrap().to_string();
        assert_eq!(store.output(&found, "small").unwrap(), small.as_bytes());
        assert_eq!(store.output(&found, "big").unwrap(), store.get(&step.outputs["big"].digest).unwrap());
        assert!(store.output(&found, "other").is_err());
        assert_eq!(store.whole(&found).unwrap().to_json(), step.to_json());
    }
}

fn only_pack(store: &Store) -> PathBuf {
    fs::read_dir(store.packs_folder()).unwrap().next().unwrap().unwrap().path()
}

fn damage(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn many_steps_become_one_file_and_are_the_same() {
    let (_folder, store, steps) = packed();
    assert_eq!(files(&store), (0, 1));
    assert_all_there(&store, &steps);
    assert_all_there(&again(&store), &steps);
    let other = manifest(MANY, BTreeMap::new());
    assert!(store.finished(&other.key).unwrap().is_none());
    let verified = store.verify(false, |_| ()).unwrap();
    assert!(verified.is_whole() && verified.steps == steps.len(), "{verified:?}");
    assert_eq!(store.usage().unwrap().kinds[0].steps, steps.len());
    // A few more are not worth a file.
    store.commit(&other).unwrap();
    pack(&store, &[other]);
    assert_eq!(files(&store), (1, 1));
}

#[test]
fn who_looked_before_finds_what_was_packed_meanwhile() {
    let (_folder, store) = store();
    let steps = many(&store);
    let other = again(&store);
    let before: Vec<_> = steps.iter().map(|step| other.finished(&step.key).unwrap().unwrap()).collect();
    pack(&store, &steps);
    for step in &before {
        assert!(other.output(step, "small").is_ok() && other.whole(step).is_ok());
    }
    assert_all_there(&other, &steps);
    // And who has a pack open that is gone.
    store.unpack(&[steps[0].key].into()).unwrap();
    let found = other.finished(&steps[1].key).unwrap().unwrap();
    assert!(other.output(&found, "small").is_ok());
    assert!(again(&store).finished(&steps[0].key).unwrap().is_none());
    assert_all_there(&again(&store), &steps[1..]);
}

#[test]
fn a_step_is_in_its_file_or_in_a_pack_wherever_packing_was_killed() {
    let (_folder, store) = store();
    let steps = many(&store);
    let texts: Vec<Vec<u8>> = steps.iter().map(|step| fs::read(store.manifest_path(&step.key)).unwrap()).collect();
    pack(&store, &steps);
    // Killed after the pack, before the files were gone.
    for (step, text) in steps.iter().zip(&texts) {
        fs::write(store.manifest_path(&step.key), text).unwrap();
    }
    assert_all_there(&again(&store), &steps);
    // Killed while it wrote.
    fs::write(store.packs_folder().join(".tmp-x-1-abc"), b"pipeline.pack.v1\n{").unwrap();
    let next = again(&store);
    pack(&next, &steps);
    assert_eq!(files(&next), (0, 2));
    assert_all_there(&next, &steps);
}

#[test]
fn what_was_made_again_counts_and_not_what_a_pack_has_of_it() {
    let (_folder, store, steps) = packed();
    let mut remade = steps[3].clone();
    remade.outputs.insert("small".to_owned(), OutputRecord::inline(json!("other")));
    store.commit(&remade).unwrap();
    for store in [&store, &again(&store)] {
        let found = store.finished(&remade.key).unwrap().unwrap();
        assert_eq!(store.output(&found, "small").unwrap(), b"\"other\"");
        assert_eq!(store.manifest(&remade.key).unwrap().unwrap().to_json(), remade.to_json());
    }
    // Packed again with many others, its file stays.
    many(&store);
    store.commit(&remade).unwrap();
    pack(&store, &steps);
    assert_eq!(store.finished(&remade.key).unwrap().unwrap().output("small").unwrap().size, 7);
    // Removed, it does not leave the earlier one behind.
    let wanted = Wanted {
        steps: steps.iter().map(|step| step.key).filter(|key| *key != remade.key).collect(),
        ..Wanted::default()
    };
    store.remove(&store.sweep(&wanted, None, SystemTime::now()).unwrap()).unwrap();
    assert!(again(&store).finished(&remade.key).unwrap().is_none());
}

#[test]
fn gc_takes_steps_out_of_packs_before_their_objects() {
    let (_folder, store, steps) = packed();
    let wanted = Wanted { steps: steps[..5].iter().map(|step| step.key).collect(), ..Wanted::default() };
    let sweep = store.sweep(&wanted, None, SystemTime::now()).unwrap();
    assert!(store.remove(&sweep).unwrap() > 0);
    assert_eq!(files(&store), (0, 1));
    assert_all_there(&again(&store), &steps[..5]);
    assert!(steps[5..].iter().all(|step| again(&store).finished(&step.key).unwrap().is_none()));
    assert!(store.verify(false, |_| ()).unwrap().is_whole());
    assert_eq!(store.usage().unwrap().total_bytes, store.sweep(&wanted, None, SystemTime::now()).unwrap().left);
    store.remove(&store.sweep(&Wanted::default(), None, SystemTime::now()).unwrap()).unwrap();
    assert_eq!(files(&store), (0, 0));
}

/// The only thing that may be lost is the step whose bytes were hit.
#[test]
fn one_bit_costs_one_step_at_most_and_is_noticed() {
    let (folder, store, steps) = packed();
    let whole = fs::read(only_pack(&store)).unwrap();
    let name = only_pack(&store).file_name().unwrap().to_owned();
    let index = whole.len() - FOOTER - 2;
    let places = [3, 40, whole.len() / 3, whole.len() / 2, index, whole.len() - 10, whole.len() - 1];
    for (round, at) in places.into_iter().enumerate() {
        let store = Store::open(&folder.path().join(round.to_string())).unwrap();
        many(&store).iter().for_each(|step| fs::remove_file(store.manifest_path(&step.key)).unwrap());
        fs::create_dir_all(store.packs_folder()).unwrap();
        let path = store.packs_folder().join(&name);
        fs::write(&path, &whole).unwrap();
        damage(&path, at);
        let right = |store: &Store| {
            let found = steps.iter().filter_map(|step| Some((step, store.finished(&step.key).unwrap()?)));
            found
                .filter(|(step, found)| match store.output(found, "small") {
                    Ok(bytes) => {
                        assert_eq!(bytes, step.outputs["small"].inline.as_ref().unwrap().to_string().as_bytes());
                        store.whole(found).is_ok()
                    }
                    Err(_) => false,
                })
                .count()
        };
        assert!(right(&again(&store)) >= steps.len() - 1, "byte {at}");
        // What looked like damage to a reader is gone for the next one, so the step runs again.
        let verified = again(&store).verify(true, |_| ()).unwrap();
        let mended = again(&store);
        let left = steps.iter().filter(|step| mended.finished(&step.key).unwrap().is_some()).count();
        assert_eq!(left, right(&mended), "byte {at}");
        assert!(!verified.is_whole() || left == steps.len() - 1, "byte {at}: {verified:?}");
        assert!(left >= steps.len() - 1 && files(&mended) == (0, 1), "byte {at}: {left}");
        assert!(mended.verify(false, |_| ()).unwrap().is_whole(), "byte {at}");
    }
}

#[test]
fn files_that_only_look_like_packs_are_left_alone() {
    let (_folder, store, steps) = packed();
    let folder = store.packs_folder();
    fs::write(folder.join("x.pack"), b"what").unwrap();
    fs::write(folder.join(format!("{}.pack", Digest::of(b"x"))), b"").unwrap();
    fs::write(folder.join(format!("{}.pack", Digest::of(b"y"))), b"pipeline.pack.v1\n00000000000000000017\n").unwrap();
    assert_all_there(&again(&store), &steps);
}
