//! Bytes from front to back, never past their end.

/// The bytes end before what should stand at `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub at: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Cut> {
        let end = self.at.checked_add(count).ok_or(Cut { at: self.at })?;
        let taken = self.bytes.get(self.at..end).ok_or(Cut { at: self.at })?;
        self.at = end;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Cut> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| Cut { at })
    }

    pub fn u8(&mut self) -> Result<u8, Cut> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u32(&mut self) -> Result<u32, Cut> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Cut> {
        self.array().map(u64::from_le_bytes)
    }

    /// What stands before the next line feed, which is read too.
    pub fn line(&mut self) -> Result<&'a [u8], Cut> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(Cut { at: self.at })?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    /// Seven bits a byte, the lowest first. More than 64 bits count as cut.
    pub fn varint(&mut self) -> Result<u64, Cut> {
        let at = self.at;
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Cut { at })
    }

    /// A varint that is the length or the place of something in memory.
    pub fn length(&mut self) -> Result<usize, Cut> {
        let at = self.at;
        usize::try_from(self.varint()?).map_err(|_| Cut { at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_where_they_should() {
        let read = |bytes: &[u8]| Reader::new(bytes).varint();
        let most = [&[0xff; 9][..], &[1]].concat();
        assert_eq!(read(&[0x2a]), Ok(42));
        assert_eq!(read(&[0xac, 0x02]), Ok(300));
        assert_eq!(read(&most), Ok(u64::MAX));
        assert_eq!(read(&[0xff; 10]), Err(Cut { at: 0 }));
        assert_eq!(read(&[0x80]), Err(Cut { at: 1 }));
        assert_eq!(Reader::new(b"ab").take(usize::MAX), Err(Cut { at: 0 }));
    }
}
