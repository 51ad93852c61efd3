//! How the table of a stage is written: for `pipeline schema` and docs/reference.md.

use crate::study::{Key, Keyed};

/// One of the ways in which a stage of a kind can be written.
pub struct Written {
    /// What the stage then is: `a data set`.
    pub what: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// The least that is a whole table of this sort. The defaults of its other keys are those that it is read with.
    pub example: &'static str,
    /// A key on whose words defaults depend.
    pub by: Option<&'static str>,
    pub keys: Vec<Key>,
    /// Of which there must be one.
    pub one_of: &'static [&'static str],
}

impl Written {
    /// With the keys of `T`.
    pub fn new<T: Keyed>(what: &'static str, about: &'static str, example: &'static str) -> Self {
        Self { what, about, example, by: None, keys: T::keys(), one_of: &[] }
    }

    /// And these, which come first.
    #[must_use]
    pub fn after<T: Keyed>(mut self) -> Self {
        self.keys.splice(0..0, T::keys());
        self
    }

    /// And these.
    #[must_use]
    pub fn and<T: Keyed>(mut self) -> Self {
        self.keys.extend(T::keys());
        self
    }

    /// Of those these alone.
    #[must_use]
    pub fn only(mut self, keys: &[&str]) -> Self {
        self.keys.retain(|key| keys.contains(&key.name));
        self
    }

    /// But for these.
    #[must_use]
    pub fn without(mut self, keys: &[&str]) -> Self {
        self.keys.retain(|key| !keys.contains(&key.name));
        self
    }

    /// Which cannot be left out, although their type says that they can: the message about it is a better one.
    #[must_use]
    pub fn needing(mut self, keys: &[&str]) -> Self {
        for key in &mut self.keys {
            key.required |= keys.contains(&key.name);
        }
        self
    }

    /// Of which one at least cannot be left out.
    #[must_use]
    pub fn needing_one_of(mut self, keys: &'static [&'static str]) -> Self {
        self.one_of = keys;
        self
    }

    /// Defaults depend on the word that this key has.
    #[must_use]
    pub fn by(mut self, key: &'static str) -> Self {
        self.by = Some(key);
        self
    }
}
