//! The learning rate at each training step.

use serde::{Deserialize, Serialize};

/// The line the learning rate follows after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleShape {
    /// Google's: the line from the full rate at step 0 to 0 at the end, joined from below by the warm-up with a small
    /// drop. The end is `⌊examples / batch · epochs⌋`, which partial batches can put a few steps after the last one.
    FromStart,
    /// Hugging Face's: the line from the full rate at the end of the warm-up to 0 after the last step.
    AfterWarmup,
}

/// A learning-rate schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    pub shape: ScheduleShape,
    pub learning_rate: f64,
    pub warmup_steps: usize,
    pub total_steps: usize,
}

impl Schedule {
    pub fn new(shape: ScheduleShape, learning_rate: f64, warmup: f64, total_steps: usize) -> Self {
        let steps = total_steps as f64 * warmup;
        let warmup_steps = match shape {
            ScheduleShape::FromStart => steps.floor(),
            ScheduleShape::AfterWarmup => steps.ceil(),
        };
        Self { shape, learning_rate, warmup_steps: warmup_steps as usize, total_steps }
    }

    /// The learning rate of step `t`, counted from 0: the first step of a warm-up has rate 0.
    pub fn at(&self, t: usize) -> f64 {
        let (t, warmup, total) = (t as f64, self.warmup_steps as f64, self.total_steps as f64);
        let factor = match self.shape {
            _ if t < warmup => t / warmup,
            ScheduleShape::FromStart => 1.0 - t / total,
            ScheduleShape::AfterWarmup => (total - t) / (total - warmup).max(1.0),
        };
        self.learning_rate * factor.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_joins_the_line_from_the_start() {
        let schedule = Schedule::new(ScheduleShape::FromStart, 2e-5, 0.1, 34_110);
        assert_eq!(schedule.warmup_steps, 3_411);
        for (t, expected) in [
            (0, 0.0),
            (1, 2e-5 / 3_411.0),
            (3_410, 2e-5 * 3_410.0 / 3_411.0),
            (3_411, 2e-5 * 0.9),
            (17_055, 1e-5),
            (34_109, 2e-5 / 34_110.0),
            (34_110, 0.0),
            (40_000, 0.0),
        ] {
            assert!((schedule.at(t) - expected).abs() < 1e-17, "{t}: {}", schedule.at(t));
        }
    }

    #[test]
    fn hugging_face_falls_from_the_end_of_the_warmup() {
        let schedule = Schedule::new(ScheduleShape::AfterWarmup, 1.0, 0.1, 25);
        assert_eq!(schedule.warmup_steps, 3);
        for (t, expected) in [(0, 0.0), (1, 1.0 / 3.0), (3, 1.0), (14, 0.5), (24, 1.0 / 22.0), (25, 0.0)] {
            assert!((schedule.at(t) - expected).abs() < 1e-12, "{t}: {}", schedule.at(t));
        }
        let plain = Schedule::new(ScheduleShape::AfterWarmup, 1.0, 0.0, 4);
        assert_eq!([0, 1, 2, 3].map(|t| plain.at(t)), [1.0, 0.75, 0.5, 0.25]);
    }
}
