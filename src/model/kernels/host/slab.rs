//! Buffers of f32 that are used again: a page that the system has to clear costs more than most of what is done on it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Those that nobody holds; the newest last.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// More than a training step of 48 layers leaves.
const MOST_FREE: usize = 2048;

/// Some numbers of the host's memory; whoever drops them leaves the memory to the next.
#[derive(Debug)]
pub struct Slab {
    /// At least `count` long.
    memory: Vec<f32>,
    count: usize,
}

impl Slab {
    /// So many numbers, whatever they were.
    pub fn take(count: usize) -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough, and not much too large.
        let fits = |memory: &Vec<f32>| (count..=2 * count.max(512)).contains(&memory.capacity());
        let all = free.iter().enumerate().rev().filter(|(_, memory)| fits(memory));
        let best = all.min_by_key(|(_, memory)| memory.capacity()).map(|(at, _)| at);
        let found = best.map(|at| free.remove(at));
        drop(free);
        let mut memory = found.unwrap_or_else(|| Vec::with_capacity(count + count / 8));
        if memory.len() < count {
            memory.resize(count, 0.0);
        }
        Self { memory, count }
    }

    pub fn copy(of: &[f32]) -> Self {
        let mut slab = Self::take(of.len());
        slab.copy_from_slice(of);
        slab
    }

    /// The memory itself, which comes back only where somebody makes a buffer of it again.
    pub fn into_vec(mut self) -> Vec<f32> {
        let mut memory = std::mem::take(&mut self.memory);
        memory.truncate(self.count);
        memory
    }
}

/// Gives all that nobody holds back to the system: a training step leaves more than evaluations need.
pub fn forget_free() {
    FREE.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

impl From<Vec<f32>> for Slab {
    fn from(memory: Vec<f32>) -> Self {
        Self { count: memory.len(), memory }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.capacity() > 0 {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            let oldest = (free.len() >= MOST_FREE).then(|| free.remove(0));
            free.push(memory);
            drop(free);
            drop(oldest);
        }
    }
}

impl Deref for Slab {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.count]
    }
}

impl DerefMut for Slab {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again() {
        // A size that no other test takes.
        let count = 1_234_567;
        let first = Slab::copy(&vec![1.0; count]);
        let address = first.as_ptr();
        drop(first);
        let second = Slab::take(count - 1000);
        assert_eq!((second.as_ptr(), second.len()), (address, count - 1000));
        let vec = second.into_vec();
        assert_eq!((vec.as_ptr(), vec.len()), (address, count - 1000));
        drop(Slab::from(vec));
        assert_eq!(Slab::take(count - 1000).as_ptr(), address);
        assert_ne!(Slab::take(count / 3).as_ptr(), address, "a small one does not hold a large one's memory");
    }
}
