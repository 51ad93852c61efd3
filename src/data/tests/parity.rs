//! Agreement with transformers' tokenizers on real sentence pairs, which `tests/reference/tokens.py` wrote down.

use super::super::{Encoded, Tokenizer, collate};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// One row of the fixture. Its ids follow the place where the second text begins.
#[derive(Deserialize)]
struct Row {
    a: String,
    b: Option<String>,
    fast: BTreeMap<usize, Vec<i32>>,
    cased: Vec<i32>,
}

const CASED_LENGTH: usize = 64;

fn fixture() -> (Vec<u8>, Vec<Row>) {
    let bytes = include_bytes!("../../../tests/reference/tokens.zip");
    let mut file = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut read = |name: &str| {
        let mut content = Vec::new();
        file.by_name(name).unwrap().read_to_end(&mut content).unwrap();
        content
    };
    let (vocabulary, rows) = (read("vocab.txt"), read("pairs.jsonl"));
    let lines = rows.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    (vocabulary, lines.map(|line| serde_json::from_slice(line).unwrap()).collect())
}

fn wanted(numbers: &[i32]) -> Encoded {
    let (second, ids) = (numbers[0] as usize, &numbers[1..]);
    Encoded {
        input_ids: ids.to_vec(),
        token_type_ids: (0..ids.len()).map(|place| i32::from(place >= second)).collect(),
    }
}

#[test]
fn a_thousand_pairs_agree_with_transformers() {
    let (vocabulary, rows) = fixture();
    let plain = Tokenizer::from_files(None, Some(&vocabulary), true).unwrap();
    let json = plain.to_json().unwrap();
    let from_json = Tokenizer::from_files(Some(json.as_bytes()), None, true).unwrap();
    let cased = Tokenizer::from_files(None, Some(&vocabulary), false).unwrap();
    assert!(rows.iter().filter(|row| row.b.is_some()).count() >= 1000);
    let mut cut = 0;
    for row in &rows {
        let (a, b) = (row.a.as_str(), row.b.as_deref());
        for (length, numbers) in &row.fast {
            let found = plain.encode(a, b, *length).unwrap();
            assert_eq!(found, wanted(numbers), "{a:?} {b:?} at {length}");
            assert_eq!(from_json.encode(a, b, *length).unwrap(), found);
            cut += usize::from(found.len() == *length);
        }
        assert_eq!(cased.encode(a, b, CASED_LENGTH).unwrap(), wanted(&row.cased), "{a:?} {b:?} cased");
    }
    assert!(cut > 1500, "only {cut} texts were long enough to be cut");
}

#[test]
fn masks_of_a_batch_cover_the_tokens_and_nothing_else() {
    let (_, rows) = fixture();
    for rows in rows.chunks(32) {
        let encoded: Vec<Encoded> = rows.iter().map(|row| wanted(&row.fast[&128])).collect();
        let all: Vec<&Encoded> = encoded.iter().collect();
        let batch = collate(&all, &vec![0; all.len()], &vec![0; all.len()], -1);
        for (place, mask) in batch.attention_mask.iter().enumerate() {
            let (row, column) = (place / batch.width, place % batch.width);
            let token = encoded[row].input_ids.get(column);
            assert_eq!(*mask, if token.is_some() { 1.0 } else { 0.0 });
            assert_eq!(batch.input_ids[place], *token.unwrap_or(&-1));
            assert_eq!(batch.token_type_ids[place], *encoded[row].token_type_ids.get(column).unwrap_or(&0));
        }
    }
}
