//! TensorFlow's checkpoint V2: an index of tensors (`…ckpt.index`) and their bytes in numbered files
//! (`…ckpt.data-00000-of-00001`). The index maps each name to a `BundleEntryProto`, and the empty name to a
//! `BundleHeaderProto` (tensorflow/core/protobuf/tensor_bundle.proto).

use super::FormatError;
use super::names::{self, Named};
use super::protobuf::{Value, fields};
use super::reader::Cut;
use super::table::{damaged, entries, masked_crc};
use crate::model::canonical::is_parameter;
use crate::model::floats::Float;
use crate::model::floats::elements;
use crate::model::{HostTensor, ModelError};
use std::io::{Read, Seek, SeekFrom};

/// Every parameter that the index names, from its data files in order. What only an optimizer needs is never read.
pub(super) fn read<S: Read + Seek>(index: &[u8], shards: &mut [S]) -> Result<Named, ModelError> {
    let mut lengths = Vec::new();
    for shard in shards.iter_mut() {
        lengths.push(shard.seek(SeekFrom::End(0)).map_err(unreadable)?);
    }
    // Entries may overlap; checkpoints' do not.
    let mut budget: u64 = lengths.iter().sum();
    let mut named = Vec::new();
    for (name, value) in entries(index)? {
        let broken = |_: Cut| damaged(format!("entry `{}` of its index breaks off", name.escape_ascii()));
        if name.is_empty() {
            header(value, shards.len()).map_err(broken)??;
            continue;
        }
        let name = String::from_utf8_lossy(&name);
        let Some((name, transposed)) = names::from_google(&name).filter(|(name, _)| is_parameter(name)) else {
            continue;
        };
        let entry = Entry::new(value).map_err(broken)?;
        if entry.sliced {
            let what = format!("tensor `{name}` is saved in slices");
            return Err(FormatError::Unsupported { format: "TensorFlow", what }.into());
        }
        let float = float(entry.dtype)
            .ok_or_else(|| ModelError::Dtype { name: name.clone(), dtype: dtype_name(entry.dtype) })?;
        let expected = elements(&entry.shape).and_then(|count| count.checked_mul(float.width()));
        if expected.and_then(|size| u64::try_from(size).ok()) != Some(entry.size) {
            return Err(damaged(format!("tensor `{name}` of shape {:?} has {} bytes", entry.shape, entry.size)).into());
        }
        let shard = usize::try_from(entry.shard).ok().filter(|shard| *shard < shards.len());
        let shard = shard.ok_or_else(|| damaged(format!("tensor `{name}` lies in a data file that is not there")))?;
        let end = entry.offset.checked_add(entry.size).filter(|end| *end <= lengths[shard]);
        let left = end.and_then(|_| budget.checked_sub(entry.size));
        budget = left.ok_or_else(|| damaged(format!("tensor `{name}` reaches beyond its data file")))?;
        let mut bytes = vec![0; expected.unwrap_or_default()];
        shards[shard].seek(SeekFrom::Start(entry.offset)).map_err(unreadable)?;
        shards[shard].read_exact(&mut bytes).map_err(unreadable)?;
        if masked_crc(&bytes) != entry.crc {
            return Err(damaged(format!("tensor `{name}` does not match its checksum")).into());
        }
        let tensor = HostTensor { shape: entry.shape, data: float.decode(&bytes) };
        named.push((name, if transposed { names::transpose(tensor) } else { tensor }));
    }
    Ok(named)
}

fn unreadable(error: std::io::Error) -> FormatError {
    damaged(error.to_string())
}

fn header(message: &[u8], shards: usize) -> Result<Result<(), FormatError>, Cut> {
    let unsupported = |what: String| Err(FormatError::Unsupported { format: "TensorFlow", what });
    for (number, value) in fields(message)? {
        match (number, value) {
            (1, Value::Varint(promised)) if promised != shards as u64 => {
                return Ok(unsupported(format!("it has {promised} data files, but {shards} are there")));
            }
            (2, Value::Varint(endianness)) if endianness != 0 => return Ok(unsupported("it is big-endian".into())),
            _ => {}
        }
    }
    Ok(Ok(()))
}

#[derive(Debug, Default)]
struct Entry {
    dtype: u64,
    shape: Vec<usize>,
    shard: u64,
    offset: u64,
    size: u64,
    crc: u32,
    sliced: bool,
}

impl Entry {
    fn new(message: &[u8]) -> Result<Self, Cut> {
        let mut entry = Self::default();
        for (number, value) in fields(message)? {
            match (number, value) {
                (1, Value::Varint(dtype)) => entry.dtype = dtype,
                (2, Value::Bytes(shape)) => entry.shape = dimensions(shape)?,
                (3, Value::Varint(shard)) => entry.shard = shard,
                (4, Value::Varint(offset)) => entry.offset = offset,
                (5, Value::Varint(size)) => entry.size = size,
                (6, Value::Fixed32(crc)) => entry.crc = crc,
                (7, _) => entry.sliced = true,
                _ => {}
            }
        }
        Ok(entry)
    }
}

/// Of a `TensorShapeProto`. A negative size, which stands for an unknown one, becomes one that no file has room for.
fn dimensions(message: &[u8]) -> Result<Vec<usize>, Cut> {
    let mut shape = Vec::new();
    for (number, value) in fields(message)? {
        let (2, Value::Bytes(dimension)) = (number, value) else { continue };
        let mut size = 0;
        for (number, value) in fields(dimension)? {
            if let (1, Value::Varint(found)) = (number, value) {
                size = usize::try_from(found).unwrap_or(usize::MAX);
            }
        }
        shape.push(size);
    }
    Ok(shape)
}

/// By its number in tensorflow/core/framework/types.proto.
fn float(dtype: u64) -> Option<Float> {
    match dtype {
        1 => Some(Float::F32),
        2 => Some(Float::F64),
        14 => Some(Float::BF16),
        19 => Some(Float::F16),
        _ => None,
    }
}

fn dtype_name(dtype: u64) -> String {
    match dtype {
        3 => "int32".into(),
        7 => "string".into(),
        9 => "int64".into(),
        10 => "bool".into(),
        other => format!("DT {other}"),
    }
}
