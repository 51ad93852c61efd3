//! Tokenizers out of their files against `AutoTokenizer`, by `tests/reference/tokenizer_files.py`; and what is refused.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::{Assembled, DataError, Tokenizer, TokenizerFiles};

const LENGTH: usize = 64;

#[derive(Deserialize)]
struct Fixture {
    variants: Vec<Variant>,
    outcomes: BTreeMap<String, BTreeMap<usize, Vec<i32>>>,
}

#[derive(Deserialize)]
struct Variant {
    name: String,
    config: Value,
    files: BTreeMap<String, Value>,
    sha256: String,
}

#[derive(Deserialize)]
struct Row {
    a: String,
    b: Option<String>,
}

fn zipped(name: &str) -> Vec<u8> {
    static UNPACKED: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut unpacked = UNPACKED.lock().unwrap();
    unpacked.entry(name.to_owned()).or_insert_with(|| unpack(name)).clone()
}

fn unpack(name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(include_bytes!("../../../tests/reference/tokens.zip"))).unwrap();
    let mut content = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
    content
}

fn byte_pairs(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/reference/byte_pairs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The `tokenizer.json` that the fixture's changes are made to.
fn whole(changes: &Value) -> Value {
    let base = match changes.get("byte_pairs") {
        Some(prefix) => {
            let (vocabulary, merges) = (byte_pairs("vocab.json"), byte_pairs("merges.txt"));
            let tokenizer = Tokenizer::from_byte_pairs(&vocabulary, &merges, prefix.as_bool().unwrap()).unwrap();
            tokenizer.with_special_tokens().unwrap()
        }
        None => Tokenizer::from_files(None, Some(&zipped("vocab.txt")), true).unwrap(),
    };
    let mut base: Value = serde_json::from_str(&base.to_json().unwrap()).unwrap();
    for (name, value) in changes.as_object().unwrap().iter().filter(|(name, _)| *name != "byte_pairs") {
        base[name] = value.clone();
    }
    base
}

fn files(config: &Value, files: &BTreeMap<String, Value>) -> TokenizerFiles {
    let content = |(name, content): (&String, &Value)| {
        let bytes = match name.as_str() {
            "vocab.txt" => zipped("vocab.txt"),
            "vocab.json" | "merges.txt" => byte_pairs(name),
            "tokenizer.json" => whole(content).to_string().into_bytes(),
            _ => content.to_string().into_bytes(),
        };
        (name.clone(), bytes)
    };
    TokenizerFiles {
        files: files.iter().map(content).collect(),
        class: config["tokenizer_class"].as_str().map(str::to_owned),
        model_type: config["model_type"].as_str().unwrap().to_owned(),
        cased: false,
    }
}

#[test]
fn every_combination_of_files_gives_the_ids_of_transformers() {
    let fixture: Fixture = serde_json::from_str(include_str!("../../../tests/reference/tokenizer_files.json")).unwrap();
    let pairs = String::from_utf8(zipped("pairs.jsonl")).unwrap();
    let rows: Vec<Row> = pairs.split_terminator('\n').map(|row| serde_json::from_str(row).unwrap()).collect();
    let (texts, seconds): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.a, row.b)).unzip();
    assert!(fixture.variants.len() >= 120 && texts.len() > 1100);
    let mut wrong = Vec::new();
    // Many ways of saying it are one tokenizer: what it makes of all the texts is seen once.
    let mut seen = BTreeMap::new();
    for variant in &fixture.variants {
        let assembled = files(&variant.config, &variant.files).assemble();
        let stored = assembled.and_then(|assembled| assembled.tokenizer.to_json());
        let stored = stored.unwrap_or_else(|error| panic!("{}: {error}", variant.name));
        if seen.get(&stored) == Some(&variant.sha256) {
            continue;
        }
        // As it is stored, since that is what everything else reads.
        let tokenizer = Tokenizer::from_files(Some(stored.as_bytes()), None, true).unwrap();
        let mut digest = Sha256::new();
        let shown = &fixture.outcomes[&variant.sha256];
        for (row, (text, second)) in texts.iter().zip(&seconds).enumerate() {
            let ids = tokenizer.encode(text, second.as_deref(), LENGTH).unwrap().input_ids;
            if let Some(wanted) = shown.get(&row).filter(|wanted| **wanted != ids) {
                wrong.push(format!("{}: {text:?} {second:?}\n{ids:?}\n{wanted:?}", variant.name));
            }
            digest.update((ids.len() as i32).to_le_bytes());
            ids.iter().for_each(|id| digest.update(id.to_le_bytes()));
        }
        let found: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found != variant.sha256 {
            wrong.push(format!("{}: not all ids are those of transformers", variant.name));
        }
        seen.insert(stored, found);
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

fn assembled(model_type: &str, named: &[(&str, Value)]) -> Result<Assembled, DataError> {
    let config = json!({"model_type": model_type});
    let named = named.iter().map(|(name, content)| ((*name).to_owned(), content.clone()));
    files(&config, &named.collect()).assemble()
}

#[test]
fn contradictions_are_named() {
    let lower = ("tokenizer.json", json!({}));
    let config = |config: Value| ("tokenizer_config.json", config);
    let normalizer = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": false});
    let cased = ("tokenizer.json", json!({ "normalizer": normalizer }));
    let size = whole(&json!({}))["model"]["vocab"].as_object().unwrap().len();
    let notes = |named: &[(&str, Value)]| assembled("bert", named).unwrap().notes;
    assert_eq!(
        notes(&[lower.clone(), config(json!({"do_lower_case": false}))]),
        ["tokenizer_config.json says do_lower_case = false, which counts, and tokenizer.json true, which does not"]
    );
    assert_eq!(
        notes(&[cased]),
        ["tokenizer.json says do_lower_case = false, but without a tokenizer_config.json that says so transformers \
          reads true, and so does this"]
    );
    assert_eq!(
        notes(&[lower.clone(), config(json!({"added_tokens_decoder": {"9999": {"content": "Zebra"}}}))]),
        [format!("`Zebra` is said to have the number 9999, and gets {size}, as in transformers")]
    );
    let added = ("added_tokens.json", json!({"Okapi": size}));
    assert_eq!(
        notes(&[lower.clone(), added, config(json!({"added_tokens_decoder": {}}))]),
        [
            "added_tokens.json has `Okapi`, which tokenizer_config.json does not list: it is left out, as by transformers"
        ]
    );
    let fine = config(json!({"do_lower_case": true, "cls_token": "[CLS]", "model_max_length": 512}));
    let read = assembled("bert", &[lower.clone(), fine]).unwrap();
    assert_eq!((read.notes.len(), read.longest), (0, Some(512)));
    let endless = config(json!({"model_max_length": 1e30}));
    assert_eq!(assembled("bert", &[lower, endless]).unwrap().longest, None);
}

#[test]
fn what_versions_of_transformers_read_differently_is_refused() {
    let lower = ("tokenizer.json", json!({}));
    let config = |config: Value| ("tokenizer_config.json", config);
    let vocabulary = ("vocab.txt", Value::Bool(true));
    let map = |token: &str| ("special_tokens_map.json", json!({"additional_special_tokens": [token]}));
    let plain = json!({"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": false});
    let mask = json!({"content": "[MASK]", "lstrip": true, "special": true, "normalized": false});
    for (model_type, named, message) in [
        (
            "bert",
            vec![lower.clone(), config(json!({"sep_token": "."}))],
            "its sep_token is said to be `.`, and only `[SEP]`",
        ),
        (
            "bert",
            vec![lower.clone(), config(json!({"additional_special_tokens": ["said"]})), map("Mr")],
            "tokenizer_config.json has `said` as its additional_special_tokens, and special_tokens_map.json `Mr`",
        ),
        (
            "bert",
            vec![lower.clone(), config(json!({"added_tokens_decoder": {"4": mask}}))],
            "look for `[MASK]` in two ways",
        ),
        (
            "roberta",
            vec![("tokenizer.json", json!({"byte_pairs": true})), config(plain)],
            "tokenizer_config.json says add_prefix_space = false, and tokenizer.json says true; versions",
        ),
        (
            "bert",
            vec![lower.clone(), config(json!({"tokenizer_class": "RobertaTokenizer"}))],
            "tokenizer.json cuts texts by WordPiece, which `RobertaTokenizer`, the class that is named, does not",
        ),
        (
            "bert",
            vec![vocabulary, config(json!({"tokenizer_class": "BertJapaneseTokenizer"}))],
            "its tokenizer is a `BertJapaneseTokenizer`, which cuts texts otherwise than a vocab.txt by itself says",
        ),
        ("bert", vec![lower.clone(), config(json!({"truncation_side": "left"}))], "long texts lose their beginning"),
        ("bert", vec![lower.clone(), config(json!({"split_special_tokens": true}))], "split_special_tokens = true"),
        ("bert", vec![lower.clone(), config(json!({"do_lower_case": "no"}))], "tokenizer_config.json: "),
        ("bert", vec![lower, ("added_tokens.json", json!(["a"]))], "added_tokens.json: "),
    ] {
        let error = assembled(model_type, &named).map(|assembled| assembled.notes).unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
}
