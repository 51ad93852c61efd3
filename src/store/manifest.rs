//! What a finished step leaves: its parameters, inputs, outputs, and where and when it ran.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoreError;
use crate::fingerprint::{Digest, Key};

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
    /// Facts worth keeping: the commit that a revision resolved to, the URL that was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl Manifest {
    pub fn parse(text: &str, path: &Path) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
        let value: Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        match value.get("format").and_then(Value::as_str) {
            Some(MANIFEST_FORMAT) => {}
            Some(format) if format.starts_with("pipeline.manifest.v") => {
                return Err(StoreError::Newer { path: path.to_owned(), format: format.to_owned() });
            }
            _ => return Err(damaged("it is not a manifest".to_owned())),
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        for (name, output) in &manifest.outputs {
            if let Some(inline) = &output.inline
                && Digest::of(inline.to_string().as_bytes()) != output.digest
            {
                return Err(damaged(format!("the content of `{name}` does not match its digest")));
            }
        }
        Ok(manifest)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
