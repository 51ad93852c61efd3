//! The part of Python's pickle language that a state dict is written in.
//!
//! A pickle is a program for a stack machine. This machine knows the instructions that build numbers, texts, tuples,
//! lists and dicts, and a fixed list of classes, each of which only becomes a note of what it was called with. Anything
//! else ends the reading. Objects lie in one flat list and know each other by place, so that neither reading nor
//! dropping them recurses, and each byte makes at most one of them.

mod machine;
#[cfg(test)]
mod tests;

use super::{Float, FormatError};
use machine::{Fault, Machine};

/// A BERT's state dict has some thirty objects a tensor.
const MOST_OBJECTS: usize = 1 << 20;
/// In bytes; a BERT's has less than a hundredth of it.
const LONGEST: usize = 16 << 20;

/// The place of an object in its pickle.
pub(super) type Id = usize;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object<'a> {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Class(Class),
    /// A storage, named by a tuple.
    Persistent(Id),
    /// What `_rebuild_tensor` was called with, a tuple.
    Tensor(Id),
    /// What another function of arrays was called with, a tuple, and the state that its result was given.
    Call {
        class: Class,
        arguments: Id,
        state: Option<Id>,
    },
}

/// What a storage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float(Float),
    /// Bytes a number, and the type's name.
    Other(usize, &'static str),
}

/// The classes and functions that a state dict names, and after them those of arrays beside tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    OrderedDict,
    Tensor,
    Parameter,
    Size,
    Storage(Element),
    Reconstruct,
    NdArray,
    Dtype,
    Scalar,
    FromBuffer,
    Encode,
    LoadFromBytes,
}

impl Class {
    fn named(module: &[u8], name: &[u8]) -> Option<Self> {
        use Element::{Float as Of, Other};
        Some(match (module, name) {
            (b"collections", b"OrderedDict") => Self::OrderedDict,
            (b"torch._utils", b"_rebuild_tensor" | b"_rebuild_tensor_v2") => Self::Tensor,
            (b"torch._utils", b"_rebuild_parameter") => Self::Parameter,
            (b"torch", b"Size") => Self::Size,
            (b"torch", b"DoubleStorage") => Self::Storage(Of(Float::F64)),
            (b"torch", b"FloatStorage") => Self::Storage(Of(Float::F32)),
            (b"torch", b"HalfStorage") => Self::Storage(Of(Float::F16)),
            (b"torch", b"BFloat16Storage") => Self::Storage(Of(Float::BF16)),
            (b"torch", b"LongStorage") => Self::Storage(Other(8, "int64")),
            (b"torch", b"IntStorage") => Self::Storage(Other(4, "int32")),
            (b"torch", b"ShortStorage") => Self::Storage(Other(2, "int16")),
            (b"torch", b"CharStorage") => Self::Storage(Other(1, "int8")),
            (b"torch", b"ByteStorage") => Self::Storage(Other(1, "uint8")),
            (b"torch", b"BoolStorage") => Self::Storage(Other(1, "bool")),
            _ => return None,
        })
    }

    /// Of arrays: NumPy 2 moved its `core`, so there are two names of each.
    fn of_arrays(module: &[u8], name: &[u8]) -> Option<Self> {
        Some(match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Self::Reconstruct,
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"scalar") => Self::Scalar,
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => Self::FromBuffer,
            (b"numpy", b"ndarray") => Self::NdArray,
            (b"numpy", b"dtype") => Self::Dtype,
            (b"_codecs", b"encode") => Self::Encode,
            (b"torch.storage", b"_load_from_bytes") => Self::LoadFromBytes,
            _ => return Self::named(module, name),
        })
    }
}

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    root: Id,
    /// Its bytes; what follows them is not part of it.
    pub length: usize,
}

impl<'a> Pickle<'a> {
    /// Reads to the end of the first pickle in `bytes`.
    ///
    /// # Errors
    /// It ends too early, or asks for what no state dict needs.
    pub fn read(bytes: &'a [u8]) -> Result<Self, FormatError> {
        Self::run(Machine::new(bytes.get(..LONGEST).unwrap_or(bytes)))
    }

    /// The same for arrays, which need more classes and bytes.
    pub fn read_arrays(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut machine = Machine::new(bytes.get(..LONGEST).unwrap_or(bytes));
        machine.arrays = true;
        Self::run(machine)
    }

    fn run(mut machine: Machine<'a>) -> Result<Self, FormatError> {
        loop {
            let at = machine.at();
            match machine.step() {
                Ok(None) if machine.objects.len() <= MOST_OBJECTS => {}
                Ok(None) => return Err(refused(at, format!("more than {MOST_OBJECTS} objects"))),
                Ok(Some(root)) => {
                    return Ok(Self { length: machine.at(), objects: machine.objects, root });
                }
                Err(Fault::Cut) => return Err(damaged(format!("its pickle breaks off after byte {at}"))),
                Err(Fault::Refused(what)) => return Err(refused(at, what)),
                Err(Fault::Wrong(what)) => return Err(damaged(format!("byte {at} of its pickle {what}"))),
            }
        }
    }

    pub fn root(&self) -> &Object<'a> {
        self.get(self.root)
    }

    pub fn get(&self, id: Id) -> &Object<'a> {
        self.objects.get(id).unwrap_or(&Object::None)
    }

    pub fn objects(&self) -> &[Object<'a>] {
        &self.objects
    }

    pub fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number from 0 that can be a size in memory.
    pub fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Object::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    pub fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }
}

fn refused(offset: usize, what: String) -> FormatError {
    FormatError::Refused { what, offset }
}

pub(super) fn damaged(what: String) -> FormatError {
    FormatError::Damaged { format: "PyTorch", what }
}
