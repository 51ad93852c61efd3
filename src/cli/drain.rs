//! Runs that share a study with others: what is worth waiting for, and how long a run may go on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::engine::{Drain, Graph, Plan};
use crate::kinds::cost::StudyCosts;
use crate::progress::Costs;
use crate::store::Store;

/// The most that is left of a run's time for saving and ending.
const MARGIN: Duration = Duration::from_secs(120);

/// What each step takes, in operations; steps of which nothing is known count as the others do.
pub(super) fn drain(graph: &Graph, plan: &Plan, store: &Store) -> Drain {
    let mut costs = StudyCosts::new(store);
    costs.begin(graph, plan);
    let computing = |step: usize| graph.steps[step].work.needs_device();
    let work: Vec<Option<f64>> =
        (0..graph.steps.len()).map(|step| costs.operations(graph, step).filter(|_| computing(step))).collect();
    let known: Vec<f64> = work.iter().copied().flatten().collect();
    let mean = if known.is_empty() { 1.0 } else { known.iter().sum::<f64>() / known.len() as f64 };
    let work = work.into_iter().enumerate();
    Drain { work: work.map(|(step, work)| work.unwrap_or(if computing(step) { mean } else { 0.0 })).collect() }
}

/// When a run that may go on for `time` begins to end. Without it, the job that it runs in has a limit.
pub(super) fn until(time: Option<Duration>) -> Option<Instant> {
    let time = time.or_else(|| left_of_job(&std::env::var("SLURM_JOB_END_TIME").ok()?, SystemTime::now()))?;
    Instant::now().checked_add(time - margin(time))
}

fn margin(time: Duration) -> Duration {
    (time / 10).min(MARGIN)
}

/// One that is over was another's, whose environment is still here.
fn left_of_job(end: &str, now: SystemTime) -> Option<Duration> {
    let end = UNIX_EPOCH.checked_add(Duration::from_secs(end.trim().parse().ok()?))?;
    end.duration_since(now).ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_time_is_for_ending_and_two_minutes_are_enough() {
        let seconds = |text: u64| margin(Duration::from_secs(text)).as_secs();
        assert_eq!([60, 600, 1200, 86_400].map(seconds), [6, 60, 120, 120]);
    }

    #[test]
    fn a_job_that_is_over_limits_nothing() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(left_of_job("1700003600", now), Some(Duration::from_secs(3600)));
        for other in ["1700000000", "1600000000", "0", "", "NONE", "99999999999999999999"] {
            assert_eq!(left_of_job(other, now), None, "{other}");
        }
    }
}
