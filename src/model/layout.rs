//! Where each parameter of a BERT stands: one flat list of matrices, in a fixed order, known by name and by place.
//!
//! Everything that treats all parameters alike (loading, saving, interpolating, the optimiser) walks the list; the
//! forward and backward passes ask for places by what they mean.

use super::{BertConfig, Head};

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its canonical Hugging Face name.
    pub name: String,
    /// Its shape in a checkpoint: `[out, in]` for dense layers, `[rows, hidden]` for embeddings, `[n]` for vectors.
    pub shape: Vec<usize>,
}

impl Slot {
    /// Its shape on the device, where vectors are `[1, n]`.
    pub fn matrix(&self) -> [usize; 2] {
        match self.shape[..] {
            [rows, columns] => [rows, columns],
            _ => [1, self.shape.iter().product()],
        }
    }

    /// Whether weight decay applies: not to biases, not to LayerNorm.
    pub fn decays(&self) -> bool {
        !(self.name.ends_with("bias") || self.name.contains("LayerNorm"))
    }
}

/// All parameters of one model, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub slots: Vec<Slot>,
    layers: usize,
}

pub(crate) const WORD: usize = 0;
pub(crate) const POSITION: usize = 1;
pub(crate) const TOKEN_TYPE: usize = 2;
/// A LayerNorm's or a dense layer's weight is at the place named, its bias at the next.
pub(crate) const EMBEDDING_NORM: usize = 3;
const FIRST_LAYER: usize = 5;
const PER_LAYER: usize = 16;

/// The places of one encoder layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSlots {
    pub query: usize,
    pub key: usize,
    pub value: usize,
    pub attention_output: usize,
    pub attention_norm: usize,
    pub intermediate: usize,
    pub output: usize,
    pub output_norm: usize,
}

/// The places of the masked language model's head; its decoder is the word embeddings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaskedSlots {
    pub transform: usize,
    pub norm: usize,
    pub bias: usize,
}

impl Layout {
    pub fn new(config: &BertConfig, head: Head) -> Self {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut slots = Vec::new();
        let mut add = |name: String, shape: &[usize]| slots.push(Slot { name, shape: shape.to_vec() });
        for (name, rows) in [
            ("word_embeddings", config.vocab_size),
            ("position_embeddings", config.max_position_embeddings),
            ("token_type_embeddings", config.type_vocab_size),
        ] {
            add(format!("bert.embeddings.{name}.weight"), &[rows, hidden]);
        }
        let mut pair = |stem: &str, weight: &[usize]| {
            add(format!("{stem}.weight"), weight);
            add(format!("{stem}.bias"), &weight[..1]);
        };
        pair("bert.embeddings.LayerNorm", &[hidden]);
        for layer in 0..config.num_hidden_layers {
            for (name, shape) in [
                ("attention.self.query", &[hidden, hidden][..]),
                ("attention.self.key", &[hidden, hidden]),
                ("attention.self.value", &[hidden, hidden]),
                ("attention.output.dense", &[hidden, hidden]),
                ("attention.output.LayerNorm", &[hidden]),
                ("intermediate.dense", &[inner, hidden]),
                ("output.dense", &[hidden, inner]),
                ("output.LayerNorm", &[hidden]),
            ] {
                pair(&format!("bert.encoder.layer.{layer}.{name}"), shape);
            }
        }
        pair("bert.pooler.dense", &[hidden, hidden]);
        match head {
            Head::Classifier { labels } => pair("classifier", &[labels, hidden]),
            Head::MaskedLanguageModel => {
                pair("cls.predictions.transform.dense", &[hidden, hidden]);
                pair("cls.predictions.transform.LayerNorm", &[hidden]);
                add("cls.predictions.bias".into(), &[config.vocab_size]);
            }
        }
        Self { slots, layers: config.num_hidden_layers }
    }

    pub(crate) fn layer(&self, layer: usize) -> LayerSlots {
        let first = FIRST_LAYER + PER_LAYER * layer;
        LayerSlots {
            query: first,
            key: first + 2,
            value: first + 4,
            attention_output: first + 6,
            attention_norm: first + 8,
            intermediate: first + 10,
            output: first + 12,
            output_norm: first + 14,
        }
    }

    pub(crate) fn pooler(&self) -> usize {
        FIRST_LAYER + PER_LAYER * self.layers
    }

    pub(crate) fn classifier(&self) -> usize {
        self.pooler() + 2
    }

    pub(crate) fn masked(&self) -> MaskedSlots {
        let first = self.pooler() + 2;
        MaskedSlots { transform: first, norm: first + 2, bias: first + 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_agree() {
        let config = BertConfig::new(30, 2, 8, 2, 16);
        let layout = Layout::new(&config, Head::Classifier { labels: 3 });
        let name = |place: usize| layout.slots[place].name.as_str();
        assert_eq!(name(EMBEDDING_NORM + 1), "bert.embeddings.LayerNorm.bias");
        let layer = layout.layer(1);
        assert_eq!(name(layer.query), "bert.encoder.layer.1.attention.self.query.weight");
        assert_eq!(name(layer.value + 1), "bert.encoder.layer.1.attention.self.value.bias");
        assert_eq!(name(layer.output_norm), "bert.encoder.layer.1.output.LayerNorm.weight");
        assert_eq!(layout.slots[layer.intermediate].shape, [16, 8]);
        assert_eq!(name(layout.pooler()), "bert.pooler.dense.weight");
        assert_eq!(layout.slots[layout.classifier()].matrix(), [3, 8]);
        assert_eq!(layout.slots.len(), layout.classifier() + 2);

        let masked = Layout::new(&config, Head::MaskedLanguageModel);
        assert_eq!(masked.slots[masked.masked().bias].matrix(), [1, 30]);
        assert_eq!(masked.slots.len(), masked.masked().bias + 1);
    }

    #[test]
    fn only_matrices_outside_layer_norm_decay() {
        let layout = Layout::new(&BertConfig::new(30, 1, 8, 2, 16), Head::Classifier { labels: 2 });
        for slot in &layout.slots {
            assert_eq!(slot.decays(), slot.shape.len() == 2, "{}", slot.name);
        }
    }
}
