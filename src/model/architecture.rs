//! The kinds of encoder that BERT's block serves, and everything in which they differ: names, embeddings, dropout and
//! the classification head.
//!
//! Read from the source of transformers 5.23; `tests/reference/architectures.py` is the judge.

use serde::{Deserialize, Serialize};

/// `model_type` in a checkpoint's `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Architecture {
    /// BERT of any size, MiniLM among them.
    #[default]
    #[serde(rename = "bert")]
    Bert,
    #[serde(rename = "roberta")]
    Roberta,
    #[serde(rename = "xlm-roberta")]
    XlmRoberta,
    #[serde(rename = "distilbert")]
    DistilBert,
    #[serde(rename = "electra")]
    Electra,
}

/// Which rows of the position table a text's tokens take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positions {
    /// The column in the batch, from 0.
    Column,
    /// The token's number among those that are not padding, counted from the padding token's id plus one.
    AfterPadding,
}

/// What becomes of the tokenizer's token types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenTypes {
    /// There is no table.
    Absent,
    /// There is a table, but every token takes its first row.
    First,
    Tokenizer,
}

/// The function between the two dense layers of a classification head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadActivation {
    Tanh,
    Relu,
    /// With the error function, whatever the encoder's form is.
    Gelu,
}

/// A classification head: the first token's row, a dense layer, its activation, dropout, a dense layer with the labels.
#[derive(Debug)]
pub(crate) struct HeadDescription {
    pub dense: &'static str,
    pub output: &'static str,
    /// Whether `dense` belongs to a new head. BERT's pooler does not: it is pretrained.
    pub dense_is_new: bool,
    pub activation: HeadActivation,
    /// Whether the dense layer's input is dropped too, at the same rate.
    pub input_dropout: bool,
}

/// The dense layers that a new fine-tuning draws, by the stems of their names.
#[derive(Debug, Clone, Copy)]
pub struct NewHead {
    /// `[hidden, hidden]`, where it is not part of the pretrained model.
    pub dense: Option<&'static str>,
    /// `[labels, hidden]`.
    pub output: &'static str,
}

/// One architecture.
#[derive(Debug)]
pub(crate) struct Description {
    /// `model_type`.
    pub name: &'static str,
    /// What its classes in transformers start with.
    pub class: &'static str,
    /// What its encoder's tensors start with, without the dot.
    pub prefix: &'static str,
    /// Its layers' tensors, after the prefix and before the number.
    pub layers: &'static str,
    /// Its parts of a layer: query, key, value, the dense layer after attention and its LayerNorm, the two dense
    /// layers of the feed-forward block and its LayerNorm.
    pub layer: [&'static str; 8],
    pub positions: Positions,
    pub token_types: TokenTypes,
    /// Whether the dense layer after attention is followed by dropout. The one after the feed-forward block always is.
    pub attention_output_dropout: bool,
    pub head: HeadDescription,
    /// What the tensors of its pretraining heads start with, and of what its classifier does not use.
    pub unused: &'static [&'static str],
    /// Fields of `config.json` by our name and its own; `None` for what it has not.
    pub fields: &'static [(&'static str, Option<&'static str>)],
}

const BERT_LAYER: [&str; 8] = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
];

const BERT: Description = Description {
    name: "bert",
    class: "Bert",
    prefix: "bert",
    layers: "encoder.layer",
    layer: BERT_LAYER,
    positions: Positions::Column,
    token_types: TokenTypes::Tokenizer,
    attention_output_dropout: true,
    head: HeadDescription {
        dense: "bert.pooler.dense",
        output: "classifier",
        dense_is_new: false,
        activation: HeadActivation::Tanh,
        input_dropout: false,
    },
    unused: &["cls.", "qa_outputs."],
    fields: &[],
};

const ROBERTA: Description = Description {
    name: "roberta",
    class: "Roberta",
    prefix: "roberta",
    layers: "encoder.layer",
    layer: BERT_LAYER,
    positions: Positions::AfterPadding,
    token_types: TokenTypes::First,
    attention_output_dropout: true,
    head: HeadDescription {
        dense: "classifier.dense",
        output: "classifier.out_proj",
        dense_is_new: true,
        activation: HeadActivation::Tanh,
        input_dropout: true,
    },
    unused: &["lm_head.", "roberta.pooler.", "qa_outputs."],
    fields: &[],
};

const XLM_ROBERTA: Description = Description { name: "xlm-roberta", class: "XLMRoberta", ..ROBERTA };

const DISTILBERT: Description = Description {
    name: "distilbert",
    class: "DistilBert",
    prefix: "distilbert",
    layers: "transformer.layer",
    layer: [
        "attention.q_lin",
        "attention.k_lin",
        "attention.v_lin",
        "attention.out_lin",
        "sa_layer_norm",
        "ffn.lin1",
        "ffn.lin2",
        "output_layer_norm",
    ],
    positions: Positions::Column,
    token_types: TokenTypes::Absent,
    attention_output_dropout: false,
    head: HeadDescription {
        dense: "pre_classifier",
        output: "classifier",
        dense_is_new: true,
        activation: HeadActivation::Relu,
        input_dropout: false,
    },
    unused: &["vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "qa_outputs."],
    // `sinusoidal_pos_embds` says how the position table was first filled; it is in the checkpoint either way.
    fields: &[
        ("hidden_size", Some("dim")),
        ("num_hidden_layers", Some("n_layers")),
        ("num_attention_heads", Some("n_heads")),
        ("intermediate_size", Some("hidden_dim")),
        ("hidden_act", Some("activation")),
        ("hidden_dropout_prob", Some("dropout")),
        ("attention_probs_dropout_prob", Some("attention_dropout")),
        ("classifier_dropout", Some("seq_classif_dropout")),
        ("type_vocab_size", None),
        ("layer_norm_eps", None),
        ("position_embedding_type", None),
    ],
};

const ELECTRA: Description = Description {
    name: "electra",
    class: "Electra",
    prefix: "electra",
    layers: "encoder.layer",
    layer: BERT_LAYER,
    positions: Positions::Column,
    token_types: TokenTypes::Tokenizer,
    attention_output_dropout: true,
    head: HeadDescription {
        dense: "classifier.dense",
        output: "classifier.out_proj",
        dense_is_new: true,
        activation: HeadActivation::Gelu,
        input_dropout: true,
    },
    unused: &["discriminator_predictions.", "generator_predictions.", "generator_lm_head.", "qa_outputs."],
    fields: &[],
};

impl Architecture {
    pub const ALL: [Self; 5] = [Self::Bert, Self::Roberta, Self::XlmRoberta, Self::DistilBert, Self::Electra];

    /// Its `model_type`.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// The architecture of a `model_type`, if it is a known one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name)
    }

    /// Whether its tokenizer should give token types: the others' models do not take any.
    pub fn reads_token_types(self) -> bool {
        self.description().token_types == TokenTypes::Tokenizer
    }

    /// The dense layer that is pretrained and belongs to no head; what masked language modelling saves lacks it.
    pub(crate) fn pooler(self) -> Option<&'static str> {
        let HeadDescription { dense, dense_is_new, .. } = self.description().head;
        (!dense_is_new).then_some(dense)
    }

    /// What a new fine-tuning draws.
    pub fn new_head(self) -> NewHead {
        let HeadDescription { dense, output, dense_is_new, .. } = self.description().head;
        NewHead { dense: dense_is_new.then_some(dense), output }
    }

    pub(crate) fn description(self) -> &'static Description {
        match self {
            Self::Bert => &BERT,
            Self::Roberta => &ROBERTA,
            Self::XlmRoberta => &XLM_ROBERTA,
            Self::DistilBert => &DISTILBERT,
            Self::Electra => &ELECTRA,
        }
    }

    /// What a tensor of the encoder is called here: a bare encoder's checkpoint leaves out the prefix.
    pub(crate) fn prefixed(self, name: String) -> String {
        const BARE: [&str; 5] = ["embeddings.", "embeddings_project.", "encoder.", "transformer.", "pooler."];
        let bare = BARE.iter().any(|start| name.starts_with(start));
        if bare { format!("{}.{name}", self.description().prefix) } else { name }
    }

    /// A field's name in its `config.json`.
    pub(crate) fn field(self, ours: &'static str) -> &'static str {
        let renamed = self.description().fields.iter().find(|(name, _)| *name == ours);
        renamed.and_then(|(_, theirs)| *theirs).unwrap_or(ours)
    }
}

impl NewHead {
    /// Whether a tensor belongs to such a head, or to an older one that it replaces.
    pub fn holds(&self, name: &str) -> bool {
        let belongs = |stem: &str| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
        belongs("classifier") || belongs(self.output) || self.dense.is_some_and(belongs)
    }
}
