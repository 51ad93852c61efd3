//! The two scripts of a study.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::settings::{Gpus, Limit, Memory, Settings};

/// Where nothing else is known, cores of a pilot.
const CPUS: u16 = 4;
/// Of the job that writes tables and figures.
const RESULTS: (Limit, u16, u64) = (Limit(Duration::from_secs(3600)), 1, 4);

/// What the scripts say.
pub struct Pilots<'a> {
    pub experiment: &'a str,
    pub settings: &'a Settings,
    /// As many as `settings` says, or the plan.
    pub pilots: u16,
    pub time: Option<Limit>,
    pub gpus: Gpus,
    pub memory: Option<Memory>,
    /// This program.
    pub program: &'a Path,
    /// Where it is started; what it is given is as seen from there.
    pub directory: &'a Path,
    /// The experiment's file and `--set`, the cache, and what may run.
    pub file: &'a [String],
    pub cache: &'a str,
    pub chosen: &'a [String],
    pub results: &'a str,
    /// For scripts and what jobs print.
    pub folder: &'a Path,
}

/// Texts for `sbatch`.
#[derive(Debug, PartialEq, Eq)]
pub struct Scripts {
    pub pilot: String,
    pub results: String,
}

impl Pilots<'_> {
    pub fn scripts(&self) -> Scripts {
        Scripts { pilot: self.pilot(), results: self.last() }
    }

    fn pilot(&self) -> String {
        let Self { experiment, settings, .. } = self;
        let cpus = settings.cpus.map_or(CPUS, u16::from);
        let mut text = format!(
            "#!/bin/bash\n# A pilot of the study `{experiment}`: it takes steps until none is left to start.\n"
        );
        self.option(&mut text, "job-name", &format!("pipeline-{experiment}"));
        self.option(&mut text, "array", &format!("1-{}", self.pilots));
        self.time(&mut text, self.time);
        let Gpus { kind, count } = &self.gpus;
        if *count > 0 {
            let kind = kind.as_ref().map_or(String::new(), |kind| format!("{kind}:"));
            self.option(&mut text, "gres", &format!("gpu:{kind}{count}"));
        }
        self.option(&mut text, "cpus-per-task", &cpus.to_string());
        if let Some(memory) = &self.memory {
            self.option(&mut text, "mem", &memory.to_string());
        }
        if let Some(constraint) = &settings.constraint {
            self.option(&mut text, "constraint", constraint);
        }
        text.push_str("#SBATCH --requeue\n");
        self.rest(&mut text, "%A_%a.out");
        text.push_str(
            "# Everything was fetched when this was submitted: a step that would need the network says so at once.\n",
        );
        text.push_str("export HF_HUB_OFFLINE=1\n");
        writeln!(text, "export RAYON_NUM_THREADS={cpus}").ok();
        text.push_str(
            "# What ends a job reaches the program too, which saves what is half done; this shell waits for it.\n",
        );
        text.push_str("trap : TERM HUP QUIT USR1 USR2 XCPU\n");
        let limit = self
            .time
            .map_or(Vec::new(), |time| vec!["--for".to_owned(), format!("{} min", time.0.as_secs().div_ceil(60))]);
        let run = [self.command("run"), self.chosen.to_vec(), vec!["--drain".to_owned()], limit].concat();
        writeln!(text, "srun --cpus-per-task={cpus} {}", line(&run)).ok();
        text.push_str("code=$?\n");
        if self.time.is_some() {
            text.push_str(
                "# Its time was up, and there is more to do: it waits in the queue again, and goes on from there.\n",
            );
            text.push_str("if [ $code = 4 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt 100 ]; then\n");
            text.push_str("  for try in 1 2 3; do scontrol requeue \"$SLURM_JOB_ID\" && exit; sleep 20; done\n");
            text.push_str("fi\n");
        }
        text.push_str("exit $code\n");
        text
    }

    fn last(&self) -> String {
        let Self { experiment, .. } = self;
        let (time, cpus, gigabytes) = RESULTS;
        let mut text = format!(
            "#!/bin/bash\n# Writes tables and figures of the study `{experiment}`, when its pilots have ended.\n"
        );
        self.option(&mut text, "job-name", &format!("pipeline-{experiment}-results"));
        self.time(&mut text, Some(self.settings.time.map_or(time, |own| Limit(own.0.min(time.0)))));
        self.option(&mut text, "cpus-per-task", &cpus.to_string());
        if self.memory.is_some() {
            self.option(&mut text, "mem", &Memory::gigabytes(gigabytes).to_string());
        }
        self.rest(&mut text, "%j.out");
        let results = [self.command("results"), vec!["--results-dir".to_owned(), self.results.to_owned()]].concat();
        writeln!(text, "exec {}", line(&results)).ok();
        text
    }

    fn option(&self, text: &mut String, name: &str, value: &str) {
        writeln!(text, "#SBATCH --{name}={}", quoted_option(value)).ok();
    }

    fn time(&self, text: &mut String, time: Option<Limit>) {
        if let Some(time) = time {
            self.option(text, "time", &time.to_string());
        }
    }

    /// What both have in common, after their own.
    fn rest(&self, text: &mut String, output: &str) {
        for (name, value) in [("partition", &self.settings.partition), ("account", &self.settings.account)] {
            if let Some(value) = value {
                self.option(text, name, value);
            }
        }
        self.option(text, "chdir", &self.directory.display().to_string());
        // Slurm has meanings of its own for what follows a `%`.
        let folder = self.folder.display().to_string().replace('%', "%%");
        self.option(text, "output", &format!("{folder}/{output}"));
        text.push_str("#SBATCH --open-mode=append\n");
        for extra in &self.settings.extra {
            writeln!(text, "#SBATCH {extra}").ok();
        }
        text.push('\n');
        if let Some(setup) = &self.settings.setup {
            writeln!(text, "{}", setup.trim_end()).ok();
        }
    }

    fn command(&self, name: &str) -> Vec<String> {
        let program = self.program.display().to_string();
        [&[program, name.to_owned()], self.file, &["--cache-dir".to_owned(), self.cache.to_owned()]].concat()
    }
}

/// Words for a shell.
fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A value in a line of `#SBATCH`, which knows double quotes.
fn quoted_option(value: &str) -> String {
    match value.contains([' ', '#', '\'', '\t']) {
        true => format!("\"{value}\""),
        false => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts(settings: &Settings, gpus: &str) -> Scripts {
        let file = ["a study.toml", "--set", "finetune.a.epochs=1"].map(str::to_owned);
        Pilots {
            experiment: "qqp",
            settings,
            pilots: 8,
            time: settings.time,
            gpus: gpus.parse().unwrap(),
            memory: settings.memory.clone(),
            program: Path::new("/opt/pipeline"),
            directory: Path::new("/home/me/it's here"),
            file: &file,
            cache: "cache",
            chosen: &["--only".to_owned(), "finetune.a[seed=7]".to_owned()],
            results: "results",
            folder: Path::new("/scratch/cache/v1/slurm/qqp"),
        }
        .scripts()
    }

    #[test]
    fn all_that_is_said_is_in_the_script() {
        let settings: Settings = toml::from_str(
            "pilots = 8\ntime = \"4 h\"\npartition = \"gpu\"\naccount = \"lab\"\ncpus = 6\nmemory = \"16 GB\"\n\
             constraint = \"a100|h100\"\nextra = [\"--qos=high\"]\nsetup = \"module load cuda\"\ngpus = 2\n",
        )
        .unwrap();
        let Scripts { pilot, results } = scripts(&settings, "a100:2");
        assert_eq!(
            pilot,
            "#!/bin/bash
# A pilot of the study `qqp`: it takes steps until none is left to start.
#SBATCH --job-name=pipeline-qqp
#SBATCH --array=1-8
#SBATCH --time=04:00:00
#SBATCH --gres=gpu:a100:2
#SBATCH --cpus-per-task=6
#SBATCH --mem=16G
#SBATCH --constraint=a100|h100
#SBATCH --requeue
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --chdir=\"/home/me/it's here\"
#SBATCH --output=/scratch/cache/v1/slurm/qqp/%A_%a.out
#SBATCH --open-mode=append
#SBATCH --qos=high

module load cuda
# Everything was fetched when this was submitted: a step that would need the network says so at once.
export HF_HUB_OFFLINE=1
export RAYON_NUM_THREADS=6
# What ends a job reaches the program too, which saves what is half done; this shell waits for it.
trap : TERM HUP QUIT USR1 USR2 XCPU
srun --cpus-per-task=6 /opt/pipeline run 'a study.toml' --set finetune.a.epochs=1 --cache-dir cache --only \
             'finetune.a[seed=7]' --drain --for '240 min'
code=$?
# Its time was up, and there is more to do: it waits in the queue again, and goes on from there.
if [ $code = 4 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt 100 ]; then
  for try in 1 2 3; do scontrol requeue \"$SLURM_JOB_ID\" && exit; sleep 20; done
fi
exit $code
"
        );
        assert_eq!(
            results,
            "#!/bin/bash
# Writes tables and figures of the study `qqp`, when its pilots have ended.
#SBATCH --job-name=pipeline-qqp-results
#SBATCH --time=01:00:00
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --chdir=\"/home/me/it's here\"
#SBATCH --output=/scratch/cache/v1/slurm/qqp/%j.out
#SBATCH --open-mode=append
#SBATCH --qos=high

module load cuda
exec /opt/pipeline results 'a study.toml' --set finetune.a.epochs=1 --cache-dir cache --results-dir results
"
        );
    }

    #[test]
    fn what_is_not_said_is_left_to_the_cluster() {
        let Scripts { pilot, results } = scripts(&Settings::default(), "0");
        for word in ["--time", "--gres", "--mem", "--partition", "--for", "scontrol"] {
            assert!(!pilot.contains(word), "{word}");
        }
        assert!(pilot.contains("--cpus-per-task=4\n") && !results.contains("--mem"));
        for (word, text) in [("a'b", r"'a'\''b'"), ("", "''"), ("$(x)", "'$(x)'"), ("a=b/c", "a=b/c")] {
            assert_eq!(quoted(word), text);
        }
    }
}
