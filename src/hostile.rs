//! Everything that reads bytes which others wrote, by name, for the two fuzzers: the short one in `tests/hostile/` and
//! the long one in `fuzz/`. Each entry reads its bytes as the program would. Whatever they are it must come back, soon,
//! and without asking for much more memory than they take.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::published::{Evaluation, LineLogs, LogFile, SentenceIndex, read_runs, read_sharpness};
use crate::data::{
    Columns, Dataset, Format, ModelFiles, Normalization, Reading, Tokenizer, TokenizerFiles, local_split, read_table,
    unpack_model,
};
use crate::experiment;
use crate::kinds::interpolate::PublishedLines;
use crate::kinds::stages::Experiment;
use crate::model::{Arrival, TransformerConfig, Weights, formats};
use crate::store::Manifest;

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
    ("manifest", |bytes| drop(Manifest::parse(&String::from_utf8_lossy(bytes), Path::new("manifest")))),
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
    in_file("study.toml", bytes, |path| match experiment::read(path, &[]) {
        Ok(study) if is_large(&study) => {}
        Ok(study) => match experiment::expand(&study) {
            Ok(graph) => drop(experiment::draw(&graph, experiment::Format::Dot)),
            Err(error) => drop(error.to_string()),
        },
        Err(error) => drop(error.to_string()),
    });
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
    let beside: BTreeMap<String, serde_json::Value> = serde_json::from_slice(beside).unwrap_or_default();
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
