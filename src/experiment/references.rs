//! What stages name must be there, and no stage may wait for itself.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use toml::Spanned;

use super::{
    Axis, Checkpoint, Coordinates, DataRef, Diagnostic, Fetch, ImportedEval, Kind, Measurement, MetricRef, ModelRef,
    OrderBy, PlotKind, Spec, Stage, StageId,
};

/// Checks all references of `stages`.
pub(super) fn check(stages: &[Stage], errors: &mut Vec<Diagnostic>) {
    References { stages, errors }.check();
}

struct References<'a> {
    stages: &'a [Stage],
    errors: &'a mut Vec<Diagnostic>,
}

impl References<'_> {
    fn check(&mut self) {
        let mut models: BTreeMap<&str, &StageId> = BTreeMap::new();
        for stage in self.stages {
            let makes_models = matches!(stage.id.kind, Kind::Pretrain | Kind::Finetune)
                || matches!(&stage.spec, Spec::Fetch(Fetch::Models(_)));
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
                Spec::ImportedLines(_) | Spec::Members(_) => {}
                Spec::ImportedEval(eval) => {
                    if let ImportedEval::Logs { data: Some(data), .. } = eval {
                        self.data(data);
                    }
                }
                Spec::Cluster(cluster) => self.line(&cluster.of, &cluster.metric),
                Spec::Dynamics(dynamics) => dynamics.of.iter().for_each(|cluster| {
                    self.named(cluster, Kind::Cluster);
                }),
                Spec::Sharpness(sharpness) => self.measurement(&sharpness.measure),
                Spec::Agreement(agreement) => {
                    self.named(&agreement.of, Kind::Eval);
                }
                Spec::Plot(plot) => match &plot.kind {
                    PlotKind::Curves(curves) => {
                        self.line(&curves.of, &curves.metric);
                        curves.clusters.iter().for_each(|cluster| {
                            self.named(cluster, Kind::Cluster);
                        });
                        curves.choice.iter().for_each(|choice| self.metric(&choice.by));
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
                    PlotKind::Histogram { of, metric } => {
                        self.named(of, Kind::Cluster);
                        self.metric(metric);
                    }
                    PlotKind::Distributions { of } => of.iter().for_each(|metric| self.metric(metric)),
                    PlotKind::Movement { of } => {
                        self.named(of, Kind::Dynamics);
                    }
                    PlotKind::Sharpness { of, metric, clusters } => {
                        self.named(of, Kind::Sharpness);
                        self.metric(metric);
                        clusters.iter().for_each(|cluster| {
                            self.named(cluster, Kind::Cluster);
                        });
                    }
                    PlotKind::Agreement { of, order_by, clusters, .. } => {
                        self.named(of, Kind::Agreement);
                        if let OrderBy::Metric(metric) = order_by {
                            self.metric(metric);
                        }
                        clusters.iter().for_each(|cluster| {
                            self.named(cluster, Kind::Cluster);
                        });
                    }
                    PlotKind::Training { of, .. } => self.training(of),
                    PlotKind::Matrix { of, metric, .. } => self.line(of, metric),
                    PlotKind::Surface { of, metric, .. } => of.iter().for_each(|of| self.surface(of, metric)),
                },
                Spec::Surface(surface) => self.measurement(&surface.measure),
                Spec::ImportedSurface(_) | Spec::ImportedSharpness(_) => {}
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

    fn training(&mut self, of: &Spanned<String>) {
        let pretrains = |stage: &Stage| stage.id.kind == Kind::Pretrain && stage.id.name == *of.get_ref();
        if !self.stages.iter().any(pretrains) {
            self.named(of, Kind::Finetune);
        }
    }

    fn data(&mut self, data: &Spanned<DataRef>) {
        let reference = data.get_ref();
        let datasets = self.stages.iter().filter_map(|stage| match &stage.spec {
            Spec::Fetch(Fetch::Models(_)) => None,
            Spec::Fetch(fetch) => Some((stage.id.name.as_str(), fetch)),
            _ => None,
        });
        let datasets: BTreeMap<&str, &Fetch> = datasets.collect();
        match datasets.get(reference.dataset.as_str()) {
            None => {
                let message = format!("there is no data set [fetch.{}]", reference.dataset);
                self.errors
                    .push(Diagnostic::new(message, data.span()).suggest(&reference.dataset, datasets.into_keys()));
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
            Spec::Fetch(fetch) => matches!(fetch, Fetch::Models(_)),
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
        let (members, checkpoints): (Vec<Coordinates>, &[Checkpoint]) = match &stage.spec {
            Spec::Finetune(finetune) => {
                (finetune.runs.iter().map(|run| run.coordinates.clone()).collect(), &finetune.checkpoints)
            }
            Spec::Fetch(Fetch::Models(models)) => {
                (models.sources.iter().map(|(coordinates, _)| coordinates.clone()).collect(), &[Checkpoint::Last])
            }
            _ => (vec![Coordinates::default()], &[Checkpoint::Last]),
        };
        let alone = members.iter().all(|member| *member == Coordinates::default());
        let name = &reference.stage;
        match &reference.pick {
            Some(_) if alone => fail(format!("`{name}` is one model and has no seeds"), None),
            Some(pick) => match pick.missing(&members) {
                Some((Axis::Seed, seed)) => fail(format!("`{name}` has no seed {seed}"), None),
                Some((axis, seed)) => fail(format!("`{name}` has no {} seed {seed}", axis.name()), None),
                None => {}
            },
            None => {}
        }
        if !checkpoints.contains(&reference.checkpoint) {
            let shown = |checkpoint: &Checkpoint| match checkpoint {
                Checkpoint::Step(step) => step.to_string(),
                Checkpoint::Last => "\"last\"".to_owned(),
            };
            let kept: Vec<_> = checkpoints.iter().map(shown).collect();
            let wanted = shown(&reference.checkpoint);
            match &stage.spec {
                Spec::Finetune(_) => fail(
                    format!("`{name}` keeps no checkpoint {wanted}"),
                    Some(format!("it keeps {}; see `checkpoints`", kept.join(", "))),
                ),
                Spec::Fetch(_) => fail(
                    format!("`{name}` is fetched at one point of training, and `@` names another"),
                    Some(format!("write step = {wanted} in [{}], or in a second stage", stage.id)),
                ),
                _ => fail(format!("`{name}` has no checkpoints"), None),
            }
        }
        let picked = |member: &&Coordinates| reference.pick.as_ref().is_none_or(|pick| pick.includes(member));
        let count = members.iter().filter(picked).count();
        if single && !alone && count != 1 {
            let example = members[0].instance();
            fail(
                format!("`{name}` has {count} models here, and one is needed"),
                Some(format!("name one, for example `{name}[{}]`", example.strip_prefix("seed=").unwrap_or(&example))),
            );
        }
    }

    fn measurement(&mut self, measure: &Measurement) {
        measure.models.iter().for_each(|model| self.model(model, false));
        self.data(&measure.data);
    }

    fn line(&mut self, of: &Spanned<String>, metric: &str) {
        let metrics = match self.named(of, Kind::Interpolate).map(|stage| &stage.spec) {
            Some(Spec::Interpolate(interpolate)) => &interpolate.measure.metrics,
            Some(Spec::ImportedLines(lines)) => &lines.metrics,
            _ => return,
        };
        if !metrics.iter().any(|known| known == metric) {
            let message = format!("[interpolate.{}] does not measure `{metric}`", of.get_ref());
            let help = format!("add it to its `metrics`, which are {}", metrics.join(", "));
            self.errors.push(Diagnostic::new(message, of.span()).help(help));
        }
    }

    fn surface(&mut self, of: &Spanned<String>, metric: &str) {
        let (metrics, key): (Vec<&str>, _) = match self.named(of, Kind::Surface).map(|stage| &stage.spec) {
            Some(Spec::Surface(surface)) => (surface.measure.metrics.iter().map(String::as_str).collect(), "metrics"),
            Some(Spec::ImportedSurface(surface)) => (surface.files.keys().map(String::as_str).collect(), "files"),
            _ => return,
        };
        if !metrics.contains(&metric) {
            let message = format!("[surface.{}] does not measure `{metric}`", of.get_ref());
            let help = format!("add it to its `{key}`, which are {}", metrics.join(", "));
            self.errors.push(Diagnostic::new(message, of.span()).help(help));
        }
    }

    fn metric(&mut self, metric: &Spanned<MetricRef>) {
        let reference = metric.get_ref();
        let eval = Spanned::new(metric.span(), reference.eval.clone());
        let eval = match self.named(&eval, Kind::Eval).map(|stage| &stage.spec) {
            Some(Spec::Eval(eval)) => eval,
            Some(Spec::ImportedEval(imported)) => {
                if let Err(help) = imported.measures(&reference.metric) {
                    let message = format!("[eval.{}] does not measure `{}`", reference.eval, reference.metric);
                    self.errors.push(Diagnostic::new(message, metric.span()).help(help));
                }
                return;
            }
            _ => return,
        };
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
