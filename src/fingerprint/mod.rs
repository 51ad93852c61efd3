//! Keys: one blake3 digest over everything that decides a step's result, and nothing else.
//!
//! | in the key                                   | why                                                        |
//! |----------------------------------------------|------------------------------------------------------------|
//! | the kind of step and its version constant    | other code, other result                                   |
//! | its parameters, defaults written out         | the spelling of an experiment never changes a key          |
//! | the digests of its inputs, by role           | an identical rebuilt input stops a change from spreading   |
//! | precision (one of the parameters)            | it changes numbers                                         |
//!
//! | out of the key                               | why                                                        |
//! |----------------------------------------------|------------------------------------------------------------|
//! | names of experiments and stages              | two studies share what they have in common; only figures   |
//! |                                              | name models, in the numbers beside them                    |
//! | paths of local files                         | their content is in the key instead                        |
//! | backend, device, threads, jobs, order        | they decide how, not what                                  |
//! | batch size of evaluations                    | rows do not see each other; sums are kept in f64           |
//! | time, host, log level                        | provenance, kept in the manifest                           |

mod digest;

pub use digest::{Digest, Key};

use std::collections::BTreeMap;

use serde_json::Value;

/// What a key is made of. The manifest keeps it, so that a change can be explained.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyParts<'a> {
    pub kind: &'a str,
    pub version: u32,
    pub parameters: &'a Value,
    pub inputs: BTreeMap<&'a str, Digest>,
}

impl KeyParts<'_> {
    pub fn key(&self) -> Key {
        let inputs: Vec<(&str, Digest)> = self.inputs.iter().map(|(role, digest)| (*role, *digest)).collect();
        KeyStart::new(self.kind, self.version, self.parameters).key(&inputs)
    }
}

/// A key as far as it does not depend on the inputs.
pub struct KeyStart(blake3::Hasher);

impl KeyStart {
    pub fn new(kind: &str, version: u32, parameters: &Value) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"pipeline.step.v1");
        field(&mut hasher, b'k', kind.as_bytes());
        field(&mut hasher, b'v', &version.to_le_bytes());
        encode(&mut hasher, parameters);
        Self(hasher)
    }

    /// `inputs` in the order of their roles, each once.
    pub fn key(&self, inputs: &[(&str, Digest)]) -> Key {
        let mut hasher = self.0.clone();
        for (role, digest) in inputs {
            field(&mut hasher, b'r', role.as_bytes());
            field(&mut hasher, b'd', digest.as_bytes());
        }
        Key(Digest::from(hasher.finalize()))
    }
}

/// Tag, length, bytes: no two different sequences of fields run together.
fn field(hasher: &mut blake3::Hasher, tag: u8, bytes: &[u8]) {
    hasher.update(&[tag]);
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn encode(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Null => field(hasher, b'n', &[]),
        Value::Bool(flag) => field(hasher, b'b', &[u8::from(*flag)]),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(unsigned), _, _) => field(hasher, b'u', &unsigned.to_le_bytes()),
            (None, Some(signed), _) => field(hasher, b'i', &signed.to_le_bytes()),
            (None, None, float) => field(hasher, b'f', &float.unwrap_or(f64::NAN).to_bits().to_le_bytes()),
        },
        Value::String(text) => field(hasher, b's', text.as_bytes()),
        Value::Array(items) => {
            field(hasher, b'a', &(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| encode(hasher, item));
        }
        Value::Object(map) => {
            field(hasher, b'o', &(map.len() as u64).to_le_bytes());
            let sorted: BTreeMap<_, _> = map.iter().collect();
            for (name, value) in sorted {
                field(hasher, b'm', name.as_bytes());
                encode(hasher, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(kind: &str, parameters: &Value, inputs: &[(&str, &[u8])]) -> Key {
        let inputs = inputs.iter().map(|(role, bytes)| (*role, Digest::of(bytes))).collect();
        KeyParts { kind, version: 1, parameters, inputs }.key()
    }

    #[test]
    fn every_part_counts_and_order_of_names_does_not() {
        let base = key("eval", &json!({"a": 1, "b": [1, 2]}), &[("data", b"x")]);
        assert_eq!(base, key("eval", &json!({"b": [1, 2], "a": 1}), &[("data", b"x")]));
        for other in [
            key("evil", &json!({"a": 1, "b": [1, 2]}), &[("data", b"x")]),
            key("eval", &json!({"a": 2, "b": [1, 2]}), &[("data", b"x")]),
            key("eval", &json!({"a": 1.0, "b": [1, 2]}), &[("data", b"x")]),
            key("eval", &json!({"a": "1", "b": [1, 2]}), &[("data", b"x")]),
            key("eval", &json!({"a": 1, "b": [[1], 2]}), &[("data", b"x")]),
            key("eval", &json!({"a": 1, "b": [2, 1]}), &[("data", b"x")]),
            key("eval", &json!({"a": 1, "b": [1, 2]}), &[("data", b"y")]),
            key("eval", &json!({"a": 1, "b": [1, 2]}), &[("date", b"x")]),
        ] {
            assert_ne!(base, other);
        }
    }

    /// Changing this number changes every key of every user: it goes with a new version constant or not at all.
    #[test]
    fn the_encoding_is_pinned() {
        let key = key("eval", &json!({"rate": 2e-5, "name": "é", "none": null, "neg": -1}), &[("data", b"x")]);
        assert_eq!(key.to_string(), "b1b1683a1ae24233858f01ef7dbc137fe0609059f7cdc330bf27796924a28680");
    }
}
