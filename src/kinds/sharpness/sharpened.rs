//! A model's sharpness, wherever it comes from.

use serde::{Deserialize, Serialize};

use crate::engine::{Artifact, Kind};
use crate::kinds::models::Member;

pub const KIND: Kind = Kind::new("sharpness");

/// Of published sharpness `sharpness:7`.
pub const SHARPNESS: Artifact<Sharpness> = Artifact::new("sharpness");

/// Losses are means over all examples, with dropout off.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sharpness {
    pub examples: usize,
    /// Both unknown of a model whose sharpness was published.
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// 100·(after − before)/(1 + before)
    pub sharpness: f64,
}

/// What a sharpness stage became: each model, its step and the artifact.
pub struct Sharpened(pub Vec<(Member, usize, Artifact<Sharpness>)>);
