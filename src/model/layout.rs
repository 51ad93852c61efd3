//! Where each parameter of a model stands: one flat list of matrices, in a fixed order, known by name and by place.
//!
//! Everything that treats all parameters alike (loading, saving, interpolating, the optimiser) walks the list; the
//! forward and backward passes ask for places by what they mean.

use super::architecture::{HeadDescription, TokenTypes};
use super::{Head, TransformerConfig};

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its Hugging Face name, which differs between architectures.
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

    /// Whether weight decay applies: not to biases, not to LayerNorm. Only these are vectors.
    pub fn decays(&self) -> bool {
        self.shape.len() > 1
    }
}

/// All parameters of one model, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub slots: Vec<Slot>,
    pub(crate) embeddings: EmbeddingSlots,
    first_layer: usize,
    layers: usize,
}

pub(crate) const WORD: usize = 0;
pub(crate) const POSITION: usize = 1;
const PER_LAYER: usize = 16;

/// The places of the embeddings besides [`WORD`] and [`POSITION`].
///
/// Here and below, a LayerNorm's or a dense layer's weight is at the place named, its bias at the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EmbeddingSlots {
    pub token_type: Option<usize>,
    pub norm: usize,
    /// The dense layer to the encoder's width, where that is another one.
    pub projection: Option<usize>,
}

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
    pub fn new(config: &TransformerConfig, head: Head) -> Self {
        let (hidden, inner, narrow) = (config.hidden_size, config.intermediate_size, config.embedding_size());
        let kind = config.model_type.description();
        let (prefix, mut list) = (kind.prefix, List::default());
        list.add(format!("{prefix}.embeddings.word_embeddings.weight"), &[config.vocab_size, narrow]);
        list.add(format!("{prefix}.embeddings.position_embeddings.weight"), &[config.max_position_embeddings, narrow]);
        let token_type = (kind.token_types != TokenTypes::Absent).then(|| {
            list.add(format!("{prefix}.embeddings.token_type_embeddings.weight"), &[config.type_vocab_size, narrow])
        });
        let norm = list.pair(&format!("{prefix}.embeddings.LayerNorm"), &[narrow]);
        let projection =
            (narrow != hidden).then(|| list.pair(&format!("{prefix}.embeddings_project"), &[hidden, narrow]));
        let first_layer = list.0.len();
        let square = [hidden, hidden];
        let shapes: [&[usize]; 8] =
            [&square, &square, &square, &square, &[hidden], &[inner, hidden], &[hidden, inner], &[hidden]];
        for layer in 0..config.num_hidden_layers {
            for (name, shape) in kind.layer.iter().zip(shapes) {
                list.pair(&format!("{prefix}.{}.{layer}.{name}", kind.layers), shape);
            }
        }
        let HeadDescription { dense, output, .. } = kind.head;
        list.pair(dense, &square);
        match head {
            Head::Classifier { labels } => drop(list.pair(output, &[labels, hidden])),
            Head::MaskedLanguageModel => {
                list.pair("cls.predictions.transform.dense", &square);
                list.pair("cls.predictions.transform.LayerNorm", &[hidden]);
                list.add("cls.predictions.bias".into(), &[config.vocab_size]);
            }
        }
        let embeddings = EmbeddingSlots { token_type, norm, projection };
        Self { slots: list.0, embeddings, first_layer, layers: config.num_hidden_layers }
    }

    pub(crate) fn layer(&self, layer: usize) -> LayerSlots {
        let first = self.first_layer + PER_LAYER * layer;
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

    /// The dense layer over the first token, which BERT calls its pooler and others the first layer of their head.
    pub(crate) fn pooler(&self) -> usize {
        self.first_layer + PER_LAYER * self.layers
    }

    /// The dense layer whose outputs are the labels.
    pub(crate) fn classifier(&self) -> usize {
        self.pooler() + 2
    }

    pub(crate) fn masked(&self) -> MaskedSlots {
        let first = self.pooler() + 2;
        MaskedSlots { transform: first, norm: first + 2, bias: first + 4 }
    }
}

/// Slots in the making; both functions return the place of what they add.
#[derive(Default)]
struct List(Vec<Slot>);

impl List {
    fn add(&mut self, name: String, shape: &[usize]) -> usize {
        self.0.push(Slot { name, shape: shape.to_vec() });
        self.0.len() - 1
    }

    /// A weight and the bias for its rows.
    fn pair(&mut self, stem: &str, weight: &[usize]) -> usize {
        let place = self.add(format!("{stem}.weight"), weight);
        self.add(format!("{stem}.bias"), &weight[..1]);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Architecture;

    #[test]
    fn places_and_names_agree() {
        let config = TransformerConfig::new(30, 2, 8, 2, 16);
        let layout = Layout::new(&config, Head::Classifier { labels: 3 });
        let name = |place: usize| layout.slots[place].name.as_str();
        assert_eq!(name(layout.embeddings.norm + 1), "bert.embeddings.LayerNorm.bias");
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
    fn biases_and_layer_norms_do_not_decay() {
        for model_type in Architecture::ALL {
            let config = TransformerConfig { model_type, ..TransformerConfig::new(30, 1, 8, 2, 16) };
            let layout = Layout::new(&config, Head::Classifier { labels: 2 });
            for slot in &layout.slots {
                let name = slot.name.to_lowercase().replace('_', "");
                assert_eq!(slot.decays(), !(name.ends_with(".bias") || name.contains("layernorm")), "{}", slot.name);
            }
        }
    }

    #[test]
    fn embeddings_are_projected_where_they_are_narrower() {
        let mut config =
            TransformerConfig { model_type: Architecture::Electra, ..TransformerConfig::new(30, 2, 8, 2, 16) };
        assert_eq!(Layout::new(&config, Head::Classifier { labels: 2 }).embeddings.projection, None);
        config.embedding_size = Some(4);
        let layout = Layout::new(&config, Head::Classifier { labels: 2 });
        let projection = &layout.slots[layout.embeddings.projection.unwrap()];
        assert_eq!(
            (projection.name.as_str(), &projection.shape[..]),
            ("electra.embeddings_project.weight", &[8, 4][..])
        );
        assert_eq!(layout.slots[layout.layer(0).query].name, "electra.encoder.layer.0.attention.self.query.weight");
    }
}
