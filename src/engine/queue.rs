//! Which step may run next. Plain numbers in and out: no disk, no tensors, no clock.

use std::collections::BTreeSet;

/// Steps 0..n with their dependencies; a lower number goes first among those that are ready. Some of them wait at a gate
/// until all else has ended that can.
#[derive(Debug)]
pub struct Queue {
    dependents: Vec<Vec<usize>>,
    missing: Vec<usize>,
    ready: BTreeSet<usize>,
    state: Vec<State>,
    /// Whose needs are there, as long as the gate is shut.
    at_gate: BTreeSet<usize>,
    /// Steps that the gate holds back; empty once it is open.
    gated: BTreeSet<usize>,
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
    /// `dependencies[step]` lists what the step needs, each once; `gated` steps wait until [`Self::open_gate`].
    pub fn new(dependencies: &[Vec<usize>], gated: BTreeSet<usize>) -> Self {
        let mut dependents = vec![Vec::new(); dependencies.len()];
        for (step, needs) in dependencies.iter().enumerate() {
            needs.iter().for_each(|need| dependents[*need].push(step));
        }
        let missing: Vec<usize> = dependencies.iter().map(Vec::len).collect();
        let free = (0..missing.len()).filter(|step| missing[*step] == 0);
        let (at_gate, ready) = free.partition(|step| gated.contains(step));
        Self { dependents, missing, ready, state: vec![State::Open; dependencies.len()], at_gate, gated }
    }

    /// Lets the steps through that wait at the gate, once nothing else runs or can. Says whether it did.
    pub fn open_gate(&mut self) -> bool {
        let opens = !self.at_gate.is_empty() && self.ready.is_empty() && !self.state.contains(&State::Running);
        if opens {
            self.ready.append(&mut self.at_gate);
            self.gated.clear();
        }
        opens
    }

    /// Takes the next step that can run now.
    pub fn next(&mut self) -> Option<usize> {
        let step = self.ready.pop_first()?;
        self.state[step] = State::Running;
        Some(step)
    }

    /// What [`Self::next`] will take, as far as it is known now.
    pub fn ready(&self) -> impl Iterator<Item = usize> + '_ {
        self.ready.iter().copied()
    }

    pub fn finish(&mut self, step: usize) {
        self.state[step] = State::Done;
        for &dependent in &self.dependents[step] {
            self.missing[dependent] -= 1;
            if self.missing[dependent] == 0 && self.state[dependent] == State::Open {
                let gated = self.gated.contains(&dependent);
                if gated { &mut self.at_gate } else { &mut self.ready }.insert(dependent);
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
                    self.at_gate.remove(&dependent);
                    dropped.push(dependent);
                    open.push(dependent);
                }
            }
        }
        dropped
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Neither begun nor given up.
    pub fn is_open(&self, step: usize) -> bool {
        self.state[step] == State::Open
    }

    /// Nothing runs and nothing can.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.at_gate.is_empty() && !self.state.contains(&State::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_failure_drops_what_needs_it_and_nothing_else() {
        // 0 → 1 → 3, 2 → 3, 2 → 4
        let mut queue = Queue::new(&[vec![], vec![0], vec![], vec![1, 2], vec![2]], BTreeSet::new());
        assert_eq!((queue.next(), queue.next(), queue.next()), (Some(0), Some(2), None));
        assert_eq!(queue.drop_step(0), vec![1, 3]);
        queue.finish(2);
        assert_eq!((queue.next(), queue.next()), (Some(4), None));
        queue.finish(4);
        assert!(queue.is_idle());
    }

    #[test]
    fn gated_steps_wait_until_all_else_has_ended() {
        // 0 → 1 (gated), 2 → 3, 1 → 4
        let mut queue = Queue::new(&[vec![], vec![0], vec![], vec![2], vec![1]], BTreeSet::from([1]));
        assert_eq!((queue.next(), queue.next(), queue.next()), (Some(0), Some(2), None));
        queue.finish(0);
        assert_eq!((queue.next(), queue.open_gate()), (None, false));
        queue.finish(2);
        assert_eq!((queue.open_gate(), queue.next(), queue.open_gate()), (false, Some(3), false));
        assert!(!queue.is_idle());
        queue.drop_step(3);
        assert!(!queue.is_idle() && queue.next().is_none() && queue.open_gate());
        assert_eq!((queue.next(), queue.open_gate()), (Some(1), false));
        queue.finish(1);
        assert_eq!(queue.next(), Some(4));
        queue.finish(4);
        assert!(queue.is_idle());
    }

    proptest! {
        /// Any graph, any failures: every step runs after its needs, or is dropped, exactly once; what waits at the gate
        /// after all that need not.
        #[test]
        fn every_step_ends_once(seed in proptest::collection::vec((any::<u16>(), any::<bool>()), 1..40), gate in any::<u64>()) {
            let dependencies: Vec<Vec<usize>> = seed
                .iter()
                .enumerate()
                .map(|(step, (bits, _))| (0..step).filter(|need| bits >> (need % 16) & 1 == 1 && need % 3 == step % 3).collect())
                .collect();
            let gated: BTreeSet<usize> = (0..seed.len()).filter(|step| gate >> step & 1 == 1).collect();
            let mut queue = Queue::new(&dependencies, gated.clone());
            let mut ended = vec![None; seed.len()];
            let mut open = false;
            loop {
                let Some(step) = queue.next() else {
                    if !queue.open_gate() {
                        break;
                    }
                    open = true;
                    continue;
                };
                prop_assert!(open || !gated.contains(&step));
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
