//! `flax_model.msgpack`: nested maps whose leaves are arrays.
//!
//! An array is MessagePack's extension 1, which holds a packed `(shape, name of the dtype, bytes)`. Flax writes an
//! array above one gigabyte as a map: `__msgpack_chunked_array__`, `shape` and flat `chunks`, both keyed "0", "1", ….

use super::FormatError;
use super::names::{self, Named};
use crate::model::canonical::is_parameter;
use crate::model::floats::Float;
use crate::model::floats::elements;
use crate::model::{HostTensor, ModelError};
use rmp::Marker;
use rmp::decode::{read_array_len, read_bin_len, read_ext_meta, read_int, read_map_len, read_marker, read_str_len};

const ARRAY: i8 = 1;
const CHUNKED: &str = "__msgpack_chunked_array__";
const DEEPEST: usize = 16;
const MOST_DIMENSIONS: u32 = 8;

/// Every array in the file, named as PyTorch's models name it.
pub(super) fn read(bytes: &[u8]) -> Result<Named, ModelError> {
    let mut reader = bytes;
    let mut arrays = Vec::new();
    walk(&mut reader, &mut Vec::new(), &mut arrays)?;
    if !reader.is_empty() {
        return Err(damaged(format!("{} bytes follow its end", reader.len())).into());
    }
    let mut named = Vec::new();
    for (path, array) in arrays {
        let path = path.strip_prefix(&["params"]).unwrap_or(&path);
        let (name, transposed) = names::from_flax(path);
        if !is_parameter(&name) {
            continue;
        }
        let Array { shape, dtype, parts } = array;
        let float = Float::named(dtype).ok_or_else(|| ModelError::Dtype { name: name.clone(), dtype: dtype.into() })?;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if elements(&shape).and_then(|count| count.checked_mul(float.width())) != Some(length) {
            return Err(damaged(format!("array `{name}` of shape {shape:?} has {length} bytes")).into());
        }
        let data = parts.iter().flat_map(|part| float.decode(part)).collect();
        let tensor = HostTensor { shape, data };
        named.push((name, if transposed { names::transpose(tensor) } else { tensor }));
    }
    Ok(named)
}

struct Array<'a> {
    shape: Vec<usize>,
    dtype: &'a str,
    parts: Vec<&'a [u8]>,
}

type Arrays<'a> = Vec<(Vec<&'a str>, Array<'a>)>;

fn damaged(what: String) -> FormatError {
    FormatError::Damaged { format: "Flax", what }
}

fn failed(error: impl std::fmt::Display) -> FormatError {
    damaged(error.to_string())
}

/// One map, and those in it.
fn walk<'a>(reader: &mut &'a [u8], path: &mut Vec<&'a str>, arrays: &mut Arrays<'a>) -> Result<(), FormatError> {
    if path.len() > DEEPEST {
        return Err(damaged(format!("its maps are nested deeper than {DEEPEST}")));
    }
    for number in 0..read_map_len(reader).map_err(failed)? {
        let key = text(reader)?;
        if key == CHUNKED && number == 0 {
            // The rest of this map is one array.
            arrays.push((path.clone(), chunked(reader)?));
            return Ok(());
        }
        path.push(key);
        match reader.first().map(|byte| Marker::from_u8(*byte)) {
            Some(Marker::FixMap(_) | Marker::Map16 | Marker::Map32) => walk(reader, path, arrays)?,
            Some(
                Marker::FixExt1
                | Marker::FixExt2
                | Marker::FixExt4
                | Marker::FixExt8
                | Marker::FixExt16
                | Marker::Ext8
                | Marker::Ext16
                | Marker::Ext32,
            ) => {
                let array = array(reader)?;
                arrays.push((path.clone(), array));
            }
            Some(other) => {
                let what = format!("its entry `{}` is neither a map nor an array, but {other:?}", path.join("/"));
                return Err(FormatError::Unsupported { format: "Flax", what });
            }
            None => return Err(damaged("it breaks off".into())),
        }
        path.pop();
    }
    Ok(())
}

fn chunked<'a>(reader: &mut &'a [u8]) -> Result<Array<'a>, FormatError> {
    let wrong = || damaged("a chunked array is not written as Flax does".into());
    let expect = |found: bool| if found { Ok(()) } else { Err(wrong()) };
    expect(matches!(read_marker(reader), Ok(Marker::True)))?;
    expect(text(reader)? == "shape")?;
    let count = read_map_len(reader).map_err(failed)?;
    expect(count <= MOST_DIMENSIONS)?;
    let mut shape = Vec::new();
    for axis in 0..count {
        expect(text(reader)? == axis.to_string())?;
        shape.push(read_int(reader).map_err(failed)?);
    }
    expect(text(reader)? == "chunks")?;
    let (mut dtype, mut parts) = ("", Vec::new());
    for number in 0..read_map_len(reader).map_err(failed)? {
        expect(text(reader)? == number.to_string())?;
        let chunk = array(reader)?;
        expect(number == 0 || chunk.dtype == dtype)?;
        dtype = chunk.dtype;
        parts.extend(chunk.parts);
    }
    Ok(Array { shape, dtype, parts })
}

fn array<'a>(reader: &mut &'a [u8]) -> Result<Array<'a>, FormatError> {
    let meta = read_ext_meta(reader).map_err(failed)?;
    let mut inside = take(reader, meta.size)?;
    if meta.typeid != ARRAY {
        let what = format!("extension {} is not an array", meta.typeid);
        return Err(FormatError::Unsupported { format: "Flax", what });
    }
    let reader = &mut inside;
    let parts = read_array_len(reader).map_err(failed)?;
    let dimensions = read_array_len(reader).map_err(failed)?;
    if parts != 3 || dimensions > MOST_DIMENSIONS {
        return Err(damaged("an array is not written as Flax does".into()));
    }
    let shape = (0..dimensions).map(|_| read_int(reader)).collect::<Result<_, _>>().map_err(failed)?;
    let dtype = text(reader)?;
    let length = read_bin_len(reader).map_err(failed)?;
    Ok(Array { shape, dtype, parts: vec![take(reader, length)?] })
}

fn text<'a>(reader: &mut &'a [u8]) -> Result<&'a str, FormatError> {
    let length = read_str_len(reader).map_err(failed)?;
    std::str::from_utf8(take(reader, length)?).map_err(failed)
}

fn take<'a>(reader: &mut &'a [u8], length: u32) -> Result<&'a [u8], FormatError> {
    let cut = reader.split_at_checked(length as usize);
    let (taken, rest) = cut.ok_or_else(|| damaged("it breaks off".into()))?;
    *reader = rest;
    Ok(taken)
}
