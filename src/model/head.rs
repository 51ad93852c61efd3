/// What stands on top of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The architecture's own classification head, with `labels` outputs.
    Classifier { labels: usize },
    /// The head of BERT's pretraining, its decoder tied to the word embeddings. The pooler is carried along unused.
    MaskedLanguageModel,
}
