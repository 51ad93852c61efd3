//! Checkpoints of other programs, as tensors on the host: one file a format. Nothing in them is executed, and what they
//! say about sizes is checked against the bytes that are there before memory is asked for.
//!
//! | file | written by | what is special |
//! |---|---|---|
//! | `model.safetensors` | transformers | nothing |
//! | `pytorch_model.bin` | `torch.save`, zip or legacy | a pickle names the tensors; strides, shared storages |
//! | `….index.json`, `…-00001-of-00002.…` | transformers | either of the two in parts |
//! | `flax_model.msgpack` | Flax | dense kernels are `[in, out]`; long arrays come in chunks |
//! | `*.ckpt.index`, `*.ckpt.data-…` | TensorFlow's `Saver` | Google's names; the optimizer's slots lie beside |

mod error;
mod flax;
mod names;
mod pickle;
mod protobuf;
mod reader;
mod surface;
mod table;
mod tensorflow;
#[cfg(test)]
mod tests;
mod torch;

pub use error::FormatError;
pub use surface::{PublishedSurface, read_surface};

use super::canonical::canonical;
use super::{ModelError, Weights};
use crate::plain;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The weights in the files that [`crate::data::ModelFiles::choose`] found, in that order.
///
/// # Errors
/// A file that cannot be read, is damaged, or holds what no BERT needs; a tensor that is not of floating point
/// numbers, or is there twice.
pub fn read(files: &[PathBuf]) -> Result<Weights, ModelError> {
    let Some((first, shards)) = files.split_first() else { return Ok(Weights::default()) };
    let io = |path: &PathBuf, source| FormatError::Io { path: path.clone(), source };
    let bytes = plain::read(first).map_err(|source| io(first, source))?;
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(FormatError::LfsPointer.into());
    }
    let extension = first.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "json" => sharded(&bytes, shards),
        "bin" => Weights::from_named(torch::read(&bytes)?),
        "msgpack" => Weights::from_named(flax::read(&bytes)?),
        "index" => {
            let open = |path: &PathBuf| plain::open(path).map(|(file, _)| file).map_err(|source| io(path, source));
            let mut shards = shards.iter().map(open).collect::<Result<Vec<_>, _>>()?;
            Weights::from_named(tensorflow::read(&bytes, &mut shards)?)
        }
        _ => Weights::from_safetensors(&bytes),
    }
}

/// Which tensor is in which part.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

fn sharded(index: &[u8], shards: &[PathBuf]) -> Result<Weights, ModelError> {
    let damaged = |what: String| FormatError::Damaged { format: "index of the weights", what };
    let index: Index = serde_json::from_slice(index).map_err(|error| damaged(error.to_string()))?;
    let mut named = Vec::new();
    for path in shards {
        let bytes = plain::read(path).map_err(|source| FormatError::Io { path: path.clone(), source })?;
        let torch = path.extension().is_some_and(|extension| extension == "bin");
        named.extend(if torch { torch::read(&bytes)? } else { Weights::named_of_safetensors(&bytes)? });
    }
    let there: BTreeSet<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    let lost = index.weight_map.iter().find(|(name, _)| canonical(name).is_some() && !there.contains(name.as_str()));
    if let Some((name, file)) = lost {
        return Err(damaged(format!("it says that `{name}` is in {file}, and no part has it")).into());
    }
    Weights::from_named(named)
}
