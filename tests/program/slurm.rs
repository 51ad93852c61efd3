//! `pipeline slurm` with a cluster of shell scripts: what it submits, and that its scripts do the study.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::background::Run;
use crate::workspace::{Ended, TINY, Workspace, files};

/// Slurm's programs write what they are asked into `calls`. `sbatch` gives the numbers 41, 42, …, or fails with what
/// stands in `refuses-N`; `squeue` prints `queue`.
fn cluster(workspace: &Workspace) {
    let call = "echo \"$(basename \"$0\") $*\" >> calls\n";
    let sbatch =
        "n=$(grep -c ^sbatch calls)\nif [ -e refuses-$n ]; then cat refuses-$n >&2; exit 1; fi\necho $((40 + n))\n";
    let srun = "while [ \"${1#--}\" != \"$1\" ]; do shift; done\n\"$@\"\n";
    let programs = [
        ("sbatch", sbatch),
        ("squeue", "cat queue\n"),
        ("scancel", ""),
        ("sinfo", "echo '(null)'\n"),
        ("scontrol", ""),
        ("srun", srun),
    ];
    for (name, body) in programs {
        workspace.write(&format!("bin/{name}"), format!("#!/bin/sh\n{call}{body}"));
        let path = workspace.path(&format!("bin/{name}"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    workspace.write("queue", "");
    workspace.write("calls", "");
}

/// The program, or a script, on such a machine.
fn on_cluster(workspace: &Workspace, mut command: Command) -> Command {
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", workspace.path("bin").display()));
    command
}

fn slurm(workspace: &Workspace, more: &[&str]) -> Ended {
    let command = workspace.command(&[&["slurm", "study.toml"], more].concat());
    on_cluster(workspace, command).output().unwrap().into()
}

/// A job of an array, as the queue would start it.
fn job(workspace: &Workspace, script: &str, task: &str) -> Command {
    let mut command = on_cluster(workspace, workspace.command_of("bash"));
    command.arg(workspace.path(&format!("cache/v1/slurm/tiny/{script}")));
    command.env("SLURM_JOB_ID", "77").env("SLURM_ARRAY_JOB_ID", "41").env("SLURM_ARRAY_TASK_ID", task);
    command
}

fn calls(workspace: &Workspace) -> Vec<String> {
    let folder = format!("{}/", workspace.path("").canonicalize().unwrap().display());
    workspace.read("calls").lines().map(|line| line.replace(&folder, "").replace("//", "/")).collect()
}

fn study() -> String {
    format!("[run]\nbackend = \"cpu\"\nslurm = {{ pilots = 3, time = \"1 h\", partition = \"main\" }}\n{TINY}")
}

#[test]
fn a_study_is_fetched_and_submitted_and_its_jobs_do_it() {
    let workspace = Workspace::new(&study());
    cluster(&workspace);
    let unlocked = slurm(&workspace, &["--dry-run", "--locked"]);
    assert!(
        unlocked.code == Some(2) && unlocked.err.contains("failed to read the lock `study.lock`"),
        "{}",
        unlocked.err
    );
    let shown = slurm(&workspace, &["--dry-run"]).ok();
    assert!(shown.out.contains("#SBATCH --array=1-3\n#SBATCH --time=01:00:00\n"), "{}", shown.out);
    assert!(!workspace.path("cache").exists() && calls(&workspace).is_empty());

    let ended = slurm(&workspace, &["--pilots", "2"]).ok();
    assert!(
        ended.out.contains("the pilots are job 41") && ended.out.contains("results follow as job 42"),
        "{}",
        ended.out
    );
    let pilot = "cache/v1/slurm/tiny/pilot.sh";
    let expected = [
        format!("sbatch --parsable {pilot}"),
        "sbatch --parsable --dependency=afterany:41 cache/v1/slurm/tiny/results.sh".to_owned(),
    ];
    assert_eq!(calls(&workspace), expected);
    assert!(workspace.read(pilot).contains("#SBATCH --array=1-2\n"));
    // What a node may not be able to bring is here; nothing is trained, and no results are written.
    let kinds: Vec<String> = workspace.manifests().iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["generate"; 4]);
    assert!(files(workspace.path("results/tiny")).is_empty());

    // Both pilots share it, and the last job finds all of it done.
    let here = workspace.hold("finetune-2");
    let pilots = ["1", "2"].map(|task| Run::of(job(&workspace, "pilot.sh", task)));
    here.reached();
    workspace.write("queue", "41_1|RUNNING|node1\n41_2|RUNNING|node1\n42|PENDING|(Dependency)\n");
    let status = |mut command: Command| Ended::from(command.output().unwrap()).ok().out;
    let text = status(on_cluster(&workspace, workspace.command(&["status"])));
    assert!(text.contains(", job 41_"), "{text}");
    assert!(
        text.contains("queue: pilots 41 of tiny: 2 running\nqueue: results 42 of tiny: 1 pending (Dependency)\n"),
        "{text}"
    );
    // The queue is not asked again so soon.
    workspace.write("queue", "");
    assert!(status(on_cluster(&workspace, workspace.command(&["status"]))).contains("2 running"));
    assert_eq!(calls(&workspace).iter().filter(|call| call.starts_with("squeue")).count(), 1);
    here.let_go();
    for pilot in pilots {
        pilot.end().ok();
    }
    let last: Ended = job(&workspace, "results.sh", "").output().unwrap().into();
    assert!(!last.ok().out.contains("in part"));
    let untouched = Workspace::new(TINY);
    untouched.run(&["--jobs", "1"]).ok();
    assert_eq!(workspace.finished(), untouched.finished());
    assert_eq!(workspace.read("results/tiny/metrics.csv"), untouched.read("results/tiny/metrics.csv"));
    let ended = slurm(&workspace, &[]).ok();
    assert!(ended.err.contains("nothing to do"), "{}", ended.err);
}

#[test]
fn a_pilot_whose_time_is_up_goes_back_to_the_queue() {
    let workspace = Workspace::new(&study());
    cluster(&workspace);
    slurm(&workspace, &[]).ok();
    let (here, told) = (workspace.hold("finetune-2"), workspace.hold("stop-asked"));
    let pilot = Run::of(job(&workspace, "pilot.sh", "1"));
    here.reached();
    workspace.write("hold/late", "3600");
    told.reached();
    told.let_go();
    here.let_go();
    let ended = pilot.end().ok();
    assert!(ended.err.contains("its time is up"), "{}", ended.err);
    assert_eq!(calls(&workspace).last().unwrap(), "scontrol requeue 77");
    // One that was cancelled does not.
    std::fs::remove_file(workspace.path("hold/late")).unwrap();
    let (here, told) = (workspace.hold("finetune-3"), workspace.hold("stop-asked"));
    let pilot = Run::of(job(&workspace, "pilot.sh", "1"));
    let worker = here.reached();
    // Of the queue's TERM to every process, those to the shell and to one of ours.
    pilot.signal("-TERM");
    assert!(crate::background::signal(worker, "-TERM"));
    assert!(crate::background::signal(crate::background::parent(worker), "-TERM"));
    told.reached();
    told.let_go();
    here.let_go();
    let ended = pilot.end();
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert_eq!(calls(&workspace).iter().filter(|call| call.starts_with("scontrol")).count(), 1);
}

#[test]
fn what_a_cluster_refuses_is_told_and_what_it_took_can_be_ended() {
    let workspace = Workspace::new(&study());
    let missing = slurm(&workspace, &["--cancel"]);
    assert_eq!(missing.code, Some(3), "{}", missing.err);
    cluster(&workspace);
    let only = ["--only", "finetune.agents[seed=1]", "--only", "pretrain"];
    workspace.write("refuses-1", "sbatch: error: Batch job submission failed: Invalid job array specification\n");
    let refused = slurm(&workspace, &[&["--pilots", "5000"], &only[..]].concat());
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("Invalid job array specification\n  = help: fewer --pilots"), "{}", refused.err);
    let ended = slurm(&workspace, &["--cancel"]).ok();
    assert!(ended.out.contains("no pilots are in the queue"), "{}", ended.out);

    workspace.write("refuses-3", "sbatch: error: the site says no\n");
    let refused = slurm(&workspace, &only);
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("the pilots are job 42, but"), "{}", refused.err);
    assert!(refused.err.contains("= help: submit it with `sbatch --dependency=afterany:42 cache/"), "{}", refused.err);
    assert!(
        workspace
            .read("cache/v1/slurm/tiny/pilot.sh")
            .contains("--only 'finetune.agents[seed=1]' --only pretrain --drain")
    );
    workspace.write("queue", "42_1|RUNNING|node1\n42_2|PENDING|(Resources)\n42_3|COMPLETING|node1\n");
    let before = calls(&workspace).len();
    slurm(&workspace, &["--cancel"]).ok();
    let expected = [
        "squeue --noheader --array --format=%i|%T|%R --jobs 42",
        "scancel --state=PENDING 42",
        "scancel --full --signal=USR1 --state=RUNNING 42",
    ];
    assert_eq!(calls(&workspace)[before..], expected);
    // A controller that fails changes nothing but what is said.
    workspace.write(
        "bin/squeue",
        "#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact slurm controller' >&2\nexit 1\n",
    );
    let status: Ended = on_cluster(&workspace, workspace.command(&["status"])).output().unwrap().into();
    assert!(status.ok().out.contains("queue: squeue: slurm_load_jobs error: Unable to contact"));
}

#[test]
fn words_for_slurm_are_checked_where_they_stand() {
    for (word, said) in [
        ("time = \"90\"", "`90` is no time: write for example"),
        ("pilots = 0", "nonzero"),
        ("gpus = \"a100\"", "`a100` is no number of GPUs"),
        ("memory = \"lots\"", "`lots` is no memory"),
        ("extra = [\"qos=high\"]", "`qos=high` is no option of sbatch"),
        ("partition = \"a\\nb\"", "`partition` must be one line"),
        ("pilot = 3", "pilots"),
    ] {
        let workspace = Workspace::new(&format!("{TINY}\n[run.slurm]\n{word}\n"));
        let ended = workspace.pipeline(&["check", "study.toml"]);
        assert_eq!(ended.code, Some(2), "{word}: {}", ended.err);
        assert!(ended.err.contains(said) && ended.err.contains("study.toml:"), "{word}: {}", ended.err);
    }
}

#[test]
fn a_pilot_that_would_need_the_network_says_so_at_once() {
    let data =
        "\n[fetch.far]\ndataset = \"hf:someone/far\"\ntext = [\"text\"]\nlabel = \"label\"\nlabels = [\"a\", \"b\"]\n";
    let study = study().replace("[pretrain.start]", &format!("{data}\n[pretrain.start]"));
    let workspace = Workspace::new(&study.replace("data = \"sentences.passive\"", "data = \"far.test\""));
    let mut command = workspace.command(&["run", "study.toml", "--drain"]);
    let ended: Ended = command.env("HF_HUB_OFFLINE", "1").output().unwrap().into();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("HF_HUB_OFFLINE is set"), "{}", ended.err);
}
