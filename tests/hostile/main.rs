//! Every reader of `src/hostile.rs` on real files that are bent out of shape: it may refuse them, but not panic, hang,
//! or ask for much more memory than they take. The same inputs every time; for longer, with another seed each time:
//!
//! ```sh
//! PIPELINE_FUZZ=60 PIPELINE_FUZZ_TARGET=torch cargo test --release --test hostile   # seconds; without a target, all
//! ```

#![allow(clippy::unwrap_used)]

mod memory;
mod mutate;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mutate::Mutator;
use pipeline::hostile::TARGETS;

/// Inputs a target in an ordinary run of the tests: the same ones on every machine.
const INPUTS: usize = 1000;
/// Of work, for one input of some kilobytes: so many times the [`yardstick`], together some seconds.
const LONGEST: u32 = 20;
/// What no input can be blamed for: tables of the libraries, buffers of fixed size.
const FREE: usize = 64 << 20;
/// Bytes of memory for each byte of the input.
const RATIO: usize = 256;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let file = |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap());
    paths.into_iter().map(file).collect()
}

/// What all threads of this process have worked so far, where the system tells.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let words: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = words.get(11)?.parse::<u64>().ok()? + words.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(10 * ticks))
}

/// How long this machine works on something that is always the same: a slow one may take longer for everything.
fn yardstick() -> Duration {
    let (worked, since) = (cpu_time(), Instant::now());
    let mut bits = 1u64;
    for _ in 0..100_000_000 {
        // Knuth's linear congruential generator: every number needs the one before.
        bits = std::hint::black_box(bits).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    }
    std::hint::black_box(bits);
    let wall = since.elapsed();
    cpu_time().zip(worked).map_or(wall, |(now, before)| now.saturating_sub(before)).max(Duration::from_millis(100))
}

/// What is wrong with how the bytes were read, if anything.
fn trial(read: fn(&[u8]), bytes: &[u8], longest: Duration) -> Option<String> {
    let (before, worked, since) = (memory::mark(), cpu_time(), Instant::now());
    let panic = catch_unwind(AssertUnwindSafe(|| read(bytes))).err();
    let (wall, used) = (since.elapsed(), memory::peak() - before);
    // A busy machine makes everything wait.
    let took = wall.min(cpu_time().zip(worked).map_or(wall, |(now, before)| now.saturating_sub(before)));
    if let Some(panic) = panic {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        return Some(format!("panicked: {}", text.unwrap_or("(no text)")));
    }
    if took > longest {
        return Some(format!("took {took:.1?}"));
    }
    (used > FREE + RATIO * bytes.len()).then(|| format!("took {} MiB for {} bytes", used >> 20, bytes.len()))
}

/// Ends the process if one input takes far too long: nothing else can end a loop that does not.
struct Watchdog(mpsc::Sender<(String, Vec<u8>)>);

impl Watchdog {
    fn start() -> Self {
        let (sender, receiver) = mpsc::channel::<(String, Vec<u8>)>();
        std::thread::spawn(move || {
            let mut last = None;
            loop {
                match receiver.recv_timeout(Duration::from_secs(600)) {
                    Ok(next) => last = receiver.try_iter().last().or(Some(next)),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        let (target, bytes) = last.unwrap_or_default();
                        let path = keep(&target, &bytes);
                        writeln!(std::io::stderr(), "{target} hangs on {}", path.display()).ok();
                        std::process::exit(1);
                    }
                }
            }
        });
        Self(sender)
    }
}

/// Somewhere to look at what was found.
fn keep(target: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("pipeline-{target}-{}", &blake3::hash(bytes).to_hex()[..8]));
    std::fs::write(&path, bytes).ok();
    path
}

#[test]
fn hostile_bytes_are_survived() {
    let seconds: Option<u64> = std::env::var("PIPELINE_FUZZ").ok().and_then(|seconds| seconds.parse().ok());
    let wanted = std::env::var("PIPELINE_FUZZ_TARGET").ok();
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = std::env::var("PIPELINE_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| if seconds.is_some() { now() } else { 1 });
    let watchdog = Watchdog::start();
    let longest = LONGEST * yardstick();
    let mut wrong = Vec::new();
    // Panics are counted, not shown one by one.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for (name, read) in TARGETS.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name)) {
        let files = corpus(name);
        let mut mutator = Mutator::new(seed, files.iter().map(|(_, bytes)| bytes.clone()).collect());
        let (since, mut inputs) = (Instant::now(), 0);
        let mut kinds = std::collections::BTreeSet::new();
        while seconds.map_or(inputs < INPUTS, |seconds| since.elapsed() < Duration::from_secs(seconds)) {
            let bytes = files.get(inputs).map_or_else(|| mutator.next(), |(_, bytes)| bytes.clone());
            watchdog.0.send((name.to_string(), bytes.clone())).ok();
            inputs += 1;
            let Some(what) = trial(*read, &bytes, longest) else { continue };
            // One example of each kind: numbers in it differ from input to input.
            let kind: String = what.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
            if kinds.insert(kind) {
                wrong.push(format!("{name}, seed {seed}: {what}: {}", keep(name, &bytes).display()));
                writeln!(std::io::stderr(), "{}", wrong.last().map_or("", |last| last)).ok();
            }
        }
        if seconds.is_some() {
            writeln!(std::io::stderr(), "{name}: {inputs} inputs, seed {seed}, {} findings", kinds.len()).ok();
        }
    }
    std::panic::set_hook(usual);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_target_has_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut folders: Vec<String> =
        folders.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    folders.sort();
    names.sort_unstable();
    assert_eq!(folders, names);
    for name in names {
        let sizes: Vec<usize> = corpus(name).iter().map(|(_, bytes)| bytes.len()).collect();
        assert!(!sizes.is_empty() && sizes.iter().all(|size| *size < 5000), "{name}: {sizes:?}");
    }
}
