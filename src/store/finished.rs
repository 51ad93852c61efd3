//! What a run has to know of a finished step: a small part of its manifest, so that many of them fit into memory.

use super::Manifest;
use super::pack::file::Place;
use crate::fingerprint::{Digest, Key};

#[derive(Debug)]
pub struct Finished {
    pub key: Key,
    /// What it took.
    pub seconds: f64,
    /// In the order of their names.
    pub(super) outputs: Box<[Made]>,
    /// Where its manifest is, if not in a file of its own.
    pub(super) place: Option<Place>,
}

/// An artifact of a finished step.
#[derive(Debug)]
pub struct Made {
    pub name: Box<str>,
    pub digest: Digest,
    pub size: u64,
    /// It lies in the manifest and not among the objects.
    pub inline: bool,
    /// Where it begins in a pack.
    pub(super) at: Option<u64>,
}

impl Finished {
    pub fn of(manifest: &Manifest) -> Self {
        let made = manifest.outputs.iter().map(|(name, output)| Made {
            name: name.as_str().into(),
            digest: output.digest,
            size: output.size,
            inline: output.inline.is_some(),
            at: None,
        });
        Self { key: manifest.key, seconds: manifest.provenance.seconds, outputs: made.collect(), place: None }
    }

    pub fn outputs(&self) -> &[Made] {
        &self.outputs
    }

    /// Of all its outputs by name.
    pub fn content(&self) -> Digest {
        let lines: Vec<String> = self.outputs.iter().map(|made| format!("{} {}\n", made.name, made.digest)).collect();
        Digest::of(lines.concat().as_bytes())
    }

    pub fn output(&self, name: &str) -> Option<&Made> {
        let at = self.outputs.binary_search_by(|made| (*made.name).cmp(name)).ok()?;
        Some(&self.outputs[at])
    }

    /// Whether `now`, of the same step, holds another result.
    pub fn is_remade(&self, now: &Self) -> bool {
        let what = |made: &Made| (made.name.clone(), made.digest);
        self.key == now.key && self.outputs.iter().map(what).ne(now.outputs.iter().map(what))
    }
}
