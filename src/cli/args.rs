use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::data::expanded;
use crate::device::{Backend, built_in};
use crate::experiment::Format;
use crate::progress::LogFormat;
use crate::slurm::Settings;
use crate::study::words::parse_duration;

/// Fine-tune a model many times, evaluate, interpolate, cluster, draw: one TOML file, nothing computed twice.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, long_version = version())]
pub struct Arguments {
    /// Folder of finished steps.
    #[arg(long, global = true, env = "PIPELINE_CACHE", default_value = "cache", value_name = "FOLDER", value_parser = expanded)]
    pub cache_dir: PathBuf,
    #[command(subcommand)]
    pub command: Command,
}

/// For `--version`: what it is built from, and with what.
fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let commit = option_env!("PIPELINE_COMMIT").unwrap_or("unknown, it was built without git");
        format!("{}\ncommit: {commit}\nbackends: {}", env!("CARGO_PKG_VERSION"), built_in().join(", "))
    });
    &TEXT
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a first study: one for data of your own, whose columns it looks at, or the quickstart's.
    Init(Init),
    /// Checks an experiment file without running anything.
    Check(Check),
    /// Shows every step: fresh, will run and why, or waiting on what.
    Plan(Plan),
    /// Says of a step, or of a file among the results, where everything in it comes from, and why it is fresh or not.
    Explain(Explain),
    /// Compares two versions of a study: what the files say, which steps would run, and what came out.
    Diff(Diff),
    /// Prints the graph of stages.
    Graph(Graph),
    /// Prints the JSON Schema of an experiment, with which editors complete keys and say what they mean.
    Schema,
    /// Shows what is running in this cache, on all machines.
    Status,
    /// Runs what is missing, then writes tables and figures to results/.
    Run(Run),
    /// Writes FILE's lock, which says which bytes its sources are; `run --locked` runs with these.
    Lock(Lock),
    /// Submits the study to Slurm: pilots that share it, and a last job that writes the results.
    Slurm(Box<Slurm>),
    /// Prints the tables of what is finished.
    Show(Experiment),
    /// Writes tables and figures again from the cache.
    Results(Results),
    /// Writes one page that shows figures, tables, the study and where everything comes from, for any browser.
    Report(Report),
    /// Writes a finished model as files that the transformers library loads, or uploads them to the Hugging Face hub.
    Export(Export),
    /// Prints a script with which a shell completes commands and options.
    Completions(Completions),
    /// Writes manual pages.
    Man(Man),
    /// Runs steps for a driver, over standard input and output.
    #[command(hide = true)]
    Worker(Worker),
    /// Lists, checks, sweeps and moves what is in the cache.
    #[command(subcommand)]
    Cache(cache::Command),
}

#[derive(Debug, Args)]
pub struct Init {
    /// The study to write [default: called like the data, in this folder].
    pub file: Option<PathBuf>,
    // In a doc comment the brackets would be a link.
    #[arg(
        long,
        default_value = "quickstart",
        value_name = "DATA",
        help = "A file (CSV, tab-separated, JSON, Parquet, also packed), a folder of them, hf:REPO[@REVISION], or quickstart"
    )]
    pub from: String,
    /// Which of the repository's data sets.
    #[arg(long, value_name = "NAME")]
    pub config: Option<String>,
    /// The column of the text, where it is not the one that is proposed; twice for a pair.
    #[arg(long, value_name = "COLUMN")]
    pub text: Vec<String>,
    /// The column of the class, where it is not the one that is proposed.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// Where the fine-tunes start, as in a study: hf:REPO or path:FOLDER.
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Replaces a file that is there.
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    /// A folder, such as ~/.local/share/man/man1.
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub struct Experiment {
    /// The experiment's TOML file.
    pub file: PathBuf,
    /// Overrides one value, for example --set finetune.bert.epochs=1.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub experiment: Experiment,
    /// Prints the study with every default and every value of its recipes written out.
    #[arg(long)]
    pub resolved: bool,
}

#[derive(Debug, Args)]
pub struct Chosen {
    /// Only steps of this stage (finetune.bert) or kind (eval), or one step ("finetune.bert[seed=3]").
    #[arg(long, value_name = "STAGE")]
    pub only: Vec<String>,
    /// Only this stage and what needs it.
    #[arg(long, value_name = "STAGE")]
    pub from: Vec<String>,
    /// Only this stage and what it needs.
    #[arg(long, value_name = "STAGE")]
    pub until: Vec<String>,
    /// Runs this stage again even where it is fresh.
    #[arg(long, value_name = "STAGE")]
    pub force: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub experiment: Experiment,
    #[command(flatten)]
    pub chosen: Chosen,
    /// Lists every step.
    #[arg(long, short)]
    pub verbose: bool,
}

#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    pub experiment: Experiment,
    /// A step ("finetune.bert[seed=3]"), a key from a table or its beginning, or a file (results/qqp/metrics.csv).
    #[arg(value_name = "STEP")]
    pub step: String,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Diff {
    /// A file, or FILE@REVISION as git has it in a commit, a branch or a tag.
    #[arg(value_name = "FILE[@REVISION]")]
    pub first: String,
    /// The other one [default: the same file as it is now, against the last commit where the first names none].
    #[arg(value_name = "FILE[@REVISION]")]
    pub second: Option<String>,
    /// Overrides one value in both.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    pub experiment: Experiment,
    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub experiment: Experiment,
    #[command(flatten)]
    pub chosen: Chosen,
    /// Where to compute [default: the file's, else auto].
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,
    /// Steps at a time [default: the file's, else one a core as far as there is memory, or one a GPU].
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// After a failure, goes on with what does not need the failed step (the default).
    #[arg(long, conflicts_with = "fail_fast")]
    pub keep_going: bool,
    /// Starts nothing new after a failure.
    #[arg(long)]
    pub fail_fast: bool,
    /// Where models lack something at the end, makes clusters and figures of the others, which say "73 of 100 models".
    #[arg(long)]
    pub partial: bool,
    /// Holds the run to the lock beside the file (`pipeline lock`): refuses what is another, and fetches what it says.
    #[arg(long)]
    pub locked: bool,
    /// Uses nothing but the cache, files on this machine, and the lock where there is one.
    #[arg(long)]
    pub offline: bool,
    /// Shows the plan and stops.
    #[arg(long)]
    pub dry_run: bool,
    /// Ends where nothing is left to start, rather than wait for other runs; writes no tables and figures.
    #[arg(long, conflicts_with = "partial")]
    pub drain: bool,
    /// Saves what is half done and ends before so much time has passed, such as "4 h" [default: the Slurm job's limit].
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub time: Option<Duration>,
    /// Takes steps that others finished from this bucket instead of running them [default: the file's].
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub remote: Option<String>,
    /// Sends each step that it finishes there, too.
    #[arg(long)]
    pub push: bool,
    /// Neither asks the file's bucket nor sends to it.
    #[arg(long, conflicts_with_all = ["remote", "push"])]
    pub no_remote: bool,
    /// Where tables and figures go.
    #[arg(long, default_value = "results", value_name = "FOLDER")]
    pub results_dir: PathBuf,
    #[arg(long, value_enum, default_value = "human")]
    pub log_format: LogFormat,
}

impl Run {
    /// A run of these steps alone, which leaves tables and figures to others.
    pub fn of(experiment: &Experiment, only: Vec<String>, results: &Path) -> Self {
        Self {
            experiment: experiment.clone(),
            chosen: Chosen { only, from: Vec::new(), until: Vec::new(), force: Vec::new() },
            backend: None,
            jobs: None,
            keep_going: false,
            fail_fast: false,
            partial: false,
            locked: false,
            offline: false,
            dry_run: false,
            drain: true,
            time: None,
            remote: None,
            push: false,
            no_remote: false,
            results_dir: results.to_owned(),
            log_format: LogFormat::Human,
        }
    }
}

#[derive(Debug, Args)]
pub struct Lock {
    #[command(flatten)]
    pub experiment: Experiment,
    /// Also says what came out, stage by stage: whoever runs it again is told what is another.
    #[arg(long)]
    pub results: bool,
}

#[derive(Debug, Args)]
pub struct Slurm {
    #[command(flatten)]
    pub experiment: Experiment,
    /// As of `run`.
    #[arg(long, value_name = "STAGE")]
    pub only: Vec<String>,
    #[arg(long, value_name = "STAGE")]
    pub from: Vec<String>,
    #[arg(long, value_name = "STAGE")]
    pub until: Vec<String>,
    #[command(flatten)]
    pub settings: Settings,
    /// Holds the study to the lock beside the file, as of `run`.
    #[arg(long)]
    pub locked: bool,
    /// Prints the scripts, and neither fetches nor submits anything.
    #[arg(long)]
    pub dry_run: bool,
    /// Takes the study's pilots out of the queue; those that run save what is half done.
    #[arg(long, conflicts_with = "dry_run")]
    pub cancel: bool,
    /// Where tables and figures go.
    #[arg(long, default_value = "results", value_name = "FOLDER")]
    pub results_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Results {
    #[command(flatten)]
    pub experiment: Experiment,
    #[arg(long, default_value = "results", value_name = "FOLDER")]
    pub results_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub experiment: Experiment,
    /// A file for the page alone [default: report.html among the results, which are written with it].
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Where tables and figures go.
    #[arg(long, default_value = "results", value_name = "FOLDER")]
    pub results_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    pub experiment: Experiment,
    /// The step as it is printed, for example "finetune.bert[seed=7]", or with a checkpoint "finetune.bert[seed=7]@15000".
    pub step: String,
    // In a doc comment the brackets would be a link.
    #[arg(long, value_name = "FOLDER", help = "A folder, or hf:OWNER/NAME[@BRANCH] (with the token in HF_TOKEN)")]
    pub to: String,
    /// Replaces an earlier export in that folder.
    #[arg(long)]
    pub force: bool,
    /// Makes a repository that is not there yet a private one.
    #[arg(long)]
    pub private: bool,
}

#[derive(Debug, Args)]
pub struct Worker {
    #[arg(long)]
    pub remote: Option<String>,
    #[arg(long)]
    pub push: bool,
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,
}

/// Of `pipeline cache …`.
pub mod cache {
    use std::path::PathBuf;

    use clap::{Args, Subcommand, ValueEnum};

    use crate::cli::units::parse_size;

    #[derive(Debug, Subcommand)]
    pub enum Command {
        /// Makes a cache that is yours alone, or a group's.
        Init(Init),
        /// Shows what the cache holds: steps, bytes, age, and hours it took.
        Ls(Ls),
        /// Checks every manifest and every object against its digest, and moves away what is damaged.
        Verify(Verify),
        /// Removes what the named experiments cannot reach.
        Gc(Gc),
        /// Writes an experiment's finished steps as one file for another machine.
        Export(Export),
        /// Takes such a file in, every digest checked.
        Import(Import),
        /// Sends an experiment's finished steps to a bucket that others share.
        Push(Push),
        /// Brings an experiment's finished steps from such a bucket, every digest checked.
        Pull(Pull),
    }

    #[derive(Debug, Args)]
    pub struct Init {
        /// Whose members share it: its name or number. Without it only you can read what is in it.
        #[arg(long, value_name = "NAME")]
        pub group: Option<String>,
    }

    #[derive(Debug, Args)]
    pub struct Ls {
        #[arg(long, value_enum, default_value = "text")]
        pub format: Format,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
    pub enum Format {
        Text,
        Json,
    }

    #[derive(Debug, Args)]
    pub struct Verify {
        /// Says what is damaged and moves nothing.
        #[arg(long)]
        pub dry_run: bool,
    }

    #[derive(Debug, Args)]
    pub struct Gc {
        /// Experiment files; what they reach stays.
        pub files: Vec<PathBuf>,
        /// Keeps what the files reached in this git revision, too.
        #[arg(long, value_name = "REV")]
        pub keep_revision: Vec<String>,
        /// Removes even what is reached until the cache is no larger, for example 20GB: most bytes for an hour of rebuilding
        /// first.
        #[arg(long, value_name = "SIZE", value_parser = parse_size)]
        pub max_size: Option<u64>,
        /// Removes from this bucket instead, and nothing from the cache.
        #[arg(long, value_name = "s3://BUCKET/PREFIX", conflicts_with = "max_size")]
        pub remote: Option<String>,
        /// Says what would go, how many bytes, and how many hours it took.
        #[arg(long)]
        pub dry_run: bool,
    }

    #[derive(Debug, Args)]
    pub struct Export {
        #[command(flatten)]
        pub experiment: super::Experiment,
        /// The file to write.
        #[arg(long, value_name = "ARCHIVE")]
        pub to: PathBuf,
    }

    #[derive(Debug, Args)]
    pub struct Push {
        #[command(flatten)]
        pub experiment: super::Experiment,
        /// The bucket [default: `remote` in `[run]`].
        #[arg(long, value_name = "s3://BUCKET/PREFIX")]
        pub to: Option<String>,
    }

    #[derive(Debug, Args)]
    pub struct Pull {
        #[command(flatten)]
        pub experiment: super::Experiment,
        /// The bucket [default: `remote` in `[run]`].
        #[arg(long, value_name = "s3://BUCKET/PREFIX")]
        pub from: Option<String>,
    }

    #[derive(Debug, Args)]
    pub struct Import {
        /// A file that `pipeline cache export` wrote.
        pub archive: PathBuf,
    }
}
