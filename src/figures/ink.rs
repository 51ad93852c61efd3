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

    pub fn faded(self, alpha: f64) -> Ink {
        Ink { alpha, ..self }
    }
}
