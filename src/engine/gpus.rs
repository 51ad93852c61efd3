//! Which of a node's GPUs each worker sees: one, so that several workers are on several GPUs.

/// As CUDA calls them: `0`, `GPU-5a…`; none where a run has one at most, or none is known of.
#[derive(Debug, Default)]
pub struct Gpus(Vec<String>);

/// What a process may see; its first entry that is none ends the list.
pub const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

impl Gpus {
    /// Those that this process may use: what the environment leaves to it, or the batch system, or all that the driver
    /// has.
    pub fn here() -> Self {
        let listed = || {
            let known = std::fs::read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().flatten().count();
            (0..known).map(|number| number.to_string()).collect::<Vec<_>>().join(",")
        };
        let variable = |name| std::env::var(name).ok();
        Self::of(&variable(VISIBLE).or_else(|| variable("SLURM_JOB_GPUS")).unwrap_or_else(listed))
    }

    fn of(list: &str) -> Self {
        let names = list.split(',').map(str::trim).take_while(|name| !name.is_empty() && !name.starts_with('-'));
        let names: Vec<String> = names.map(str::to_owned).collect();
        // With one there is nothing to share, and the environment is left as it is.
        if names.len() > 1 { Self(names) } else { Self::default() }
    }

    pub fn count(&self) -> usize {
        self.0.len().max(1)
    }

    /// The one that the fewest workers use, by those of all that live.
    pub fn free(&self, in_use: &[usize]) -> Option<(usize, &str)> {
        let uses = |gpu: &usize| in_use.iter().filter(|used| *used == gpu).count();
        let gpu = (0..self.0.len()).min_by_key(uses)?;
        Some((gpu, self.0[gpu].as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_gets_the_gpu_that_the_fewest_use() {
        let gpus = Gpus::of("GPU-a, GPU-b,3");
        let mut in_use = Vec::new();
        let mut given = Vec::new();
        for _ in 0..4 {
            let (gpu, name) = gpus.free(&in_use).unwrap();
            in_use.push(gpu);
            given.push(name.to_owned());
        }
        assert_eq!((gpus.count(), given), (3, ["GPU-a", "GPU-b", "3", "GPU-a"].map(str::to_owned).to_vec()));
        // The second one's worker has ended.
        assert_eq!(gpus.free(&[0, 2, 0]), Some((1, "GPU-b")));
    }

    #[test]
    fn what_is_hidden_and_what_is_alone_is_left_alone() {
        for list in ["", "0", "-1", "0,-1,1", ",1", "NoDevFiles"] {
            let gpus = Gpus::of(list);
            assert_eq!((gpus.count(), gpus.free(&[])), (1, None), "{list}");
        }
    }
}
