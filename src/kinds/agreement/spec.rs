//! Its table.

use toml::Spanned;
use toml::de::DeValue;

use super::run::Divergence;
use crate::engine::Kind;
use crate::kinds::eval;
use crate::kinds::references::stage;
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::{Checker, OneOf, Text};

pub const KIND: Kind = Kind::new("agreement");

table! {
    struct RawAgreement {
        /// The eval stage whose models are compared; one with `logs` will do.
        of: Text,
        /// How far the probabilities of two models are apart.
        divergence: Option<OneOf<Divergence>>,
    }
}

#[derive(Debug)]
pub struct Agreement {
    /// An eval stage.
    pub of: Text,
    pub divergence: Divergence,
}

pub fn written() -> Written {
    Written::new::<RawAgreement>(
        "agreement",
        "How often two models predict the same, and how far their probabilities are apart, pair by pair.",
        "[agreement.same]\nof = \"paws\"\n",
    )
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Agreement> {
    let raw: RawAgreement = checker.table(value)?;
    let divergence = checker.one_of(raw.divergence.as_deref(), Divergence::default(), "unknown divergence {}")?;
    Some(Agreement { of: stage(raw.of, &[eval::KIND]), divergence })
}
