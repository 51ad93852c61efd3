use super::*;
use serde_json::json;

fn manifest(key: Key, outputs: BTreeMap<String, OutputRecord>) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT.to_owned(),
        key,
        step: "eval.x[1]".to_owned(),
        kind: "eval".to_owned(),
        version: 1,
        parameters: json!({"metrics": ["loss"]}),
        inputs: BTreeMap::new(),
        outputs,
        provenance: Provenance::default(),
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("cache with späces")).unwrap();
    (folder, store)
}

#[test]
fn a_step_exists_when_its_manifest_does() {
    let (_folder, store) = store();
    let key = Key(Digest::of(b"key"));
    assert!(store.manifest(&key).unwrap().is_none());
    let small = json!({"loss": 0.1 + 0.2, "list": [1, 2.5e-300]});
    let outputs = BTreeMap::from([
        ("big".to_owned(), store.put(b"bytes").unwrap()),
        ("small".to_owned(), OutputRecord::inline(small.clone())),
    ]);
    store.commit(&manifest(key, outputs)).unwrap();
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
    let key = Key(Digest::of(b"key"));
    let output = store.put(b"bytes").unwrap();
    store.commit(&manifest(key, BTreeMap::from([("x".to_owned(), output.clone())]))).unwrap();
    let path = store.manifest_path(&key);
    let whole = fs::read_to_string(&path).unwrap();

    publish(&path, &whole.as_bytes()[..whole.len() / 2], false).unwrap();
    assert!(matches!(store.manifest(&key), Err(StoreError::Damaged { .. })));
    publish(&path, whole.replace("manifest.v1", "manifest.v2").as_bytes(), false).unwrap();
    assert!(matches!(store.manifest(&key), Err(StoreError::Newer { .. })));
    publish(&path, whole.as_bytes(), false).unwrap();

    let object = store.object_path(&output.digest);
    publish(&object, b"bites", true).unwrap();
    assert!(matches!(store.get(&output.digest), Err(StoreError::Damaged { .. })));
    fs::remove_file(&object).unwrap();
    assert!(matches!(store.manifest(&key), Err(StoreError::Damaged { .. })));
    assert_eq!(store.put(b"bytes").unwrap().digest, output.digest);
    assert!(store.manifest(&key).unwrap().is_some());
}
