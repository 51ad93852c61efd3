//! `config.json` of a checkpoint, under Hugging Face's names.

use super::architecture::{Positions, TokenTypes};
use super::fields::{to_our_names, to_own_names, unknown_type};
use super::{Architecture, ModelError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The non-linearity inside the feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `x·Φ(x)` with the error function.
    Erf,
    /// Its approximation with a hyperbolic tangent, Google's original code.
    Tanh,
}

impl Activation {
    /// As `config.json` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Erf => "gelu",
            Self::Tanh => "gelu_new",
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Erf),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Self::Tanh),
            _ => None,
        }
    }
}

/// The sizes and rates of a model, and the names of its labels if it has any. The fields have BERT's names whatever the
/// architecture calls them.
///
/// Fields that are not listed here (`use_cache`, `transformers_version`, …) do not change what is computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransformerConfig {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    #[serde(default = "default_activation")]
    pub hidden_act: String,
    #[serde(default = "default_dropout")]
    pub hidden_dropout_prob: f64,
    #[serde(default = "default_dropout")]
    pub attention_probs_dropout_prob: f64,
    #[serde(default = "default_positions")]
    pub max_position_embeddings: usize,
    #[serde(default = "default_types")]
    pub type_vocab_size: usize,
    #[serde(default = "default_initializer_range")]
    pub initializer_range: f64,
    #[serde(default = "default_epsilon")]
    pub layer_norm_eps: f64,
    #[serde(default)]
    pub pad_token_id: i32,
    #[serde(default)]
    pub classifier_dropout: Option<f64>,
    #[serde(default)]
    pub model_type: Architecture,
    #[serde(default = "default_position_type")]
    pub position_embedding_type: String,
    /// The width of the embeddings where it may differ from `hidden_size`: in ELECTRA only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding_size: Option<usize>,
    /// Label index (as text, JSON has no other keys) to label name.
    #[serde(default)]
    pub id2label: BTreeMap<String, String>,
}

fn default_activation() -> String {
    "gelu".into()
}
fn default_dropout() -> f64 {
    0.1
}
fn default_positions() -> usize {
    512
}
fn default_types() -> usize {
    2
}
fn default_initializer_range() -> f64 {
    0.02
}
fn default_epsilon() -> f64 {
    1e-12
}
fn default_position_type() -> String {
    "absolute".into()
}

/// Far above any model there is, and low enough for products of two of them to be counted.
pub const LARGEST_SIZE: usize = 1 << 24;
pub const MOST_LAYERS: usize = 1024;

impl TransformerConfig {
    /// A BERT from its sizes; everything else as in the published models.
    pub fn new(vocab_size: usize, layers: usize, hidden: usize, heads: usize, intermediate: usize) -> Self {
        Self {
            vocab_size,
            hidden_size: hidden,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: intermediate,
            hidden_act: default_activation(),
            hidden_dropout_prob: default_dropout(),
            attention_probs_dropout_prob: default_dropout(),
            max_position_embeddings: default_positions(),
            type_vocab_size: default_types(),
            initializer_range: default_initializer_range(),
            layer_norm_eps: default_epsilon(),
            pad_token_id: 0,
            classifier_dropout: None,
            model_type: Architecture::Bert,
            position_embedding_type: default_position_type(),
            embedding_size: None,
            id2label: BTreeMap::new(),
        }
    }

    /// Reads and validates `config.json`.
    ///
    /// # Errors
    /// Text that is not such a file, an architecture that is not known, or sizes that no model can have.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let syntax = |error: serde_json::Error| ModelError::ConfigSyntax(error.to_string());
        let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(syntax)?;
        let architecture = match fields.get("model_type") {
            None => Architecture::default(),
            Some(name) => name.as_str().and_then(Architecture::named).ok_or_else(|| unknown_type(name))?,
        };
        to_our_names(&mut fields, architecture);
        // Serde knows our names only; a message about another one would send the reader looking for the wrong field.
        let config: Self = serde_json::from_value(Value::Object(fields)).map_err(|error| {
            let names = architecture.description().fields.iter();
            let text = names.fold(error.to_string(), |text, (ours, theirs)| match theirs {
                Some(theirs) => text.replace(&format!("`{ours}`"), &format!("`{theirs}`")),
                None => text,
            });
            ModelError::ConfigSyntax(text)
        })?;
        config.validate()?;
        Ok(config)
    }

    /// Checks what the other files of this room rely on. Called by [`Self::from_json`]; call it after [`Self::new`].
    ///
    /// # Errors
    /// Names the field, its value and what it should be.
    pub fn validate(&self) -> Result<(), ModelError> {
        let check = |fine: bool, field: &'static str, value: &dyn std::fmt::Display, expected: &str| {
            let (field, value, expected) = (self.model_type.field(field), value.to_string(), expected.to_owned());
            if fine { Ok(()) } else { Err(ModelError::Config { field, value, expected }) }
        };
        let kind = self.model_type.description();
        check(
            self.position_embedding_type == "absolute",
            "position_embedding_type",
            &self.position_embedding_type,
            "only \"absolute\" is implemented",
        )?;
        check(
            Activation::named(&self.hidden_act).is_some(),
            "hidden_act",
            &self.hidden_act,
            "only \"gelu\", \"gelu_new\" and \"gelu_pytorch_tanh\" are implemented",
        )?;
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("embedding_size", self.embedding_size()),
        ] {
            check(value > 0, field, &value, "it must be at least 1")?;
            // The list of tensors is made from these before the weights are looked at.
            let most = if field == "num_hidden_layers" { MOST_LAYERS } else { LARGEST_SIZE };
            check(value <= most, field, &value, &format!("it must be at most {most}"))?;
        }
        let types = self.type_vocab_size > 0 || kind.token_types == TokenTypes::Absent;
        check(types, "type_vocab_size", &self.type_vocab_size, "it must be at least 1")?;
        let types = self.type_vocab_size <= LARGEST_SIZE;
        check(types, "type_vocab_size", &self.type_vocab_size, &format!("it must be at most {LARGEST_SIZE}"))?;
        if kind.positions == Positions::AfterPadding {
            let expected = "it must be at least 0 and leave positions after it for the tokens";
            let fine = usize::try_from(self.pad_token_id).is_ok_and(|pad| pad + 1 < self.max_position_embeddings);
            check(fine, "pad_token_id", &self.pad_token_id, expected)?;
        }
        check(
            self.hidden_size.is_multiple_of(self.num_attention_heads),
            "hidden_size",
            &self.hidden_size,
            "it must be a multiple of num_attention_heads",
        )?;
        for (field, rate) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
            ("classifier_dropout", self.classifier_dropout.unwrap_or(0.0)),
        ] {
            check((0.0..1.0).contains(&rate), field, &rate, "it must be at least 0 and below 1")?;
        }
        check(self.layer_norm_eps > 0.0, "layer_norm_eps", &self.layer_norm_eps, "it must be above 0")?;
        check(self.initializer_range > 0.0, "initializer_range", &self.initializer_range, "it must be above 0")
    }

    /// The form of GELU that the checkpoint is evaluated with.
    pub fn activation(&self) -> Activation {
        Activation::named(&self.hidden_act).unwrap_or(Activation::Erf)
    }

    /// The width of the embeddings, before they are projected to `hidden_size` where that differs.
    pub fn embedding_size(&self) -> usize {
        self.embedding_size.unwrap_or(self.hidden_size)
    }

    /// The row of the position table that a text's first token takes.
    pub fn first_position(&self) -> usize {
        match self.model_type.description().positions {
            Positions::Column => 0,
            // Not negative after validation.
            Positions::AfterPadding => usize::try_from(self.pad_token_id).unwrap_or(0) + 1,
        }
    }

    /// The most tokens that a text can have.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.first_position())
    }

    /// The label names in index order; empty if the file names none, or not every index from 0.
    pub fn labels(&self) -> Vec<String> {
        let names: Vec<_> =
            (0..self.id2label.len()).map_while(|i| self.id2label.get(&i.to_string()).cloned()).collect();
        if names.len() == self.id2label.len() { names } else { Vec::new() }
    }

    /// The text of a `config.json` that `transformers` loads: as a classifier when `labels` are given, in which case
    /// they replace the labels of `self`, otherwise as a masked language model.
    pub fn to_json(&self, labels: Option<&[String]>) -> String {
        let kind = self.model_type.description();
        let task = if labels.is_some() { "ForSequenceClassification" } else { "ForMaskedLM" };
        let mut value = json!({ "architectures": [format!("{}{task}", kind.class)] });
        if let (Value::Object(out), Ok(Value::Object(own))) = (&mut value, serde_json::to_value(self)) {
            out.extend(own);
            to_own_names(out, self.model_type);
            out.remove("id2label");
            if let Some(labels) = labels {
                let id2label = labels.iter().enumerate().map(|(i, name)| (i.to_string(), json!(name)));
                out.insert("id2label".into(), Value::Object(id2label.collect()));
                let label2id = labels.iter().enumerate().map(|(i, name)| (name.clone(), json!(i)));
                out.insert("label2id".into(), Value::Object(label2id.collect()));
            }
        }
        let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> String {
        TransformerConfig::new(100, 2, 16, 2, 32).to_json(Some(&["no".into(), "yes".into()]))
    }

    #[test]
    fn round_trip_keeps_everything() {
        let config = TransformerConfig::from_json(&base()).unwrap();
        assert_eq!(config.labels(), ["no", "yes"]);
        let again = TransformerConfig::from_json(&config.to_json(Some(&config.labels()))).unwrap();
        assert_eq!(config, again);
        let value: Value = serde_json::from_str(&base()).unwrap();
        assert_eq!(value["architectures"][0], "BertForSequenceClassification");
        assert_eq!(value["label2id"]["yes"], 1);
        assert_eq!(value["model_type"], "bert");
    }

    #[test]
    fn bad_fields_are_named() {
        for (from, to, field) in [
            ("\"bert\"", "\"gpt2\"", "only \"bert\", \"roberta\", \"xlm-roberta\", \"distilbert\", \"electra\" can"),
            ("\"bert\"", "7", "model_type"),
            ("\"gelu\"", "\"relu\"", "hidden_act"),
            ("\"hidden_size\": 16", "\"hidden_size\": 17", "hidden_size"),
            ("\"hidden_dropout_prob\": 0.1", "\"hidden_dropout_prob\": 1.0", "hidden_dropout_prob"),
            ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0", "num_hidden_layers"),
            ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 9999999", "it must be at most 1024"),
            ("\"vocab_size\": 100", "\"vocab_size\": 18446744073709551615", "it must be at most"),
        ] {
            let text = base().replace(from, to);
            assert_ne!(text, base(), "{from} is not in the file");
            let error = TransformerConfig::from_json(&text).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
        assert!(TransformerConfig::from_json("{}").unwrap_err().to_string().contains("vocab_size"));
    }
}
