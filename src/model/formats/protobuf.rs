//! The wire format of protocol buffers: numbered fields.

use super::reader::{Cut, Reader};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// Every field of a message with its number, in the order of the file. Groups, long out of use, count as cut.
pub(super) fn fields(message: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Cut> {
    let mut reader = Reader::new(message);
    let mut fields = Vec::new();
    while !reader.is_empty() {
        let at = reader.at();
        let tag = reader.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(reader.varint()?),
            1 => Value::Fixed64(reader.u64()?),
            2 => {
                let length = reader.length()?;
                Value::Bytes(reader.take(length)?)
            }
            5 => Value::Fixed32(reader.u32()?),
            _ => return Err(Cut { at }),
        };
        fields.push((tag >> 3, value));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field_is_read() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x35, 1, 0, 0, 0, 0x39, 2, 0, 0, 0, 0, 0, 0, 0];
        let expected =
            [(1, Value::Varint(150)), (2, Value::Bytes(b"hi")), (6, Value::Fixed32(1)), (7, Value::Fixed64(2))];
        assert_eq!(fields(&message).unwrap(), expected);
        for cut in [1, 2, 4, 6, 9, 20] {
            assert!(fields(&message[..cut]).is_err(), "{cut}");
        }
        assert!(fields(&[0x0b]).is_err());
    }
}
