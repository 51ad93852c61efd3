//! What a finished step leaves: its parameters, inputs, outputs, and where and when it ran.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoreError;
use super::error::damaged;
use crate::fingerprint::{Digest, Key, KeyParts};

pub const MANIFEST_FORMAT: &str = "pipeline.manifest.v1";

const SEAL: &str = "seal";
/// How many fields a manifest has beside its seal.
const FIELDS: usize = 9;

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
        let mut value: Value = serde_json::from_str(text).map_err(|error| damaged(path, error.to_string()))?;
        let format = value.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
        let seal = value.as_object_mut().and_then(|fields| fields.shift_remove(SEAL));
        if format != MANIFEST_FORMAT {
            let version = format.strip_prefix("pipeline.manifest.v").and_then(|version| version.parse::<u32>().ok());
            if version.is_none_or(|version| version < 2) {
                return Err(damaged(path, "it is not a manifest"));
            }
            // A newer one, unless it is one of ours with a bit flipped just there.
            value["format"] = MANIFEST_FORMAT.into();
            return Err(match seal {
                Some(seal) if seal == seal_of(&value) => damaged(path, "its format is not what was written"),
                _ => StoreError::Newer { path: path.to_owned(), format },
            });
        }
        match seal {
            Some(seal) if seal == seal_of(&value) => {}
            // Manifests of the first versions have none.
            None if value.as_object().is_some_and(|fields| fields.len() == FIELDS) => {}
            _ => return Err(damaged(path, "it is not what was written")),
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| damaged(path, error.to_string()))?;
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

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.sealed()).unwrap_or_default()
    }

    /// The same in one line.
    pub(super) fn to_line(&self) -> String {
        self.sealed().to_string()
    }

    fn sealed(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let seal = seal_of(&value);
        value[SEAL] = seal;
        value
    }
}

/// The digest of all other fields as they stand.
fn seal_of(fields: &Value) -> Value {
    Digest::of(fields.to_string().as_bytes()).to_string().into()
}
