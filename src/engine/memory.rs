//! What a worker keeps between steps, such as models on the device: values of any type, by name.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of all values of one type. The driver orders pairs in tiles of eight models, so room for some ten BERT-base
/// models saves nearly all loading.
const MOST_BYTES: usize = 5 << 30;
/// Values of one type.
const MOST_VALUES: usize = 16;

/// What may be kept.
pub trait Keep: Any + Send + Sync {
    /// Of memory, on the host or on the device. What is small beside its number counts as nothing.
    fn bytes(&self) -> usize {
        0
    }

    /// How many values of this type are kept at most.
    fn most() -> usize
    where
        Self: Sized,
    {
        MOST_VALUES
    }
}

/// The least recently used go first.
pub struct Memory {
    kept: VecDeque<Entry>,
    most_bytes: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self { kept: VecDeque::new(), most_bytes: MOST_BYTES }
    }
}

struct Entry {
    name: String,
    value: Arc<dyn Any + Send + Sync>,
    bytes: usize,
}

impl Memory {
    pub fn get<T: Keep>(&mut self, name: &str) -> Option<Arc<T>> {
        let at = self.kept.iter().position(|entry| entry.name == name && entry.value.is::<T>())?;
        let entry = self.kept.remove(at)?;
        let value = entry.value.clone().downcast().ok();
        self.kept.push_front(entry);
        value
    }

    /// Keeps less from now on, where the worker's share of the machine is less.
    pub fn limit(&mut self, bytes: u64) {
        self.most_bytes = MOST_BYTES.min(usize::try_from(bytes).unwrap_or(MOST_BYTES));
    }

    /// The newest value stays, however large it is.
    pub fn keep<T: Keep>(&mut self, name: String, value: Arc<T>) {
        self.kept.push_front(Entry { name, bytes: value.bytes(), value });
        let (mut bytes, mut values) = (0, 0);
        self.kept.retain(|entry| {
            if !entry.value.is::<T>() {
                return true;
            }
            bytes += entry.bytes;
            values += 1;
            values == 1 || (bytes <= self.most_bytes && values <= T::most())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Small(u32);
    struct Large;

    impl Keep for Small {}

    impl Keep for Large {
        fn bytes(&self) -> usize {
            3 << 30
        }

        fn most() -> usize {
            usize::MAX
        }
    }

    #[test]
    fn the_least_recently_used_of_a_type_go_first() {
        let mut memory = Memory::default();
        memory.keep("large".to_owned(), Arc::new(Large));
        for number in 0..20 {
            memory.keep(number.to_string(), Arc::new(Small(number)));
            assert!(memory.get::<Small>("0").is_some(), "used all the time, after {number}");
        }
        let there = |memory: &mut Memory, number: u32| memory.get::<Small>(&number.to_string()).map(|one| one.0);
        assert_eq!((there(&mut memory, 19), there(&mut memory, 5), there(&mut memory, 4)), (Some(19), Some(5), None));
        assert!(memory.get::<Large>("large").is_some() && memory.get::<Small>("large").is_none());
        memory.keep("another".to_owned(), Arc::new(Large));
        assert!(memory.get::<Large>("another").is_some() && memory.get::<Large>("large").is_none());
    }
}
