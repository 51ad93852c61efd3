//! Its table.

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::run::Divergence;
use crate::engine::Kind;
use crate::kinds::eval;
use crate::kinds::references::stage;
use crate::study::{Checker, Text};

pub const KIND: Kind = Kind::new("agreement");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgreement {
    of: Text,
    divergence: Option<Text>,
}

#[derive(Debug)]
pub struct Agreement {
    /// An eval stage.
    pub of: Text,
    pub divergence: Divergence,
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Agreement> {
    let raw: RawAgreement = checker.table(value)?;
    let divergence = checker.one_of(raw.divergence.as_ref(), Divergence::default(), "unknown divergence {}")?;
    Some(Agreement { of: stage(raw.of, &[eval::KIND]), divergence })
}
