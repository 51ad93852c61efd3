//! Slurm as it is: a study's pilots are an array of jobs, each a plain `pipeline run` on the shared cache, and one last
//! job writes the results. Scripts are for people to read, keep and edit; nothing here decides what runs where.

mod queue;
mod scripts;
mod settings;
mod submitted;

pub use queue::{Line, Queue, QueueError};
pub use scripts::{Pilots, Scripts};
pub use settings::{Gpus, Limit, Memory, Settings};
pub use submitted::{Answer, Submitted, ask};

/// The job that this process is part of, as the queue calls it: `123`, or `123_4` of an array.
pub fn own_job() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("SLURM_ARRAY_JOB_ID"), variable("SLURM_ARRAY_TASK_ID")) {
        (Some(array), Some(task)) => Some(format!("{array}_{task}")),
        _ => variable("SLURM_JOB_ID"),
    }
}
