//! The tables of an experiment, each read in the room of its kind; then every reference between them.

use std::path::Path;

use clap::ValueEnum;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::data::s3::S3Address;
use crate::device::Backend;
use crate::engine::{SnapshotEvery, StageId};
use crate::kinds::references::{Needs, References};
use crate::kinds::room::Room;
use crate::kinds::stages::{Experiment, RunSettings, Stage};
use crate::kinds::{self, ROOMS};
use crate::slurm::Settings;
use crate::study::shape::table;
use crate::study::words::{Precision, parse_duration};
use crate::study::{
    Checker, Diagnostic, ExperimentError, Key, Keyed, Loaded, OneOf, Places, ReadText, Shape, Shaped, Text, from_disk,
    in_written_order, load, written_keys,
};
use crate::train::MOST_STEPS;
use crate::words::Word;

table! {
    struct RawHeader {
        /// The name of the study, and of its folder of results.
        name: Text,
        /// For readers. Nothing that is computed depends on it.
        #[serde(default, rename = "description")]
        _description: Option<String>,
        /// Used wherever a stage names no seed of its own [default: 0].
        #[serde(default)]
        seed: u64,
        /// The numbers that models are computed in [default: f32].
        precision: Option<OneOf<Precision>>,
    }
}

table! {
    /// How the work is done. Nothing here enters a key.
    #[derive(Default)]
    struct RawRun {
        /// Where to compute [default: auto, the best that there is].
        backend: Option<OneOf<Backend>>,
        /// Steps at a time [default: one a core as far as there is memory, or one a GPU].
        jobs: Option<Spanned<usize>>,
        /// Cores that a run may use [default: all].
        threads: Option<Spanned<usize>>,
        /// After a failure, go on with what does not need the failed step [default: true].
        keep_going: Option<bool>,
        /// How often what is half done is saved: a time (`s`, `min`, `h`, `d`), or a number of training steps [default: 10 min].
        snapshot_every: Option<Spanned<RawInterval>>,
        /// How often a step is tried again whose worker was killed or hung [default: 1].
        retries: Option<Spanned<usize>>,
        /// After so long without a word from a step, its worker counts as hung [default: never].
        timeout: Option<Text>,
        /// Whether every run writes the page of `pipeline report` [default: as long as there is one].
        report: Option<bool>,
        /// A bucket where others may have finished steps, `s3://BUCKET/PREFIX`: what is there is fetched rather than computed.
        remote: Option<Text>,
        /// Send each finished step there [default: false].
        push: Option<Spanned<bool>>,
        /// What `pipeline slurm` asks for; its options go before.
        slurm: Option<Spanned<Settings>>,
    }
}

/// As `--jobs`.
const MOST_JOBS: usize = 1024;
const MOST_RETRIES: usize = 1000;

/// `500` training steps, or a time such as `"10 min"`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a number of training steps, or a time such as \"10 min\"")]
enum RawInterval {
    Steps(i64),
    Time(String),
}

impl Shaped for RawInterval {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Whole, Shape::Text])
    }
}

/// Reads and checks an experiment; `overrides` are `--set` texts.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(path: &Path, overrides: &[String]) -> Result<Experiment, ExperimentError> {
    read_with(path, overrides, &from_disk)
}

/// As [`read`], with the texts of the file and of what it extends from elsewhere. Data that it names by a path is still
/// looked for beside the file.
///
/// # Errors
/// As [`read`].
pub fn read_with(path: &Path, overrides: &[String], text: ReadText<'_>) -> Result<Experiment, ExperimentError> {
    let loaded = load(path, overrides, text, &names_of_tables())?;
    let mut checker = Checker::default();
    let read = match loaded.merged() {
        Ok(table) => experiment(table, &loaded, &mut checker),
        Err(error) => checker.fail(error),
    };
    let mut diagnostics = checker.into_errors();
    match read {
        Some(experiment) if diagnostics.is_empty() => Ok(experiment),
        _ => {
            diagnostics.sort_by_key(|error| error.span.as_ref().map(|span| span.start));
            Err(ExperimentError { sources: loaded.sources, diagnostics })
        }
    }
}

/// The two tables that are no stages, with their keys, for the reference.
pub fn written() -> [(&'static str, Vec<Key>); 2] {
    [("experiment", RawHeader::keys()), ("run", RawRun::keys())]
}

/// What stands outermost in an experiment.
fn names_of_tables() -> Vec<&'static str> {
    let names = ROOMS.iter().map(|room| room.kind.name());
    ["extends", "experiment", "run"].into_iter().chain(names).collect()
}

fn experiment(table: DeTable<'_>, loaded: &Loaded, checker: &mut Checker) -> Option<Experiment> {
    let mut header = None;
    let mut run = None;
    let mut rooms: Vec<(&Room, _)> = Vec::new();
    let mut tables = Vec::new();
    for (key, value) in in_written_order(table) {
        if ["experiment", "run"].contains(&key.get_ref().as_str()) {
            tables.push((key.get_ref().clone(), written_keys(&value)));
        }
        match key.get_ref().as_str() {
            "experiment" => header = Some(checker.table::<RawHeader>(value)?),
            "run" => run = checker.table::<RawRun>(value),
            name => match kinds::named(name) {
                Some(room) => rooms.push((room, value)),
                None => {
                    let unknown = Diagnostic::new(format!("unknown table `{name}`"), key.span());
                    checker.fail::<()>(unknown.suggest(name, names_of_tables()));
                }
            },
        }
    }
    let Some(header) = header else {
        return checker.fail(Diagnostic {
            message: "there is no [experiment] table".to_owned(),
            span: None,
            help: Some("start the file with [experiment] and name = \"…\"".to_owned()),
        });
    };
    checker.name(&header.name, "experiment");
    checker.seed = header.seed;
    let precision = checker.one_of(header.precision.as_deref(), Precision::F32, "unknown precision {}");
    let mut stages = Vec::new();
    for (room, value) in rooms {
        let (kind, span) = (room.kind, value.span());
        let DeValue::Table(named) = value.into_inner() else {
            let message = format!("`{kind}` must hold named stages");
            checker.fail::<()>(Diagnostic::new(message, span).help(format!("write [{kind}.NAME]")));
            continue;
        };
        for (name, value) in in_written_order(named) {
            checker.name(&name, "stage");
            let at = name.span();
            let (places, written) = (Places::of(at.clone(), &value), written_keys(&value));
            if let Some(spec) = (room.read)(value, at.clone(), checker) {
                stages.push((at, Stage { id: StageId { kind, name: name.into_inner() }, spec, places, written }));
            }
        }
    }
    stages.sort_by_key(|(at, _)| at.start);
    let stages: Vec<Stage> = stages.into_iter().map(|(_, stage)| stage).collect();
    let mut needs = Needs::new();
    if checker.is_sound() {
        let offers = stages.iter().map(|stage| (&stage.id, stage.spec.as_offers()));
        let mut references = References::new(offers);
        for stage in &stages {
            references.of(&stage.id);
            stage.spec.references(&mut references);
            if references.has_enough() {
                break;
            }
        }
        match references.finish() {
            Ok(found) => needs = found,
            Err(errors) => {
                for error in errors {
                    checker.fail::<()>(error);
                }
            }
        }
    }
    for (name, keys) in &mut tables {
        let defaults = [("seed", header.seed.to_string()), ("precision", format!("\"{}\"", precision?))];
        let missing =
            defaults.into_iter().filter(|(key, _)| name == "experiment" && keys.iter().all(|(known, _)| known != key));
        let missing: Vec<(String, String)> = missing.map(|(key, value)| (key.to_owned(), value)).collect();
        keys.extend(missing);
    }
    Some(Experiment {
        name: header.name.into_inner(),
        tables,
        precision: precision?,
        run: run_settings(run.unwrap_or_default(), checker),
        stages,
        needs,
        directory: loaded.directory.clone(),
        sources: loaded.sources.clone(),
    })
}

fn run_settings(raw: RawRun, checker: &mut Checker) -> RunSettings {
    let backend = raw.backend.and_then(|name| {
        Backend::from_str(name.get_ref(), false).ok().or_else(|| {
            let message = format!("unknown backend `{}`", name.get_ref());
            checker.fail(Diagnostic::new(message, name.span()).suggest(name.get_ref(), Backend::names()))
        })
    });
    raw.jobs.iter().for_each(|jobs| checker.positive(jobs, "jobs", MOST_JOBS));
    raw.threads.iter().for_each(|threads| checker.positive(threads, "threads", MOST_JOBS));
    raw.retries.iter().for_each(|retries| checker.between(retries, "retries", 0..=MOST_RETRIES));
    let timeout = raw.timeout.and_then(|timeout| checker.parse_text(timeout, parse_duration));
    let remote = raw.remote.and_then(|remote| checker.parse_text(remote, str::parse::<S3Address>));
    if let Some(push) = raw.push.as_ref().filter(|push| *push.get_ref() && remote.is_none()) {
        let message = "`push` sends finished steps to a bucket, and `remote` names none";
        checker
            .fail::<()>(Diagnostic::new(message.to_owned(), push.span()).help("add remote = \"s3://BUCKET/PREFIX\""));
    }
    let slurm = raw.slurm.and_then(|slurm| checker.parse(slurm, |slurm| slurm.check().map(|()| slurm.clone())));
    RunSettings {
        backend,
        jobs: raw.jobs.map(Spanned::into_inner),
        threads: raw.threads.map(Spanned::into_inner),
        keep_going: raw.keep_going,
        snapshot_every: snapshot_every(raw.snapshot_every, checker),
        retries: raw.retries.map(Spanned::into_inner),
        timeout: timeout.map(Spanned::into_inner),
        report: raw.report,
        remote: remote.map(Spanned::into_inner),
        push: raw.push.is_some_and(Spanned::into_inner),
        slurm: slurm.map(Spanned::into_inner).unwrap_or_default(),
    }
}

fn snapshot_every(raw: Option<Spanned<RawInterval>>, checker: &mut Checker) -> SnapshotEvery {
    let parsed = raw.and_then(|interval| {
        checker.parse(interval, |interval| match interval {
            RawInterval::Time(text) => parse_duration(text).map(SnapshotEvery::Time),
            RawInterval::Steps(steps) => match usize::try_from(*steps) {
                Ok(steps) if (1..=MOST_STEPS).contains(&steps) => Ok(SnapshotEvery::Steps(steps)),
                Ok(steps) if steps > 0 => Err(format!("`snapshot_every` must be at most {MOST_STEPS} training steps")),
                _ => Err("`snapshot_every` must be at least 1 training step".to_owned()),
            },
        })
    });
    parsed.map(Spanned::into_inner).unwrap_or_default()
}
