//! Tokenisation exactly as the `tokenizers` and `transformers` libraries do it, with longest-first truncation and no
//! padding: BERT's WordPiece, `[CLS] text [SEP] (pair [SEP])`, and RoBERTa's byte pairs, `<s> text </s> (</s> pair
//! </s>)`.

use super::growth::growth;
use super::guard::guarded;
use super::special::{BERT_SPECIAL, ROBERTA_SPECIAL, special, special_names, wrap};
use super::{DataError, Encoded, Normalization, byte_pairs};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::utils::truncation::truncate_encodings;
use tokenizers::{AddedToken, NormalizedString, NormalizerWrapper, OffsetReferential, OffsetType, PreTokenizedString};
use tokenizers::{ModelWrapper, Normalizer, PostProcessor, PostProcessorWrapper, PreTokenizer, TruncationParams};

/// Numbers without a token that a vocabulary may have, and how many more for each of its tokens.
const MOST_HOLES: usize = 10_000;
const HOLES_A_TOKEN: usize = 4;

/// Bytes of a text after its normalisation, for each of which the library keeps some twenty more.
const MOST_NORMALIZED: u64 = 64 << 20;

/// A tokenizer and the ids that the rest of the program needs by name.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocab_size: usize,
    /// Bytes that may become of one.
    growth: u64,
    names: [&'static str; 5],
    pad: i32,
    unk: i32,
    cls: i32,
    sep: i32,
    mask: i32,
}

impl Tokenizer {
    /// From the bytes of a `tokenizer.json`, or else of a `vocab.txt`, one token a line. `lowercase` (with accents
    /// stripped) belongs to `vocab.txt`; a `tokenizer.json` says so itself, and truncation and padding set in it are
    /// dropped: they would cut texts unasked.
    pub fn from_files(
        tokenizer_json: Option<&[u8]>,
        vocab_txt: Option<&[u8]>,
        lowercase: bool,
    ) -> Result<Tokenizer, DataError> {
        if let Some(bytes) = tokenizer_json {
            return whole(|| Tokenizer::from_json(bytes));
        }
        let bytes =
            vocab_txt.ok_or_else(|| DataError::Tokenizer("neither tokenizer.json nor vocab.txt is there".into()))?;
        Tokenizer::from_vocab_txt(bytes, bert_normalizer(lowercase))?.with_special_tokens()
    }

    fn from_json(bytes: &[u8]) -> Result<Tokenizer, DataError> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(wrap("tokenizer.json"))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(wrap("tokenizer.json"))?;
        if inner.get_post_processor().is_none() {
            let processor: PostProcessorWrapper = match special_names(&inner)? {
                ROBERTA_SPECIAL => byte_pairs::processing(&inner)?.into(),
                _ => bert_template(&inner)?.into(),
            };
            inner.with_post_processor(Some(processor));
        }
        Tokenizer::new(inner)
    }

    /// From the bytes of a `vocab.txt`, one token a line, and what its `tokenizer_config.json` or its name says. Special
    /// tokens are not added yet.
    pub fn from_vocabulary(vocab_txt: &[u8], normalization: &Normalization) -> Result<Tokenizer, DataError> {
        let (chinese, accents) = (normalization.chinese(), normalization.strip_accents());
        Tokenizer::from_vocab_txt(vocab_txt, BertNormalizer::new(true, chinese, accents, normalization.lowercase()))
    }

    /// RoBERTa's, from the bytes of a `vocab.json` (token to id) and a `merges.txt` (a pair a line, best first): pairs of
    /// bytes, with case kept, and a space put before the first word or not. Special tokens are not added yet.
    pub fn from_byte_pairs(vocab_json: &[u8], merges_txt: &[u8], prefix_space: bool) -> Result<Tokenizer, DataError> {
        whole(|| Tokenizer::new(byte_pairs::read(vocab_json, merges_txt, prefix_space)?))
    }

    /// What is no text: padding, unknown, first of a row, end of a text, mask.
    pub(super) fn special_tokens(&self) -> [&'static str; 5] {
        self.names
    }

    /// With those added, so that they are found in texts.
    pub(super) fn with_special_tokens(mut self) -> Result<Tokenizer, DataError> {
        self.add(self.names.map(|token| (None, AddedToken::from(token, true))).to_vec())?;
        Ok(self)
    }

    /// Whether the roles that `tokenizer_config.json` gives to tokens are those that they have here.
    pub(super) fn check_names(&self, said: &[(&str, Option<&str>)]) -> Result<(), DataError> {
        let ours = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"].into_iter().zip(self.names);
        for (role, token) in ours {
            let theirs = said.iter().find(|(name, _)| *name == role).and_then(|(_, content)| *content);
            if let Some(theirs) = theirs.filter(|theirs| *theirs != token) {
                let what = format!("its {role} is said to be `{theirs}`, and only `{token}` can be read as such");
                return Err(DataError::Tokenizer(what));
            }
        }
        Ok(())
    }

    /// Adds tokens that are not there yet, in this order. The numbers are those that were said of them, which the
    /// library does not ask for; a note tells where it gives others.
    ///
    /// # Errors
    /// A token is there already and looked for in another way.
    pub(super) fn add(&mut self, tokens: Vec<(Option<u32>, AddedToken)>) -> Result<Vec<String>, DataError> {
        let known: BTreeMap<String, AddedToken> =
            self.inner.get_added_tokens_decoder().into_values().map(|token| (token.content.clone(), token)).collect();
        let how = |token: &AddedToken| (token.normalized, token.lstrip, token.rstrip, token.single_word);
        let (mut new, mut notes): (Vec<AddedToken>, Vec<String>) = (Vec::new(), Vec::new());
        for (said, token) in &tokens {
            match known.get(&token.content) {
                Some(old) if said.is_some() && how(old) != how(token) => {
                    let what = format!(
                        "tokenizer.json and tokenizer_config.json look for `{}` in two ways (normalized, lstrip, rstrip, \
                         single_word): let them say the same",
                        token.content
                    );
                    return Err(DataError::Tokenizer(what));
                }
                None if !new.iter().any(|other| other.content == token.content) => new.push(token.clone()),
                _ => {}
            }
        }
        if !new.is_empty() {
            let mut inner = self.inner.clone();
            *self = whole(move || {
                inner.add_tokens(&new);
                Tokenizer::new(inner)
            })?;
        }
        for (said, token) in &tokens {
            let given = self.inner.token_to_id(&token.content);
            if let (Some(said), Some(given)) = (said, given)
                && *said != given
            {
                notes.push(format!(
                    "`{}` is said to have the number {said}, and gets {given}, as in transformers",
                    token.content
                ));
            }
        }
        Ok(notes)
    }

    /// A vocabulary of whole words for pretraining from scratch: the special tokens `[PAD] [UNK] [CLS] [SEP] [MASK]`,
    /// then the lower-cased words of `texts` by count, ties in alphabetical order, `max_size` entries in all. Words
    /// left out become `[UNK]`.
    pub fn from_words<'a>(texts: impl IntoIterator<Item = &'a str>, max_size: usize) -> Result<Tokenizer, DataError> {
        if max_size <= BERT_SPECIAL.len() {
            let what =
                format!("a vocabulary of {max_size} has no room beside the {} special tokens", BERT_SPECIAL.len());
            return Err(DataError::Tokenizer(what));
        }
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for text in texts {
            let mut normalized = NormalizedString::from(text);
            bert_normalizer(true).normalize(&mut normalized).map_err(wrap("text"))?;
            let mut words = PreTokenizedString::from(normalized.get());
            BertPreTokenizer.pre_tokenize(&mut words).map_err(wrap("text"))?;
            for (word, _, _) in words.get_splits(OffsetReferential::Original, OffsetType::None) {
                match counts.get_mut(word) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(word.to_string(), 1)),
                }
            }
        }
        let mut words: Vec<(String, u64)> = counts.into_iter().collect();
        // The map is in alphabetical order and the sort is stable, so ties stay alphabetical.
        words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let tokens = BERT_SPECIAL.map(String::from).into_iter().chain(words.into_iter().map(|(word, _)| word));
        let vocabulary = tokens.take(max_size).collect::<Vec<_>>().join("\n");
        Tokenizer::from_vocab_txt(vocabulary.as_bytes(), bert_normalizer(true))?.with_special_tokens()
    }

    fn from_vocab_txt(vocab_txt: &[u8], normalizer: BertNormalizer) -> Result<Tokenizer, DataError> {
        let model = WordPiece::builder()
            .vocab(WordPiece::read_bytes(vocab_txt).map_err(wrap("vocab.txt"))?)
            .unk_token("[UNK]".into())
            .build()
            .map_err(wrap("vocabulary"))?;
        let mut inner = tokenizers::Tokenizer::new(model);
        let processor = bert_template(&inner)?;
        inner.with_normalizer(Some(normalizer));
        inner.with_pre_tokenizer(Some(BertPreTokenizer));
        inner.with_post_processor(Some(processor));
        inner.with_decoder(Some(tokenizers::decoders::wordpiece::WordPiece::default()));
        Tokenizer::new(inner)
    }

    fn new(inner: tokenizers::Tokenizer) -> Result<Tokenizer, DataError> {
        let names = special_names(&inner)?;
        let id = |place: usize| special(&inner, names[place]).map(|id| id as i32);
        let (pad, unk, cls, sep, mask) = (id(0)?, id(1)?, id(2)?, id(3)?, id(4)?);
        let vocabulary = inner.get_vocab(true);
        let (tokens, largest) = (vocabulary.len(), vocabulary.into_values().max().unwrap_or(0));
        // The library goes through every number up to the largest, and prints those without a token.
        if largest as usize > MOST_HOLES + HOLES_A_TOKEN * tokens {
            let what = format!("it has {tokens} tokens, but numbers them up to {largest}");
            return Err(DataError::Tokenizer(what));
        }
        let normalizer =
            serde_json::to_value(inner.get_normalizer()).map_err(|error| wrap("normalizer")(error.into()))?;
        let growth = growth(&normalizer);
        Ok(Tokenizer { vocab_size: largest as usize + 1, growth, names, pad, unk, cls, sep, mask, inner })
    }

    /// Ids and token types of one text or pair, at most `max_length` long with its special tokens. A pair that is too
    /// long loses tokens from the end of its longer text first.
    pub fn encode(&self, text: &str, pair: Option<&str>, max_length: usize) -> Result<Encoded, DataError> {
        whole(|| self.pieces(text, pair, max_length))
    }

    fn pieces(&self, text: &str, pair: Option<&str>, max_length: usize) -> Result<Encoded, DataError> {
        let (bytes, most) = (text.len().max(pair.map_or(0, str::len)), MOST_NORMALIZED);
        if self.growth.saturating_mul(bytes as u64) > most {
            let growth = self.growth;
            let what = format!("its normalizer can make {growth} bytes of one, and a text has {bytes}: at most {most}");
            return Err(DataError::Tokenizer(what));
        }
        let special = self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(pair.is_some()));
        if max_length <= special {
            return Err(DataError::MaxLength { max_length, special });
        }
        // The library keeps the maximal length inside the tokenizer; its three steps by hand keep this one `&self`.
        let words = |text: &str| self.inner.encode_fast(text, false).map_err(wrap("text"));
        let first = words(text)?;
        let mut second = pair.map(words).transpose()?;
        if let Some(second) = second.as_mut() {
            second.set_type_ids(vec![1; second.len()]);
        }
        let params = TruncationParams { max_length: max_length - special, ..TruncationParams::default() };
        let (mut first, mut second) = truncate_encodings(first, second, &params).map_err(wrap("text"))?;
        // What was cut off is kept there, and would be processed along with the rest.
        first.take_overflowing();
        if let Some(second) = second.as_mut() {
            second.take_overflowing();
        }
        let whole = self.inner.post_process(first, second, true).map_err(wrap("text"))?;
        Ok(Encoded {
            input_ids: whole.get_ids().iter().map(|&id| id as i32).collect(),
            token_type_ids: whole.get_type_ids().iter().map(|&id| id as i32).collect(),
        })
    }

    /// Every row of a split, in its order, on all threads of the step.
    pub fn encode_all(
        &self,
        texts: &[String],
        pairs: Option<&[String]>,
        max_length: usize,
    ) -> Result<Vec<Encoded>, DataError> {
        const CHUNK: usize = 256;
        let encode_chunk = |at: usize, texts: &[String]| {
            let pair = |row: usize| pairs.map(|pairs| pairs[at + row].as_str());
            let rows = texts.iter().enumerate();
            rows.map(|(row, text)| self.encode(text, pair(row), max_length)).collect::<Result<Vec<_>, _>>()
        };
        if let Some(pairs) = pairs.filter(|pairs| pairs.len() != texts.len()) {
            let what = format!("{} texts have {} second texts", texts.len(), pairs.len());
            return Err(DataError::Tokenizer(what));
        }
        let parts = texts.par_chunks(CHUNK).enumerate().map(|(i, texts)| encode_chunk(i * CHUNK, texts));
        Ok(parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// One more than the largest id: the least `vocab_size` that a model for this tokenizer can have.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The first number that stands for another token in the other tokenizer, or for none.
    pub fn other_word(&self, other: &Self) -> Option<(u32, [Option<String>; 2])> {
        let by_number = |tokenizer: &Self| {
            let tokens = tokenizer.inner.get_vocab(true).into_iter();
            tokens.map(|(token, id)| (id, token)).collect::<BTreeMap<u32, String>>()
        };
        let (own, theirs) = (by_number(self), by_number(other));
        let ids: BTreeSet<u32> = own.keys().chain(theirs.keys()).copied().collect();
        let id = ids.into_iter().find(|id| own.get(id) != theirs.get(id))?;
        Some((id, [own.get(&id).cloned(), theirs.get(&id).cloned()]))
    }

    pub fn pad_id(&self) -> i32 {
        self.pad
    }

    pub fn unk_id(&self) -> i32 {
        self.unk
    }

    pub fn cls_id(&self) -> i32 {
        self.cls
    }

    pub fn sep_id(&self) -> i32 {
        self.sep
    }

    pub fn mask_id(&self) -> i32 {
        self.mask
    }

    /// A `tokenizer.json` that `transformers` and `tokenizers` load; the same tokenizer always gives the same text.
    pub fn to_json(&self) -> Result<String, DataError> {
        whole(|| self.inner.to_string(true).map_err(wrap("tokenizer")))
    }

    /// The `tokenizer_config.json` that belongs beside it. Without one `transformers` lower-cases a cased vocabulary.
    /// `token_types` says whether the model takes them: to others transformers must not give any.
    pub fn config_json(&self, max_length: usize, token_types: bool) -> String {
        let class = match (self.names, self.inner.get_model()) {
            (ROBERTA_SPECIAL, ModelWrapper::Unigram(_)) => "XLMRobertaTokenizer",
            (ROBERTA_SPECIAL, _) => "RobertaTokenizer",
            _ => "BertTokenizer",
        };
        let inputs: &[&str] = match token_types {
            true => &["input_ids", "token_type_ids", "attention_mask"],
            false => &["input_ids", "attention_mask"],
        };
        let [pad, unk, cls, sep, mask] = self.names;
        let mut config = serde_json::json!({
            "tokenizer_class": class,
            "model_max_length": max_length,
            "model_input_names": inputs,
            "pad_token": pad,
            "unk_token": unk,
            "cls_token": cls,
            "sep_token": sep,
            "mask_token": mask,
        });
        if self.names == ROBERTA_SPECIAL {
            (config["bos_token"], config["eos_token"]) = (cls.into(), sep.into());
            return format!("{config:#}\n");
        }
        let lowercase = match self.inner.get_normalizer() {
            Some(NormalizerWrapper::BertNormalizer(normalizer)) => normalizer.lowercase,
            _ => true,
        };
        config["do_lower_case"] = lowercase.into();
        format!("{config:#}\n")
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size).finish_non_exhaustive()
    }
}

/// Chinese characters stand alone and control characters go, whatever the case.
fn bert_normalizer(lowercase: bool) -> BertNormalizer {
    BertNormalizer::new(true, true, None, lowercase)
}

fn bert_template(inner: &tokenizers::Tokenizer) -> Result<TemplateProcessing, DataError> {
    let special = vec![("[CLS]", special(inner, "[CLS]")?), ("[SEP]", special(inner, "[SEP]")?)];
    TemplateProcessing::builder()
        .try_single("[CLS]:0 $A:0 [SEP]:0")
        .and_then(|builder| builder.try_pair("[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"))
        .map_err(|what| DataError::Tokenizer(what.to_string()))?
        .special_tokens(special)
        .build()
        .map_err(|what| DataError::Tokenizer(what.to_string()))
}

/// The library panics where a file contradicts itself, some of it not before it is used.
fn whole<T>(work: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    guarded(work).unwrap_or_else(|what| Err(DataError::Tokenizer(what)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCAB: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ndog\n##s\nran\n.\ncafe\n中\nThe\n";

    fn lower() -> Tokenizer {
        Tokenizer::from_files(None, Some(VOCAB.as_bytes()), true).unwrap()
    }

    #[test]
    fn pieces_special_tokens_and_token_types_are_berts() {
        let one = lower().encode("The  DOGS\u{a0}ran.", None, 32).unwrap();
        assert_eq!(one.input_ids, [2, 5, 6, 7, 8, 9, 3]);
        assert_eq!(one.token_type_ids, [0; 7]);
        let pair = lower().encode("Café 中中", Some("zebra"), 32).unwrap();
        assert_eq!(pair.input_ids, [2, 10, 11, 11, 3, 1, 3]);
        assert_eq!(pair.token_type_ids, [0, 0, 0, 0, 0, 1, 1]);
        let cased = Tokenizer::from_files(None, Some(VOCAB.as_bytes()), false).unwrap();
        assert_eq!(cased.encode("The the", None, 9).unwrap().input_ids, [2, 12, 5, 3]);
    }

    #[test]
    fn case_accents_and_chinese_are_as_the_settings_say() {
        let ids = |settings: &str, text: &str| {
            let settings = Normalization::from_tokenizer_config(settings.as_bytes()).unwrap();
            let tokenizer = Tokenizer::from_vocabulary(VOCAB.as_bytes(), &settings).unwrap();
            tokenizer.encode(text, None, 9).unwrap().input_ids
        };
        assert_eq!(ids("{}", "The Café 中中"), [2, 5, 10, 11, 11, 3]);
        assert_eq!(ids(r#"{"do_lower_case": false}"#, "The Café cafe"), [2, 12, 1, 10, 3]);
        assert_eq!(ids(r#"{"do_lower_case": false, "strip_accents": true}"#, "The café"), [2, 12, 10, 3]);
        assert_eq!(ids(r#"{"strip_accents": false}"#, "The Café"), [2, 5, 1, 3]);
        assert_eq!(ids(r#"{"tokenize_chinese_chars": false}"#, "中 中中"), [2, 11, 1, 3]);
    }

    #[test]
    fn the_longer_text_is_cut_first() {
        let cut = lower().encode("the the the the the the", Some("dog ran"), 8).unwrap();
        assert_eq!(cut.input_ids, [2, 5, 5, 5, 3, 6, 8, 3]);
        let both = lower().encode("the the the the", Some("dog dog dog dog"), 8).unwrap();
        assert_eq!(both.input_ids, [2, 5, 5, 3, 6, 6, 6, 3]);
        let error = lower().encode("the", Some("dog"), 3).unwrap_err();
        assert!(matches!(error, DataError::MaxLength { max_length: 3, special: 3 }));
    }

    #[test]
    fn json_keeps_the_tokenizer_and_drops_padding_and_truncation_set_in_it() {
        let json = lower().to_json().unwrap();
        assert_eq!(json, lower().to_json().unwrap());
        let mut value: serde_json::Value = serde_json::from_str(&json).unwrap();
        value["truncation"] = serde_json::json!(
            {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
        value["padding"] = serde_json::json!({"strategy": {"Fixed": 16}, "direction": "Right",
            "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
        for post_processor in [value["post_processor"].clone(), serde_json::Value::Null] {
            value["post_processor"] = post_processor;
            let again = Tokenizer::from_files(Some(value.to_string().as_bytes()), None, true).unwrap();
            let expected = lower().encode("the dogs ran.", Some("ran"), 32).unwrap();
            assert_eq!(expected.len(), 9);
            assert_eq!(again.encode("the dogs ran.", Some("ran"), 32).unwrap(), expected);
            assert_eq!((again.vocab_size(), again.pad_id(), again.mask_id()), (13, 0, 4));
        }
    }

    #[test]
    fn rows_come_back_in_order_from_all_threads() {
        let texts: Vec<String> = (0..2000).map(|i| ["the", "dog", "ran"][i % 3].repeat(1 + i % 2)).collect();
        let tokenizer = lower();
        let all = tokenizer.encode_all(&texts, Some(&texts), 16).unwrap();
        for (row, text) in texts.iter().enumerate() {
            assert_eq!(all[row], tokenizer.encode(text, Some(text), 16).unwrap());
        }
        assert!(tokenizer.encode_all(&texts, Some(&texts[1..]), 16).is_err());
    }

    #[test]
    fn a_vocabulary_of_words_is_by_count_then_alphabet() {
        let texts = ["b a b .", "C a d", "b"];
        let tokenizer = Tokenizer::from_words(texts, 8).unwrap();
        assert_eq!(tokenizer.vocab_size(), 8);
        // b 3, a 2, then "." before "c" and "d", which no longer fit.
        assert_eq!(tokenizer.encode("b a . c", None, 9).unwrap().input_ids, [2, 5, 6, 7, 1, 3]);
        assert_eq!(tokenizer.to_json().unwrap(), Tokenizer::from_words(texts, 8).unwrap().to_json().unwrap());
        assert!(Tokenizer::from_words(texts, 5).is_err());
    }

    #[test]
    fn files_that_are_no_bert_tokenizer_are_refused() {
        assert!(Tokenizer::from_files(None, None, true).is_err());
        assert!(Tokenizer::from_files(Some(b"{}"), None, true).is_err());
        let error = Tokenizer::from_files(None, Some(b"<s>\n</s>\n[UNK]\n"), true).unwrap_err();
        assert!(error.to_string().contains("[CLS]"), "{error}");
    }
}
