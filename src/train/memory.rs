//! How much memory a training needs at least: told before it starts, because memory that is not there ends the process
//! without a word.

use crate::model::{Head, Layout, TransformerConfig};

/// Bytes of the weights, their gradients and both moments, and of what a step keeps of a batch of `rows` with `tokens`
/// each for the way back.
pub fn memory_of_training(config: &TransformerConfig, head: Head, rows: usize, tokens: usize) -> u64 {
    let wide = |size: usize| size as u128;
    let parameters: u128 =
        Layout::new(config, head).slots.iter().map(|slot| slot.shape.iter().copied().map(wide).product::<u128>()).sum();
    // The layer's input, queries, keys, values, what attention gives and its sum; the inner layer before and after GELU.
    let token = 6 * wide(config.hidden_size) + 2 * wide(config.intermediate_size);
    let attention = wide(config.num_attention_heads) * wide(tokens);
    let kept = wide(rows) * wide(tokens) * wide(config.num_hidden_layers) * (token + attention);
    u64::try_from(4 * (4 * parameters + kept)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_bert_base_is_what_its_sizes_say() {
        let config = TransformerConfig::new(30_522, 12, 768, 12, 3072);
        // 109,483,778 with a pooler and two classes, as `transformers` counts them.
        let weights = memory_of_training(&config, Head::Classifier { labels: 2 }, 0, 0);
        assert_eq!(weights, 16 * 109_483_778);
        let batch = memory_of_training(&config, Head::Classifier { labels: 2 }, 32, 128) - weights;
        assert_eq!(batch, 4 * 32 * 128 * 12 * (6 * 768 + 2 * 3072 + 12 * 128));
        let largest = TransformerConfig::new(1 << 24, 1024, 1 << 24, 1, 1 << 24);
        assert_eq!(memory_of_training(&largest, Head::MaskedLanguageModel, 1 << 16, 1 << 24), u64::MAX);
    }
}
