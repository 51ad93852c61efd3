//! Raw tables → validated stages, then every reference between them.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::durations::parse_duration;
use super::load::{Loaded, ReadText, from_disk, in_written_order, load};
use super::raw::{RawHeader, RawInterval, RawMeasure, RawRun};
use super::{
    Diagnostic, Experiment, ExperimentError, Kind, RunSettings, Spec, Stage, StageId, agreement, clusters, dynamics,
    fetches, imports, measurements, plots, references, sharpness, surfaces, trainings, values,
};
use crate::device::Backend;
use crate::engine::SnapshotEvery;

/// Reads and checks an experiment; `overrides` are `--set` texts.
pub fn read(path: &Path, overrides: &[String]) -> Result<Experiment, ExperimentError> {
    read_with(path, overrides, &from_disk)
}

/// As [`read`], with the texts of the file and of what it extends from elsewhere. Data that it names by a path is still
/// looked for beside the file.
pub fn read_with(path: &Path, overrides: &[String], text: ReadText<'_>) -> Result<Experiment, ExperimentError> {
    let loaded = load(path, overrides, text)?;
    let mut checker = Checker { seed: 0, errors: Vec::new() };
    let experiment = loaded.merged().map_err(|error| vec![error]).and_then(|table| {
        let experiment = checker.experiment(table, &loaded);
        match experiment {
            Some(experiment) if checker.errors.is_empty() => Ok(experiment),
            _ => Err(std::mem::take(&mut checker.errors)),
        }
    });
    experiment.map_err(|mut diagnostics| {
        diagnostics.sort_by_key(|error| error.span.as_ref().map(|span| span.start));
        ExperimentError { sources: loaded.sources, diagnostics }
    })
}

/// Collects what is wrong while values are converted.
pub(super) struct Checker {
    /// Used where a stage names no seed of its own.
    pub seed: u64,
    errors: Vec<Diagnostic>,
}

impl Checker {
    /// Notes an error; the `None` stands for the value that is missing because of it.
    pub fn fail<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.errors.push(error);
        None
    }

    pub fn parse<T, U>(
        &mut self,
        value: Spanned<T>,
        parse: impl FnOnce(&T) -> Result<U, String>,
    ) -> Option<Spanned<U>> {
        match parse(value.get_ref()) {
            Ok(parsed) => Some(Spanned::new(value.span(), parsed)),
            Err(message) => self.fail(Diagnostic::new(message, value.span())),
        }
    }

    pub fn parse_text<U>(
        &mut self,
        value: Spanned<String>,
        parse: impl FnOnce(&str) -> Result<U, String>,
    ) -> Option<Spanned<U>> {
        self.parse(value, |text| parse(text))
    }

    /// What `text` names, out of a list; `what` is what they all are.
    pub fn one_of<'n, T>(
        &mut self,
        text: &Spanned<String>,
        what: &str,
        named: impl IntoIterator<Item = (&'n str, T)>,
    ) -> Option<T> {
        let mut names = Vec::new();
        for (name, value) in named {
            if name == text.get_ref() {
                return Some(value);
            }
            names.push(name);
        }
        let message = format!("unknown {what} `{}`", text.get_ref());
        self.fail(Diagnostic::new(message, text.span()).suggest(text.get_ref(), names))
    }

    pub fn positive(&mut self, value: &Spanned<usize>, name: &str) {
        if *value.get_ref() == 0 {
            self.fail::<()>(Diagnostic::new(format!("`{name}` must be at least 1"), value.span()));
        }
    }

    pub fn fraction(&mut self, value: &Spanned<f64>, name: &str) {
        if !(0.0..=1.0).contains(value.get_ref()) {
            self.fail::<()>(Diagnostic::new(format!("`{name}` must be between 0 and 1"), value.span()));
        }
    }

    pub fn above_zero(&mut self, value: &Spanned<f64>, name: &str) {
        if !(value.get_ref().is_finite() && *value.get_ref() > 0.0) {
            self.fail::<()>(Diagnostic::new(format!("`{name}` must be greater than 0"), value.span()));
        }
    }

    pub fn not_negative(&mut self, value: &Spanned<f64>, name: &str) {
        if !(value.get_ref().is_finite() && *value.get_ref() >= 0.0) {
            self.fail::<()>(Diagnostic::new(format!("`{name}` must be 0 or more"), value.span()));
        }
    }

    fn experiment(&mut self, table: DeTable<'_>, loaded: &Loaded) -> Option<Experiment> {
        let mut header = None;
        let mut run = None;
        let mut kinds = Vec::new();
        for (key, value) in in_written_order(table) {
            match key.get_ref().as_str() {
                "experiment" => header = Some(self.table::<RawHeader>(value)?),
                "run" => run = self.table::<RawRun>(value),
                name => match Kind::named(name) {
                    Some(kind) => kinds.push((kind, value)),
                    None => {
                        let known = ["extends", "experiment", "run"].into_iter().chain(Kind::ALL.map(Kind::name));
                        self.one_of::<()>(&key, "table", known.map(|name| (name, ())));
                    }
                },
            }
        }
        let Some(header) = header else {
            return self.fail(Diagnostic {
                message: "there is no [experiment] table".to_owned(),
                span: None,
                help: Some("start the file with [experiment] and name = \"…\"".to_owned()),
            });
        };
        self.name(&header.name, "experiment");
        self.seed = header.seed;
        let precision = self.precision(header.precision);
        let mut stages = Vec::new();
        for (kind, value) in kinds {
            let span = value.span();
            let DeValue::Table(named) = value.into_inner() else {
                let message = format!("`{kind}` must hold named stages");
                self.fail::<()>(Diagnostic::new(message, span).help(format!("write [{kind}.NAME]")));
                continue;
            };
            for (name, value) in in_written_order(named) {
                self.name(&name, "stage");
                let at = name.span();
                if let Some(spec) = self.stage(kind, value, at.clone()) {
                    stages.push((at, Stage { id: StageId { kind, name: name.into_inner() }, spec }));
                }
            }
        }
        stages.sort_by_key(|(at, _)| at.start);
        let stages: Vec<_> = stages.into_iter().map(|(_, stage)| stage).collect();
        if self.errors.is_empty() {
            references::check(&stages, &mut self.errors);
        }
        Some(Experiment {
            name: header.name.into_inner(),
            precision,
            run: self.run_settings(run.unwrap_or_default()),
            stages,
            directory: loaded.directory.clone(),
            sources: loaded.sources.clone(),
        })
    }

    fn stage(&mut self, kind: Kind, value: Spanned<DeValue<'_>>, at: Range<usize>) -> Option<Spec> {
        Some(match kind {
            Kind::Eval if imports::has(&value, &["logs", "table"]) => {
                Spec::ImportedEval(imports::check_eval(self.table(value)?, self)?)
            }
            Kind::Interpolate if imports::has(&value, &["logs"]) => {
                Spec::ImportedLines(imports::check_lines(self.table(value)?, self)?)
            }
            Kind::Surface if imports::has(&value, &["logs"]) => {
                Spec::ImportedSurface(imports::check_surface(self.table(value)?, self)?)
            }
            Kind::Sharpness if imports::has(&value, &["logs"]) => {
                Spec::ImportedSharpness(imports::check_sharpness(self.table(value)?, self)?)
            }
            Kind::Cluster if imports::has(&value, &["members"]) => {
                Spec::Members(imports::check_members(self.table(value)?, self)?)
            }
            Kind::Fetch => Spec::Fetch(fetches::check(self.table(value)?, at, self)?),
            Kind::Pretrain => Spec::Pretrain(trainings::check_pretrain(self.table(value)?, self)?),
            Kind::Finetune => Spec::Finetune(trainings::check_finetune(self.table(value)?, at, self)?),
            Kind::Eval => {
                let (measure, rest) = self.measured(value, &RawMeasure::KEYS)?;
                Spec::Eval(measurements::check_eval(measure, rest, self)?)
            }
            Kind::Interpolate => {
                let (measure, rest) = self.measured(value, &RawMeasure::KEYS)?;
                Spec::Interpolate(measurements::check_interpolate(measure, rest, self)?)
            }
            Kind::Cluster => Spec::Cluster(clusters::check(self.table(value)?, self)?),
            Kind::Dynamics => Spec::Dynamics(dynamics::check(self.table(value)?, self)?),
            Kind::Sharpness => {
                let (measure, rest) = self.measured(value, &RawMeasure::KEYS_OF_LOSS)?;
                Spec::Sharpness(sharpness::check(measure, rest, self)?)
            }
            Kind::Agreement => Spec::Agreement(agreement::check(self.table(value)?)?),
            Kind::Plot => Spec::Plot(plots::check(self.table(value)?, self)?),
            Kind::Surface => {
                let (measure, rest) = self.measured(value, &RawMeasure::KEYS)?;
                Spec::Surface(surfaces::check(measure, rest, self)?)
            }
        })
    }

    /// Deserialises one table; a wrong key or type becomes an error that points at it.
    fn table<T: for<'de> Deserialize<'de>>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        self.table_with(value, &[])
    }

    /// A table whose keys are in part those of a measurement: these, and the rest.
    fn measured<T: for<'de> Deserialize<'de>>(
        &mut self,
        mut value: Spanned<DeValue<'_>>,
        keys: &[&str],
    ) -> Option<(RawMeasure, T)> {
        let mut shared = DeTable::new();
        if let DeValue::Table(table) = value.get_mut() {
            for key in keys {
                if let Some((key, value)) = table.remove_entry(*key) {
                    shared.insert(key, value);
                }
            }
        }
        let shared = Spanned::new(value.span(), DeValue::Table(shared));
        let rest = self.table_with(value, keys)?;
        Some((self.table(shared)?, rest))
    }

    /// `also` are keys that are known but no longer in the table.
    fn table_with<T: for<'de> Deserialize<'de>>(&mut self, value: Spanned<DeValue<'_>>, also: &[&str]) -> Option<T> {
        values::read(value, also).map_err(|error| self.errors.push(error)).ok()
    }

    fn name(&mut self, name: &Spanned<String>, what: &str) {
        let text = name.get_ref();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > 100 || !text.chars().all(fits) {
            self.fail::<()>(
                Diagnostic::new(format!("`{text}` cannot be the name of a {what}"), name.span())
                    .help("use letters, digits, `_` and `-`"),
            );
        }
    }

    fn precision(&mut self, precision: Option<Spanned<String>>) -> String {
        if let Some(precision) = &precision {
            self.one_of(precision, "precision", [("f32", ())]);
        }
        precision.map_or("f32".to_owned(), Spanned::into_inner)
    }

    fn run_settings(&mut self, raw: RawRun) -> RunSettings {
        let backend = raw.backend.and_then(|name| {
            let named =
                [("auto", Backend::Auto), ("cpu", Backend::Cpu), ("cuda", Backend::Cuda), ("wgpu", Backend::Wgpu)];
            self.one_of(&name, "backend", named)
        });
        raw.jobs.iter().for_each(|jobs| self.positive(jobs, "jobs"));
        let timeout = raw.timeout.and_then(|timeout| self.parse_text(timeout, parse_duration));
        RunSettings {
            backend,
            jobs: raw.jobs.map(Spanned::into_inner),
            keep_going: raw.keep_going,
            snapshot_every: self.snapshot_every(raw.snapshot_every),
            retries: raw.retries,
            timeout: timeout.map(Spanned::into_inner),
        }
    }

    fn snapshot_every(&mut self, raw: Option<Spanned<RawInterval>>) -> SnapshotEvery {
        let parsed = raw.and_then(|interval| {
            self.parse(interval, |interval| match interval {
                RawInterval::Time(text) => parse_duration(text).map(SnapshotEvery::Time),
                RawInterval::Steps(steps) => match usize::try_from(*steps) {
                    Ok(steps) if steps > 0 => Ok(SnapshotEvery::Steps(steps)),
                    _ => Err("`snapshot_every` must be at least 1 training step".to_owned()),
                },
            })
        });
        parsed.map(Spanned::into_inner).unwrap_or_default()
    }
}
