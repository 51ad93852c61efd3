//! Everything that reads bytes which others wrote, by name, for the two fuzzers: the short one in `tests/hostile/` and
//! the long one in `fuzz/`. Each entry reads its bytes as the program would. Whatever they are it must come back, soon,
//! and without asking for much more memory than they take.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::Value;

use crate::data::published::{Evaluation, LineLogs, LogFile, SentenceIndex, read_runs, read_sharpness};
use crate::data::s3::read_page;
use crate::data::{
    Columns, Dataset, Format, Hub, ModelFiles, Normalization, Reading, Tokenizer, TokenizerFiles, local_split,
    read_table, unpack_model,
};
use crate::experiment;
use crate::fingerprint::{Digest, Key};
use crate::kinds::interpolate::PublishedLines;
use crate::kinds::stages::Experiment;
use crate::model::{Arrival, TransformerConfig, Weights, formats};
use crate::store::{Manifest, Store, Wanted};

/// A name, and what reads the bytes of such a file.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: &[Target] = &[
    ("experiment", study),
    ("safetensors", |bytes| drop(Weights::from_safetensors(bytes))),
    ("torch", |bytes| drop(in_file("model.bin", bytes, |path| formats::read(&[path.to_owned()])))),
    ("surface", |bytes| drop(formats::read_surface(bytes))),
    ("flax", |bytes| drop(in_file("model.msgpack", bytes, |path| formats::read(&[path.to_owned()])))),
    ("tensorflow", tensorflow),
    ("tensorflow-entries", tensorflow_entries),
    ("lines", lines),
    ("evaluations", evaluations),
    ("sharpness", |bytes| drop(in_file("a.log", bytes, |path| read_sharpness(&[log(path)])))),
    ("runs", runs),
    ("tsv", |bytes| table(Format::Tsv, bytes)),
    ("csv", |bytes| table(Format::Csv, bytes)),
    ("jsonl", |bytes| table(Format::Jsonl, bytes)),
    ("parquet", parquet),
    ("readme", readme),
    ("extends", extends),
    ("forged", forged),
    ("pack", pack),
    ("hub", hub),
    ("manifest", |bytes| drop(Manifest::parse(&String::from_utf8_lossy(bytes), Path::new("manifest")))),
    ("listing", |bytes| drop(read_page(&String::from_utf8_lossy(bytes), "qqp/"))),
    ("config", config),
    ("tokenizer", |bytes| tokenize(Tokenizer::from_files(Some(bytes), None, true).ok())),
    ("vocabulary", vocabulary),
    ("byte-pairs", byte_pairs),
    ("tokenizer-files", tokenizer_files),
    ("sharded", sharded),
    ("archive", |bytes| {
        drop(in_file("model.zip", bytes, |path| unpack_model(path, &path.with_extension("d"), ModelFiles::choose)))
    }),
];

/// The bytes as a file of that name, in a folder that does not outlive the call.
fn in_file<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path) -> T) -> Option<T> {
    in_files(&[(name, bytes)], |paths| read(&paths[0]))
}

fn in_files<T>(files: &[(&str, &[u8])], read: impl FnOnce(&[PathBuf]) -> T) -> Option<T> {
    let folder = tempfile::tempdir().ok()?;
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).ok()?;
        paths.push(path);
    }
    Some(read(&paths))
}

/// Two files in one input, with a line of `%%` between them.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    const BETWEEN: &[u8] = b"\n%%\n";
    match bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        Some(at) => (&bytes[..at], &bytes[at + BETWEEN.len()..]),
        None => (bytes, &[]),
    }
}

fn log(path: &Path) -> LogFile {
    LogFile { name: "a.log".into(), path: path.to_owned() }
}

fn study(bytes: &[u8]) {
    in_file("study.toml", bytes, check);
}

/// A study, and the one that it says it extends.
fn extends(bytes: &[u8]) {
    let (study, base) = halves(bytes);
    in_files(&[("study.toml", study), ("base.toml", base)], |paths| check(&paths[0]));
}

fn check(path: &Path) {
    match experiment::read(path, &[]) {
        Ok(study) if is_large(&study) => {}
        Ok(study) => match experiment::expand(&study) {
            Ok(graph) => drop(experiment::draw(&graph, experiment::Format::Dot)),
            Err(error) => drop(error.to_string()),
        },
        Err(error) => drop(error.to_string()),
    }
}

/// Whoever asks for hundreds of models gets a graph of a hundred thousand lines, as is right.
fn is_large(experiment: &Experiment) -> bool {
    const MANY: usize = 150;
    experiment.stages.iter().any(|stage| {
        let made = stage.spec.models().map_or(0, |models| models.members.len());
        let published = stage.spec.of::<PublishedLines>().map_or(0, PublishedLines::models);
        made.max(published) > MANY
    })
}

/// A manifest whose key and seal are right, whatever else it says: as somebody with a right to write would forge it.
fn forged(bytes: &[u8]) {
    let Ok(mut manifest) = serde_json::from_slice::<Manifest>(bytes) else { return };
    manifest.key = manifest.own_key();
    in_store(|store| {
        store.put(b"").ok()?;
        store.commit(&manifest).ok()?;
        read_steps(store, &[manifest.key]);
        Some(())
    });
}

/// A pack with any lines and any index, under the name that makes them count.
fn pack(bytes: &[u8]) {
    let (lines, index) = halves(bytes);
    let keys: Vec<Value> = serde_json::from_slice(index).unwrap_or_default();
    let keys: Vec<Key> = keys.iter().filter_map(|entry| Key::deserialize(&entry["key"]).ok()).collect();
    in_store(|store| {
        write_pack(store, lines, index).ok()?;
        read_steps(store, &keys);
        Some(())
    });
}

fn write_pack(store: &Store, lines: &[u8], index: &[u8]) -> std::io::Result<()> {
    let head = [b"pipeline.pack.v1\n", lines, b"\n"].concat();
    let end = format!("{:020}\n", head.len());
    let folder = store.root().join("packs");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{}.pack", Digest::of(index))), [&head, index, end.as_bytes()].concat())
}

fn in_store<T>(act: impl FnOnce(&Store) -> T) -> Option<T> {
    let folder = tempfile::tempdir().ok()?;
    let store = Store::existing(folder.path());
    std::fs::create_dir_all(store.root()).ok()?;
    Some(act(&store))
}

/// All that is done with steps that are there: planning, reading, carrying them away, looking them through, removing.
fn read_steps(store: &Store, keys: &[Key]) {
    for key in keys {
        let Ok(Some(step)) = store.finished(key) else { continue };
        drop(store.whole(&step));
        step.outputs().iter().for_each(|made| drop(store.output(&step, &made.name)));
        drop(store.export(&[&step], &store.root().join("steps.pipeline")));
    }
    drop(store.usage());
    drop(store.verify(true, |_| ()));
    drop(store.sweep(&Wanted::default(), None, SystemTime::now()).and_then(|sweep| store.remove(&sweep)));
}

/// What lies in the hub's cache for the model and the data set `a/b`: a line `PATH = TEXT` is a file, `PATH -> TARGET`
/// a link, `PATH` alone a folder.
fn hub(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(folder) = tempfile::tempdir() else { return };
    for line in text.lines().take(200) {
        let path = |name: &str| {
            let inside = name.trim().split('/').filter(|part| !["", ".", ".."].contains(part));
            inside.fold(folder.path().to_owned(), |path, part| path.join(part))
        };
        let parent = |path: &Path| path.parent().map(std::fs::create_dir_all);
        if let Some((name, target)) = line.split_once(" -> ") {
            parent(&path(name));
            #[cfg(unix)]
            std::os::unix::fs::symlink(target.trim(), path(name)).ok();
        } else if let Some((name, text)) = line.split_once(" = ") {
            parent(&path(name));
            std::fs::write(path(name), text.replace("\\n", "\n")).ok();
        } else {
            std::fs::create_dir_all(path(line)).ok();
        }
    }
    let Ok(hub) = Hub::in_folder(folder.path()) else { return };
    for (revision, step) in [(None, None), (Some("step"), None), (None, Some(15))] {
        drop(hub.model_files("a/b", revision, step, ModelFiles::choose));
        drop(hub.tokenizer_files("a/b", revision));
        drop(hub.dataset_files("a/b", revision, None, "train"));
        drop(hub.files("a/b", revision, &|name| name.ends_with(".log")));
    }
}

fn tensorflow(bytes: &[u8]) {
    let (index, shard) = halves(bytes);
    checkpoint(index, shard);
}

/// A checksum guards every block of an index, so that changed bytes hardly ever come further than that: here the
/// bytes are what stands inside a block, and the rest of the index is put around them.
fn tensorflow_entries(bytes: &[u8]) {
    let (entries, shard) = halves(bytes);
    let end_of_block = [[0; 4], 1u32.to_le_bytes()].concat();
    let mut file = sealed([entries, &end_of_block].concat());
    let mut place = vec![0, 1, 0, b'z', 0];
    push_varint(&mut place, entries.len() + end_of_block.len());
    place[2] = (place.len() - 4) as u8;
    let index = [place, end_of_block].concat();
    let mut footer = vec![0, 0];
    push_varint(&mut footer, file.len());
    push_varint(&mut footer, index.len());
    footer.resize(40, 0);
    file.extend(sealed(index));
    file.extend(footer);
    file.extend(0xdb47_7524_8b80_fb57u64.to_le_bytes());
    checkpoint(&file, shard);
}

fn checkpoint(index: &[u8], shard: &[u8]) {
    in_files(&[("bert_model.ckpt.index", index), ("bert_model.ckpt.data-00000-of-00001", shard)], formats::read);
}

fn sealed(mut block: Vec<u8>) -> Vec<u8> {
    block.push(0);
    let crc = crc32c::crc32c(&block).rotate_right(15).wrapping_add(0xa282_ead8);
    block.extend(crc.to_le_bytes());
    block
}

fn push_varint(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn lines(bytes: &[u8]) {
    in_file("a.log", bytes, |path| {
        let logs = LineLogs::read(&[log(path)]).ok()?;
        logs.of(&[(7, 22), (22, 7), (1, 2)]).ok()?.first()?.metric("loss").ok().map(<[f64]>::len)
    });
}

fn evaluations(bytes: &[u8]) {
    if let Ok(evaluation) = Evaluation::read("a.json", bytes) {
        SentenceIndex::new(&Dataset { text: vec!["a".into()], ..Dataset::default() }).find(&evaluation.sentences);
    }
}

fn runs(bytes: &[u8]) {
    let wanted = ["HANS", "Lexical (nonent)"].map(String::from);
    in_file("runs.csv", bytes, |path| read_runs(path, Format::Csv, "Run", &wanted));
}

fn table(format: Format, bytes: &[u8]) {
    for (text, keep, header) in [(["sentence1", "sentence2"], "heuristic", true), (["0", "1"], "3", false)] {
        let columns = Columns {
            text: text.map(String::from).into(),
            label: Some(if header { "gold_label".into() } else { "2".into() }),
            keep: vec![keep.into()],
            reading: Reading { header, ..Reading::default() },
            ..Columns::default()
        };
        let read = in_file("table", bytes, |path| read_table(path, format, &columns));
        if let Some(Ok(dataset)) = read {
            drop(dataset.label_ids(&["entailment".into(), "0".into()]));
            drop(dataset.slice(0..1));
        }
    }
}

fn readme(bytes: &[u8]) {
    in_files(&[("README.md", bytes), ("train.csv", b"a")], |paths| {
        let folder = paths[0].parent()?;
        let read = |config, split| local_split(folder, config, split).map_err(|error| error.to_string()).ok();
        Some((read(None, "train"), read(Some("other"), "dev")))
    });
}

fn parquet(bytes: &[u8]) {
    table(Format::Parquet, bytes);
    drop(Dataset::from_parquet(bytes, vec!["entailment".into()]));
}

fn config(bytes: &[u8]) {
    if let Ok(config) = TransformerConfig::from_json(&String::from_utf8_lossy(bytes)) {
        drop(Arrival::check(&Weights::default(), &config));
        drop(config.to_json(Some(&config.labels())));
        let _ = (config.max_tokens(), config.first_position());
    }
}

fn tokenize(tokenizer: Option<Tokenizer>) {
    let Some(tokenizer) = tokenizer else { return };
    for (text, pair) in [("The doctor saw the tourist today.", Some("Café 中 ¿xyzzy?")), ("", None)] {
        drop(tokenizer.encode(text, pair, 16));
    }
    drop(tokenizer.to_json());
}

fn vocabulary(bytes: &[u8]) {
    let (words, settings) = halves(bytes);
    let settings = Normalization::from_tokenizer_config(settings).unwrap_or_default();
    tokenize(Tokenizer::from_vocabulary(words, &settings).ok());
}

/// `tokenizer.json`, and what lies beside it in one object by name.
fn tokenizer_files(bytes: &[u8]) {
    let (whole, beside) = halves(bytes);
    let beside: BTreeMap<String, Value> = serde_json::from_slice(beside).unwrap_or_default();
    let mut files: BTreeMap<String, Vec<u8>> =
        beside.into_iter().map(|(name, content)| (name, content.to_string().into_bytes())).collect();
    files.insert("tokenizer.json".into(), whole.to_owned());
    let files = TokenizerFiles { files, model_type: "bert".into(), ..TokenizerFiles::default() };
    tokenize(files.assemble().ok().map(|assembled| assembled.tokenizer));
}

/// The index of weights in parts, and one part.
fn sharded(bytes: &[u8]) {
    let (index, part) = halves(bytes);
    in_files(&[("model.safetensors.index.json", index), ("model-00001-of-00001.safetensors", part)], formats::read);
}

fn byte_pairs(bytes: &[u8]) {
    let (vocabulary, merges) = halves(bytes);
    tokenize(Tokenizer::from_byte_pairs(vocabulary, merges, false).ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the targets start from comes as far as it should: an example that is refused at the door shows nothing.
    #[test]
    fn examples_of_caches_are_read() {
        let corpus =
            |name: &str| std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)).unwrap();
        let manifest: Manifest = serde_json::from_slice(&corpus("manifest/manifest.json")).unwrap();
        let bytes = corpus("pack/two");
        let (lines, index) = halves(&bytes);
        let read = in_store(|store| {
            write_pack(store, lines, index).unwrap();
            let step = store.finished(&manifest.key).unwrap().unwrap();
            (store.whole(&step).unwrap().step, step.outputs().len())
        });
        assert_eq!(read, Some((manifest.step, manifest.outputs.len())));
    }
}
