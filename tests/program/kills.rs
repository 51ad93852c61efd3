//! Kills at random moments. Whatever dies and whenever, every artifact ends up as in a run that nobody touched.
//!
//! A thousand by hand, and another order of events:
//! `PIPELINE_KILLS=1000 PIPELINE_KILL_SEED=7 cargo test --release --test program kills -- --nocapture`

use crate::background::{Run, children, signal, wait_until_gone};
use crate::random::{Random, parameter};
use crate::workspace::{TINY, Workspace};

/// Long enough to be hit in the middle of a step, with a snapshot after every other training step.
fn study() -> String {
    let study = TINY.replace("steps = 3\n", "steps = 12\n").replace("epochs = 2\n", "epochs = 6\n");
    let study = study.replace("[fetch.sentences]", "[run]\nsnapshot_every = 2\nretries = 100\n\n[fetch.sentences]");
    assert!(study.contains("steps = 12") && study.contains("epochs = 6") && study.contains("snapshot_every"));
    study
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Victim {
    Driver,
    Worker,
    Everybody,
    /// Asked to stop, as a batch system does.
    Politely,
}

fn kill(victim: Victim, driver: u32, random: &mut Random) -> bool {
    let workers = children(driver);
    match victim {
        Victim::Driver => signal(driver, "-KILL"),
        Victim::Politely => signal(driver, "-TERM"),
        Victim::Worker if workers.is_empty() => false,
        Victim::Worker => signal(workers[random.below(workers.len() as u64) as usize], "-KILL"),
        Victim::Everybody => {
            workers.into_iter().chain([driver]).map(|pid| signal(pid, "-KILL")).fold(false, |a, b| a | b)
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn kills_at_random_moments_change_nothing() {
    let kills = parameter("PIPELINE_KILLS", 40);
    let seed = parameter("PIPELINE_KILL_SEED", 1);
    let untouched = Workspace::new(&study());
    untouched.run(&["--jobs", "2"]).ok();
    let wanted = untouched.finished();

    let mut random = Random(seed);
    // Steps are packed into one file as if they were many.
    let new = || {
        let workspace = Workspace::new(&study());
        workspace.write("hold/many", "4");
        workspace
    };
    let mut workspace = new();
    let (mut sent, mut rounds, mut studies, mut resumed, mut packed) = (0, 0, 0, 0, 0);
    while sent < kills {
        rounds += 1;
        let before = workspace.finished();
        let mut run = Run::start(&workspace, &["--jobs", "2"]);
        while sent < kills {
            // Places that one process comes to: most live for a part of the study, some for a moment.
            let longest = if random.below(4) == 0 { 8 } else { 100 };
            let hold = workspace.hold_at_visit("any", 1 + random.below(longest));
            if hold.reached_or_ended(&mut run).is_none() {
                break;
            }
            let victim = match random.below(8) {
                0..3 => Victim::Driver,
                3..6 => Victim::Worker,
                6 => Victim::Everybody,
                _ => Victim::Politely,
            };
            // Where one is held, or in the moment after.
            let hold = Some(hold).filter(|_| random.below(2) == 0);
            let workers = children(run.pid());
            sent += u64::from(kill(victim, run.pid(), &mut random));
            drop(hold);
            if victim != Victim::Worker {
                run.wait();
                workers.into_iter().for_each(wait_until_gone);
                break;
            }
        }
        let ended = run.end();
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
            let manifests = workspace.manifests();
            let facts = manifests.iter().map(|manifest| &manifest["provenance"]["facts"]);
            resumed += facts.filter(|facts| facts["resumed_from_step"].is_string()).count();
            studies += 1;
            packed += workspace.packed().len();
            workspace = new();
        }
    }
    println!("seed {seed}: {sent} kills, {rounds} runs, {studies} studies, {resumed} steps went on");
    assert!(rounds > studies, "every run ended before it could be killed");
    assert!(packed > 0, "nothing was packed");
    assert!(kills < 100 || resumed > 0, "no step was hit after a snapshot");
}
