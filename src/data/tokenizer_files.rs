//! A model's tokenizer out of all files that decide its ids, as `AutoTokenizer` of transformers reads them: what
//! `tokenizer_config.json` says counts before `tokenizer.json`, and tokens are added by either and by `added_tokens.json`
//! and `special_tokens_map.json`. Where two files contradict each other, a note says which counts; where versions of
//! transformers disagree about that, too, it is an error.

use super::{DataError, Normalization, Tokenizer};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tokenizers::AddedToken;

const CONFIG: &str = "tokenizer_config.json";
const WHOLE: &str = "tokenizer.json";
const ADDED: &str = "added_tokens.json";
const MAP: &str = "special_tokens_map.json";
/// More than any tokenizer has, and fewer than take minutes to add.
const MOST_ADDED: usize = 50_000;
/// What transformers writes for a tokenizer without a longest text is far above it.
const LONGEST: f64 = 1e9;

/// The files by name, and what else decides how they are read.
#[derive(Debug, Default)]
pub struct TokenizerFiles {
    pub files: BTreeMap<String, Vec<u8>>,
    /// The class that the model's configuration names, and its type: what counts where `tokenizer_config.json` names no class.
    pub class: Option<String>,
    pub model_type: String,
    /// What the source's name says; it counts where no file speaks of case.
    pub cased: bool,
}

/// A tokenizer, and what is to be known of it.
#[derive(Debug)]
pub struct Assembled {
    pub tokenizer: Tokenizer,
    pub notes: Vec<String>,
    /// The longest text that it is said to be for.
    pub longest: Option<usize>,
}

/// How the classes of transformers treat the files.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    Bert,
    Roberta,
    /// `tokenizer.json` is read as it is.
    Plain,
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(flatten)]
    normalization: Normalization,
    tokenizer_class: Option<String>,
    add_prefix_space: Option<bool>,
    model_max_length: Option<f64>,
    added_tokens_decoder: Option<BTreeMap<u32, Token>>,
    truncation_side: Option<String>,
    split_special_tokens: Option<bool>,
    #[serde(flatten)]
    special: Special,
}

/// The special tokens, in the order in which they are added; the fields of `special_tokens_map.json`.
#[derive(Debug, Default, Deserialize)]
struct Special {
    bos_token: Option<Token>,
    eos_token: Option<Token>,
    unk_token: Option<Token>,
    sep_token: Option<Token>,
    pad_token: Option<Token>,
    cls_token: Option<Token>,
    mask_token: Option<Token>,
    additional_special_tokens: Option<Vec<Token>>,
    extra_special_tokens: Option<Extra>,
}

/// A token by its text alone, or with how it is looked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Whole {
        content: String,
        #[serde(default)]
        lstrip: bool,
        #[serde(default)]
        rstrip: bool,
        #[serde(default)]
        single_word: bool,
        normalized: Option<bool>,
        #[serde(default)]
        special: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Extra {
    Named(BTreeMap<String, Token>),
    Listed(Vec<Token>),
}

impl Token {
    fn content(&self) -> &str {
        match self {
            Self::Text(content) | Self::Whole { content, .. } => content,
        }
    }

    fn added(&self, is_special: bool) -> AddedToken {
        match self {
            Self::Text(content) => AddedToken::from(content.clone(), is_special),
            Self::Whole { content, lstrip, rstrip, single_word, normalized, special } => {
                AddedToken::from(content.clone(), is_special || *special)
                    .lstrip(*lstrip)
                    .rstrip(*rstrip)
                    .single_word(*single_word)
                    .normalized(normalized.unwrap_or(!special))
            }
        }
    }
}

impl Special {
    fn named(&self) -> [(&'static str, Option<&Token>); 7] {
        [
            ("bos_token", self.bos_token.as_ref()),
            ("eos_token", self.eos_token.as_ref()),
            ("unk_token", self.unk_token.as_ref()),
            ("sep_token", self.sep_token.as_ref()),
            ("pad_token", self.pad_token.as_ref()),
            ("cls_token", self.cls_token.as_ref()),
            ("mask_token", self.mask_token.as_ref()),
        ]
    }

    fn all(&self) -> Vec<&Token> {
        let extra: Vec<&Token> = match &self.extra_special_tokens {
            Some(Extra::Named(named)) => named.values().collect(),
            Some(Extra::Listed(listed)) => listed.iter().collect(),
            None => Vec::new(),
        };
        let additional = self.additional_special_tokens.iter().flatten();
        self.named().into_iter().filter_map(|(_, token)| token).chain(additional).chain(extra).collect()
    }

    /// What only `map` has; what both have must be the same.
    fn with(mut self, map: Special) -> Result<Self, DataError> {
        let fields = [
            ("bos_token", &mut self.bos_token, map.bos_token),
            ("eos_token", &mut self.eos_token, map.eos_token),
            ("unk_token", &mut self.unk_token, map.unk_token),
            ("sep_token", &mut self.sep_token, map.sep_token),
            ("pad_token", &mut self.pad_token, map.pad_token),
            ("cls_token", &mut self.cls_token, map.cls_token),
            ("mask_token", &mut self.mask_token, map.mask_token),
        ];
        for (name, ours, theirs) in fields {
            match (&ours, theirs) {
                (Some(ours), Some(theirs)) if ours.content() != theirs.content() => {
                    return Err(two_words(name, ours.content(), theirs.content()));
                }
                (None, theirs) => *ours = theirs,
                _ => {}
            }
        }
        let contents = |tokens: &[Token]| tokens.iter().map(Token::content).collect::<Vec<_>>().join(", ");
        match (&self.additional_special_tokens, map.additional_special_tokens) {
            (Some(ours), Some(theirs)) if contents(ours) != contents(&theirs) => {
                return Err(two_words("additional_special_tokens", &contents(ours), &contents(&theirs)));
            }
            (None, theirs) => self.additional_special_tokens = theirs,
            _ => {}
        }
        Ok(self)
    }
}

fn two_words(name: &str, ours: &str, theirs: &str) -> DataError {
    wrong(format!("{CONFIG} has `{ours}` as its {name}, and {MAP} `{theirs}`: let them say the same"))
}

fn wrong(what: String) -> DataError {
    DataError::Tokenizer(what)
}

impl TokenizerFiles {
    fn json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, DataError> {
        let Some(bytes) = self.files.get(name) else { return Ok(None) };
        serde_json::from_slice(bytes).map(Some).map_err(|error| wrong(format!("{name}: {error}")))
    }

    /// # Errors
    /// Files that cannot be read, that contradict each other in what nobody can decide, or that ask for what is not read.
    pub fn assemble(&self) -> Result<Assembled, DataError> {
        let config = self.json::<Config>(CONFIG)?.unwrap_or_default();
        let added: Option<BTreeMap<String, u32>> = self.json(ADDED)?;
        let mut notes = Vec::new();
        refuse(&config)?;
        let class = config.tokenizer_class.as_ref().or(self.class.as_ref());
        let mut tokenizer = match self.files.get(WHOLE) {
            Some(bytes) => self.whole(bytes, &config, class, &mut notes)?,
            None => self.parts(&config, class)?,
        };

        let decoder = config.added_tokens_decoder;
        let special = match self.json::<Special>(MAP)? {
            // As transformers: what it lists is part of the other's list since there is one.
            Some(map) if decoder.is_none() => config.special.with(map)?,
            _ => config.special,
        };
        tokenizer.check_names(&special.named().map(|(name, token)| (name, token.map(Token::content))))?;
        let specials: Vec<&str> = special.all().into_iter().map(Token::content).collect();
        let is_special = |content: &str| specials.contains(&content) || tokenizer.special_tokens().contains(&content);
        // The numbers that are said, and the token with how it is looked for; `None`: by its text, where it is new.
        let mut wanted: Vec<(Option<u32>, AddedToken)> = match (&decoder, &added) {
            (Some(decoder), _) => {
                decoder.iter().map(|(id, token)| (Some(*id), token.added(is_special(token.content())))).collect()
            }
            (None, Some(added)) => {
                let mut added: Vec<(u32, &String)> = added.iter().map(|(token, id)| (*id, token)).collect();
                added.sort_unstable();
                added
                    .into_iter()
                    .map(|(id, token)| (Some(id), AddedToken::from(token.clone(), is_special(token))))
                    .collect()
            }
            (None, None) => Vec::new(),
        };
        if let (Some(decoder), Some(added)) = (&decoder, &added)
            && let Some(token) = added.keys().find(|token| !decoder.values().any(|known| known.content() == *token))
        {
            notes.push(format!(
                "{ADDED} has `{token}`, which {CONFIG} does not list: it is left out, as by transformers"
            ));
        }
        wanted.extend(tokenizer.special_tokens().map(|token| (None, AddedToken::from(token, true))));
        // In their order, but those that have a name of their own are the five above.
        wanted.extend(special.all().into_iter().map(|token| (None, token.added(true).special(true))));
        if wanted.len() > MOST_ADDED {
            return Err(wrong(format!("{} tokens are added to it, and {MOST_ADDED} are read", wanted.len())));
        }
        notes.extend(tokenizer.add(wanted)?);
        let longest = config.model_max_length.filter(|longest| *longest >= 1.0 && *longest < LONGEST);
        Ok(Assembled { tokenizer, notes, longest: longest.map(|longest| longest as usize) })
    }

    /// From `tokenizer.json`, with what the configuration says in its place.
    fn whole(
        &self,
        bytes: &[u8],
        config: &Config,
        class: Option<&String>,
        notes: &mut Vec<String>,
    ) -> Result<Tokenizer, DataError> {
        let mut json: Value = serde_json::from_slice(bytes).map_err(|error| wrong(format!("{WHOLE}: {error}")))?;
        if !json.is_object() {
            return Err(wrong(format!("{WHOLE} is not a JSON object")));
        }
        if json["truncation"]["direction"] == "Left" {
            return Err(left(WHOLE));
        }
        let family = match class {
            Some(class) => family(class).unwrap_or(Family::Plain),
            None => match self.model_type.as_str() {
                "bert" | "distilbert" | "electra" => Family::Bert,
                "roberta" => Family::Roberta,
                _ => Family::Plain,
            },
        };
        let pieces = json["model"]["type"].as_str().unwrap_or("WordPiece");
        let fits = match family {
            Family::Bert => pieces == "WordPiece",
            Family::Roberta => pieces == "BPE",
            Family::Plain => true,
        };
        if let Some(class) = class.filter(|_| !fits) {
            return Err(wrong(format!(
                "{WHOLE} cuts texts by {pieces}, which `{class}`, the class that is named, does not"
            )));
        }
        let mut before = None;
        let normalizer = &mut json["normalizer"];
        if family == Family::Bert && fits && normalizer["type"] == "BertNormalizer" {
            let of = &config.normalization;
            for (theirs, name, value, said) in [
                ("lowercase", "do_lower_case", Value::from(of.lowercase()), of.says_case()),
                ("strip_accents", "strip_accents", Value::from(of.strip_accents()), of.strip_accents().is_some()),
                ("handle_chinese_chars", "tokenize_chinese_chars", Value::from(of.chinese()), of.says_chinese()),
            ] {
                // What is left out of an old file is its reader's default.
                let default = if theirs == "strip_accents" { Value::Null } else { true.into() };
                let old = normalizer.get(theirs).cloned().unwrap_or(default);
                if old != value {
                    before.get_or_insert_with(Vec::new).push(contradiction(name, &value, &old, said));
                }
                normalizer[theirs] = value;
            }
        }
        let splitter = &mut json["pre_tokenizer"];
        if splitter["type"] == "ByteLevel" {
            let old = splitter["add_prefix_space"].as_bool().unwrap_or(true);
            let new = config.add_prefix_space.unwrap_or(family == Family::Plain && old);
            if old != new && family == Family::Plain {
                let what = format!(
                    "{CONFIG} says add_prefix_space = {new}, and {WHOLE} says {old}; versions of transformers disagree \
                     about which counts: let them say the same"
                );
                return Err(wrong(what));
            }
            if old != new {
                let said = config.add_prefix_space.is_some();
                before.get_or_insert_with(Vec::new).push(contradiction(
                    "add_prefix_space",
                    &new.into(),
                    &old.into(),
                    said,
                ));
            }
            splitter["add_prefix_space"] = new.into();
        }
        match before {
            // Only what is changed is written anew: the bytes of a whole vocabulary are not.
            Some(changed) => {
                notes.extend(changed);
                Tokenizer::from_files(Some(json.to_string().as_bytes()), None, true)
            }
            None => Tokenizer::from_files(Some(bytes), None, true),
        }
    }

    /// From a vocabulary.
    fn parts(&self, config: &Config, class: Option<&String>) -> Result<Tokenizer, DataError> {
        let file = |name: &str| {
            let found = self.files.get(name).map(Vec::as_slice);
            found.ok_or_else(|| wrong(format!("neither {WHOLE} nor {name} is there")))
        };
        let byte_pairs = self.files.contains_key("vocab.json");
        if let Some(class) = class {
            let (name, wanted) = if byte_pairs { ("vocab.json", Family::Roberta) } else { ("vocab.txt", Family::Bert) };
            let known = family(class);
            if !known.is_some_and(|known| known == wanted || known == Family::Plain) {
                let what = format!(
                    "its tokenizer is a `{class}`, which cuts texts otherwise than a {name} by itself says: save it as \
                     {WHOLE}, with AutoTokenizer.from_pretrained(…).save_pretrained(…)"
                );
                return Err(wrong(what));
            }
        }
        match byte_pairs {
            true => {
                let prefix = config.add_prefix_space.unwrap_or(false);
                Tokenizer::from_byte_pairs(file("vocab.json")?, file("merges.txt")?, prefix)
            }
            false => {
                let normalization = config.normalization.clone().or_cased(self.cased);
                Tokenizer::from_vocabulary(file("vocab.txt")?, &normalization)
            }
        }
    }
}

fn refuse(config: &Config) -> Result<(), DataError> {
    if config.truncation_side.as_deref() == Some("left") {
        return Err(left(CONFIG));
    }
    match config.split_special_tokens {
        Some(true) => Err(wrong(format!("{CONFIG} says split_special_tokens = true, which is not read: take it out"))),
        _ => Ok(()),
    }
}

fn left(file: &str) -> DataError {
    wrong(format!("{file} says that long texts lose their beginning, and here they lose their end: take that out"))
}

fn contradiction(name: &str, new: &Value, old: &Value, said: bool) -> String {
    match said {
        true => format!("{CONFIG} says {name} = {new}, which counts, and {WHOLE} {old}, which does not"),
        false => format!(
            "{WHOLE} says {name} = {old}, but without a {CONFIG} that says so transformers reads {new}, and so does this"
        ),
    }
}

/// Of a class of transformers, with or without `Fast`; `None`: a class that is not known.
fn family(class: &str) -> Option<Family> {
    match class.strip_suffix("Fast").unwrap_or(class) {
        "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => Some(Family::Bert),
        "RobertaTokenizer" => Some(Family::Roberta),
        "PreTrainedTokenizer" | "TokenizersBackend" => Some(Family::Plain),
        _ => None,
    }
}
