//! The tokens that are no text, by the names that BERT's and RoBERTa's tokenizers give them.

use super::DataError;

/// Padding, unknown, first of a row, end of a text, mask: as BERT, ELECTRA and DistilBERT call them.
pub(super) const BERT_SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/// The same five, as RoBERTa calls them.
pub(super) const ROBERTA_SPECIAL: [&str; 5] = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"];

/// What a tokenizer calls its special tokens.
pub(super) fn special_names(inner: &tokenizers::Tokenizer) -> Result<[&'static str; 5], DataError> {
    let lacks = |names: &[&'static str; 5]| names.iter().copied().find(|name| inner.token_to_id(name).is_none());
    match (lacks(&BERT_SPECIAL), lacks(&ROBERTA_SPECIAL)) {
        (None, _) => Ok(BERT_SPECIAL),
        (_, None) => Ok(ROBERTA_SPECIAL),
        (Some(bert), Some(roberta)) => {
            let what = format!("its vocabulary has no {bert}, which BERT's has, and no {roberta}, which RoBERTa's has");
            Err(DataError::Tokenizer(what))
        }
    }
}

pub(super) fn special(inner: &tokenizers::Tokenizer, token: &str) -> Result<u32, DataError> {
    let missing = || DataError::Tokenizer(format!("its vocabulary has no {token}"));
    inner.token_to_id(token).ok_or_else(missing)
}

/// An error of the library, with what it was busy with.
pub(super) fn wrap(what: &'static str) -> impl Fn(tokenizers::Error) -> DataError {
    move |error| DataError::Tokenizer(format!("{what}: {error}"))
}
