//! How many steps run at a time, and on how many threads each: all cores are in use, whether many steps are ready or
//! one, and no more steps run than there is memory for.

use std::path::Path;

use crate::device::Backend;

/// Of the memory that is free when a run starts, these shares are for steps and for what workers keep between them.
const STEPS: f64 = 0.6;
const KEPT: f64 = 0.2;

/// Where nothing is said: on the CPU as many workers as cores, as far as there is memory; one worker for each GPU.
#[derive(Debug)]
pub struct Crew {
    /// What the user says.
    jobs: Option<usize>,
    cores: usize,
    /// Bytes that were free.
    free: u64,
    /// That CUDA sees, one at least.
    gpus: usize,
    asked: Backend,
    /// What the first worker has chosen: [`Backend::Auto`] does not say what it will be.
    device: Option<Backend>,
}

/// What the steps that run hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    pub steps: usize,
    pub threads: usize,
    pub memory: u64,
}

impl Crew {
    pub fn new(jobs: Option<usize>, threads: Option<usize>, asked: Backend, gpus: usize) -> Self {
        let device = (asked != Backend::Auto).then_some(asked);
        let environment = std::env::var("RAYON_NUM_THREADS").ok();
        Self { jobs, cores: cores(environment.as_deref(), threads), free: free_memory(), gpus, asked, device }
    }

    /// A worker is ready; `device` is the one it has chosen, `None` where no step needs any.
    pub fn ready(&mut self, device: Option<Backend>) {
        self.device.get_or_insert(device.unwrap_or(Backend::Cpu));
    }

    /// The most steps at a time, as far as it is known: before any worker is ready, one is enough to ask.
    pub fn jobs(&self) -> usize {
        let default = match self.device {
            Some(Backend::Cpu) => self.cores,
            Some(Backend::Cuda) => self.gpus,
            Some(Backend::Wgpu | Backend::Auto) | None => 1,
        };
        self.jobs.unwrap_or(default).max(1)
    }

    /// Whether a step that takes `memory` may begin. One always may, and the user's word stands.
    pub fn has_room(&self, held: Held, memory: u64) -> bool {
        self.jobs.is_some() || held.steps == 0 || held.memory.saturating_add(memory) <= self.for_steps()
    }

    /// The threads of a step that takes `memory`, where so many `others` are ready too: an equal share of the cores that
    /// are left, for it and for those that can run beside it.
    pub fn threads(&self, held: Held, memory: u64, others: usize) -> usize {
        let beside = match self.jobs {
            Some(_) => usize::MAX,
            None => (self.for_steps().saturating_sub(held.memory) / memory.max(1)).saturating_sub(1) as usize,
        };
        let others = others.min(beside).min(self.jobs().saturating_sub(held.steps + 1));
        (self.cores.saturating_sub(held.threads) / (1 + others)).max(1)
    }

    /// For what is done before steps run, or beside them.
    pub fn share_of_cores(&self) -> usize {
        (self.cores / self.jobs()).max(1)
    }

    /// Bytes for all steps together.
    fn for_steps(&self) -> u64 {
        (self.free as f64 * STEPS) as u64
    }

    /// Bytes of models that each worker may keep.
    pub fn keep(&self) -> u64 {
        (self.free as f64 * KEPT) as u64 / self.jobs() as u64
    }

    /// What the next worker is to choose. Once it is known that there is no GPU nobody looks for one again.
    pub fn backend(&self) -> Backend {
        match self.device {
            Some(Backend::Cpu) => Backend::Cpu,
            Some(Backend::Cuda | Backend::Wgpu | Backend::Auto) | None => self.asked,
        }
    }
}

/// The cores that a run may use: as many as `RAYON_NUM_THREADS` says, or `threads` in the file, or those that the system
/// leaves to this process.
fn cores(environment: Option<&str>, threads: Option<usize>) -> usize {
    let asked = environment.and_then(|text| text.parse().ok()).filter(|cores| *cores > 0);
    asked.or(threads).unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Bytes that this process may still take, where the system tells: of the machine's, and of its control group's.
fn free_memory() -> u64 {
    let of_machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let number = |name: &str| {
        let text = std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let of_group = number("memory.max").map(|most| most.saturating_sub(number("memory.current").unwrap_or_default()));
    of_machine.into_iter().chain(of_group).min().unwrap_or(u64::MAX)
}

/// Of `/proc/meminfo`.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn crew(jobs: Option<usize>, asked: Backend) -> Crew {
        Crew { cores: 16, free: 110 * GIB, ..Crew::new(jobs, None, asked, 1) }
    }

    #[test]
    fn the_environment_says_how_many_cores_then_the_file_then_the_system() {
        assert_eq!([cores(Some("3"), Some(5)), cores(Some("0"), Some(5)), cores(None, Some(5))], [3, 5, 5]);
        assert_eq!(cores(None, None), std::thread::available_parallelism().unwrap().get());
    }

    #[test]
    fn the_default_follows_the_device_that_was_chosen() {
        assert_eq!(crew(None, Backend::Cpu).jobs(), 16);
        assert_eq!(crew(None, Backend::Cuda).jobs(), 1);
        let chosen = [(Some(Backend::Cpu), 16), (Some(Backend::Cuda), 1), (Some(Backend::Wgpu), 1), (None, 16)];
        for (chosen, expected) in chosen {
            let mut crew = crew(None, Backend::Auto);
            assert_eq!(crew.jobs(), 1);
            crew.ready(chosen);
            assert_eq!(crew.jobs(), expected, "{chosen:?}");
        }
        let mut said = crew(Some(8), Backend::Auto);
        assert_eq!(said.jobs(), 8);
        said.ready(Some(Backend::Cuda));
        assert_eq!(said.jobs(), 8);
    }

    /// Starts steps that are ready until nothing fits, as the driver does; the threads of each.
    fn begin(crew: &Crew, ready: usize, memory: u64) -> Vec<usize> {
        let (mut held, mut given) = (Held::default(), Vec::new());
        while given.len() < ready.min(crew.jobs()) && crew.has_room(held, memory) {
            let threads = crew.threads(held, memory, ready - given.len() - 1);
            given.push(threads);
            held = Held { steps: held.steps + 1, threads: held.threads + threads, memory: held.memory + memory };
        }
        given
    }

    #[test]
    fn the_cores_are_shared_by_what_is_ready_and_fits() {
        let all = crew(None, Backend::Cpu);
        assert_eq!(begin(&all, 100, GIB), [1; 16]);
        assert_eq!(begin(&all, 1, GIB), [16]);
        assert_eq!(begin(&all, 2, GIB), [8, 8]);
        assert_eq!(begin(&all, 5, GIB), [3, 3, 3, 3, 4]);
        // Four fit, and have all cores; one begins however much it takes.
        assert_eq!(begin(&all, 100, 16 * GIB), [4; 4]);
        assert_eq!(begin(&all, 100, 1000 * GIB), [16]);
        assert_eq!(begin(&crew(Some(3), Backend::Cpu), 100, 1000 * GIB), [5, 5, 6]);
        assert_eq!(begin(&crew(Some(32), Backend::Cpu), 100, GIB), [1; 32]);
        assert_eq!(begin(&crew(None, Backend::Cuda), 100, GIB), [16]);
        // The last of many begins while others still run.
        assert_eq!(all.threads(Held { steps: 3, threads: 3, memory: GIB }, GIB, 0), 13);
        assert_eq!(all.threads(Held { steps: 1, threads: 16, memory: GIB }, GIB, 0), 1);
        assert_eq!((all.keep() * 16 / GIB, crew(Some(1), Backend::Cpu).keep() / GIB), (22, 22));
    }

    #[test]
    fn memory_is_what_the_system_says_is_left() {
        let text = "MemTotal:       24531148 kB\nMemFree:         1000000 kB\nMemAvailable:    2000000 kB\n";
        assert_eq!(available(text), Some(2_048_000_000));
        assert_eq!(available("MemTotal: 1 kB"), None);
        assert!(free_memory() > 0);
    }

    #[test]
    fn each_gpu_has_a_worker() {
        let mut several = Crew { cores: 16, ..Crew::new(None, None, Backend::Auto, 4) };
        assert_eq!(several.jobs(), 1);
        several.ready(Some(Backend::Cuda));
        assert_eq!(several.jobs(), 4);
        // Vulkan goes by other names, of which nothing is known here.
        assert_eq!(Crew::new(None, None, Backend::Wgpu, 4).jobs(), 1);
        assert_eq!(Crew::new(Some(6), None, Backend::Cuda, 4).jobs(), 6);
    }

    #[test]
    fn later_workers_choose_what_the_first_one_did() {
        let mut auto = crew(None, Backend::Auto);
        assert_eq!(auto.backend(), Backend::Auto);
        auto.ready(Some(Backend::Cpu));
        auto.ready(Some(Backend::Cuda));
        assert_eq!((auto.backend(), auto.jobs()), (Backend::Cpu, 16));
    }
}
