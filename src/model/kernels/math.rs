//! Scalar functions that compilers can turn into vector code: no branches, no calls, no tables.
//!
//! The standard library's `exp`, `tanh` and a library's `erf` are exact to the last bit but run one value at a time,
//! and would cost as much as the matrix products around them.

/// `e^x`, relative error below 2e-7; 0 below −87, saturated above 88.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer and leaves that integer in the low bits (Cephes' expf otherwise).
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    let value = (p * r * r + r + 1.0) * power;
    if x < -87.0 { 0.0 } else { value }
}

/// The error function, absolute error below 5e-7 (a rational approximation, as in Eigen and XLA).
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    const END: f32 = 4.0;
    let x = x.clamp(-END, END);
    let x2 = x * x;
    let mut top = -2.726_142_3e-10;
    for c in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_4e-4, -2.954_6e-3, -1.609_603_3e-2] {
        top = top * x2 + c;
    }
    let mut bottom = -1.456_607_2e-5;
    for c in [-2.133_740_5e-4, -1.682_827e-3, -7.373_329_3e-3, -1.426_474e-2] {
        bottom = bottom * x2 + c;
    }
    // Exactly 1 at the ends: GELU multiplies what is left of 1 with its argument.
    if x.abs() >= END { x / END } else { x * top / bottom }
}

/// The hyperbolic tangent, absolute error below 3e-7 (a rational approximation, as in Eigen).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    const END: f32 = 7.905_311;
    let x = x.clamp(-END, END);
    let x2 = x * x;
    let mut top = -2.760_768_5e-16;
    for c in [2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619e-4, 4.893_524_6e-3] {
        top = top * x2 + c;
    }
    let mut bottom = 1.198_258_4e-6;
    for c in [1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3] {
        bottom = bottom * x2 + c;
    }
    if x.abs() >= END { x / END } else { x * top / bottom }
}

/// The derivative of the hyperbolic tangent, relative error below 1e-6: `1 − tanh²` would cancel where the tangent is
/// nearly 1, and GELU's derivative multiplies it with the cube of its argument.
#[inline(always)]
pub fn tanh_slope(x: f32) -> f32 {
    let u = exp(-2.0 * x.abs());
    4.0 * u / ((1.0 + u) * (1.0 + u))
}

/// 32 well-mixed bits for place `index` of the stream `key`: a counter-based generator, so that a dropout mask can be
/// drawn again in the backward pass instead of being kept (the mixing steps are Wellons' lowbias32).
#[inline(always)]
pub fn hash(key: u64, index: u32) -> u32 {
    let mut x = index.wrapping_add(key as u32);
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_add((key >> 32) as u32);
    x = x.wrapping_mul(0x846c_a68b);
    x ^= x >> 16;
    x = x.wrapping_mul(0x9e37_79b1);
    x ^ (x >> 15)
}

/// The sum of `f(i)` for `i` below `n`, in sixteen interleaved partial sums: vectorisable, and the same on every
/// machine.
#[inline(always)]
pub fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0.0f32; LANES];
    let whole = n - n % LANES;
    let mut start = 0;
    while start < whole {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += f(start + lane);
        }
        start += LANES;
    }
    let mut total = 0.0;
    for lane in lanes {
        total += lane;
    }
    for i in whole..n {
        total += f(i);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(from: f64, to: f64, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, relative: bool) -> f64 {
        let error = |i: u32| {
            let x = (from + (to - from) * f64::from(i) / 20_000.0) as f32;
            let want = exact(f64::from(x));
            (f64::from(f(x)) - want).abs() / if relative { want.abs() } else { 1.0 }
        };
        (0..=20_000).map(error).fold(0.0, f64::max)
    }

    /// Simpson's rule on the definition.
    fn exact_erf(x: f64) -> f64 {
        let n = 400;
        let h = x / f64::from(n);
        let f = |i: i32| (-(h * f64::from(i)).powi(2)).exp();
        let inner: f64 = (1..n).map(|i| f(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        std::f64::consts::FRAC_2_SQRT_PI * h / 3.0 * (f(0) + inner + f(n))
    }

    #[test]
    fn approximations_are_accurate() {
        assert!(worst(-86.0, 86.0, exp, f64::exp, true) < 2e-7);
        assert!(worst(-1.0, 1.0, exp, f64::exp, true) < 2e-7);
        assert_eq!(exp(-100.0), 0.0);
        assert_eq!(exp(-1e9), 0.0);
        assert_eq!(exp(0.0), 1.0);
        let (erf_error, tanh_error) =
            (worst(-6.0, 6.0, erf, exact_erf, false), worst(-12.0, 12.0, tanh, f64::tanh, false));
        assert!(erf_error < 5e-7 && tanh_error < 3e-7, "{erf_error} {tanh_error}");
        assert!(worst(-40.0, 40.0, tanh_slope, |x| x.cosh().powi(-2), true) < 1e-6);
        for end in [8.0, 1e4, f32::INFINITY] {
            assert_eq!([erf(end), erf(-end), tanh(end), tanh(-end)], [1.0, -1.0, 1.0, -1.0]);
        }
        assert!(exp(f32::NAN).is_nan() && erf(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }

    #[test]
    fn hash_is_balanced_and_keys_are_unrelated() {
        let n = 100_000u32;
        let ones = |key: u64, bit: u32| (0..n).filter(|i| hash(key, *i) >> bit & 1 == 1).count() as f64;
        let deviation = f64::from(n).sqrt() / 2.0;
        for (key, bit) in [(1, 31), (1, 0), (1 << 32, 17), (0xdead_beef_0123_4567, 24)] {
            assert!((ones(key, bit) - f64::from(n) / 2.0).abs() < 4.5 * deviation, "key {key} bit {bit}");
        }
        for (a, b) in [(1, 2), (1, 1 + (1 << 32)), (7, 8 + (9 << 32))] {
            let equal = (0..n).filter(|i| (hash(a, *i) ^ hash(b, *i)) >> 31 == 0).count() as f64;
            assert!((equal - f64::from(n) / 2.0).abs() < 4.5 * deviation, "keys {a} and {b}");
        }
        let neighbours = (0..n).filter(|i| (hash(3, *i) ^ hash(3, i + 1)) >> 31 == 0).count() as f64;
        assert!((neighbours - f64::from(n) / 2.0).abs() < 4.5 * deviation);
    }

    #[test]
    fn sum_takes_every_term_once() {
        for n in [0, 1, 15, 16, 17, 100] {
            assert_eq!(sum(n, |i| i as f32), (0..n).sum::<usize>() as f32);
        }
    }
}
