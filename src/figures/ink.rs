//! What shapes are drawn with.

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    pub rgb: (u8, u8, u8),
    /// 0 is invisible, 1 opaque.
    pub alpha: f64,
}

impl Ink {
    pub const fn solid(red: u8, green: u8, blue: u8) -> Ink {
        Ink { rgb: (red, green, blue), alpha: 1.0 }
    }

    /// `#rrggbb`.
    pub fn hex(text: &str) -> Option<Ink> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let level = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Ink::solid(level(0)?, level(2)?, level(4)?))
    }

    pub fn faded(self, alpha: f64) -> Ink {
        Ink { alpha, ..self }
    }
}
