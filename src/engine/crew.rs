//! How many workers a run has, and how many threads each of them.

use crate::device::Backend;

/// Where nothing is said: four threads for each worker on the CPU, and one worker for each GPU.
#[derive(Debug)]
pub struct Crew {
    /// What the user says.
    jobs: Option<usize>,
    cores: usize,
    /// That CUDA sees, one at least.
    gpus: usize,
    asked: Backend,
    /// What the first worker has chosen: [`Backend::Auto`] does not say what it will be.
    device: Option<Backend>,
}

impl Crew {
    pub fn new(jobs: Option<usize>, asked: Backend, gpus: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let device = (asked != Backend::Auto).then_some(asked);
        Self { jobs, cores, gpus, asked, device }
    }

    /// A worker is ready; `device` is the one it has chosen, `None` where no step needs any.
    pub fn ready(&mut self, device: Option<Backend>) {
        self.device.get_or_insert(device.unwrap_or(Backend::Cpu));
    }

    /// As far as it is known: before any worker is ready, one is enough to ask.
    pub fn jobs(&self) -> usize {
        let default = match self.device {
            Some(Backend::Cpu) => self.cores / 4,
            Some(Backend::Cuda) => self.gpus,
            Some(Backend::Wgpu | Backend::Auto) | None => 1,
        };
        self.jobs.unwrap_or(default).max(1)
    }

    pub fn threads(&self) -> usize {
        (self.cores / self.jobs()).max(1)
    }

    /// What the next worker is to choose. Once it is known that there is no GPU nobody looks for one again.
    pub fn backend(&self) -> Backend {
        match self.device {
            Some(Backend::Cpu) => Backend::Cpu,
            Some(Backend::Cuda | Backend::Wgpu | Backend::Auto) | None => self.asked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crew(jobs: Option<usize>, asked: Backend) -> Crew {
        Crew { cores: 16, ..Crew::new(jobs, asked, 1) }
    }

    #[test]
    fn the_default_follows_the_device_that_was_chosen() {
        let shared = |crew: &Crew| (crew.jobs(), crew.threads());
        assert_eq!(shared(&crew(None, Backend::Cpu)), (4, 4));
        assert_eq!(shared(&crew(None, Backend::Cuda)), (1, 16));
        for (chosen, expected) in [
            (Some(Backend::Cpu), (4, 4)),
            (Some(Backend::Cuda), (1, 16)),
            (Some(Backend::Wgpu), (1, 16)),
            (None, (4, 4)),
        ] {
            let mut crew = crew(None, Backend::Auto);
            assert_eq!(shared(&crew), (1, 16));
            crew.ready(chosen);
            assert_eq!(shared(&crew), expected, "{chosen:?}");
        }
        let mut said = crew(Some(8), Backend::Auto);
        assert_eq!(shared(&said), (8, 2));
        said.ready(Some(Backend::Cuda));
        assert_eq!(shared(&said), (8, 2));
    }

    #[test]
    fn each_gpu_has_a_worker() {
        let mut several = Crew { cores: 16, ..Crew::new(None, Backend::Auto, 4) };
        assert_eq!(several.jobs(), 1);
        several.ready(Some(Backend::Cuda));
        assert_eq!((several.jobs(), several.threads()), (4, 4));
        // Vulkan goes by other names, of which nothing is known here.
        assert_eq!(Crew::new(None, Backend::Wgpu, 4).jobs(), 1);
        assert_eq!(Crew::new(Some(6), Backend::Cuda, 4).jobs(), 6);
    }

    #[test]
    fn later_workers_choose_what_the_first_one_did() {
        let mut auto = crew(None, Backend::Auto);
        assert_eq!(auto.backend(), Backend::Auto);
        auto.ready(Some(Backend::Cpu));
        auto.ready(Some(Backend::Cuda));
        assert_eq!((auto.backend(), auto.jobs()), (Backend::Cpu, 4));
    }
}
