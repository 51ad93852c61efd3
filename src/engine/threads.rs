//! The threads of the step that runs. Its products and our own kernels take those of the pool that they are called in,
//! so a step runs inside one of the size that its task names.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::context::StageError;

/// As the main thread of a process has.
const STACK: usize = 8 << 20;

/// The pool of the last step, which the next one of the same size gets too.
#[derive(Default)]
pub struct Threads(Option<Arc<ThreadPool>>);

impl Threads {
    /// # Errors
    /// The system gives no more threads.
    pub fn of(&mut self, threads: usize) -> Result<Arc<ThreadPool>, StageError> {
        let threads = threads.max(1);
        if let Some(pool) = self.0.as_ref().filter(|pool| pool.current_num_threads() == threads) {
            return Ok(pool.clone());
        }
        // The old threads go first.
        self.0 = None;
        let builder = ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK);
        let pool = builder.thread_name(|number| format!("step-{number}")).build().map_err(|error| {
            StageError::new(format!("failed to start {threads} threads: {error}"))
                .help("RAYON_NUM_THREADS says how many a run uses")
        })?;
        Ok(self.0.insert(Arc::new(pool)).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_sees_as_many_threads_as_its_task_says() {
        let mut threads = Threads::default();
        for wanted in [1, 3, 3, 2] {
            let pool = threads.of(wanted).unwrap();
            assert_eq!(pool.install(rayon::current_num_threads), wanted);
        }
        let pool = threads.of(2).unwrap();
        assert!(Arc::ptr_eq(&pool, &threads.of(2).unwrap()), "it is kept");
        assert_eq!(threads.of(0).unwrap().current_num_threads(), 1);
    }
}
