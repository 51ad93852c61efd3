//! What stands where in an experiment file, told by the types that read it: `pipeline schema` and docs/reference.md are
//! made of it, and of nothing else.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::words::Word;

type Text = Spanned<String>;

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Flag,
    /// `false` alone.
    Off,
    /// From 0.
    Whole,
    Number,
    Text,
    /// As a data file may have it: a text, a whole number, true or false.
    Value,
    /// One of these, each with what it means where that is not plain.
    Words(Vec<(&'static str, &'static str)>),
    /// So many values, where that is fixed.
    List(Box<Shape>, Option<usize>),
    /// A table whose keys are names of one's own.
    Names(Box<Shape>),
    Table(Vec<Key>),
    Either(Vec<Shape>),
}

/// One key of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub name: &'static str,
    /// The comment on its field.
    pub about: &'static str,
    pub shape: Shape,
    pub required: bool,
}

impl Shape {
    pub fn words(words: &[&'static str]) -> Self {
        Self::Words(words.iter().map(|word| (*word, "")).collect())
    }
}

/// Is read from a value of this shape.
pub trait Shaped {
    fn shape() -> Shape;

    /// May be left out of a table.
    const OPTIONAL: bool = false;
}

/// A table whose keys are known; `table!` implements it.
pub trait Keyed {
    /// In the order of the fields.
    const KEYS: &'static [&'static str];

    fn keys() -> Vec<Key>;
}

/// Defines what is read from a table: a key a field, whose comment is what the reference says of it. Where it is left
/// out and what then counts is not known from the study's other values, the comment ends with `[default: …]`.
macro_rules! table {
    ($(#[$($about:tt)*])* $vis:vis struct $Name:ident {
        $($(#[$($of_key:tt)*])* $seen:vis $field:ident: $type:ty,)+
    }) => {
        $(#[$($about)*])*
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis struct $Name {
            $($(#[$($of_key)*])* $seen $field: $type,)+
        }

        impl $crate::study::shape::Keyed for $Name {
            const KEYS: &'static [&'static str] = &[$($crate::study::shape::name_of!($field $([$($of_key)*])*)),+];

            fn keys() -> Vec<$crate::study::shape::Key> {
                vec![$($crate::study::shape::Key {
                    name: $crate::study::shape::name_of!($field $([$($of_key)*])*),
                    about: concat!($($crate::words::comment!($($of_key)*)),*),
                    shape: <$type as $crate::study::shape::Shaped>::shape(),
                    required: !<$type as $crate::study::shape::Shaped>::OPTIONAL
                        && !$crate::study::shape::has_default!($([$($of_key)*])*),
                }),+]
            }
        }

        impl $crate::study::shape::Shaped for $Name {
            fn shape() -> $crate::study::shape::Shape {
                $crate::study::shape::Shape::Table(<Self as $crate::study::shape::Keyed>::keys())
            }
        }
    };
}

/// A field's name in a file.
macro_rules! name_of {
    ($field:ident) => { stringify!($field) };
    ($field:ident [serde(rename = $name:literal)] $($rest:tt)*) => { $name };
    ($field:ident [serde(default, rename = $name:literal)] $($rest:tt)*) => { $name };
    ($field:ident [$($other:tt)*] $($rest:tt)*) => { $crate::study::shape::name_of!($field $($rest)*) };
}

macro_rules! has_default {
    () => { false };
    ([serde(default $($more:tt)*)] $($rest:tt)*) => { true };
    ([$($other:tt)*] $($rest:tt)*) => { $crate::study::shape::has_default!($($rest)*) };
}

pub(crate) use {has_default, name_of, table};

/// A set of words that a value is one of.
pub trait Choice {
    /// Each with what it means where that is not plain.
    fn choices() -> Vec<(&'static str, &'static str)>;
}

impl<W: Word> Choice for W {
    fn choices() -> Vec<(&'static str, &'static str)> {
        W::ALL.iter().map(|word| (word.name(), word.about())).collect()
    }
}

/// A text that is to be one of a set of words. Which one it is, the [`super::Checker`] says.
#[derive(Debug)]
pub struct OneOf<C>(Text, PhantomData<fn() -> C>);

impl<C> Deref for OneOf<C> {
    type Target = Text;

    fn deref(&self) -> &Text {
        &self.0
    }
}

impl<'de, C> Deserialize<'de> for OneOf<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|text| Self(text, PhantomData))
    }
}

impl<C: Choice> Shaped for OneOf<C> {
    fn shape() -> Shape {
        Shape::Words(C::choices())
    }
}

macro_rules! shapes {
    ($($type:ty: $shape:expr,)+) => {
        $(impl Shaped for $type {
            fn shape() -> Shape {
                $shape
            }
        })+
    };
}

shapes! {
    bool: Shape::Flag,
    u16: Shape::Whole,
    u32: Shape::Whole,
    u64: Shape::Whole,
    usize: Shape::Whole,
    std::num::NonZero<u16>: Shape::Whole,
    f64: Shape::Number,
    String: Shape::Text,
}

impl<T: Shaped> Shaped for Option<T> {
    const OPTIONAL: bool = true;

    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Shaped> Shaped for Spanned<T> {
    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Shaped> Shaped for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()), None)
    }
}

impl<T: Shaped, const N: usize> Shaped for [T; N] {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()), Some(N))
    }
}

impl<T: Shaped> Shaped for BTreeMap<String, T> {
    fn shape() -> Shape {
        Shape::Names(Box::new(T::shape()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::words::Precision;

    table! {
        /// For this test.
        struct Sample {
            /// What it is called,
            /// in two lines.
            name: Text,
            #[serde(rename = "where")]
            /// Which rows.
            filter: Option<BTreeMap<String, u64>>,
            #[serde(default)]
            seed: u64,
            precision: Option<OneOf<Precision>>,
        }
    }

    #[test]
    fn a_table_knows_its_keys_as_the_file_has_them() {
        assert_eq!(Sample::KEYS, ["name", "where", "seed", "precision"]);
        let keys = Sample::keys();
        assert_eq!(keys.iter().map(|key| key.required).collect::<Vec<_>>(), [true, false, false, false]);
        assert_eq!(keys[0].about, " What it is called, in two lines.");
        assert_eq!(keys[1].shape, Shape::Names(Box::new(Shape::Whole)));
        assert_eq!(keys[3].shape, Shape::words(&Precision::names()));
        let Sample { name, filter, seed, precision } = toml::from_str("name = \"a\"\nprecision = \"x\"").unwrap();
        assert_eq!((name.get_ref().as_str(), filter, seed), ("a", None, 0));
        assert_eq!(precision.as_deref().map(Spanned::get_ref).map(String::as_str), Some("x"));
    }
}
