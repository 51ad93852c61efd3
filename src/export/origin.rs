//! Where an exported model comes from.

use crate::experiment::Checkpoint;
use crate::fingerprint::Digest;
use crate::store::Manifest;

/// What the card and the provenance are made from.
pub(super) struct Origin<'a> {
    pub experiment: &'a str,
    /// As this experiment calls it; the manifest has the name that the experiment which ran it gave it.
    pub step: String,
    pub manifest: &'a Manifest,
    pub checkpoint: Checkpoint,
    pub weights: Digest,
    /// The steps that it was made from, with their names, those nearest to it last.
    pub ancestors: Vec<(String, &'a Manifest)>,
}

/// `last` for the output `weights`, `15000` for `weights@15000`, `None` for what holds no weights.
pub(super) fn kept(output: &str) -> Option<&str> {
    (output == "weights" || output.starts_with("weights@")).then(|| kept_name(output))
}

pub(super) fn kept_name(output: &str) -> &str {
    output.strip_prefix("weights@").unwrap_or("last")
}
