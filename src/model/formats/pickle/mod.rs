//! The part of Python's pickle language that a state dict is written in.
//!
//! A pickle is a program for a stack machine. This machine knows the instructions that build numbers, texts, tuples,
//! lists and dicts, and a fixed list of classes, each of which only becomes a note of what it was called with. Anything
//! else ends the reading. Objects lie in one flat list and know each other by place, so that neither reading nor
//! dropping them recurses, and each byte makes at most one of them.

mod machine;
mod objects;
#[cfg(test)]
mod tests;

pub(super) use objects::{Class, Element, Id, Object};

use super::FormatError;
use machine::{Fault, Machine};

/// A BERT's state dict has some thirty objects a tensor.
const MOST_OBJECTS: usize = 1 << 20;
/// In bytes; a BERT's has less than a hundredth of it.
const LONGEST: usize = 16 << 20;

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
