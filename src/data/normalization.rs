//! What a `vocab.txt` does not say: whether case and accents count.

use super::DataError;
use serde::Deserialize;

/// How BERT's texts are normalised before they are cut into pieces: the part of `tokenizer_config.json` about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Normalization {
    #[serde(default)]
    do_lower_case: Option<bool>,
    /// Where nothing is said, accents go where upper case goes.
    #[serde(default)]
    strip_accents: Option<bool>,
    #[serde(default)]
    tokenize_chinese_chars: Option<bool>,
}

impl Normalization {
    pub fn from_tokenizer_config(json: &[u8]) -> Result<Self, DataError> {
        serde_json::from_slice(json).map_err(|error| DataError::Tokenizer(format!("tokenizer_config.json: {error}")))
    }

    /// With Google's rule where the file does not speak of case: a model is lower-cased unless its name says
    /// otherwise (`validate_case_matches_checkpoint` in Google's tokenization.py).
    pub fn or_cased(self, cased: bool) -> Self {
        Self { do_lower_case: self.do_lower_case.or(Some(!cased)), ..self }
    }

    pub fn says_case(&self) -> bool {
        self.do_lower_case.is_some()
    }

    pub fn says_chinese(&self) -> bool {
        self.tokenize_chinese_chars.is_some()
    }

    pub fn lowercase(&self) -> bool {
        self.do_lower_case.unwrap_or(true)
    }

    pub fn strip_accents(&self) -> Option<bool> {
        self.strip_accents
    }

    /// Whether each Chinese character is a word.
    pub fn chinese(&self) -> bool {
        self.tokenize_chinese_chars.unwrap_or(true)
    }
}

/// Whether the last part of a path, an address or a repository's name has the word `cased`, and not `uncased`.
pub fn name_says_cased(name: &str) -> bool {
    let name = name.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let has = |wanted: &str| last.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == wanted);
    has("cased") && !has("uncased")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whether_case_counts() {
        let cases = [
            ("/models/cased_L-12_H-768_A-12", true),
            ("https://a.b/multi_cased_L-12_H-768_A-12.zip?x=uncased", true),
            ("hf:google-bert/bert-base-cased@main", true),
            ("wwm_cased_L-24_H-1024_A-16/", true),
            ("uncased_L-12_H-768_A-12", false),
            ("cased/uncased_L-2_H-128_A-2", false),
            ("hf:google-bert/bert-base-uncased", false),
            ("chinese_L-12_H-768_A-12", false),
            ("encased_bert", false),
            ("", false),
        ];
        for (name, cased) in cases {
            assert_eq!(name_says_cased(name), cased, "{name}");
        }
    }

    #[test]
    fn the_file_is_stronger_than_the_name() {
        let read = |json: &str| Normalization::from_tokenizer_config(json.as_bytes()).unwrap();
        assert!(!read(r#"{"do_lower_case": false, "model_max_length": 512}"#).or_cased(false).lowercase());
        assert!(read(r#"{"do_lower_case": true, "strip_accents": null}"#).or_cased(true).lowercase());
        assert!(!read("{}").or_cased(true).lowercase());
        assert!(read("{}").or_cased(false).lowercase());
        let all = read(r#"{"strip_accents": false, "tokenize_chinese_chars": false}"#);
        assert_eq!((all.strip_accents(), all.chinese()), (Some(false), false));
        let error = Normalization::from_tokenizer_config(br#"{"do_lower_case": "no"}"#).unwrap_err().to_string();
        assert!(error.contains("tokenizer_config.json"), "{error}");
    }
}
