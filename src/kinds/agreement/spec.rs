//! Its table.

use serde::Deserialize;

use crate::engine::Kind;
use crate::study::Text;

pub const KIND: Kind = Kind::new("agreement");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// An eval stage.
    pub of: Text,
}
