//! Kills at random moments. Whatever dies and whenever, every artifact ends up as in a run that nobody touched.
//!
//! A thousand by hand, and another order of events:
//! `PIPELINE_KILLS=1000 PIPELINE_KILL_SEED=7 cargo test --release --test program kills -- --nocapture`

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::{Ended, TINY, Workspace, read_manifests};

/// Long enough to be hit in the middle of a step, with a snapshot after every other training step.
fn study() -> String {
    let study = TINY.replace("steps = 3\n", "steps = 12\n").replace("epochs = 2\n", "epochs = 6\n");
    let study = study.replace("[fetch.sentences]", "[run]\nsnapshot_every = 2\nretries = 100\n\n[fetch.sentences]");
    assert!(study.contains("steps = 12") && study.contains("epochs = 6") && study.contains("snapshot_every"));
    study
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the moments and victims follow from the seed alone.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn parameter(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is {value}")))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Victim {
    Driver,
    Worker,
    Everybody,
    /// Asked to stop, as a batch system does.
    Politely,
}

fn start(workspace: &Workspace) -> Child {
    let mut command = workspace.command(&["run", "study.toml", "--backend", "cpu", "--jobs", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The processes that `pid` started.
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// Whether there was somebody to send it to.
fn send(signal: &str, pid: u32) -> bool {
    let mut kill = std::process::Command::new("kill");
    kill.args([signal, &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

fn kill(victim: Victim, driver: u32, random: &mut Random) -> bool {
    let workers = children(driver);
    match victim {
        Victim::Driver => send("-KILL", driver),
        Victim::Politely => send("-TERM", driver),
        Victim::Worker if workers.is_empty() => false,
        Victim::Worker => send("-KILL", workers[random.below(workers.len() as u64) as usize]),
        Victim::Everybody => {
            workers.into_iter().chain([driver]).map(|pid| send("-KILL", pid)).fold(false, |a, b| a | b)
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn kills_at_random_moments_change_nothing() {
    let kills = parameter("PIPELINE_KILLS", 200);
    let seed = parameter("PIPELINE_KILL_SEED", 1);
    let untouched = Workspace::new(&study());
    let since = Instant::now();
    untouched.run(&["--jobs", "2"]).ok();
    // Most runs live for a part of what the study takes; some for a moment.
    let life = since.elapsed().as_millis() as u64;
    let wanted = untouched.finished();

    let mut random = Random(seed);
    let mut workspace = Workspace::new(&study());
    let (mut sent, mut rounds, mut studies, mut resumed) = (0, 0, 0, 0);
    while sent < kills {
        rounds += 1;
        let before = workspace.finished();
        let mut child = start(&workspace);
        while sent < kills {
            let span = if random.below(4) == 0 { life / 20 + 1 } else { life / 3 + 1 };
            std::thread::sleep(Duration::from_millis(random.below(span)));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            let victim = match random.below(8) {
                0..3 => Victim::Driver,
                3..6 => Victim::Worker,
                6 => Victim::Everybody,
                _ => Victim::Politely,
            };
            sent += u64::from(kill(victim, child.id(), &mut random));
            if victim != Victim::Worker {
                break;
            }
        }
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert!(!ended.err.contains("panicked"), "seed {seed}, round {rounds}: {}", ended.err);
        // Killed (no code), asked to stop (130), or done before it came to that.
        assert!(
            matches!(ended.code, None | Some(0 | 130)),
            "seed {seed}, round {rounds}: {:?} {}",
            ended.code,
            ended.err
        );
        let after = workspace.finished();
        let kept = before.iter().all(|(key, outputs)| after.get(key) == Some(outputs));
        assert!(kept, "seed {seed}, round {rounds}: finished work is gone");
        if ended.code == Some(0) || sent == kills {
            let last = workspace.run(&["--jobs", "2"]);
            assert_eq!(last.code, Some(0), "seed {seed}, round {rounds}: {}", last.err);
            assert!(workspace.finished() == wanted, "seed {seed}, round {rounds}: other results than an untouched run");
            let left: Vec<_> = std::fs::read_dir(workspace.path("cache/v1/scratch")).unwrap().collect();
            assert!(left.is_empty(), "seed {seed}, round {rounds}: {left:?}");
            let manifests = read_manifests(&workspace.path("cache/v1/steps"));
            let facts = manifests.iter().map(|manifest| &manifest["provenance"]["facts"]);
            resumed += facts.filter(|facts| facts["resumed_from_step"].is_string()).count();
            studies += 1;
            workspace = Workspace::new(&study());
        }
    }
    let seconds = since.elapsed().as_secs_f64();
    println!("seed {seed}: {sent} kills, {rounds} runs, {studies} studies, {resumed} steps went on, {seconds:.0} s");
    assert!(rounds > studies, "every run ended before it could be killed");
    assert!(kills < 100 || resumed > 0, "no step was hit after a snapshot");
}
