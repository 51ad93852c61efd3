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

    type Numbers = (&'static str, u64, u64, [u64; 3]);

    const NUMBERS: [Numbers; 4] = [
        ("order", 1, 2, [6373180881782737896, 11824076590006244486, 12784090012312381607]),
        ("head", 0, 0, [13271474629224501203, 1946268083566151618, 1550098499719087529]),
        ("dropout", 1099511627783, 34109, [6969366279991564018, 9081608320409391253, 2238322931051166583]),
        ("order", 2, 0, [13697795643663658989, 13326816018103050071, 10410148923893363403]),
    ];

    #[test]
    fn streams_repeat_and_differ_in_every_part() {
        let draw = |purpose, seed, counter| stream(purpose, seed, counter).next_u64();
        assert_eq!(draw("order", 1, 2), draw("order", 1, 2));
        let all = [draw("order", 1, 2), draw("head", 1, 2), draw("order", 2, 2), draw("order", 1, 3)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }

    /// The numbers are part of every result: these come from `tests/reference/streams.py`.
    #[test]
    fn streams_are_those_of_an_independent_statement() {
        for (purpose, seed, counter, expected) in NUMBERS {
            let mut stream = stream(purpose, seed, counter);
            assert_eq!(expected.map(|_| stream.next_u64()), expected, "{purpose} {seed} {counter}");
        }
        // Beyond the first block of eight numbers.
        let mut dropout = stream("dropout", 5, 1);
        (0..17).for_each(|_| _ = dropout.next_u64());
        assert_eq!(dropout.next_u64(), 17469350514960421281);
    }

    #[test]
    fn a_new_consumer_shifts_nobody() {
        let mut order = stream("order", 1, 0);
        let alone: Vec<u64> = (0..100).map(|_| order.next_u64()).collect();
        let (mut order, mut other) = (stream("order", 1, 0), stream("something new", 1, 0));
        let beside = (0..100).map(|i| {
            (0..i % 3).for_each(|_| _ = other.next_u64());
            order.next_u64()
        });
        assert_eq!(beside.collect::<Vec<_>>(), alone);
        // Two parts of a name are not another name and counter.
        assert_ne!(stream("order", 0, 0).next_u64(), stream("order\0", 0, 0).next_u64());
    }
}
