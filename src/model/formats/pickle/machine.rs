//! The stack machine itself, one instruction at a time.

use super::super::reader::{Cut, Reader};
use super::objects::{Class, Id, Object};
use std::collections::HashMap;

/// Why an instruction is not carried out.
pub(super) enum Fault {
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
pub(super) struct Machine<'a> {
    reader: Reader<'a>,
    pub objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// How high the stack was at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Whether arrays may be made, and not only tensors.
    pub arrays: bool,
}

impl<'a> Machine<'a> {
    pub fn new(program: &'a [u8]) -> Self {
        Self { reader: Reader::new(program), ..Self::default() }
    }

    /// How many bytes of the program are done.
    pub fn at(&self) -> usize {
        self.reader.at()
    }

    /// One instruction; the last one gives the whole pickle's object. The codes are those of CPython's pickletools.
    pub fn step(&mut self) -> Result<Option<Id>, Fault> {
        let code = self.reader.u8()?;
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
                let number = f64::from_be_bytes(self.reader.array()?);
                self.push(Object::Float(number));
            }
            b'C' if self.arrays => {
                let length = self.reader.u8()?;
                self.bytes(length.into())?;
            }
            b'B' if self.arrays => {
                let length = self.reader.u32()?;
                self.bytes(length.into())?;
            }
            0x8e | 0x96 if self.arrays => {
                let length = self.reader.u64()?;
                self.bytes(length)?;
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
                let state = self.pop()?;
                let top = self.top()?;
                if let Some(Object::Call { state: known, .. }) = self.objects.get_mut(top) {
                    *known = Some(state);
                    return Ok(None);
                }
                // An OrderedDict's attributes, which are torch's `_metadata`.
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

    fn bytes(&mut self, length: u64) -> Result<(), Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Cut)?;
        let bytes = self.reader.take(length)?;
        self.push(Object::Bytes(bytes));
        Ok(())
    }

    fn class(&mut self, module: &[u8], name: &[u8]) -> Result<(), Fault> {
        let class = if self.arrays { Class::of_arrays(module, name) } else { Class::named(module, name) };
        let Some(class) = class else {
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
            (
                Class::Reconstruct
                | Class::NdArray
                | Class::Dtype
                | Class::Scalar
                | Class::FromBuffer
                | Class::Encode
                | Class::LoadFromBytes,
                _,
            ) => {
                let class = *class;
                self.push(Object::Call { class, arguments, state: None });
            }
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
