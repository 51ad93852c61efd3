//! Raw tables → validated stages, then every reference between them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use clap::ValueEnum;
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::load::{Loaded, in_written_order, load};
use super::raw::{RawHeader, RawRun};
use super::{
    Checkpoint, DataRef, Diagnostic, Experiment, ExperimentError, Fetch, Finetune, Kind, Measurement, MetricRef,
    ModelRef, OrderBy, PlotKind, RunSettings, Spec, Stage, StageId, analyses, fetches, measurements, trainings,
};
use crate::device::Backend;

/// Reads and checks an experiment; `overrides` are `--set` texts.
pub fn read(path: &Path, overrides: &[String]) -> Result<Experiment, ExperimentError> {
    let loaded = load(path, overrides)?;
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

    pub fn rate(&mut self, value: &Spanned<f64>) {
        if !(value.get_ref().is_finite() && *value.get_ref() > 0.0) {
            self.fail::<()>(Diagnostic::new("`learning_rate` must be greater than 0", value.span()));
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
                        self.fail::<()>(
                            Diagnostic::new(format!("unknown table `{name}`"), key.span()).suggest(name, known),
                        );
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
            References { stages: &stages, errors: &mut self.errors }.check();
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
            Kind::Fetch => Spec::Fetch(fetches::check(self.table(value)?, at, self)?),
            Kind::Pretrain => Spec::Pretrain(trainings::check_pretrain(self.table(value)?, self)?),
            Kind::Finetune => Spec::Finetune(trainings::check_finetune(self.table(value)?, self)?),
            Kind::Eval => Spec::Eval(measurements::check_eval(self.table(value)?, self)?),
            Kind::Interpolate => Spec::Interpolate(measurements::check_interpolate(self.table(value)?, self)?),
            Kind::Cluster => Spec::Cluster(analyses::check_cluster(self.table(value)?, self)?),
            Kind::Plot => Spec::Plot(analyses::check_plot(self.table(value)?, self)?),
        })
    }

    /// Deserialises one table; a wrong key or type becomes an error that points at it.
    fn table<T: for<'de> Deserialize<'de>>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        let span = value.span();
        match T::deserialize(value.into_deserializer()) {
            Ok(raw) => Some(raw),
            Err(error) => {
                let at = error.span().unwrap_or(span);
                let error = self.describe(error.message(), at);
                self.fail(error)
            }
        }
    }

    /// serde's sentences, made kinder.
    fn describe(&self, message: &str, at: Range<usize>) -> Diagnostic {
        let message = message.trim().lines().next().unwrap_or("invalid value");
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        if message.starts_with("unknown field") && !quoted.is_empty() {
            return Diagnostic::new(format!("unknown key `{}`", quoted[0]), at)
                .suggest(quoted[0], quoted[1..].iter().copied());
        }
        if message.starts_with("missing field") && !quoted.is_empty() {
            return Diagnostic::new(format!("the key `{}` is missing", quoted[0]), at);
        }
        if message.contains("untagged enum") {
            let form = match message.rsplit(' ').next().unwrap_or("") {
                "RawSeeds" => "a range such as \"0..100\", a list of seeds, or one seed",
                "RawPairs" => "\"all\", or a list of pairs such as [[7, 22], [7, 31]]",
                "RawCheckpoint" => "training steps, or \"last\"",
                _ => "one name, or a list of names",
            };
            return Diagnostic::new("wrong type", at).help(format!("expected {form}"));
        }
        Diagnostic::new(message.replace("invalid type: ", "wrong type: "), at)
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
        if let Some(precision) = &precision
            && precision.get_ref() != "f32"
        {
            let message = format!("unknown precision `{}`", precision.get_ref());
            self.fail::<()>(Diagnostic::new(message, precision.span()).suggest(precision.get_ref(), ["f32"]));
        }
        precision.map_or("f32".to_owned(), Spanned::into_inner)
    }

    fn run_settings(&mut self, raw: RawRun) -> RunSettings {
        let backend = raw.backend.and_then(|name| {
            Backend::from_str(name.get_ref(), false).ok().or_else(|| {
                let message = format!("unknown backend `{}`", name.get_ref());
                self.fail(Diagnostic::new(message, name.span()).suggest(name.get_ref(), ["auto", "cpu", "cuda", "wgpu"]))
            })
        });
        raw.jobs.iter().for_each(|jobs| self.positive(jobs, "jobs"));
        RunSettings { backend, jobs: raw.jobs.map(Spanned::into_inner), keep_going: raw.keep_going }
    }
}

/// Checks that what stages name is there, and that no stage waits for itself.
struct References<'a> {
    stages: &'a [Stage],
    errors: &'a mut Vec<Diagnostic>,
}

impl References<'_> {
    fn check(&mut self) {
        let mut models: BTreeMap<&str, &StageId> = BTreeMap::new();
        for stage in self.stages {
            let makes_models = matches!(stage.id.kind, Kind::Pretrain | Kind::Finetune)
                || matches!(&stage.spec, Spec::Fetch(Fetch::Model { .. }));
            if makes_models && let Some(other) = models.insert(&stage.id.name, &stage.id) {
                let message = format!("`{}` and `{other}` both make models named `{}`", stage.id, stage.id.name);
                self.errors.push(Diagnostic { message, span: None, help: Some("rename one of them".to_owned()) });
            }
        }
        for stage in self.stages {
            match &stage.spec {
                Spec::Fetch(_) => {}
                Spec::Pretrain(pretrain) => self.data(&pretrain.data),
                Spec::Finetune(finetune) => {
                    self.model(&finetune.model, true);
                    self.data(&finetune.data);
                }
                Spec::Eval(eval) => self.measurement(&eval.measure),
                Spec::Interpolate(interpolate) => self.measurement(&interpolate.measure),
                Spec::Cluster(cluster) => self.line(&cluster.of, &cluster.metric),
                Spec::Plot(plot) => match &plot.kind {
                    PlotKind::Curves { of, metric, clusters } => {
                        self.line(of, metric);
                        clusters.iter().for_each(|cluster| {
                            self.named(cluster, Kind::Cluster);
                        });
                    }
                    PlotKind::Heatmap { of, order_by } => {
                        self.named(of, Kind::Cluster);
                        if let OrderBy::Metric(metric) = order_by {
                            self.metric(metric);
                        }
                    }
                    PlotKind::Scatter { of, metric } => {
                        self.named(of, Kind::Cluster);
                        self.metric(metric);
                    }
                },
            }
        }
        self.cycles();
    }

    fn named(&mut self, name: &Spanned<String>, kind: Kind) -> Option<&Stage> {
        let stages = self.stages;
        let found = stages.iter().find(|stage| stage.id.kind == kind && stage.id.name == *name.get_ref());
        if found.is_none() {
            let known = stages.iter().filter(|stage| stage.id.kind == kind).map(|stage| stage.id.name.as_str());
            let message = format!("there is no stage [{kind}.{}]", name.get_ref());
            self.errors.push(Diagnostic::new(message, name.span()).suggest(name.get_ref(), known));
        }
        found
    }

    fn data(&mut self, data: &Spanned<DataRef>) {
        let reference = data.get_ref();
        let datasets = self.stages.iter().filter_map(|stage| match &stage.spec {
            Spec::Fetch(Fetch::Model { .. }) => None,
            Spec::Fetch(fetch) => Some((stage.id.name.as_str(), fetch)),
            _ => None,
        });
        let datasets: BTreeMap<&str, &Fetch> = datasets.collect();
        match datasets.get(reference.dataset.as_str()) {
            None => {
                let message = format!("there is no data set [fetch.{}]", reference.dataset);
                self.errors.push(Diagnostic::new(message, data.span()).suggest(&reference.dataset, datasets.into_keys()));
            }
            Some(Fetch::Generated(generated)) if !generated.splits.contains_key(&reference.split) => {
                let message = format!("`{}` has no split `{}`", reference.dataset, reference.split);
                let whole: Vec<String> =
                    generated.splits.keys().map(|split| format!("{}.{split}", reference.dataset)).collect();
                let written = format!("{}.{}", reference.dataset, reference.split);
                self.errors
                    .push(Diagnostic::new(message, data.span()).suggest(&written, whole.iter().map(String::as_str)));
            }
            Some(_) => {}
        }
    }

    /// `single`: the place takes one model, so a fine-tune with many seeds must name one.
    fn model(&mut self, model: &Spanned<ModelRef>, single: bool) {
        let reference = model.get_ref();
        let models = self.stages.iter().filter(|stage| match &stage.spec {
            Spec::Fetch(fetch) => matches!(fetch, Fetch::Model { .. }),
            spec => matches!(spec, Spec::Pretrain(_) | Spec::Finetune(_)),
        });
        let models: BTreeMap<&str, &Stage> = models.map(|stage| (stage.id.name.as_str(), stage)).collect();
        let mut fail = |message: String, help: Option<String>| {
            self.errors.push(Diagnostic { message, span: Some(model.span()), help });
        };
        let Some(stage) = models.get(reference.stage.as_str()) else {
            let message = format!("there is no model `{}`", reference.stage);
            let diagnostic = Diagnostic::new(message, model.span()).suggest(&reference.stage, models.into_keys());
            self.errors.push(diagnostic);
            return;
        };
        match &stage.spec {
            Spec::Finetune(Finetune { seeds, checkpoints, .. }) => {
                let missing = reference.seeds.iter().flatten().find(|seed| !seeds.contains(seed));
                if let Some(seed) = missing {
                    fail(format!("`{}` has no seed {seed}", reference.stage), None);
                }
                if !checkpoints.contains(&reference.checkpoint) {
                    let name = |checkpoint: &Checkpoint| match checkpoint {
                        Checkpoint::Step(step) => step.to_string(),
                        Checkpoint::Last => "\"last\"".to_owned(),
                    };
                    let kept: Vec<_> = checkpoints.iter().map(name).collect();
                    fail(
                        format!("`{}` keeps no checkpoint {}", reference.stage, name(&reference.checkpoint)),
                        Some(format!("it keeps {}; see `checkpoints`", kept.join(", "))),
                    );
                }
                let count = reference.seeds.as_ref().map_or(seeds.len(), Vec::len);
                if single && count != 1 {
                    fail(
                        format!("`{}` has {count} seeds, and one model is needed here", reference.stage),
                        Some(format!("name one, for example `{}[{}]`", reference.stage, seeds[0])),
                    );
                }
            }
            _ if reference.seeds.is_some() => fail(format!("`{}` is one model and has no seeds", reference.stage), None),
            _ if reference.checkpoint != Checkpoint::Last => {
                fail(format!("`{}` has no checkpoints", reference.stage), None);
            }
            _ => {}
        }
    }

    fn measurement(&mut self, measure: &Measurement) {
        measure.models.iter().for_each(|model| self.model(model, false));
        self.data(&measure.data);
    }

    fn line(&mut self, of: &Spanned<String>, metric: &str) {
        let Some(Stage { spec: Spec::Interpolate(interpolate), .. }) = self.named(of, Kind::Interpolate) else { return };
        if !interpolate.measure.metrics.iter().any(|known| known == metric) {
            let message = format!("[interpolate.{}] does not measure `{metric}`", of.get_ref());
            let help = format!("add it to its `metrics`, which are {}", interpolate.measure.metrics.join(", "));
            self.errors.push(Diagnostic::new(message, of.span()).help(help));
        }
    }

    fn metric(&mut self, metric: &Spanned<MetricRef>) {
        let reference = metric.get_ref();
        let eval = Spanned::new(metric.span(), reference.eval.clone());
        let Some(Stage { spec: Spec::Eval(eval), .. }) = self.named(&eval, Kind::Eval) else { return };
        let base = reference.metric.split('[').next().unwrap_or("");
        if !eval.measure.metrics.iter().any(|known| known == base) {
            let message = format!("[eval.{}] does not measure `{base}`", reference.eval);
            let help = format!("add it to its `metrics`, which are {}", eval.measure.metrics.join(", "));
            self.errors.push(Diagnostic::new(message, metric.span()).help(help));
        }
    }

    /// Only models can be made from models, so only they can form a cycle.
    fn cycles(&mut self) {
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<&str, _> = self
            .stages
            .iter()
            .filter(|stage| stage.id.kind == Kind::Finetune)
            .map(|stage| (stage.id.name.as_str(), graph.add_node(stage)))
            .collect();
        for stage in self.stages {
            if let Spec::Finetune(finetune) = &stage.spec
                && let (Some(from), Some(to)) =
                    (nodes.get(finetune.model.get_ref().stage.as_str()), nodes.get(stage.id.name.as_str()))
            {
                graph.add_edge(*from, *to, finetune.model.span());
            }
        }
        for members in tarjan_scc(&graph) {
            let own_start = members.len() == 1 && graph.find_edge(members[0], members[0]).is_some();
            if members.len() > 1 || own_start {
                let mut names: Vec<_> = members.iter().map(|node| graph[*node].id.to_string()).collect();
                names.sort();
                names.push(names[0].clone());
                let span = graph.edges(members[0]).next().map(|edge| edge.weight().clone());
                let message = format!("these stages wait for each other: {}", names.join(" → "));
                let help = Some("a fine-tune starts from a fetched, pre-trained or other fine-tuned model".to_owned());
                self.errors.push(Diagnostic { message, span, help });
            }
        }
    }
}
