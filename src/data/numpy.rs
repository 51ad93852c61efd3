//! NumPy's `default_rng(seed).permutation(n)`, which the published study orders HANS with: SeedSequence, PCG64 and
//! `Generator.permutation` as NumPy defines them.

/// The order in which `numpy.random.default_rng(seed).permutation(n)` puts 0..n. `n` must be below 2³².
pub fn numpy_permutation(seed: u64, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut generator = Pcg64::new(seed);
    for last in (1..n).rev() {
        let other = generator.up_to(last as u32) as usize;
        order.swap(last, other);
    }
    order
}

/// PCG XSL-RR 128/64, handing out 32 bits at a time, low half first.
struct Pcg64 {
    state: u128,
    increment: u128,
    high_half: Option<u32>,
}

impl Pcg64 {
    fn new(seed: u64) -> Self {
        let [s0, s1, i0, i1] = seed_sequence(seed);
        let join = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let mut generator = Self { state: 0, increment: join(i0, i1) << 1 | 1, high_half: None };
        generator.step();
        generator.state = generator.state.wrapping_add(join(s0, s1));
        generator.step();
        generator
    }

    fn step(&mut self) {
        const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.high_half.take() {
            return half;
        }
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        let word = folded.rotate_right((self.state >> 122) as u32);
        self.high_half = Some((word >> 32) as u32);
        word as u32
    }

    /// Uniform over 0..=most: bits under the smallest mask that covers `most`, drawn again while too large.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let value = self.next_u32() & mask;
            if value <= most {
                return value;
            }
        }
    }
}

/// NumPy's `SeedSequence(seed).generate_state(4, uint64)`.
fn seed_sequence(seed: u64) -> [u64; 4] {
    let mut constant: u32 = 0x43b0_d7e5;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(0x931e_8875);
        let value = value.wrapping_mul(constant);
        value ^ value >> 16
    };
    let mut pool = [seed as u32, (seed >> 32) as u32, 0, 0].map(&mut hash);
    for source in 0..4 {
        for target in (0..4).filter(|target| *target != source) {
            let mixed =
                pool[target].wrapping_mul(0xca01_f9dd).wrapping_sub(hash(pool[source]).wrapping_mul(0x4973_f715));
            pool[target] = mixed ^ mixed >> 16;
        }
    }
    let mut constant: u32 = 0x8b51_f9dd;
    let words: [u32; 8] = std::array::from_fn(|word| {
        let value = pool[word % 4] ^ constant;
        constant = constant.wrapping_mul(0x58f3_8ded);
        let value = value.wrapping_mul(constant);
        value ^ value >> 16
    });
    std::array::from_fn(|word| u64::from(words[2 * word]) | u64::from(words[2 * word + 1]) << 32)
}

#[cfg(test)]
mod tests {
    use super::numpy_permutation;

    /// From NumPy 2.4; the first is the order of HANS's examples in the published study.
    #[test]
    fn equals_numpy() {
        assert_eq!(numpy_permutation(42, 5000)[..5], [1535, 1183, 3378, 3825, 643]);
        assert_eq!(numpy_permutation(0, 10), [4, 6, 2, 7, 3, 5, 9, 0, 8, 1]);
        assert_eq!(numpy_permutation((1 << 40) + 3, 6), [2, 5, 0, 3, 1, 4]);
        let mut all = numpy_permutation(7, 1000);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1000));
    }
}
