//! `pytorch_model.bin`: what `torch.save` makes of a state dict.
//!
//! Since torch 1.6 it is a zip file of stored entries, `NAME/data.pkl` and a storage in each `NAME/data/KEY`. Before
//! that it was four pickles (a magic number, a version, the system, the state dict), a fifth with the keys of the
//! storages, and then the storages: 8 bytes of length in elements, and the elements.

use super::FormatError;
use super::names::Named;
use super::pickle::{Class, Element, Object, Pickle, damaged};
use super::reader::{Cut, Reader};
use crate::model::canonical::{has_embeddings, is_wanted};
use crate::model::floats::elements;
use crate::model::{HostTensor, ModelError};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, sink};
use std::ops::Range;
use zip::{CompressionMethod, ZipArchive};

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const PROTOCOL: i128 = 1001;
const MOST_DIMENSIONS: usize = 8;

/// Every parameter in the file.
pub(super) fn read(bytes: &[u8]) -> Result<Named, ModelError> {
    let (pickle, storages) = if bytes.starts_with(b"PK") { from_zip(bytes)? } else { from_legacy(bytes)? };
    // Views may share a storage or repeat its elements; a file that would unfold to far more than itself is no model.
    let mut budget = bytes.len();
    let mut named = Vec::new();
    let entries = entries(&pickle)?;
    let embedded = has_embeddings(entries.iter().map(|(name, _)| *name));
    for (name, arguments) in entries {
        // Left out before anything is checked: `position_ids` are whole numbers, and a tied decoder is there twice.
        if !is_wanted(name, embedded) {
            continue;
        }
        let view = View::new(&pickle, arguments)
            .ok_or_else(|| damaged(format!("tensor `{name}` is not described as torch does")))?;
        let float = match view.element {
            Element::Float(float) => float,
            Element::Other(_, dtype) => {
                return Err(ModelError::Dtype { name: name.to_owned(), dtype: dtype.to_owned() });
            }
        };
        let storage = storages.get(view.key).and_then(|place| bytes.get(place.clone()));
        let storage = storage.ok_or_else(|| damaged(format!("the storage of tensor `{name}` is not there")))?;
        let places = view
            .places()
            .filter(|places| *places <= storage.len() / float.width())
            .ok_or_else(|| damaged(format!("tensor `{name}` reaches beyond its storage of {} bytes", storage.len())))?;
        let wanted = elements(&view.shape).filter(|wanted| *wanted <= budget);
        budget -= wanted.ok_or_else(|| damaged("its tensors are larger than the file".into()))?;
        let part = &storage[view.offset * float.width()..places * float.width()];
        let data = float.decode(&view.gather(part, float.width()));
        named.push((name.to_owned(), HostTensor { shape: view.shape, data }));
    }
    Ok(named)
}

/// Storages by key, as ranges of the file.
type Storages = HashMap<String, Range<usize>>;

fn from_zip(bytes: &[u8]) -> Result<(Pickle<'_>, Storages), FormatError> {
    let failed = |error: zip::result::ZipError| damaged(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(failed)?;
    let folder = archive.file_names().filter_map(|name| name.strip_suffix("data.pkl")).min_by_key(|name| name.len());
    let folder = folder.ok_or_else(|| unsupported("it is a zip file without a data.pkl".into()))?.to_owned();
    let mut storages = HashMap::new();
    let mut program = None;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(failed)?;
        let Some(name) = entry.name().strip_prefix(&folder).map(str::to_owned) else { continue };
        let key = name.strip_prefix("data/");
        if key.is_none() && name != "data.pkl" && name != "byteorder" {
            continue;
        }
        if entry.compression() != CompressionMethod::Stored {
            return Err(unsupported(format!("its entry `{name}` is compressed, which torch never does")));
        }
        let place = entry.data_start().and_then(|start| range(start, entry.size()));
        let place = place.filter(|place| place.end <= bytes.len());
        let place = place.ok_or_else(|| damaged(format!("its entry `{name}` reaches beyond the end")))?;
        // Reading it to its end checks its CRC.
        std::io::copy(&mut entry, &mut sink()).map_err(|error| damaged(format!("its entry `{name}`: {error}")))?;
        match key {
            Some(key) => drop(storages.insert(key.to_owned(), place)),
            None if name == "data.pkl" => program = Some(place),
            None if bytes[place.clone()] != *b"little" => return Err(unsupported("it is not little-endian".into())),
            None => {}
        }
    }
    let program = program.and_then(|place| bytes.get(place)).unwrap_or_default();
    Ok((Pickle::read(program)?, storages))
}

fn range(start: u64, length: u64) -> Option<Range<usize>> {
    let end = start.checked_add(length)?;
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

fn from_legacy(bytes: &[u8]) -> Result<(Pickle<'_>, Storages), FormatError> {
    let mut reader = Reader::new(bytes);
    let mut next = || -> Result<Pickle<'_>, FormatError> {
        let pickle = Pickle::read(&bytes[reader.at()..])?;
        reader.take(pickle.length).map_err(cut)?;
        Ok(pickle)
    };
    // Other files begin with other bytes, which are no error of a pickle's.
    if !bytes.starts_with(&[0x80, 2, 0x8a, 10]) && bytes.len() >= 4 {
        return Err(unsupported("it begins neither as a zip file nor as torch's legacy format does".into()));
    }
    if *next()?.root() != Object::Int(MAGIC) || *next()?.root() != Object::Int(PROTOCOL) {
        return Err(unsupported("its magic number or its version is not torch's".into()));
    }
    let system = next()?;
    let Object::Dict(facts) = system.root() else { return Err(damaged("its third pickle is not a dict".into())) };
    let little = facts.iter().find(|(name, _)| system.text(*name) == Some("little_endian"));
    if little.is_some_and(|(_, value)| *system.get(*value) == Object::Bool(false)) {
        return Err(unsupported("it is not little-endian".into()));
    }
    let (pickle, keys) = (next()?, next()?);
    let mut widths = HashMap::new();
    for object in pickle.objects() {
        if let Object::Persistent(id) = object
            && let Some((key, element)) = storage(&pickle, *id)
        {
            let width = match element {
                Element::Float(float) => float.width(),
                Element::Other(width, _) => width,
            };
            widths.insert(key, width);
        }
    }
    let Object::List(order) = keys.root() else { return Err(damaged("its fifth pickle is not a list".into())) };
    let mut storages = HashMap::new();
    for key in order {
        let key = keys.text(*key).unwrap_or_default();
        let width = widths.get(key).ok_or_else(|| damaged(format!("storage `{key}` belongs to no tensor")))?;
        let length = usize::try_from(reader.u64().map_err(cut)?).ok().and_then(|length| length.checked_mul(*width));
        let start = reader.at();
        reader.take(length.unwrap_or(usize::MAX)).map_err(cut)?;
        storages.insert(key.to_owned(), start..reader.at());
    }
    Ok((pickle, storages))
}

/// The storage that a legacy file of one storage holds, which is how tensors lie inside other pickles.
pub(super) fn lone_storage(bytes: &[u8]) -> Result<(Element, &[u8]), FormatError> {
    let (pickle, storages) = from_legacy(bytes)?;
    let found = match pickle.root() {
        Object::Persistent(id) => storage(&pickle, *id),
        _ => None,
    };
    let (key, element) = found.ok_or_else(|| unsupported("it holds something other than a storage".into()))?;
    let bytes = storages.get(key).and_then(|place| bytes.get(place.clone()));
    Ok((element, bytes.ok_or_else(|| damaged("its storage is not there".into()))?))
}

/// The shape and the bytes, row-major, of a tensor that looks at `storage`; `None` if it reaches beyond.
pub(super) fn view_of(
    pickle: &Pickle<'_>,
    arguments: usize,
    storage: &[u8],
    width: usize,
) -> Option<(Vec<usize>, Vec<u8>)> {
    let view = View::of(pickle, "", Element::Other(width, ""), arguments)?;
    let places = view.places().filter(|places| *places <= storage.len() / width)?;
    // A view may repeat its elements, but no honest grid is larger than what it looks at.
    elements(&view.shape).filter(|count| *count <= storage.len() / width)?;
    let part = storage.get(view.offset * width..places * width)?;
    let bytes = view.gather(part, width).into_owned();
    Some((view.shape, bytes))
}

fn cut(cut: Cut) -> FormatError {
    damaged(format!("it ends before what should stand at byte {}", cut.at))
}

fn unsupported(what: String) -> FormatError {
    FormatError::Unsupported { format: "PyTorch", what }
}

/// Names of tensors and what each was made from. Some training scripts save `{"state_dict": …}`.
fn entries<'a>(pickle: &Pickle<'a>) -> Result<Vec<(&'a str, usize)>, FormatError> {
    let Object::Dict(mut entries) = pickle.root().clone() else {
        return Err(unsupported("it holds something other than a dict of tensors".into()));
    };
    // What a training loop saves has the weights beside an optimizer and whatever else it needs to go on.
    for name in ["state_dict", "model_state_dict", "model"] {
        let inner = entries.iter().find(|(key, _)| pickle.text(*key) == Some(name));
        if let Some(Object::Dict(inner)) = inner.map(|(_, value)| pickle.get(*value)) {
            entries = inner.clone();
            break;
        }
    }
    let tensor = |(name, value): (usize, usize)| {
        let name = pickle.text(name).ok_or_else(|| unsupported("a name in it is not text".into()))?;
        match pickle.get(value) {
            Object::Tensor(arguments) => Ok((name, *arguments)),
            _ => Err(unsupported(format!("its entry `{name}` is not a tensor"))),
        }
    };
    entries.into_iter().map(tensor).collect()
}

/// `("storage", class, key, location, length)`, where older files append `None`.
fn storage<'a>(pickle: &Pickle<'a>, id: usize) -> Option<(&'a str, Element)> {
    let ([kind, class, key, _, _], rest) = pickle.tuple(id)?.split_first_chunk::<5>()?;
    // A storage that is a part of another, from torch before 0.4.
    let whole = rest.iter().all(|view| *pickle.get(*view) == Object::None);
    match pickle.get(*class) {
        Object::Class(Class::Storage(element)) if whole && pickle.text(*kind) == Some("storage") => {
            Some((pickle.text(*key)?, *element))
        }
        _ => None,
    }
}

/// A tensor as a way to walk through a storage; offset and strides count elements.
struct View<'a> {
    key: &'a str,
    element: Element,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> View<'a> {
    /// From `(storage, offset, shape, strides, …)`.
    fn new(pickle: &Pickle<'a>, arguments: usize) -> Option<Self> {
        let Object::Persistent(id) = pickle.get(*pickle.tuple(arguments)?.first()?) else { return None };
        let (key, element) = storage(pickle, *id)?;
        Self::of(pickle, key, element, arguments)
    }

    fn of(pickle: &Pickle<'_>, key: &'a str, element: Element, arguments: usize) -> Option<Self> {
        let ([_, offset, shape, strides], _) = pickle.tuple(arguments)?.split_first_chunk::<4>()?;
        let sizes = |id: usize| pickle.tuple(id)?.iter().map(|size| pickle.size(*size)).collect::<Option<Vec<_>>>();
        let (shape, strides) = (sizes(*shape)?, sizes(*strides)?);
        let fits = shape.len() == strides.len() && shape.len() <= MOST_DIMENSIONS;
        fits.then_some(Self { key, element, offset: pickle.size(*offset)?, shape, strides })
    }

    /// One more than the last place that is read, at least the offset; `None` if it cannot be counted.
    fn places(&self) -> Option<usize> {
        if elements(&self.shape)? == 0 {
            return Some(self.offset);
        }
        let steps = self.shape.iter().zip(&self.strides);
        let reach = |sum: usize, (size, stride): (&usize, &usize)| sum.checked_add((size - 1).checked_mul(*stride)?);
        steps.into_iter().try_fold(self.offset, reach)?.checked_add(1)
    }

    /// The bytes of its elements, row-major, from the part of the storage that starts at the offset and ends with the
    /// last place.
    fn gather<'b>(&self, part: &'b [u8], width: usize) -> Cow<'b, [u8]> {
        if part.is_empty() {
            return Cow::Borrowed(part);
        }
        let mut count = 1;
        let mut contiguous = true;
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            contiguous &= *size == 1 || *stride == count;
            count *= size;
        }
        if contiguous {
            return Cow::Borrowed(part);
        }
        let mut data = Vec::with_capacity(count * width);
        let mut index = vec![0; self.shape.len()];
        let mut place = 0;
        for _ in 0..count {
            data.extend_from_slice(&part[place * width..(place + 1) * width]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                place += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                place -= index[axis] * self.strides[axis];
                index[axis] = 0;
            }
        }
        Cow::Owned(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::floats::Float;

    fn view(offset: usize, shape: &[usize], strides: &[usize]) -> View<'static> {
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        View { key: "0", element: Element::Float(Float::F32), offset, shape, strides }
    }

    #[test]
    fn strides_walk_as_torch_does() {
        let cases: [(View, &[u8]); 6] = [
            (view(0, &[2, 3], &[3, 1]), &[0, 1, 2, 3, 4, 5]),
            (view(0, &[3, 2], &[1, 3]), &[0, 3, 1, 4, 2, 5]),
            (view(1, &[2, 2], &[4, 2]), &[1, 3, 5, 7]),
            (view(2, &[2, 2], &[0, 1]), &[2, 3, 2, 3]),
            (view(5, &[], &[]), &[5]),
            (view(12, &[0, usize::MAX, usize::MAX], &[3, 1, 7]), &[]),
        ];
        for (view, expected) in cases {
            for width in [1, 4] {
                let wide = |place: u8| std::iter::repeat_n(place, width);
                let storage: Vec<u8> = (0..12).flat_map(wide).collect();
                let part = &storage[view.offset * width..view.places().unwrap() * width];
                let expected: Vec<u8> = expected.iter().copied().flat_map(wide).collect();
                assert_eq!(*view.gather(part, width), expected, "{:?} {:?}", view.shape, view.strides);
            }
        }
    }

    #[test]
    fn reaches_are_counted_without_overflow() {
        assert_eq!(view(3, &[2, 5], &[5, 1]).places(), Some(13));
        assert_eq!(view(usize::MAX, &[1], &[1]).places(), None);
        assert_eq!(view(0, &[3, 2], &[usize::MAX, 1]).places(), None);
        assert_eq!(view(0, &[usize::MAX, 3], &[0, 0]).places(), None);
        assert_eq!(view(1, &[0, usize::MAX], &[1, usize::MAX]).places(), Some(1));
    }

    /// A legacy file with one tensor `w` in a storage that claims `length` floats.
    fn file(offset: i32, shape: &[i32], strides: &[i32], length: u64, system: &[u8]) -> Vec<u8> {
        let number = |number: &i32| [b"J".as_slice(), &number.to_le_bytes()].concat();
        let tuple =
            |numbers: &[i32]| [b"(".to_vec(), numbers.iter().flat_map(number).collect(), b"t".to_vec()].concat();
        let parts: [&[u8]; 12] = [
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
            system,
            b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n",
            b"X\x01\0\0\x000X\x03\0\0\0cpuK\x04NtQ",
            &number(&offset),
            &tuple(shape),
            &tuple(strides),
            b"\x89ccollections\nOrderedDict\n)RtRs.",
            b"\x80\x02]X\x01\0\0\x000a.",
            &length.to_le_bytes(),
            &[1.0f32, 2.0].map(f32::to_le_bytes).concat(),
            &[3.0f32, 4.0].map(f32::to_le_bytes).concat(),
        ];
        parts.concat()
    }

    #[test]
    fn tensors_that_lie_about_their_size_are_refused() {
        const LITTLE: &[u8] = b"}.";
        let good = file(0, &[2, 2], &[1, 2], 4, LITTLE);
        let tensor = HostTensor { shape: vec![2, 2], data: vec![1.0, 3.0, 2.0, 4.0] };
        assert_eq!(read(&good).unwrap(), [("w".to_owned(), tensor)]);
        let big = b"}X\x0d\0\0\0little_endian\x89s.";
        let cases = [
            (file(0, &[2, 3], &[3, 1], 4, LITTLE), "tensor `w` reaches beyond its storage of 16 bytes"),
            (file(3, &[2], &[1], 4, LITTLE), "beyond its storage"),
            (file(4, &[1], &[1], 4, LITTLE), "beyond its storage"),
            (file(0, &[2, 2], &[i32::MAX, i32::MAX], 4, LITTLE), "beyond its storage"),
            (file(0, &[2, 2], &[2, -1], 4, LITTLE), "not described as torch does"),
            (file(0, &[-2, 2], &[2, 1], 4, LITTLE), "not described"),
            (file(-1, &[2, 2], &[2, 1], 4, LITTLE), "not described"),
            (file(0, &[2, 2], &[2], 4, LITTLE), "not described"),
            (file(0, &[1; 9], &[1; 9], 4, LITTLE), "not described"),
            (file(0, &[1 << 20, 1 << 10], &[0, 0], 4, LITTLE), "its tensors are larger than the file"),
            (file(0, &[i32::MAX, i32::MAX, i32::MAX], &[0, 0, 0], 4, LITTLE), "beyond its storage"),
            (file(0, &[2, 2], &[2, 1], 5, LITTLE), "ends before"),
            (file(0, &[2, 2], &[2, 1], u64::MAX / 4, LITTLE), "ends before"),
            (file(0, &[2, 2], &[2, 1], 3, LITTLE), "beyond its storage of 12 bytes"),
            (file(0, &[2, 2], &[2, 1], 4, big), "not little-endian"),
        ];
        for (bytes, part) in cases {
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
