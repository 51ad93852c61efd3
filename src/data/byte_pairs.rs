//! RoBERTa's tokenisation from `vocab.json` and `merges.txt`, the files of models that have no `tokenizer.json`.

use super::DataError;
use super::special::{special, wrap};
use std::collections::HashMap;
use tokenizers::Tokenizer;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;

/// `vocab.json` is an object from token to id, `merges.txt` has a pair of tokens a line, best first.
pub(super) fn read(vocab_json: &[u8], merges_txt: &[u8], prefix_space: bool) -> Result<Tokenizer, DataError> {
    let vocabulary: HashMap<String, u32> =
        serde_json::from_slice(vocab_json).map_err(|error| DataError::Tokenizer(format!("vocab.json: {error}")))?;
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.into_iter().collect::<Vocab>(), merges(merges_txt)?)
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix(String::new())
        .build()
        .map_err(wrap("vocab.json and merges.txt"))?;
    let mut tokenizer = Tokenizer::new(model);
    let processor = processing(&tokenizer)?;
    tokenizer.with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(prefix_space)));
    tokenizer.with_post_processor(Some(processor));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    Ok(tokenizer)
}

/// `<s> text </s>`, `<s> text </s></s> pair </s>`.
pub(super) fn processing(tokenizer: &Tokenizer) -> Result<RobertaProcessing, DataError> {
    let named = |token: &str| special(tokenizer, token).map(|id| (token.to_owned(), id));
    Ok(RobertaProcessing::new(named("</s>")?, named("<s>")?).add_prefix_space(false))
}

fn merges(bytes: &[u8]) -> Result<Vec<(String, String)>, DataError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| DataError::Tokenizer(format!("merges.txt is not UTF-8: {error}")))?;
    let mut merges = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || (number == 0 && line.starts_with("#version")) {
            continue;
        }
        match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => merges.push((left.to_owned(), right.to_owned())),
            _ => {
                let what = format!("line {} of merges.txt is not two tokens: `{line}`", number + 1);
                return Err(DataError::Tokenizer(what));
            }
        }
    }
    Ok(merges)
}

#[cfg(test)]
mod tests {
    use super::super::Tokenizer;
    use serde_json::Value;

    fn file(name: &str) -> Vec<u8> {
        let path: std::path::PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "tests", "reference", "byte_pairs", name].iter().collect();
        std::fs::read(path).unwrap()
    }

    fn tokenizer() -> Tokenizer {
        let tokenizer = Tokenizer::from_byte_pairs(&file("vocab.json"), &file("merges.txt"), false).unwrap();
        tokenizer.with_special_tokens().unwrap()
    }

    /// Written by `tests/reference/byte_pairs.py`.
    #[test]
    fn ids_are_those_of_transformers() {
        let built = tokenizer();
        let read = Tokenizer::from_files(Some(built.to_json().unwrap().as_bytes()), None, true).unwrap();
        let mut bare: Value = serde_json::from_str(&built.to_json().unwrap()).unwrap();
        bare["post_processor"] = Value::Null;
        let bare = Tokenizer::from_files(Some(bare.to_string().as_bytes()), None, true).unwrap();
        let rows: Vec<(String, Option<String>, usize, Vec<i32>)> =
            serde_json::from_slice(&file("expected.json")).unwrap();
        assert!(rows.len() > 200);
        for (text, pair, max_length, ids) in &rows {
            for tokenizer in [&built, &read, &bare] {
                let found = tokenizer.encode(text, pair.as_deref(), *max_length).unwrap();
                assert_eq!(found.input_ids, *ids, "{text:?} {pair:?}");
                assert_eq!(found.token_type_ids.len(), ids.len());
            }
        }
        assert_eq!((built.pad_id(), built.cls_id(), built.sep_id(), built.mask_id()), (1, 0, 2, 4));
        let config: Value = serde_json::from_str(&built.config_json(512, false)).unwrap();
        assert_eq!((&config["tokenizer_class"], &config["cls_token"]), (&"RobertaTokenizer".into(), &"<s>".into()));
    }

    #[test]
    fn damaged_files_are_errors() {
        let (vocabulary, merges) = (file("vocab.json"), file("merges.txt"));
        let error = |vocabulary: &[u8], merges: &[u8]| {
            Tokenizer::from_byte_pairs(vocabulary, merges, false).unwrap_err().to_string()
        };
        assert!(error(&vocabulary[..40], &merges).contains("vocab.json"));
        assert!(error(b"{\"a\": -1}", &merges).contains("vocab.json"));
        assert!(error(&vocabulary, b"#version: 0.2\na b c\n").contains("line 2 of merges.txt"));
        assert!(error(&vocabulary, b"\xff\xfe a").contains("UTF-8"));
        assert!(error(&vocabulary, "zzzz qqqq\n".as_bytes()).contains("merges.txt"));
        assert!(error(b"{\"a\": 0}", b"").contains("</s>"));
    }
}
