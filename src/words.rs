//! Enums whose values are words: one list gives the names in an experiment file, in keys and in artifacts.

/// A value that is written as one word.
pub trait Word: Copy + 'static {
    const ALL: &'static [Self];

    fn name(self) -> &'static str;

    /// The comment on it, for the reference.
    fn about(self) -> &'static str;

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.name() == name)
    }

    /// All of them, as a message lists them.
    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|word| word.name()).collect()
    }
}

/// Makes an enum out of a list of variants and their words. It is read and written as that word, and ordered by it, so
/// that maps by such a key are written in the order of the alphabet.
macro_rules! words {
    ($(#[$about:meta])* pub enum $Name:ident { $($(#[$($of_one:tt)*])* $Variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $Name {
            $($(#[$($of_one)*])* $Variant,)+
        }

        impl $crate::words::Word for $Name {
            const ALL: &'static [Self] = &[$(Self::$Variant),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)+
                }
            }

            fn about(self) -> &'static str {
                match self {
                    $(Self::$Variant => concat!($($crate::words::comment!($($of_one)*)),*),)+
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::words::Word::name(*self))
            }
        }

        impl Ord for $Name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                $crate::words::Word::name(*self).cmp($crate::words::Word::name(*other))
            }
        }

        impl PartialOrd for $Name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::words::Word::name(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                let word = <Self as $crate::words::Word>::named(&text);
                word.ok_or_else(|| serde::de::Error::custom(format!("unknown word `{text}`")))
            }
        }
    };
}

/// The text of an attribute that is a comment.
macro_rules! comment {
    (doc = $text:literal) => {
        $text
    };
    ($($other:tt)*) => {
        ""
    };
}

pub(crate) use {comment, words};

#[cfg(test)]
mod tests {
    use super::*;

    words! {
        pub enum Fruit {
            /// Long
            /// and soft.
            Pear = "pear",
            Apple = "green-apple",
        }
    }

    #[test]
    fn words_are_read_written_and_ordered_by_their_names() {
        assert_eq!(Fruit::names(), ["pear", "green-apple"]);
        assert_eq!(Fruit::named("green-apple"), Some(Fruit::Apple));
        assert_eq!((Fruit::Pear.about(), Fruit::Apple.about()), (" Long and soft.", ""));
        assert_eq!(serde_json::to_string(&Fruit::Apple).unwrap(), "\"green-apple\"");
        assert_eq!(serde_json::from_str::<Fruit>("\"pear\"").unwrap(), Fruit::Pear);
        assert!(serde_json::from_str::<Fruit>("\"plum\"").is_err());
        let map = std::collections::BTreeMap::from([(Fruit::Pear, 1), (Fruit::Apple, 2)]);
        assert_eq!(serde_json::to_string(&map).unwrap(), "{\"green-apple\":2,\"pear\":1}");
    }
}
