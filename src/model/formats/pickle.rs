//! The part of Python's pickle language that a state dict is written in.
//!
//! A pickle is a program for a stack machine. This machine knows the instructions that build numbers, texts, tuples,
//! lists and dicts, and a fixed list of classes, each of which only becomes a note of what it was called with. Anything
//! else ends the reading. Objects lie in one flat list and know each other by place, so that neither reading nor
//! dropping them recurses, and each byte makes at most one of them.

use super::reader::{Cut, Reader};
use super::{Float, FormatError};
use std::collections::HashMap;

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
    Float,
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Class(Class),
    /// A storage, named by a tuple.
    Persistent(Id),
    /// What `_rebuild_tensor` was called with, a tuple.
    Tensor(Id),
}

/// What a storage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float(Float),
    /// Bytes a number, and the type's name.
    Other(usize, &'static str),
}

/// The classes and functions that a state dict names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    OrderedDict,
    Tensor,
    Parameter,
    Size,
    Storage(Element),
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
        let mut machine = Machine { reader: Reader::new(bytes.get(..LONGEST).unwrap_or(bytes)), ..Machine::default() };
        loop {
            let at = machine.reader.at();
            let step = machine.reader.u8().map_err(Fault::from).and_then(|code| machine.step(code));
            match step {
                Ok(None) if machine.objects.len() <= MOST_OBJECTS => {}
                Ok(None) => return Err(refused(at, format!("more than {MOST_OBJECTS} objects"))),
                Ok(Some(root)) => {
                    return Ok(Self { objects: machine.objects, root, length: machine.reader.at() });
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

enum Fault {
    Cut,
    Refused(String),
    Wrong(&'static str),
}

impl From<Cut> for Fault {
    fn from(_: Cut) -> Self {
        Self::Cut
    }
}

#[derive(Default)]
struct Machine<'a> {
    reader: Reader<'a>,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// How high the stack was at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// One instruction; the last one gives the whole pickle's object. The codes are those of CPython's pickletools.
    fn step(&mut self, code: u8) -> Result<Option<Id>, Fault> {
        match code {
            0x80 => drop(self.reader.u8()?),
            0x95 => drop(self.reader.u64()?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),

            b'N' => self.push(Object::None),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'J' => {
                let number = i32::from_le_bytes(self.reader.array()?);
                self.push(Object::Int(number.into()));
            }
            b'K' => {
                let number = self.reader.u8()?;
                self.push(Object::Int(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.reader.array()?);
                self.push(Object::Int(number.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                self.reader.take(8)?;
                self.push(Object::Float);
            }
            b'X' | b'T' => {
                let length = self.reader.u32()?;
                self.text(length.into())?;
            }
            0x8c | b'U' => {
                let length = self.reader.u8()?;
                self.text(length.into())?;
            }
            0x8d => {
                let length = self.reader.u64()?;
                self.text(length)?;
            }

            b')' => self.push(Object::Tuple(Vec::new())),
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(code - 0x84)).filter(|from| *from >= self.floor());
                let items = self.stack.split_off(from.ok_or(Fault::Wrong("takes from an empty stack"))?);
                self.push(Object::Tuple(items));
            }
            b't' => {
                let items = self.marked()?;
                self.push(Object::Tuple(items));
            }
            b']' => self.push(Object::List(Vec::new())),
            b'a' => {
                let item = self.pop()?;
                self.list()?.push(item);
            }
            b'e' => {
                let items = self.marked()?;
                self.list()?.extend(items);
            }
            b'}' => self.push(Object::Dict(Vec::new())),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.dict()?.push((key, value));
            }
            b'u' => {
                let items = self.marked()?;
                if items.len() % 2 == 1 {
                    return Err(Fault::Wrong("sets a key without a value"));
                }
                self.dict()?.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }

            b'q' => {
                let place = self.reader.u8()?;
                self.remember(place.into())?;
            }
            b'r' => {
                let place = self.reader.u32()?;
                self.remember(place)?;
            }
            0x94 => {
                let place = u32::try_from(self.memo.len()).map_err(|_| Fault::Wrong("remembers too much"))?;
                self.remember(place)?;
            }
            b'h' => {
                let place = self.reader.u8()?;
                self.recall(place.into())?;
            }
            b'j' => {
                let place = self.reader.u32()?;
                self.recall(place)?;
            }

            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                self.class(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.objects[module], &self.objects[name]) {
                    (&Object::Text(module), &Object::Text(name)) => self.class(module.as_bytes(), name.as_bytes())?,
                    _ => return Err(Fault::Wrong("names a class by something other than text")),
                }
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(Object::Persistent(name));
            }
            b'R' => self.call()?,
            b'b' => {
                // An OrderedDict's attributes, which are torch's `_metadata`.
                let state = self.pop()?;
                let top = self.top()?;
                if !matches!((&self.objects[top], &self.objects[state]), (Object::Dict(_), Object::Dict(_))) {
                    return Err(Fault::Refused("the opcode BUILD on something other than an OrderedDict".into()));
                }
            }
            _ => return Err(Fault::Refused(format!("the opcode {}", opcode(code)))),
        }
        Ok(None)
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    /// Below this height the stack belongs to an outer mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, Fault> {
        let own = self.stack.get(self.floor()..).unwrap_or_default();
        own.last().copied().ok_or(Fault::Wrong("takes from an empty stack"))
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn marked(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or(Fault::Wrong("closes a mark that was never set"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn list(&mut self) -> Result<&mut Vec<Id>, Fault> {
        let top = self.top()?;
        match self.objects.get_mut(top) {
            Some(Object::List(items)) => Ok(items),
            _ => Err(Fault::Wrong("appends to something other than a list")),
        }
    }

    fn dict(&mut self) -> Result<&mut Vec<(Id, Id)>, Fault> {
        let top = self.top()?;
        match self.objects.get_mut(top) {
            Some(Object::Dict(items)) => Ok(items),
            _ => Err(Fault::Wrong("sets a key of something other than a dict")),
        }
    }

    fn remember(&mut self, place: u32) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), Fault> {
        let known = self.memo.get(&place).ok_or(Fault::Wrong("asks for what was never remembered"))?;
        self.stack.push(*known);
        Ok(())
    }

    /// A whole number of up to 16 bytes: the magic number of legacy files has ten.
    fn long(&mut self) -> Result<(), Fault> {
        let length = self.reader.u8()?;
        let digits = self.reader.take(length.into())?;
        if digits.len() > 16 {
            return Err(Fault::Refused("a number of more than 16 bytes".into()));
        }
        let sign = if digits.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [sign; 16];
        whole[..digits.len()].copy_from_slice(digits);
        self.push(Object::Int(i128::from_le_bytes(whole)));
        Ok(())
    }

    fn text(&mut self, length: u64) -> Result<(), Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Cut)?;
        let text =
            std::str::from_utf8(self.reader.take(length)?).map_err(|_| Fault::Wrong("holds text not in UTF-8"))?;
        self.push(Object::Text(text));
        Ok(())
    }

    fn class(&mut self, module: &[u8], name: &[u8]) -> Result<(), Fault> {
        let Some(class) = Class::named(module, name) else {
            return Err(Fault::Refused(format!("the class `{}.{}`", shown(module), shown(name))));
        };
        self.push(Object::Class(class));
        Ok(())
    }

    fn call(&mut self) -> Result<(), Fault> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Object::Class(class), Object::Tuple(given)) = (&self.objects[callee], &self.objects[arguments]) else {
            return Err(Fault::Refused("a call of something other than a class".into()));
        };
        match (class, given.as_slice()) {
            (Class::OrderedDict, []) => self.push(Object::Dict(Vec::new())),
            (Class::OrderedDict, _) => return Err(Fault::Refused("an OrderedDict made from something".into())),
            (Class::Tensor, _) => self.push(Object::Tensor(arguments)),
            // The tensor inside, or the tuple of sizes.
            (Class::Parameter | Class::Size, &[inner, ..]) => self.stack.push(inner),
            (Class::Parameter | Class::Size, []) => return Err(Fault::Wrong("makes a parameter from nothing")),
            (Class::Storage(_), _) => return Err(Fault::Refused("a storage made on the spot".into())),
        }
        Ok(())
    }
}

/// A class's name from the file, fit to be shown.
fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 80;
    let cut = if name.len() > LONGEST { "…" } else { "" };
    let start = &name[..name.len().min(LONGEST)];
    format!("{}{cut}", String::from_utf8_lossy(start).escape_debug())
}

fn opcode(code: u8) -> String {
    let name = match code {
        b'0' => "POP",
        b'1' => "POP_MARK",
        b'2' => "DUP",
        b'B' | b'C' | 0x8e => "BINBYTES",
        b'F' => "FLOAT",
        b'I' => "INT",
        b'L' | 0x8b => "LONG",
        b'P' => "PERSID",
        b'S' => "STRING",
        b'V' => "UNICODE",
        b'd' => "DICT",
        b'g' => "GET",
        b'i' => "INST",
        b'l' => "LIST",
        b'o' => "OBJ",
        b'p' => "PUT",
        0x81 | 0x92 => "NEWOBJ",
        0x82..=0x84 => "EXT",
        0x8f..=0x91 => "SET",
        0x96..=0x98 => "BUFFER",
        _ => return format!("0x{code:02x}, which is none"),
    };
    format!("{name} (0x{code:02x})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_built_as_python_does() {
        // pickle.dumps({"a": [1, -2, 2**40], "b": (True, None, 3.5)}, protocol=2), and a shared list
        let bytes =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01e\
                      X\x01\x00\x00\x00bh\x02u.rest";
        let pickle = Pickle::read(bytes).unwrap();
        assert_eq!(pickle.length, bytes.len() - 4);
        let Object::Dict(entries) = pickle.root() else { panic!("{pickle:?}") };
        assert_eq!(pickle.text(entries[1].0), Some("b"));
        assert_eq!(entries[0].1, entries[1].1);
        let Object::List(numbers) = pickle.get(entries[0].1) else { panic!("{pickle:?}") };
        let numbers: Vec<&Object> = numbers.iter().map(|id| pickle.get(*id)).collect();
        assert_eq!(numbers, [&Object::Int(1), &Object::Int(-2), &Object::Int(1 << 40)]);
    }

    #[test]
    fn whatever_else_a_pickle_asks_for_is_refused_by_name() {
        let cases: &[(&[u8], &str)] = &[
            (b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.", "the class `posix.system` (byte 2)"),
            (b"\x8c\x02os\x8c\x06system\x93.", "the class `os.system` (byte 12)"),
            (b"c__builtin__\neval\n.", "the class `__builtin__.eval`"),
            (b"ctorch._utils\n_rebuild_tensor_v3\n.", "_rebuild_tensor_v3"),
            (b"c\x1b[31m\nx\n.", "the class `\\u{1b}[31m.x`"),
            (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "the opcode NEWOBJ (0x81) (byte 28)"),
            (b"ios\nsystem\n.", "the opcode INST"),
            (b"I1\n.", "the opcode INT"),
            (b"\xff", "the opcode 0xff, which is none"),
            (b"N}b.", "byte 2"),
            (b"]}b.", "the opcode BUILD on something other"),
            (b"K\x01)R.", "a call of something other than a class"),
            (b"ctorch\nFloatStorage\nK\x05\x85R.", "a storage made on the spot"),
            (b"\x8a\x11aaaaaaaaaaaaaaaaa.", "more than 16 bytes"),
            (b"N()\x86.", "empty stack"),
            (b"N(0.", "the opcode POP"),
            (b"N(.", "empty stack"),
            (b"N\x86.", "empty stack"),
            (b"u.", "never set"),
            (b"}(Nu.", "without a value"),
            (b"N(Nu.", "other than a dict"),
            (b"h\x07.", "never remembered"),
            (b"X\xff\xff\xff\xffab", "breaks off after byte 0"),
            (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffab", "breaks off"),
            (b"X\x01\x00\x00\x00\xff.", "UTF-8"),
            (b"cos", "breaks off"),
            (b"", "breaks off"),
            (b"N", "breaks off after byte 1"),
        ];
        for (bytes, part) in cases {
            let error = Pickle::read(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{}: {error}", bytes.escape_ascii());
        }
    }

    #[test]
    fn neither_depth_nor_number_exhausts_the_machine() {
        let deep = [&b")"[..], &b"\x85".repeat(500_000), b"."].concat();
        assert!(Pickle::read(&deep).is_ok());
        let many = b"N".repeat(MOST_OBJECTS + 2);
        assert!(Pickle::read(&many).unwrap_err().to_string().contains("objects"));
        // A list that holds itself.
        assert!(Pickle::read(b"]q\x00h\x00a.").is_ok());
        let marks = b"(".repeat(LONGEST + 1);
        assert!(Pickle::read(&marks).unwrap_err().to_string().contains("breaks off"));
    }
}
