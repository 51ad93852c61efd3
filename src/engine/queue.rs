//! Which step may run next. Plain numbers in and out: no disk, no tensors, no clock.

use std::collections::BTreeSet;

/// Steps 0..n with their dependencies; a lower number goes first among those that are ready.
#[derive(Debug)]
pub struct Queue {
    dependents: Vec<Vec<usize>>,
    missing: Vec<usize>,
    ready: BTreeSet<usize>,
    state: Vec<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Running,
    Done,
    /// Failed itself, or cannot run because of a step that did.
    Dropped,
}

impl Queue {
    /// `dependencies[step]` lists what the step needs, each once.
    pub fn new(dependencies: &[Vec<usize>]) -> Self {
        let mut dependents = vec![Vec::new(); dependencies.len()];
        for (step, needs) in dependencies.iter().enumerate() {
            needs.iter().for_each(|need| dependents[*need].push(step));
        }
        let missing: Vec<usize> = dependencies.iter().map(Vec::len).collect();
        let ready = (0..missing.len()).filter(|step| missing[*step] == 0).collect();
        Self { dependents, missing, ready, state: vec![State::Open; dependencies.len()] }
    }

    /// Takes the next step that can run now.
    pub fn next(&mut self) -> Option<usize> {
        let step = self.ready.pop_first()?;
        self.state[step] = State::Running;
        Some(step)
    }

    pub fn finish(&mut self, step: usize) {
        self.state[step] = State::Done;
        for &dependent in &self.dependents[step] {
            self.missing[dependent] -= 1;
            if self.missing[dependent] == 0 && self.state[dependent] == State::Open {
                self.ready.insert(dependent);
            }
        }
    }

    /// Gives up on a step and returns everything that can therefore not run, each step once.
    pub fn drop_step(&mut self, step: usize) -> Vec<usize> {
        self.state[step] = State::Dropped;
        let mut dropped = Vec::new();
        let mut open = vec![step];
        while let Some(step) = open.pop() {
            for &dependent in &self.dependents[step] {
                if self.state[dependent] == State::Open {
                    self.state[dependent] = State::Dropped;
                    self.ready.remove(&dependent);
                    dropped.push(dependent);
                    open.push(dependent);
                }
            }
        }
        dropped
    }

    /// Nothing runs and nothing can.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && !self.state.contains(&State::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_failure_drops_what_needs_it_and_nothing_else() {
        // 0 → 1 → 3, 2 → 3, 2 → 4
        let mut queue = Queue::new(&[vec![], vec![0], vec![], vec![1, 2], vec![2]]);
        assert_eq!((queue.next(), queue.next(), queue.next()), (Some(0), Some(2), None));
        assert_eq!(queue.drop_step(0), vec![1, 3]);
        queue.finish(2);
        assert_eq!((queue.next(), queue.next()), (Some(4), None));
        queue.finish(4);
        assert!(queue.is_idle());
    }

    proptest! {
        /// Any graph, any failures: every step runs after its needs, or is dropped, exactly once.
        #[test]
        fn every_step_ends_once(seed in proptest::collection::vec((any::<u16>(), any::<bool>()), 1..40)) {
            let dependencies: Vec<Vec<usize>> = seed
                .iter()
                .enumerate()
                .map(|(step, (bits, _))| (0..step).filter(|need| bits >> (need % 16) & 1 == 1 && need % 3 == step % 3).collect())
                .collect();
            let mut queue = Queue::new(&dependencies);
            let mut ended = vec![None; seed.len()];
            while let Some(step) = queue.next() {
                prop_assert!(dependencies[step].iter().all(|need| ended[*need] == Some(true)));
                prop_assert!(ended[step].is_none());
                if seed[step].1 {
                    ended[step] = Some(true);
                    queue.finish(step);
                } else {
                    ended[step] = Some(false);
                    for dropped in queue.drop_step(step) {
                        prop_assert!(ended[dropped].is_none());
                        ended[dropped] = Some(false);
                    }
                }
            }
            prop_assert!(queue.is_idle() && ended.iter().all(Option::is_some));
        }
    }
}
