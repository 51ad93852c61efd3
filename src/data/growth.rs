//! How much longer a tokenizer can make a text before it cuts it up. A tokenizer's file may hold any number of
//! replacements, one after the other, and six of `.` by a hundred letters make a terabyte of one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Bytes for each byte of the text at most, by the normalizer of a `tokenizer.json`.
pub(super) fn growth(normalizer: &Value) -> u64 {
    let text = |key: &str| normalizer[key].as_str().unwrap_or_default();
    match text("type") {
        "Sequence" => {
            let parts = normalizer["normalizers"].as_array().into_iter().flatten();
            parts.fold(1, |all: u64, part| all.saturating_mul(growth(part)))
        }
        "Replace" => {
            let content = text("content").len() as u64;
            match normalizer["pattern"]["String"].as_str().map_or(0, str::len) as u64 {
                // A regular expression can fit between any two bytes.
                0 => content.saturating_add(1),
                pattern => content.div_ceil(pattern).max(1),
            }
        }
        "Prepend" => (text("prepend").len() as u64).saturating_add(1),
        // The length of a table, the table, and the texts that it puts in, each ended by a 0.
        "Precompiled" => {
            let map = BASE64_STANDARD.decode(text("precompiled_charsmap")).unwrap_or_default();
            let table = map.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
            let texts = map.get(4 + table..).unwrap_or(&map);
            let longest = texts.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0);
            (longest as u64).max(1)
        }
        // Of the forms that Unicode defines, none takes more: U+FDFA is 3 bytes, and 33 when it is taken apart.
        "NFC" | "NFD" | "NFKC" | "NFKD" => 11,
        // Spaces around a character, a letter that is two when it is small, a byte that is written as two.
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_multiplies_is_multiplied() {
        let replace = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"String": pattern}, "content": content});
        let hundred = replace(".", &"a".repeat(100));
        let map = [&[8, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9][..], b"one\0three\0"].concat();
        for (normalizer, expected) in [
            (Value::Null, 3),
            (json!({"type": "BertNormalizer"}), 3),
            (replace("``", "\""), 1),
            (replace(" ", "▁"), 3),
            (json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}), 2),
            (json!({"type": "Prepend", "prepend": "▁"}), 4),
            (json!({"type": "Precompiled", "precompiled_charsmap": BASE64_STANDARD.encode(map)}), 5),
            (json!({"type": "Sequence", "normalizers": vec![hundred.clone(); 6]}), 1_000_000_000_000),
            (json!({"type": "Sequence", "normalizers": vec![hundred; 60]}), u64::MAX),
        ] {
            assert_eq!(growth(&normalizer), expected, "{normalizer}");
        }
    }
}
