//! Named random streams: every consumer asks for its own, so adding one never shifts another's numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The stream for one `purpose` ("order", "head", "dropout", …) of one `seed` at one `counter` (an epoch, a training
/// step). Streams are independent of each other and of everything that was drawn before, so work can resume anywhere.
pub fn stream(purpose: &str, seed: u64, counter: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("pipeline.rng.v1");
    hasher.update(&(purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    hasher.update(&seed.to_le_bytes());
    hasher.update(&counter.to_le_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::stream;
    use rand::Rng;

    #[test]
    fn streams_repeat_and_differ_in_every_part() {
        let draw = |purpose, seed, counter| stream(purpose, seed, counter).next_u64();
        assert_eq!(draw("order", 1, 2), draw("order", 1, 2));
        let all = [draw("order", 1, 2), draw("head", 1, 2), draw("order", 2, 2), draw("order", 1, 3)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
