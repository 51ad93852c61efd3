//! The values of a file → raw tables. What does not fit is kept apart from the words for it, and says where it stands.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::Range;
use std::vec::IntoIter;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde_spanned::de::{SpannedDeserializer, is_spanned};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use crate::data::secrets::shown;
use crate::say;

/// `also` are keys that are known but no longer in the table, `lists` the words for where a list can stand.
pub fn read<'de, T: Deserialize<'de>>(
    value: Spanned<DeValue<'de>>,
    also: &[&str],
    lists: Option<&str>,
) -> Result<T, Diagnostic> {
    let at = value.span();
    T::deserialize(Value(value)).map_err(|fault| {
        let help = lists.filter(|_| matches!(&fault.misfit, Misfit::Type { found, .. } if found == LIST));
        let diagnostic = fault.diagnostic(at, also);
        match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    })
}

/// What does not fit, and where it stands once that is known.
#[derive(Debug, thiserror::Error)]
#[error("{misfit}")]
struct Fault {
    misfit: Misfit,
    at: Option<Range<usize>>,
}

#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("unknown key `{key}`")]
    UnknownKey { key: String, known: &'static [&'static str] },
    #[error("the key `{0}` is missing")]
    MissingKey(&'static str),
    #[error("wrong type: {found}, expected {expected}")]
    Type { found: String, expected: String },
    #[error("wrong value: {found}, expected {expected}")]
    Value { found: String, expected: String },
    #[error("a {what} of {length} bytes is too long: at most {most}")]
    Long { what: &'static str, length: usize, most: usize },
    /// None of several forms: those that an enum names with `expecting`.
    #[error("wrong type")]
    Form(String),
}

impl Fault {
    /// Unless something inside of this value has said it already: where it stands, and what belongs there.
    fn outside(mut self, at: Range<usize>, belongs: Option<&str>) -> Self {
        if self.at.is_none() {
            self.at = Some(at);
            if let (Misfit::Type { expected, .. } | Misfit::Value { expected, .. }, Some(words)) =
                (&mut self.misfit, belongs)
            {
                *expected = words.to_owned();
            }
        }
        self
    }

    fn diagnostic(self, table: Range<usize>, also: &[&str]) -> Diagnostic {
        let diagnostic = Diagnostic::new(self.misfit.to_string(), self.at.unwrap_or(table));
        match &self.misfit {
            Misfit::UnknownKey { key, known } => diagnostic.suggest(key, also.iter().chain(*known).copied()),
            Misfit::Form(forms) => diagnostic.help(format!("expected {forms}")),
            Misfit::MissingKey(_) | Misfit::Type { .. } | Misfit::Value { .. } | Misfit::Long { .. } => diagnostic,
        }
    }
}

impl From<Misfit> for Fault {
    fn from(misfit: Misfit) -> Self {
        Self { misfit, at: None }
    }
}

/// Ten thousand seeds in a list fit.
const LONGEST_TEXT: usize = 100_000;
const LONGEST_KEY: usize = 1_000;

const LIST: &str = "a list";

fn is_long(what: &'static str, length: usize, most: usize) -> Fault {
    Misfit::Long { what, length, most }.into()
}

fn in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Seq => LIST.to_owned(),
        Unexpected::Map => "a table".to_owned(),
        Unexpected::Unit => "a date".to_owned(),
        Unexpected::Str(text) => format!("string {:?}", say::name(&shown(text))),
        other => other.to_string(),
    }
}

impl Error for Fault {
    fn custom<T: Display>(forms: T) -> Self {
        Misfit::Form(forms.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Misfit::Type { found: in_words(found), expected: expected.to_string() }.into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Misfit::Value { found: in_words(found), expected: expected.to_string() }.into()
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Misfit::UnknownKey { key: key.to_owned(), known }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        Misfit::MissingKey(key).into()
    }
}

struct Value<'de>(Spanned<DeValue<'de>>);

impl<'de> Value<'de> {
    fn visit<V: Visitor<'de>>(self, visitor: V, belongs: Option<&str>) -> Result<V::Value, Fault> {
        let at = self.0.span();
        let too_long = |kind: &str, text: &str| {
            let found = format!("{kind} `{text}`");
            Fault { misfit: Misfit::Value { found, expected: "one of 64 bits".to_owned() }, at: Some(at.clone()) }
        };
        let read = match self.0.into_inner() {
            DeValue::String(text) if text.len() > LONGEST_TEXT => Err(is_long("text", text.len(), LONGEST_TEXT)),
            DeValue::String(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            DeValue::String(Cow::Owned(text)) => visitor.visit_string(text),
            DeValue::Boolean(flag) => visitor.visit_bool(flag),
            DeValue::Integer(digits) => {
                let (digits, radix) = (digits.as_str(), digits.radix());
                match (i64::from_str_radix(digits, radix), u64::from_str_radix(digits, radix)) {
                    (Ok(signed), _) => visitor.visit_i64(signed),
                    (_, Ok(unsigned)) => visitor.visit_u64(unsigned),
                    _ => Err(too_long("integer", digits)),
                }
            }
            DeValue::Float(text) => match text.as_str().parse::<f64>() {
                Ok(number) if !number.is_infinite() || text.as_str().contains("inf") => visitor.visit_f64(number),
                _ => Err(too_long("floating point", text.as_str())),
            },
            // Nothing takes a date, and nothing else in a file is a unit.
            DeValue::Datetime(_) => visitor.visit_unit(),
            DeValue::Array(items) => visitor.visit_seq(Items(items.into_iter().collect::<Vec<_>>().into_iter())),
            DeValue::Table(table) => visitor.visit_map(Entries::of(table)),
        };
        read.map_err(|fault| fault.outside(at, belongs))
    }
}

macro_rules! belongs {
    ($($method:ident $words:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.visit(visitor, Some($words))
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Fault;

    belongs! {
        deserialize_bool "a boolean"
        deserialize_i64 "a whole number"
        deserialize_u64 "a whole number"
        deserialize_f64 "a number"
        deserialize_str "a string"
        deserialize_string "a string"
        deserialize_seq "a list"
        deserialize_map "a table"
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor, None)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        let expected = format!("a list of {length}");
        match self.0.get_ref() {
            DeValue::Array(items) if items.len() != length => {
                let misfit = Misfit::Value { found: format!("a list of {}", items.len()), expected };
                Err(Fault { misfit, at: Some(self.0.span()) })
            }
            _ => self.visit(visitor, Some(&expected)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if !is_spanned(name) {
            return self.visit(visitor, Some("a table"));
        }
        let at = self.0.span();
        visitor.visit_map(SpannedDeserializer::new(self, at.clone())).map_err(|fault| fault.outside(at, None))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct newtype_struct tuple_struct enum
        identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Fault> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Items<'de>(IntoIter<Spanned<DeValue<'de>>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|value| read_with(seed, value)).transpose()
    }
}

struct Entries<'de> {
    entries: IntoIter<(Spanned<Cow<'de, str>>, Spanned<DeValue<'de>>)>,
    /// Of the key that was asked for last.
    value: Option<Spanned<DeValue<'de>>>,
}

impl<'de> Entries<'de> {
    fn of(table: DeTable<'de>) -> Self {
        Self { entries: table.into_iter().collect::<Vec<_>>().into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        let at = key.span();
        let length = key.get_ref().len();
        if length > LONGEST_KEY {
            return Err(is_long("key", length, LONGEST_KEY).outside(at, None));
        }
        seed.deserialize(key.into_inner().into_deserializer()).map(Some).map_err(|fault: Fault| fault.outside(at, None))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(value) => read_with(seed, value),
            None => Err(Fault::custom("a key before its value")),
        }
    }
}

/// An enum of several forms says only that none fits: it stands where its value does.
fn read_with<'de, S: DeserializeSeed<'de>>(seed: S, value: Spanned<DeValue<'de>>) -> Result<S::Value, Fault> {
    let at = value.span();
    seed.deserialize(Value(value)).map_err(|fault| fault.outside(at, None))
}
