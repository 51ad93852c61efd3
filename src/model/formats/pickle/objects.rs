//! What a pickle may be made of.

use crate::model::floats::Float;

/// The place of an object in its pickle.
pub(in crate::model::formats) type Id = usize;

#[derive(Debug, Clone, PartialEq)]
pub(in crate::model::formats) enum Object<'a> {
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
pub(in crate::model::formats) enum Element {
    Float(Float),
    /// Bytes a number, and the type's name.
    Other(usize, &'static str),
}

/// The classes and functions that a state dict names, and after them those of arrays beside tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model::formats) enum Class {
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
    pub(super) fn named(module: &[u8], name: &[u8]) -> Option<Self> {
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
    pub(super) fn of_arrays(module: &[u8], name: &[u8]) -> Option<Self> {
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
