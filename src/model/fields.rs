//! The fields of `config.json`, which some architectures call by other names than BERT does.

use super::{Architecture, ModelError};
use serde_json::{Map, Value, json};

pub(super) fn unknown_type(name: &Value) -> ModelError {
    let known = Architecture::ALL.map(|architecture| format!("\"{}\"", architecture.name())).join(", ");
    let expected = format!("only {known} can be read");
    ModelError::Config { field: "model_type", value: name.to_string(), expected }
}

/// Gives the fields of an architecture's file our names, and the values that its class in transformers has where the
/// file says nothing.
pub(super) fn to_our_names(fields: &mut Map<String, Value>, architecture: Architecture) {
    for (ours, theirs) in architecture.description().fields {
        match theirs.and_then(|theirs| fields.remove(theirs)) {
            Some(value) => drop(fields.insert((*ours).to_owned(), value)),
            None if theirs.is_none() => drop(fields.remove(*ours)),
            None => {}
        }
    }
    let default = match architecture {
        Architecture::Bert => None,
        Architecture::Roberta | Architecture::XlmRoberta => Some(("pad_token_id", json!(1))),
        Architecture::DistilBert => Some(("classifier_dropout", json!(0.2))),
        Architecture::Electra => Some(("embedding_size", json!(128))),
    };
    if let Some((name, value)) = default {
        fields.entry(name).or_insert(value);
    }
    if architecture != Architecture::Electra {
        fields.remove("embedding_size");
    }
}

/// The way back: our names to the architecture's own.
pub(super) fn to_own_names(fields: &mut Map<String, Value>, architecture: Architecture) {
    for (ours, theirs) in architecture.description().fields {
        if let (Some(value), Some(theirs)) = (fields.shift_remove(*ours), theirs) {
            fields.insert((*theirs).to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TransformerConfig;
    use super::*;
    use std::collections::BTreeMap;

    fn of(model_type: Architecture) -> TransformerConfig {
        let mut config = TransformerConfig { model_type, ..TransformerConfig::new(100, 2, 16, 2, 32) };
        match model_type {
            Architecture::DistilBert => config.classifier_dropout = Some(0.3),
            Architecture::Electra => config.embedding_size = Some(8),
            _ => {}
        }
        config
    }

    #[test]
    fn every_architecture_keeps_its_own_names() {
        for architecture in Architecture::ALL {
            let config = of(architecture);
            let text = config.to_json(Some(&["no".into(), "yes".into()]));
            let again = TransformerConfig::from_json(&text).unwrap();
            assert_eq!(again.labels(), ["no", "yes"]);
            assert_eq!(TransformerConfig { id2label: BTreeMap::new(), type_vocab_size: 2, ..again }, config);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["model_type"], architecture.name());
            let class = architecture.description().class;
            assert_eq!(value["architectures"][0], format!("{class}ForSequenceClassification"));
        }
        let value: Value = serde_json::from_str(&of(Architecture::DistilBert).to_json(None)).unwrap();
        assert_eq!([&value["dim"], &value["n_layers"], &value["n_heads"], &value["hidden_dim"]], [16, 2, 2, 32]);
        assert_eq!([&value["dropout"], &value["attention_dropout"], &value["seq_classif_dropout"]], [0.1, 0.1, 0.3]);
        assert_eq!(value["activation"], "gelu");
        for absent in ["hidden_size", "layer_norm_eps", "type_vocab_size", "hidden_act", "embedding_size"] {
            assert!(value.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn what_a_file_leaves_out_is_as_in_transformers() {
        let read = |architecture: Architecture, absent: &str| {
            let mut value: Value = serde_json::from_str(&of(architecture).to_json(None)).unwrap();
            value.as_object_mut().unwrap().remove(absent).unwrap();
            TransformerConfig::from_json(&value.to_string())
        };
        assert_eq!(read(Architecture::Roberta, "pad_token_id").unwrap().first_position(), 2);
        assert_eq!(read(Architecture::Bert, "pad_token_id").unwrap().first_position(), 0);
        assert_eq!(read(Architecture::DistilBert, "seq_classif_dropout").unwrap().classifier_dropout, Some(0.2));
        assert_eq!(read(Architecture::Electra, "embedding_size").unwrap().embedding_size(), 128);
        let error = read(Architecture::DistilBert, "dim").unwrap_err().to_string();
        assert!(error.contains("`dim`"), "{error}");
    }

    #[test]
    fn messages_name_the_field_that_is_in_the_file() {
        for (architecture, from, to, field) in [
            (Architecture::DistilBert, "\"dim\": 16", "\"dim\": 17", "dim"),
            (Architecture::DistilBert, "\"activation\": \"gelu\"", "\"activation\": \"relu\"", "activation"),
            (Architecture::Roberta, "\"pad_token_id\": 0", "\"pad_token_id\": 511", "pad_token_id"),
            (Architecture::Roberta, "\"pad_token_id\": 0", "\"pad_token_id\": -1", "pad_token_id"),
            (Architecture::Electra, "\"embedding_size\": 8", "\"embedding_size\": 0", "embedding_size"),
        ] {
            let text = of(architecture).to_json(None);
            let changed = text.replace(from, to);
            assert_ne!(text, changed, "{from} is not in the file");
            let error = TransformerConfig::from_json(&changed).unwrap_err().to_string();
            assert!(error.contains(&format!("`{field}`")), "{error}");
        }
    }
}
