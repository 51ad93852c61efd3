//! Files bent out of shape, the same ones for the same seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// No input grows beyond this.
const LONGEST: usize = 64 << 10;
/// Numbers at which lengths and sizes go wrong.
const NUMBERS: [u64; 14] =
    [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 40, u64::MAX / 2, u64::MAX];
/// Words that mean something in one format or another.
const WORDS: [&str; 30] = [
    "0",
    "-1",
    "9999999",
    "4294967295",
    "18446744073709551616",
    "1e308",
    "-1e400",
    "nan",
    "inf",
    "null",
    "true",
    "\"",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    "[[[[[[[[",
    "{\"a\":",
    "\n",
    "\r\n",
    "\t",
    ",",
    "..",
    "../",
    "\u{feff}",
    "é",
    "\0",
    "=",
];

pub struct Mutator {
    random: ChaCha8Rng,
    files: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seed: u64, files: Vec<Vec<u8>>) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), files }
    }

    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.random.next_u64() % end as u64) as usize }
    }

    /// One of the files, changed in one place to eight.
    pub fn next(&mut self) -> Vec<u8> {
        let file = self.below(self.files.len());
        let mut bytes = self.files[file].clone();
        for _ in 0..1 + self.below(3) * self.below(4) {
            self.change(&mut bytes);
            bytes.truncate(LONGEST);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let length = self.below(64).min(bytes.len() - at);
        match self.below(11) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            2 if !bytes.is_empty() => bytes[at] = self.random.next_u64() as u8,
            3 | 4 => self.number(bytes, at),
            5 => drop(bytes.drain(at..at + length)),
            6 => {
                let chunk = bytes[at..at + length].to_vec();
                let times = [1, 2, 40, 1000][self.below(4)];
                bytes.splice(at..at, chunk.repeat(times));
            }
            7 => {
                let word = WORDS[self.below(WORDS.len())];
                let times = if self.below(8) == 0 { 1000 } else { 1 };
                let end = if self.below(2) == 0 { at } else { at + length.min(word.len()) };
                bytes.splice(at..end, word.repeat(times).into_bytes());
            }
            8 => bytes.truncate(at),
            9 => {
                let other = self.below(self.files.len());
                let from = self.below(self.files[other].len());
                let to = from + self.below(self.files[other].len() - from + 1);
                bytes.splice(at..at + length, self.files[other][from..to].to_vec());
            }
            _ => {
                let to = self.below(bytes.len());
                let chunk = bytes[at..at + length].to_vec();
                bytes.splice(to..to, chunk);
            }
        }
    }

    /// A number of some width and byte order over what is there, or in between.
    fn number(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let near = bytes.len() as u64 + self.below(5) as u64;
        let value = if self.below(4) == 0 { near } else { NUMBERS[self.below(NUMBERS.len())] };
        let width = [1, 2, 4, 8][self.below(4)];
        let mut number = value.to_le_bytes()[..width].to_vec();
        if self.below(2) == 0 {
            number.reverse();
        }
        let end = if self.below(4) == 0 { at } else { (at + width).min(bytes.len()) };
        bytes.splice(at..end, number);
    }
}
