//! Where an exported model comes from.

use crate::fingerprint::Digest;
use crate::store::Manifest;
use crate::study::words::Checkpoint;

/// What the card and the provenance are made from.
pub(super) struct Origin<'a> {
    pub experiment: &'a str,
    /// As this experiment calls it; the manifest has the name that the experiment which ran it gave it.
    pub step: String,
    pub manifest: Manifest,
    pub checkpoint: Checkpoint,
    pub weights: Digest,
    /// The steps that it was made from, with their names, those nearest to it last.
    pub ancestors: Vec<(String, Manifest)>,
}
