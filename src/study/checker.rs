//! Values of an experiment file → types; what is wrong is collected, with where it stands and what was probably meant.

use std::ops::RangeInclusive;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::shape::OneOf;
use super::values;
use super::words::Metric;
use crate::words::Word;

/// A text and where it stands.
pub type Text = Spanned<String>;

/// One of the forms that a table can have.
pub struct Form {
    /// `a data set`
    pub what: &'static str,
    /// `this stage fetches one`
    pub this: &'static str,
    pub keys: &'static [&'static str],
}

/// Collects what is wrong while values are converted.
#[derive(Default)]
pub struct Checker {
    /// Used where a stage names no seed of its own.
    pub seed: u64,
    /// Where lists of values can stand in the table that is read, in words, if there are such places.
    pub lists: Option<String>,
    errors: Vec<Diagnostic>,
}

impl Checker {
    /// Whether nothing is wrong so far.
    pub fn is_sound(&self) -> bool {
        self.errors.is_empty()
    }

    pub fn into_errors(self) -> Vec<Diagnostic> {
        self.errors
    }

    /// How many things are wrong so far.
    pub fn errors(&self) -> usize {
        self.errors.len()
    }

    /// Notes an error, once; the `None` stands for the value that is missing because of it.
    pub fn fail<T>(&mut self, error: Diagnostic) -> Option<T> {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        None
    }

    pub fn parse<T, U>(
        &mut self,
        value: Spanned<T>,
        parse: impl FnOnce(&T) -> Result<U, String>,
    ) -> Option<Spanned<U>> {
        match parse(value.get_ref()) {
            Ok(parsed) => Some(Spanned::new(value.span(), parsed)),
            Err(message) => self.fail(Diagnostic::new(message, value.span())),
        }
    }

    pub fn parse_text<U>(&mut self, value: Text, parse: impl FnOnce(&str) -> Result<U, String>) -> Option<Spanned<U>> {
        self.parse(value, |text| parse(text))
    }

    /// One of a list of words, or `default` where none is given. `what` it is, with `{}` for a word that is unknown:
    /// `unknown distance {}`.
    pub fn one_of<W: Word>(&mut self, value: Option<&Text>, default: W, what: &str) -> Option<W> {
        let Some(value) = value else { return Some(default) };
        let text = value.get_ref();
        W::named(text).or_else(|| {
            let message = what.replace("{}", &format!("`{text}`"));
            self.fail(Diagnostic::new(message, value.span()).suggest(text, W::names()))
        })
    }

    pub fn metric(&mut self, value: Option<&Text>, default: Metric) -> Option<Metric> {
        self.one_of(value, default, "unknown metric {}")
    }

    /// As many as are known; the others are noted.
    pub fn metrics(&mut self, values: Option<Vec<OneOf<Metric>>>, default: &[Metric]) -> Vec<Metric> {
        let Some(values) = values else { return default.to_vec() };
        values.iter().filter_map(|value| self.metric(Some(value), Metric::Loss)).collect()
    }

    /// A whole number that is not 0, and not so large that nobody can mean it.
    pub fn positive(&mut self, value: &Spanned<usize>, name: &str, most: usize) {
        self.between(value, name, 1..=most);
    }

    pub fn between(&mut self, value: &Spanned<usize>, name: &str, range: RangeInclusive<usize>) {
        let (least, most) = (range.start(), range.end());
        let message = match value.get_ref() {
            number if number < least => format!("`{name}` must be at least {least}"),
            number if number > most => format!("`{name}` must be at most {most}"),
            _ => return,
        };
        self.fail::<()>(Diagnostic::new(message, value.span()));
    }

    pub fn fraction(&mut self, value: &Spanned<f64>, name: &str) {
        if !(0.0..=1.0).contains(value.get_ref()) {
            self.fail::<()>(Diagnostic::new(format!("`{name}` must be between 0 and 1"), value.span()));
        }
    }

    /// Of something that must not be all.
    pub fn share(&mut self, value: &Spanned<f64>, name: &str) {
        if !(0.0..1.0).contains(value.get_ref()) {
            self.fail::<()>(Diagnostic::new(format!("`{name}` must be at least 0 and below 1"), value.span()));
        }
    }

    pub fn above_zero(&mut self, value: &Spanned<f64>, name: &str) {
        match *value.get_ref() {
            number if number > 0.0 && number.is_finite() => self.in_32_bits(value, name),
            _ => drop(self.fail::<()>(Diagnostic::new(format!("`{name}` must be greater than 0"), value.span()))),
        }
    }

    pub fn not_negative(&mut self, value: &Spanned<f64>, name: &str) {
        match *value.get_ref() {
            0.0 => {}
            number if number > 0.0 && number.is_finite() => self.in_32_bits(value, name),
            _ => drop(self.fail::<()>(Diagnostic::new(format!("`{name}` must be 0 or more"), value.span()))),
        }
    }

    /// Models compute in 32 bits, in which other numbers are 0 or infinite.
    fn in_32_bits(&mut self, value: &Spanned<f64>, name: &str) {
        if !(1e-30..=1e30).contains(value.get_ref()) {
            let message = format!("`{name}` must be between 1e-30 and 1e30");
            self.fail::<()>(Diagnostic::new(message, value.span()));
        }
    }

    /// Notes the keys that mean something in another form of this table and nothing in its own, which would be passed
    /// over without a word.
    pub fn form(&mut self, table: &Spanned<DeValue<'_>>, own: &Form, others: &[&Form]) {
        for key in table.get_ref().as_table().into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref().as_ref();
            let other = others.iter().find(|form| form.keys.contains(&name));
            if let Some(other) = other.filter(|_| !own.keys.contains(&name)) {
                let message = format!("`{name}` belongs to {}, and {}", other.what, own.this);
                self.fail::<()>(Diagnostic::new(message, key.span()));
            }
        }
    }

    /// A BLAKE3 digest in hexadecimal digits.
    pub fn digest(&mut self, value: &Text) {
        if value.get_ref().len() != 64 || !value.get_ref().bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.fail::<()>(Diagnostic::new("`blake3` must be 64 hexadecimal digits", value.span()));
        }
    }

    /// Of an experiment or a stage: it becomes part of a file's name.
    pub fn name(&mut self, name: &Text, what: &str) {
        let text = name.get_ref();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > 100 || !text.chars().all(fits) {
            self.fail::<()>(
                Diagnostic::new(format!("`{text}` cannot be the name of a {what}"), name.span())
                    .help("use letters, digits, `_` and `-`"),
            );
        }
    }

    /// Deserialises one table; a wrong key or type becomes an error that points at it.
    pub fn table<T: for<'de> Deserialize<'de>>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        self.table_with(value, &[])
    }

    /// A table some of whose keys, which many kinds have, are read as a type of their own: these, and the rest. serde's
    /// `flatten` would forget where a value stands.
    pub fn split_table<S, T>(&mut self, mut value: Spanned<DeValue<'_>>, shared_keys: &[&str]) -> Option<(S, T)>
    where
        S: for<'de> Deserialize<'de>,
        T: for<'de> Deserialize<'de>,
    {
        let mut shared = DeTable::new();
        if let DeValue::Table(table) = value.get_mut() {
            for key in shared_keys {
                if let Some((key, value)) = table.remove_entry(*key) {
                    shared.insert(key, value);
                }
            }
        }
        let shared = Spanned::new(value.span(), DeValue::Table(shared));
        let rest = self.table_with(value, shared_keys)?;
        Some((self.table(shared)?, rest))
    }

    /// `also` are keys that are known but no longer in the table.
    fn table_with<T: for<'de> Deserialize<'de>>(&mut self, value: Spanned<DeValue<'_>>, also: &[&str]) -> Option<T> {
        match values::read(value, also, self.lists.as_deref()) {
            Ok(table) => Some(table),
            Err(error) => self.fail(error),
        }
    }
}

/// Whether a table is written with one of these keys.
pub fn has_key(value: &Spanned<DeValue<'_>>, keys: &[&str]) -> bool {
    let table = value.get_ref().as_table();
    table.is_some_and(|table| table.keys().any(|key| keys.contains(&key.get_ref().as_ref())))
}
