//! What `AutoTokenizer` reads beside tokenizer.json.

use serde_json::{Map, Value, json};

use crate::engine::StageError;

/// A role, and the tokens that play it in WordPiece and in byte-level vocabularies.
const ROLES: [(&str, [&str; 2]); 5] = [
    ("unk_token", ["[UNK]", "<unk>"]),
    ("sep_token", ["[SEP]", "</s>"]),
    ("pad_token", ["[PAD]", "<pad>"]),
    ("cls_token", ["[CLS]", "<s>"]),
    ("mask_token", ["[MASK]", "<mask>"]),
];

/// tokenizer.json itself, tokenizer_config.json, special_tokens_map.json, and vocab.txt where the tokenizer is
/// WordPiece; `config` is the model's.
pub(super) fn files(tokenizer: &str, config: &Value) -> Result<Vec<(String, Vec<u8>)>, StageError> {
    let parsed: Value = serde_json::from_str(tokenizer)?;
    let special = special_tokens(&parsed);
    let pretty = |value: &Value| format!("{value:#}\n").into_bytes();
    let mut files = vec![
        ("tokenizer.json".to_owned(), tokenizer.as_bytes().to_vec()),
        ("tokenizer_config.json".to_owned(), pretty(&tokenizer_config(&parsed, &special, config))),
        ("special_tokens_map.json".to_owned(), pretty(&Value::Object(special))),
    ];
    if let Some(vocabulary) = vocabulary(&parsed) {
        files.push(("vocab.txt".to_owned(), vocabulary.into_bytes()));
    }
    Ok(files)
}

fn special_tokens(tokenizer: &Value) -> Map<String, Value> {
    let added = tokenizer["added_tokens"].as_array().into_iter().flatten();
    let known: Vec<&str> = added.filter_map(|token| token["content"].as_str()).collect();
    let mut special = Map::new();
    for (role, tokens) in ROLES {
        if let Some(token) = tokens.into_iter().find(|token| known.contains(token)) {
            special.insert(role.to_owned(), token.into());
        }
    }
    // Byte-level vocabularies open and close a text with the tokens that BERT has only for classification.
    for (role, like) in [("bos_token", "cls_token"), ("eos_token", "sep_token")] {
        if let Some(token) = special.get(like).filter(|token| token.as_str().is_some_and(|text| text.starts_with('<')))
        {
            let token = token.clone();
            special.insert(role.to_owned(), token);
        }
    }
    special
}

fn tokenizer_config(tokenizer: &Value, special: &Map<String, Value>, config: &Value) -> Value {
    let mut out = Map::new();
    let positions = config["max_position_embeddings"].as_u64();
    let model = config["model_type"].as_str().unwrap_or("bert");
    match tokenizer["model"]["type"].as_str() {
        Some("WordPiece") => {
            let class = match model {
                "distilbert" => "DistilBertTokenizer",
                "electra" => "ElectraTokenizer",
                _ => "BertTokenizer",
            };
            out.insert("tokenizer_class".to_owned(), class.into());
            let normalizer = &tokenizer["normalizer"];
            out.insert("do_lower_case".to_owned(), normalizer["lowercase"].as_bool().unwrap_or(true).into());
            out.insert("strip_accents".to_owned(), normalizer["strip_accents"].clone());
            let chinese = normalizer["handle_chinese_chars"].as_bool().unwrap_or(true);
            out.insert("tokenize_chinese_chars".to_owned(), chinese.into());
        }
        Some("BPE") if model == "roberta" => {
            out.insert("tokenizer_class".to_owned(), "RobertaTokenizer".into());
            let prefix = tokenizer["pre_tokenizer"]["add_prefix_space"].as_bool().unwrap_or(false);
            out.insert("add_prefix_space".to_owned(), prefix.into());
        }
        _ => {
            out.insert("tokenizer_class".to_owned(), "PreTrainedTokenizerFast".into());
        }
    }
    if let Some(positions) = positions {
        // RoBERTa counts positions from the one after the padding's.
        let unused = if model == "roberta" { config["pad_token_id"].as_u64().unwrap_or(1) + 1 } else { 0 };
        out.insert("model_max_length".to_owned(), json!(positions.saturating_sub(unused)));
    }
    out.extend(special.clone());
    Value::Object(out)
}

/// One token a line in the order of ids, where these are 0, 1, 2, ….
fn vocabulary(tokenizer: &Value) -> Option<String> {
    if tokenizer["model"]["type"] != "WordPiece" {
        return None;
    }
    let words = tokenizer["model"]["vocab"].as_object()?;
    let mut tokens: Vec<(u64, &str)> =
        words.iter().map(|(token, id)| Some((id.as_u64()?, token.as_str()))).collect::<Option<_>>()?;
    let added = tokenizer["added_tokens"].as_array().into_iter().flatten();
    for token in added {
        let content = token["content"].as_str()?;
        if !words.contains_key(content) {
            tokens.push((token["id"].as_u64()?, content));
        }
    }
    tokens.sort_unstable();
    let whole = tokens.iter().enumerate().all(|(at, (id, token))| at as u64 == *id && !token.contains('\n'));
    whole.then(|| tokens.iter().map(|(_, token)| format!("{token}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Tokenizer;

    fn written(tokenizer: &str, config: &Value) -> Vec<(String, Value)> {
        let files = files(tokenizer, config).unwrap();
        let read = |bytes: Vec<u8>| {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8(bytes).unwrap().into())
        };
        files.into_iter().map(|(name, bytes)| (name, read(bytes))).collect()
    }

    #[test]
    fn word_piece_has_its_case_its_special_tokens_and_a_vocabulary() {
        let vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nThe\n";
        for lowercase in [true, false] {
            let tokenizer = Tokenizer::from_files(None, Some(vocab.as_bytes()), lowercase).unwrap().to_json().unwrap();
            let files = written(&tokenizer, &json!({"model_type": "bert", "max_position_embeddings": 128}));
            let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]);
            let config = &files[1].1;
            assert_eq!((&config["do_lower_case"], &config["model_max_length"]), (&json!(lowercase), &json!(128)));
            assert_eq!((&config["tokenizer_class"], &config["pad_token"]), (&json!("BertTokenizer"), &json!("[PAD]")));
            assert_eq!(files[2].1["mask_token"], "[MASK]");
            assert_eq!(files[2].1.get("bos_token"), None);
            assert_eq!(files[3].1, vocab);
        }
    }

    #[test]
    fn ids_with_holes_make_no_vocabulary() {
        let tokenizer = json!({"model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "a": 2}}, "added_tokens": []});
        assert_eq!(vocabulary(&tokenizer), None);
    }

    #[test]
    fn a_byte_level_tokenizer_is_robertas() {
        let tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].map(|token| json!({"content": token, "id": 0}));
        let tokenizer = json!({"model": {"type": "BPE", "vocab": {}}, "added_tokens": tokens,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}});
        let config = json!({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1});
        let files = written(&tokenizer.to_string(), &config);
        assert_eq!(files.len(), 3);
        let written = &files[1].1;
        assert_eq!(
            (&written["tokenizer_class"], &written["model_max_length"]),
            (&json!("RobertaTokenizer"), &json!(512))
        );
        assert_eq!((&written["bos_token"], &written["cls_token"]), (&json!("<s>"), &json!("<s>")));
        assert_eq!((&written["eos_token"], &written["pad_token"]), (&json!("</s>"), &json!("<pad>")));
    }
}
