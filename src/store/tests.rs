use super::*;
use serde_json::json;

/// A finished step; other numbers have other keys.
pub(crate) fn manifest(number: u64, outputs: BTreeMap<String, OutputRecord>) -> Manifest {
    let digest = Digest::of(b"input");
    let mut manifest = Manifest {
        format: MANIFEST_FORMAT.to_owned(),
        key: Key(digest),
        step: "eval.x[1]".to_owned(),
        kind: "eval".to_owned(),
        version: 1,
        parameters: json!({"metrics": ["loss"], "seed": number, "rate": 2e-5, "none": null}),
        inputs: BTreeMap::from([(
            "data".to_owned(),
            InputRecord { digest, from: Key(digest), output: "x".to_owned() },
        )]),
        outputs,
        provenance: Provenance { seconds: 1.5, ..Provenance::default() },
    };
    manifest.key = manifest.own_key();
    manifest
}

/// Commits a step with one object.
pub(crate) fn finish(store: &Store, number: u64, bytes: &[u8]) -> Manifest {
    let manifest = manifest(number, BTreeMap::from([("x".to_owned(), store.put(bytes).unwrap())]));
    store.commit(&manifest).unwrap();
    manifest
}

pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("cache with späces")).unwrap();
    (folder, store)
}

#[test]
fn a_step_exists_when_its_manifest_does() {
    let (_folder, store) = store();
    let small = json!({"loss": 0.1 + 0.2, "list": [1, 2.5e-300]});
    let outputs = BTreeMap::from([
        ("big".to_owned(), store.put(b"bytes").unwrap()),
        ("small".to_owned(), OutputRecord::inline(small.clone())),
    ]);
    let manifest = manifest(1, outputs);
    let key = manifest.key;
    assert!(store.manifest(&key).unwrap().is_none());
    store.commit(&manifest).unwrap();
    let read = store.manifest(&key).unwrap().unwrap();
    assert_eq!(read.outputs["small"].inline.as_ref(), Some(&small));
    assert_eq!(store.get(&read.outputs["big"].digest).unwrap(), b"bytes");
}

#[test]
fn scratch_is_bound_to_a_key_and_damage_counts_as_not_there() {
    let (_folder, store) = store();
    let scratch = store.scratch(&Key(Digest::of(b"key")));
    scratch.clear();
    assert_eq!(scratch.read("row"), None);
    scratch.write("row", b"a\nb").unwrap();
    assert_eq!(scratch.read("row").unwrap(), b"a\nb");
    assert_eq!(store.scratch(&Key(Digest::of(b"other"))).read("row"), None);
    let file = store.root().join("scratch").join(Key(Digest::of(b"key")).to_string()).join("row");
    let whole = fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() - 1], &whole[..10], b"", b"\n", &[&whole[..], b"x"].concat()] {
        fs::write(&file, damaged).unwrap();
        assert_eq!(scratch.read("row"), None);
    }
    scratch.clear();
    assert!(!file.exists());
}

#[test]
fn damage_is_found_and_a_newer_manifest_is_refused() {
    let (_folder, store) = store();
    let manifest = finish(&store, 1, b"bytes");
    let (key, digest) = (manifest.key, manifest.outputs["x"].digest);
    let path = store.manifest_path(&key);
    let whole = fs::read_to_string(&path).unwrap();

    publish(&path, &whole.as_bytes()[..whole.len() / 2], false).unwrap();
    assert!(matches!(store.manifest(&key), Err(StoreError::Damaged { .. })));
    let mut newer = whole.replace("manifest.v1", "manifest.v2");
    newer = newer.replace("\"kind\"", "\"other\": 1, \"kind\"");
    publish(&path, newer.as_bytes(), false).unwrap();
    assert!(matches!(store.manifest(&key), Err(StoreError::Newer { .. })));
    publish(&path, whole.as_bytes(), false).unwrap();

    let object = store.object_path(&digest);
    for bytes in [b"bites".as_slice(), b"byte", b""] {
        publish(&object, bytes, true).unwrap();
        let error = store.get(&digest).unwrap_err().to_string();
        assert!(error.contains("does not match its name; it was moved to"), "{error}");
        assert_eq!(fs::read(store.damaged_folder().join(digest.to_string())).unwrap(), bytes);
        let error = store.manifest(&key).unwrap_err().to_string();
        assert!(error.contains("moved away"), "{error}");
    }
    assert!(store.get(&digest).unwrap_err().to_string().contains("the object is gone"));
    assert_eq!(store.put(b"bytes").unwrap().digest, digest);
    assert!(store.manifest(&key).unwrap().is_some());
    // Of the right size, but not what its name says: written again.
    publish(&object, b"bites", true).unwrap();
    store.put(b"bytes").unwrap();
    assert_eq!(store.get(&digest).unwrap(), b"bytes");
}

#[test]
fn one_flipped_bit_anywhere_in_a_manifest_is_noticed() {
    let (_folder, store) = store();
    let outputs = BTreeMap::from([
        ("big".to_owned(), store.put(b"bytes").unwrap()),
        ("small".to_owned(), OutputRecord::inline(json!({"loss": 0.25}))),
    ]);
    let manifest = manifest(1, outputs);
    let whole = manifest.to_json();
    let path = Path::new("x.json");
    let as_value = |manifest: &Manifest| serde_json::to_value(manifest).unwrap();
    let same = as_value(&Manifest::parse(&whole, path).unwrap());
    assert_eq!(same, as_value(&manifest));
    let (mut noticed, mut harmless) = (0, 0);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(text) = String::from_utf8(bytes) else {
                noticed += 1;
                continue;
            };
            match Manifest::parse(&text, path) {
                // White space for white space, or the same number.
                Ok(read) => {
                    assert_eq!(as_value(&read), same, "byte {at} bit {bit}");
                    harmless += 1;
                }
                Err(StoreError::Damaged { .. }) => noticed += 1,
                Err(error) => panic!("byte {at} bit {bit}: {error}"),
            }
        }
    }
    assert!(noticed > 50 * harmless, "{noticed} {harmless}");
}

#[test]
fn manifests_without_a_seal_are_read_and_their_parameters_still_count() {
    let (_folder, store) = store();
    let manifest = finish(&store, 1, b"bytes");
    let path = store.manifest_path(&manifest.key);
    let unsealed = serde_json::to_string(&manifest).unwrap();
    assert!(!unsealed.contains(r#""seal""#));
    publish(&path, unsealed.as_bytes(), false).unwrap();
    assert!(store.manifest(&manifest.key).unwrap().is_some());
    for (old, new) in [
        ("0.00002", "0.00003"),
        ("\"eval\"", "\"eval2\""),
        ("\"data\"", "\"date\""),
        ("\"version\":1", "\"version\":2"),
    ] {
        let changed = unsealed.replace(old, new);
        assert_ne!(changed, unsealed, "{old}");
        publish(&path, changed.as_bytes(), false).unwrap();
        assert!(matches!(store.manifest(&manifest.key), Err(StoreError::Damaged { .. })), "{old}");
    }
}

#[test]
#[cfg(unix)]
fn no_link_is_followed() {
    use std::os::unix::fs::symlink;
    let (folder, store) = store();
    let outside = folder.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    let manifest = finish(&store, 1, b"bytes");
    let (key, digest) = (manifest.key, manifest.outputs["x"].digest);
    let damaged = |result: Result<Option<Manifest>, StoreError>| matches!(result, Err(StoreError::Damaged { .. }));

    // A link to the right bytes is refused all the same, and put right without touching what it leads to.
    let object = store.object_path(&digest);
    fs::rename(&object, outside.join("object")).unwrap();
    symlink(outside.join("object"), &object).unwrap();
    assert!(damaged(store.manifest(&key)));
    assert!(matches!(store.get(&digest), Err(StoreError::Damaged { .. })));
    assert!(outside.join("object").exists() && object.symlink_metadata().is_err());
    symlink(outside.join("object"), &object).unwrap();
    store.put(b"bytes").unwrap();
    assert!(object.symlink_metadata().unwrap().is_file());
    assert!(store.manifest(&key).unwrap().is_some());

    let file = store.manifest_path(&key);
    fs::rename(&file, outside.join("manifest")).unwrap();
    symlink(outside.join("manifest"), &file).unwrap();
    assert!(damaged(store.manifest(&key)));
    let listing = store.verify(true, |_| ()).unwrap();
    assert_eq!(listing.strange, std::slice::from_ref(&file));
    assert!(
        store
            .sweep(&Wanted::default(), None, std::time::SystemTime::now())
            .unwrap()
            .removals
            .iter()
            .all(|removal| removal.path != file)
    );
    store.commit(&manifest).unwrap();
    assert!(file.symlink_metadata().unwrap().is_file());

    // A folder of objects that leads out: nothing is read or written through it.
    let shard = object.parent().unwrap();
    fs::rename(shard, outside.join("shard")).unwrap();
    symlink(outside.join("shard"), shard).unwrap();
    assert!(damaged(store.manifest(&key)));
    assert!(matches!(store.put(b"bytes"), Err(StoreError::Damaged { .. })));
    assert!(matches!(store.get(&digest), Err(StoreError::Damaged { .. })));
    assert!(outside.join("shard").join(digest.to_string()).exists());
    // The link is out of the way now, and only the link.
    store.put(b"bytes").unwrap();
    assert!(store.manifest(&key).unwrap().is_some());

    let scratch = store.root().join("scratch").join(key.to_string());
    symlink(&outside, &scratch).unwrap();
    store.scratch(&key).write("row", b"x").unwrap();
    assert!(!outside.join("row").exists() && scratch.join("row").exists());
    store.scratch(&key).clear();
    assert!(outside.join("object").exists());
}

#[test]
fn one_flipped_bit_in_the_last_keys_is_noticed() {
    let (_folder, store) = store();
    let keys: BTreeMap<String, Key> =
        ["eval.x[1]", "plot.y"].map(|label| (label.to_owned(), Key(Digest::of(label.as_bytes())))).into();
    assert!(store.read_last_keys("x").unwrap().is_empty());
    store.remember_keys("x", &keys).unwrap();
    let path = store.last_keys_path("x");
    let whole = fs::read(&path).unwrap();
    let (mut noticed, mut harmless) = (0, 0);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            fs::write(&path, bytes).unwrap();
            match store.read_last_keys("x") {
                // White space for white space, or a large digit for a small one.
                Ok(read) => {
                    assert_eq!(read, keys, "byte {at} bit {bit}");
                    harmless += 1;
                }
                Err(StoreError::Damaged { .. }) => noticed += 1,
                Err(error) => panic!("byte {at} bit {bit}: {error}"),
            }
        }
    }
    assert!(noticed > 10 * harmless, "{noticed} {harmless}");
    // As earlier versions wrote them.
    fs::write(&path, serde_json::to_string(&keys).unwrap()).unwrap();
    assert_eq!(store.read_last_keys("x").unwrap(), keys);
}
