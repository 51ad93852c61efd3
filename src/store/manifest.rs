//! What a finished step leaves: its parameters, inputs, outputs, and where and when it ran.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoreError;
use super::error::damaged;
use crate::fingerprint::{Digest, Key, KeyParts};
use crate::git::Tree;

pub const MANIFEST_FORMAT: &str = "pipeline.manifest.v1";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub key: Key,
    /// As the experiment that ran it called it, for example `finetune.bert[seed=7]`.
    pub step: String,
    pub kind: String,
    pub version: u32,
    pub parameters: Value,
    pub inputs: BTreeMap<String, InputRecord>,
    pub outputs: BTreeMap<String, OutputRecord>,
    pub provenance: Provenance,
}

/// An artifact that a step read, and the step that made it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InputRecord {
    pub digest: Digest,
    pub from: Key,
    pub output: String,
}

/// An artifact that a step made: an object in the store, or, where it is small, its JSON right here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutputRecord {
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Value>,
}

impl OutputRecord {
    pub fn inline(value: Value) -> Self {
        let bytes = value.to_string();
        Self { digest: Digest::of(bytes.as_bytes()), size: bytes.len() as u64, inline: Some(value) }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Provenance {
    pub pipeline: String,
    pub host: String,
    pub device: String,
    /// Seconds since 1970.
    pub started: u64,
    pub seconds: f64,
    /// The commit of the study that asked for it first; nothing outside git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Tree>,
    /// Facts worth keeping: the commit that a revision resolved to, the URL that was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl Manifest {
    /// The key that a step of this kind with these parameters and inputs has.
    pub fn own_key(&self) -> Key {
        let inputs = self.inputs.iter().map(|(role, input)| (role.as_str(), input.digest)).collect();
        KeyParts { kind: &self.kind, version: self.version, parameters: &self.parameters, inputs }.key()
    }

    /// The objects that it refers to.
    pub fn objects(&self) -> impl Iterator<Item = Digest> + '_ {
        self.outputs.values().filter(|output| output.inline.is_none()).map(|output| output.digest)
    }

    /// Reads a manifest. One bit that is not what was written makes it damaged: the seal covers every field, and the key
    /// must be that of the parameters and inputs.
    pub fn parse(text: &str, path: &Path) -> Result<Self, StoreError> {
        let wrong = |error: serde_json::Error| damaged(path, error.to_string());
        let Format { format } = serde_json::from_str(text).map_err(wrong)?;
        let newer = format.strip_prefix("pipeline.manifest.v").and_then(|version| version.parse::<u32>().ok());
        let newer = newer.is_some_and(|version| version >= 2);
        if format != MANIFEST_FORMAT && !newer {
            return Err(damaged(path, "it is not a manifest"));
        }
        let stored = serde_json::from_str::<Stored>(text);
        if newer {
            // Unless it is one of ours with a bit flipped just there.
            let ours = stored.is_ok_and(|stored| {
                let (mut manifest, seal) = stored.opened();
                manifest.format = MANIFEST_FORMAT.to_owned();
                seal == Some(manifest.seal())
            });
            return Err(match ours {
                true => damaged(path, "its format is not what was written"),
                false => StoreError::Newer { path: path.to_owned(), format },
            });
        }
        // Manifests of the first versions have no seal.
        let (manifest, seal) = stored.map_err(wrong)?.opened();
        if seal.is_some_and(|seal| seal != manifest.seal()) {
            return Err(damaged(path, "it is not what was written"));
        }
        if manifest.own_key() != manifest.key {
            return Err(damaged(path, "its key is not that of its parameters and inputs"));
        }
        for (name, output) in &manifest.outputs {
            if let Some(inline) = &output.inline
                && Digest::of(inline.to_string().as_bytes()) != output.digest
            {
                return Err(damaged(path, format!("the content of `{name}` does not match its digest")));
            }
        }
        Ok(manifest)
    }

    /// As it is written, with its seal.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.sealed()).unwrap_or_default()
    }

    /// The same in one line.
    pub(super) fn to_line(&self) -> String {
        serde_json::to_string(&self.sealed()).unwrap_or_default()
    }

    fn sealed(&self) -> Sealed<'_> {
        Sealed { manifest: self, seal: self.seal() }
    }

    /// The digest of all fields as they stand in one line. A manifest may have a record for each of many thousand
    /// inputs, so no other form of it is made.
    fn seal(&self) -> String {
        let mut hasher = BufWriter::new(blake3::Hasher::new());
        serde_json::to_writer(&mut hasher, self).ok();
        hasher.into_inner().map(|hasher| Digest::from(hasher.finalize()).to_string()).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Sealed<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    seal: String,
}

#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    format: String,
}

/// As it stands in a file: all fields, and no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    key: Key,
    step: String,
    kind: String,
    version: u32,
    parameters: Value,
    inputs: BTreeMap<String, InputRecord>,
    outputs: BTreeMap<String, OutputRecord>,
    provenance: Provenance,
    seal: Option<String>,
}

impl Stored {
    fn opened(self) -> (Manifest, Option<String>) {
        let Self { format, key, step, kind, version, parameters, inputs, outputs, provenance, seal } = self;
        (Manifest { format, key, step, kind, version, parameters, inputs, outputs, provenance }, seal)
    }
}
