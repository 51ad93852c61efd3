//! What a lock says of a step that reads what others publish. It decides nothing of the key: with it the step comes to
//! what it came to before, or fails.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fingerprint::Digest;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The commit of each source, as the step's parameters name it.
    pub revisions: BTreeMap<String, String>,
    /// Of all that the step makes.
    pub content: Digest,
    /// Where the lock says so: `study.lock:12`.
    pub place: String,
}
