//! Which models lines and planes can join: those that compute the same function of the same numbers, and read the same
//! text as the same numbers.

use crate::data::{DataError, Dataset, Tokenizer};
use crate::model::TransformerConfig;

/// What of two configurations is different, where that makes other functions of the same weights.
pub fn apart(one: &TransformerConfig, other: &TransformerConfig) -> Option<String> {
    let fields = |config: &TransformerConfig| {
        [
            ("model_type", config.model_type.name().to_owned()),
            ("num_hidden_layers", config.num_hidden_layers.to_string()),
            ("hidden_size", config.hidden_size.to_string()),
            ("num_attention_heads", config.num_attention_heads.to_string()),
            ("intermediate_size", config.intermediate_size.to_string()),
            ("embedding_size", config.embedding_size().to_string()),
            ("vocab_size", config.vocab_size.to_string()),
            ("max_position_embeddings", config.max_position_embeddings.to_string()),
            ("type_vocab_size", config.type_vocab_size.to_string()),
            ("hidden_act", config.activation().name().to_owned()),
            ("layer_norm_eps", format!("{:e}", config.layer_norm_eps)),
            ("the first position", config.first_position().to_string()),
        ]
    };
    let pairs = fields(one).into_iter().zip(fields(other));
    let different = pairs.into_iter().find(|((_, one), (_, other))| one != other);
    let sizes = different.map(|((field, one), (_, other))| format!("{field} is {one} in one and {other} in the other"));
    sizes.or_else(|| {
        let (one, other) = (one.labels(), other.labels());
        (one != other).then(|| format!("their labels are [{}] and [{}]", one.join(", "), other.join(", ")))
    })
}

/// Where two tokenizers have other words at the same number, or make other numbers of one of these texts.
///
/// # Errors
/// A text that one of them cannot take.
pub fn read_apart(
    one: &Tokenizer,
    other: &Tokenizer,
    dataset: &Dataset,
    max_length: usize,
) -> Result<Option<String>, DataError> {
    if let Some((id, words)) = one.other_word(other) {
        let [one, other] = words.map(|word| word.map_or("nothing".to_owned(), |word| format!("`{word}`")));
        return Ok(Some(format!("token {id} is {one} in one and {other} in the other")));
    }
    let encode = |tokenizer: &Tokenizer| tokenizer.encode_all(&dataset.text, dataset.text_pair.as_deref(), max_length);
    let (one, other) = (encode(one)?, encode(other)?);
    let different = one.iter().zip(&other).position(|(one, other)| one != other);
    Ok(different
        .map(|row| format!("their tokenizers make different tokens of one text, `{}`", short(&dataset.text[row]))))
}

/// Enough of a text to know it by.
fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
