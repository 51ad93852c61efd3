//! The same tiny model from the files of every library; see tests/reference/formats.py.

use super::*;
use crate::model::HostTensor;
use std::io::Cursor;
use std::path::Path;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/formats").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn tensorflow(name: &str, shards: usize) -> Vec<PathBuf> {
    let data = (0..shards).map(|shard| path(&format!("{name}.data-{shard:05}-of-{shards:05}")));
    std::iter::once(path(&format!("{name}.index"))).chain(data).collect()
}

/// Names, shapes, and the bits of every number: -0 is not 0 here, and NaN would be itself.
fn bits(weights: &Weights) -> Vec<(&String, &Vec<usize>, Vec<u32>)> {
    let bits = |tensor: &HostTensor| tensor.data.iter().map(|value| value.to_bits()).collect();
    weights.tensors.iter().map(|(name, tensor)| (name, &tensor.shape, bits(tensor))).collect()
}

#[track_caller]
fn same(files: &[PathBuf], safetensors: &str) {
    let (found, expected) = (read(files).unwrap(), read(&[path(safetensors)]).unwrap());
    assert!(!expected.tensors.is_empty());
    assert_eq!(bits(&found), bits(&expected), "{}", files[0].display());
}

#[test]
fn every_format_gives_the_same_bits() {
    for name in ["zip.bin", "legacy.bin", "protocol4.bin", "wrapped.bin", "flax.msgpack", "chunked.msgpack"] {
        same(&[path(name)], "model.safetensors");
    }
    same(&tensorflow("bert_model.ckpt", 1), "model.safetensors");
    assert_eq!(read(&[path("model.safetensors")]).unwrap().tensors.len(), 5 + 2 * 16 + 4);
}

#[test]
fn strides_shared_storages_and_other_floats_are_read() {
    for name in ["odd_zip.bin", "odd_legacy.bin"] {
        same(&[path(name)], "odd.safetensors");
    }
    same(&[path("odd.msgpack")], "odd_flax.safetensors");
    same(&tensorflow("sharded.ckpt", 2), "sharded.safetensors");
}

#[test]
fn weights_in_parts_are_read_by_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, inside) = (read(&[path("model.safetensors")]).unwrap(), |name: &str| folder.path().join(name));
    let names: Vec<&String> = whole.tensors.keys().collect();
    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let mut map = BTreeMap::new();
    for (number, part) in parts.iter().enumerate() {
        let of_part = names.iter().skip(number).step_by(2).map(|name| ((*name).clone(), whole.tensors[*name].clone()));
        let part_of = Weights { tensors: of_part.collect() };
        map.extend(part_of.tensors.keys().map(|name| (name.clone(), (*part).to_owned())));
        std::fs::write(inside(part), part_of.to_safetensors().unwrap()).unwrap();
    }
    // What is no parameter need not be there.
    map.insert("bert.embeddings.position_ids".into(), parts[0].into());
    let index = inside("model.safetensors.index.json");
    let write = |map: &BTreeMap<String, String>| {
        std::fs::write(&index, serde_json::json!({"metadata": {}, "weight_map": map}).to_string()).unwrap();
        read(&[index.clone(), inside(parts[0]), inside(parts[1])])
    };
    assert_eq!(bits(&write(&map).unwrap()), bits(&whole));
    map.insert("bert.embeddings.more.weight".into(), parts[1].into());
    let error = write(&map).unwrap_err().to_string();
    assert!(
        error.contains("`bert.embeddings.more.weight` is in model-00002-of-00002.safetensors, and no part"),
        "{error}"
    );

    std::fs::write(&index, r#"{"weight_map": {"classifier.bias": "pytorch_model-00001-of-00001.bin"}}"#).unwrap();
    std::fs::copy(path("zip.bin"), inside("pytorch_model-00001-of-00001.bin")).unwrap();
    let torch = read(&[index.clone(), inside("pytorch_model-00001-of-00001.bin")]).unwrap();
    assert_eq!(bits(&torch), bits(&whole));
    std::fs::write(&index, "[]").unwrap();
    assert!(read(&[index]).unwrap_err().to_string().contains("index of the weights"));
}

#[test]
fn nothing_in_a_pickle_is_run() {
    for name in ["trap_zip.bin", "trap_legacy.bin"] {
        let error = read(&[path(name)]).unwrap_err().to_string();
        assert!(error.contains("the class `posix.system`") && error.contains("nothing in it was run"), "{error}");
    }
    let error = read(&[path("sparse.bin")]).unwrap_err().to_string();
    assert!(error.contains("the class `torch._utils._rebuild_sparse_tensor`"), "{error}");
}

#[test]
fn wrong_files_are_told_apart_from_damaged_ones() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        read(&[file]).unwrap_err().to_string()
    };
    let cases: [(&str, &[u8], &str); 6] = [
        ("a.bin", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.bin", b"<!DOCTYPE html>", "neither as a zip file nor as torch's legacy format"),
        ("a.bin", b"", "breaks off"),
        ("a.bin", &bytes("cased_tiny.zip"), "without a data.pkl"),
        ("a.msgpack", b"\x81\xa4step\x05", "its entry `step` is neither a map nor an array"),
        ("a.msgpack", b"\x81\xa1a\x80rest", "4 bytes follow its end"),
    ];
    for (name, content, part) in cases {
        let error = message(name, content);
        assert!(error.contains(part), "{error}");
    }
    let missing = read(&[folder.path().join("none.bin")]).unwrap_err().to_string();
    assert!(missing.contains("none.bin"), "{missing}");

    // Two files of data were promised.
    let error = read(&tensorflow("sharded.ckpt", 2)[..2]).unwrap_err().to_string();
    assert!(error.contains("it has 2 data files, but 1 are there"), "{error}");
    // The data of another checkpoint.
    let mixed = [path("sharded.ckpt.index"), path("bert_model.ckpt.data-00000-of-00001"), path("vocab.txt")];
    let error = read(&mixed).unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
}

/// Reads bytes as the format of a fixture; an index with that fixture's data.
fn parse(name: &str, bytes: &[u8], data: &[Vec<u8>]) -> Result<Weights, ModelError> {
    match name.rsplit('.').next() {
        Some("bin") => Weights::from_named(torch::read(bytes)?),
        Some("msgpack") => Weights::from_named(flax::read(bytes)?),
        _ => {
            let mut shards: Vec<Cursor<&Vec<u8>>> = data.iter().map(Cursor::new).collect();
            Weights::from_named(tensorflow::read(bytes, &mut shards)?)
        }
    }
}

/// A file's name and bytes, and the data that goes with an index.
type Fixture = (&'static str, Vec<u8>, Vec<Vec<u8>>);

fn fixtures() -> Vec<Fixture> {
    let plain = ["zip.bin", "legacy.bin", "protocol4.bin", "odd_zip.bin", "odd_legacy.bin", "flax.msgpack"];
    let plain = plain.into_iter().chain(["chunked.msgpack", "odd.msgpack"]).map(|name| (name, bytes(name), Vec::new()));
    let data = |files: Vec<PathBuf>| files[1..].iter().map(|file| std::fs::read(file).unwrap()).collect();
    let indices = [("bert_model.ckpt", "bert_model.ckpt.index", 1), ("sharded.ckpt", "sharded.ckpt.index", 2)];
    let indices = indices.map(|(stem, index, shards)| (index, bytes(index), data(tensorflow(stem, shards))));
    plain.chain(indices).collect()
}

#[test]
fn a_file_cut_at_any_length_is_an_error() {
    for (name, whole, data) in fixtures() {
        assert!(parse(name, &whole, &data).is_ok(), "{name}");
        // Every length of the small files, and of the others those where one part ends and the next begins.
        let step = (whole.len() / 1000).max(1);
        for length in (0..whole.len()).step_by(step).chain(whole.len().saturating_sub(300)..whole.len()) {
            assert!(parse(name, &whole[..length], &data).is_err(), "{name} cut to {length} of {} bytes", whole.len());
        }
        for shard in 0..data.len() {
            for length in (0..data[shard].len()).step_by(41) {
                let mut data = data.clone();
                data[shard].truncate(length);
                assert!(parse(name, &whole, &data).is_err(), "{name} with data cut to {length}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_never_panics_and_checksums_find_it() {
    for (name, whole, data) in fixtures() {
        let good = parse(name, &whole, &data).unwrap();
        let step = (whole.len() / 400).max(1);
        for at in (0..whole.len()).step_by(step) {
            for bit in [0, 3, 7] {
                let mut wrong = whole.clone();
                wrong[at] ^= 1 << bit;
                drop(parse(name, &wrong, &data));
            }
        }
        for shard in 0..data.len() {
            for at in (0..data[shard].len()).step_by(5) {
                let mut data = data.clone();
                data[shard][at] ^= 1;
                // Bytes that no parameter covers, such as the optimizer's, may be anything.
                let found = parse(name, &whole, &data);
                assert!(found.is_err() || bits(&found.unwrap()) == bits(&good), "{name}: byte {at} of its data");
            }
        }
    }
    // A zip file has checksums too.
    let whole = bytes("zip.bin");
    let storage = whole.windows(4).position(|four| *four == bytes("model.safetensors")[11136 - 4..]);
    let mut wrong = whole.clone();
    wrong[storage.unwrap()] ^= 1;
    assert!(parse("zip.bin", &wrong, &[]).unwrap_err().to_string().contains("checksum"));
}
