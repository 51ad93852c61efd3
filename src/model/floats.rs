//! Floating point numbers of every width as f32.

/// How a number is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float {
    F64,
    F32,
    F16,
    /// The upper half of an f32.
    BF16,
}

impl Float {
    /// By the name that NumPy and JAX give it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "float64" => Some(Self::F64),
            "float32" => Some(Self::F32),
            "float16" => Some(Self::F16),
            "bfloat16" => Some(Self::BF16),
            _ => None,
        }
    }

    /// Bytes a number.
    pub fn width(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// Every whole number in `bytes`; f64 is rounded, the others are exact.
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let halves = || bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        match self {
            Self::F64 => {
                let double = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
                bytes.chunks_exact(8).map(|b| double(b) as f32).collect()
            }
            Self::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Self::F16 => halves().map(widen).collect(),
            Self::BF16 => halves().map(|half| f32::from_bits(u32::from(half) << 16)).collect(),
        }
    }
}

/// IEEE half precision to single precision, exactly.
fn widen(half: u16) -> f32 {
    let sign = if half >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(half & 0x3ff);
    match (half >> 10) & 0x1f {
        0 => sign * fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2f32.powi(i32::from(exponent) - 15),
    }
}

/// How many elements a tensor of this shape has, if that can be counted.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_is_read() {
        let cases = [(0x3c00, 1.0), (0xc500, -5.0), (0x0001, 2f32.powi(-24)), (0x7bff, 65504.0), (0x8000, -0.0)];
        for (bits, value) in cases {
            assert_eq!(widen(bits).to_bits(), f32::to_bits(value));
        }
        assert!(widen(0x7e00).is_nan() && widen(0xfc00) == f32::NEG_INFINITY);
        assert_eq!(Float::BF16.decode(&[0x80, 0x3f, 0x00, 0xc0]), [1.0, -2.0]);
        assert_eq!(Float::F64.decode(&0.1f64.to_le_bytes()), [0.1]);
        assert_eq!(Float::F32.decode(&1e-45f32.to_le_bytes()), [1e-45]);
    }

    #[test]
    fn shapes_that_overflow_have_no_size() {
        assert_eq!(elements(&[3, 0, 7]), Some(0));
        assert_eq!(elements(&[]), Some(1));
        assert_eq!(elements(&[usize::MAX, 2]), None);
    }
}
