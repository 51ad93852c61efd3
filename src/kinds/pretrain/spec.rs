//! Its table.

use toml::Spanned;
use toml::de::DeValue;

use crate::engine::Kind;
use crate::kinds::written::Written;
use crate::model::{Head, LARGEST_SIZE, MOST_LAYERS, TransformerConfig};
use crate::study::shape::table;
use crate::study::words::DataRef;
use crate::study::{Checker, Diagnostic, Text};
use crate::train::{MOST_ROWS, MOST_STEPS, memory_of_training};

pub const KIND: Kind = Kind::new("pretrain");

/// Keys that may have a list of values, in the order in which models are told apart by them.
pub const SWEPT: [&str; 16] = [
    "data",
    "vocabulary",
    "layers",
    "hidden",
    "heads",
    "intermediate",
    "max_length",
    "initializer_range",
    "dropout",
    "mask",
    "steps",
    "batch_size",
    "learning_rate",
    "warmup",
    "weight_decay",
    "seed",
];

/// Of any machine.
const MOST_MEMORY: u64 = 1 << 40;

table! {
    struct RawPretrain {
        /// A split whose texts are read, `"agents.train"`.
        data: Text,
        /// The most words; the rarest are left out.
        vocabulary: Option<Spanned<usize>>,
        /// Layers of the Transformer.
        layers: Spanned<usize>,
        /// Numbers in a token's vector.
        hidden: Spanned<usize>,
        /// Heads of attention; they divide `hidden`.
        heads: Spanned<usize>,
        /// Numbers inside each layer [default: 4 · `hidden`].
        intermediate: Option<Spanned<usize>>,
        /// Tokens of a text, after which it is cut.
        max_length: Option<Spanned<usize>>,
        /// The standard deviation of the weights at the start.
        initializer_range: Option<Spanned<f64>>,
        /// The rate of dropout, everywhere.
        dropout: Option<Spanned<f64>>,
        /// The share of tokens that the model is to guess.
        mask: Option<Spanned<f64>>,
        /// Training steps.
        steps: Spanned<usize>,
        /// Rows of a training step.
        batch_size: Option<Spanned<usize>>,
        /// The highest learning rate of the schedule.
        learning_rate: Spanned<f64>,
        /// The share of the steps over which the learning rate rises.
        warmup: Option<Spanned<f64>>,
        /// Decoupled: each step also takes `learning_rate` · `weight_decay` of a parameter away.
        weight_decay: Option<Spanned<f64>>,
        /// Decides the weights, the order, the masks and dropout [default: the experiment's].
        seed: Option<u64>,
    }
}

#[derive(Debug)]
pub struct Pretrain {
    pub data: Spanned<DataRef>,
    pub vocabulary: usize,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub max_length: usize,
    pub initializer_range: f64,
    pub dropout: f64,
    pub mask: f64,
    pub steps: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub warmup: f64,
    pub weight_decay: f64,
    pub seed: u64,
}

pub fn written() -> Written {
    Written::new::<RawPretrain>(
        "a model from nothing",
        "Trains a small BERT by masked language modelling, for studies that need no download.",
        "[pretrain.bert]\ndata = \"agents.train\"\nlayers = 2\nhidden = 64\nheads = 4\nsteps = 2000\nlearning_rate = 1e-3\n",
    )
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Pretrain> {
    let raw: RawPretrain = checker.table(value)?;
    let data = checker.parse_text(raw.data, DataRef::parse);
    for (value, name, most) in [
        (Some(&raw.layers), "layers", MOST_LAYERS),
        (Some(&raw.hidden), "hidden", LARGEST_SIZE),
        (Some(&raw.heads), "heads", LARGEST_SIZE),
        (Some(&raw.steps), "steps", MOST_STEPS),
        (raw.vocabulary.as_ref(), "vocabulary", LARGEST_SIZE),
        (raw.intermediate.as_ref(), "intermediate", LARGEST_SIZE),
        (raw.max_length.as_ref(), "max_length", LARGEST_SIZE),
        (raw.batch_size.as_ref(), "batch_size", MOST_ROWS),
    ] {
        value.into_iter().for_each(|value| checker.positive(value, name, most));
    }
    for (value, name) in [(&raw.dropout, "dropout"), (&raw.warmup, "warmup")] {
        value.iter().for_each(|value| checker.share(value, name));
    }
    raw.mask.iter().for_each(|mask| checker.fraction(mask, "mask"));
    checker.above_zero(&raw.learning_rate, "learning_rate");
    raw.initializer_range.iter().for_each(|range| checker.above_zero(range, "initializer_range"));
    raw.weight_decay.iter().for_each(|decay| checker.not_negative(decay, "weight_decay"));
    let (hidden, heads) = (*raw.hidden.get_ref(), *raw.heads.get_ref());
    if heads > 0 && hidden % heads != 0 {
        let message = format!("`hidden` ({hidden}) must be a multiple of `heads` ({heads})");
        checker.fail::<()>(Diagnostic::new(message, raw.hidden.span()));
    }
    let at = raw.hidden.span();
    let or = |value: Option<Spanned<usize>>, default: usize| value.map_or(default, Spanned::into_inner);
    let or_number = |value: Option<Spanned<f64>>, default: f64| value.map_or(default, Spanned::into_inner);
    let pretrain = Pretrain {
        data: data?,
        vocabulary: or(raw.vocabulary, 30_000),
        layers: raw.layers.into_inner(),
        hidden,
        heads,
        intermediate: or(raw.intermediate, hidden.saturating_mul(4)),
        max_length: or(raw.max_length, 128),
        initializer_range: or_number(raw.initializer_range, 0.02),
        dropout: or_number(raw.dropout, 0.1),
        mask: or_number(raw.mask, 0.15),
        steps: raw.steps.into_inner(),
        batch_size: or(raw.batch_size, 32),
        learning_rate: raw.learning_rate.into_inner(),
        warmup: or_number(raw.warmup, 0.1),
        weight_decay: or_number(raw.weight_decay, 0.01),
        seed: raw.seed.unwrap_or(checker.seed),
    };
    if checker.is_sound() {
        // [CLS], a word and [SEP] in every row.
        let config = pretrain.config(pretrain.vocabulary);
        let needed = memory_of_training(&config, Head::MaskedLanguageModel, pretrain.batch_size, 3);
        if needed > MOST_MEMORY {
            let message = format!("training a model of this size takes at least {} GB of memory", needed >> 30);
            let help = "lower `layers`, `hidden`, `intermediate`, `vocabulary`, `max_length` or `batch_size`";
            return checker.fail(Diagnostic::new(message, at).help(help));
        }
    }
    Some(pretrain)
}

impl Pretrain {
    /// With as many words as there are.
    fn config(&self, words: usize) -> TransformerConfig {
        let mut config = TransformerConfig::new(words, self.layers, self.hidden, self.heads, self.intermediate);
        config.max_position_embeddings = self.max_length;
        config
    }
}
