//! A validated experiment → its steps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::models::{Maker, Model, resolve};
use super::{Graph, Input, Step};
use crate::data::{Source, name_says_cased};
use crate::experiment::{
    Checkpoint, Cluster, Coordinates, DataRef, Diagnostic, Eval, Experiment, ExperimentError, Fetch, FetchDataset,
    Finetune, Interpolate, Kind, Measurement, MetricRef, OrderBy, Plot, PlotKind, Pretrain, Spec, Stage, StageId,
};
use crate::stages::plot::{Figure, Order};
use crate::stages::{Params, cluster, eval, fetch, fetch_model, finetune, interpolate, measure, plot, pretrain};

/// Tokens, where neither the measurement nor the models' own stage says.
const MAX_LENGTH: usize = 128;
/// Pairs are ordered in square tiles of so many models, so that a worker with room for a few models loads each
/// of them once a tile instead of once a pair.
const TILE: usize = 8;

/// Makes the graph. Local files are read here, because their content is part of a key.
pub fn expand(experiment: &Experiment) -> Result<Graph, ExperimentError> {
    let mut expander = Expander {
        experiment,
        steps: Vec::new(),
        splits: BTreeMap::new(),
        makers: Vec::new(),
        end_points: BTreeMap::new(),
        evals: BTreeMap::new(),
        lines: BTreeMap::new(),
        clusters: BTreeMap::new(),
        errors: Vec::new(),
    };
    // In the order of kinds, so that what a stage names is there; fine-tunes of fine-tunes after what they start from.
    let mut stages: Vec<&Stage> = experiment.stages.iter().collect();
    stages.sort_by_key(|stage| (stage.id.kind, depth(experiment, stage)));
    for stage in stages {
        expander.stage(stage);
    }
    if expander.errors.is_empty() {
        return Ok(Graph { experiment: experiment.name.clone(), steps: expander.steps });
    }
    Err(ExperimentError { sources: experiment.sources.clone(), diagnostics: expander.errors })
}

/// How many fine-tunes lie before this one.
fn depth(experiment: &Experiment, stage: &Stage) -> usize {
    let Spec::Finetune(finetune) = &stage.spec else { return 0 };
    let start = &finetune.model.get_ref().stage;
    let before = experiment.stages.iter().find(|other| other.id.kind == Kind::Finetune && other.id.name == *start);
    before.map_or(0, |before| 1 + depth(experiment, before))
}

struct Expander<'a> {
    experiment: &'a Experiment,
    steps: Vec<Step>,
    /// Fetch steps of data sets, by name and split; only splits that something reads are fetched.
    splits: BTreeMap<(String, String), usize>,
    makers: Vec<Maker>,
    end_points: BTreeMap<(String, Model), usize>,
    evals: BTreeMap<(String, Model), usize>,
    lines: BTreeMap<String, Lines>,
    clusters: BTreeMap<String, Clustered>,
    errors: Vec<Diagnostic>,
}

/// What an interpolate stage became.
struct Lines {
    models: Vec<Model>,
    /// Numbers of two models → step.
    pairs: BTreeMap<(usize, usize), usize>,
}

struct Clustered {
    step: usize,
    models: Vec<Model>,
}

impl Expander<'_> {
    fn stage(&mut self, stage: &Stage) {
        let done = match &stage.spec {
            Spec::Fetch(fetch) => self.fetch(stage, fetch),
            Spec::Pretrain(pretrain) => self.pretrain(&stage.id, pretrain),
            Spec::Finetune(finetune) => self.finetune(&stage.id, finetune),
            Spec::Eval(eval) => self.eval(&stage.id, eval),
            Spec::Interpolate(interpolate) => self.interpolate(&stage.id, interpolate),
            Spec::Cluster(cluster) => self.cluster(&stage.id, cluster),
            Spec::Plot(plot) => self.plot(&stage.id, plot),
        };
        if let Err(error) = done {
            self.errors.push(error);
        }
    }

    fn push(&mut self, stage: &StageId, instance: String, params: Params, inputs: Vec<Input>) -> usize {
        self.steps.push(Step { stage: stage.clone(), instance, params, inputs, location: None });
        self.steps.len() - 1
    }

    fn fetch(&mut self, stage: &Stage, fetch: &Fetch) -> Result<(), Diagnostic> {
        let Fetch::Models(models) = fetch else { return Ok(()) };
        let mut steps = Vec::with_capacity(models.sources.len());
        for (coordinates, source) in &models.sources {
            let (text, location) = match source.get_ref() {
                Source::Https(url) => {
                    (format!("blake3:{}", models.blake3.clone().unwrap_or_default()), Some(url.clone()))
                }
                _ => self.source(source, Files::Model)?,
            };
            let cased = name_says_cased(match source.get_ref() {
                Source::Hub { repo, .. } => repo,
                _ => location.as_deref().unwrap_or_default(),
            });
            let params = fetch_model::Params { source: text, step: models.step, labels: models.labels.clone(), cased };
            let instance = coordinates.label().unwrap_or_default();
            let step = self.push(&stage.id, instance, Params::FetchModel(params), vec![]);
            self.steps[step].location = location;
            steps.push((coordinates.clone(), step));
        }
        self.makers.push(Maker { name: stage.id.name.clone(), steps, max_length: None });
        Ok(())
    }

    /// A source as the key sees it, and where it lies if that is on this machine or at an address.
    fn source(&self, source: &Spanned<Source>, files: Files) -> Result<(String, Option<String>), Diagnostic> {
        match source.get_ref() {
            Source::Path(path) => {
                let path = self.experiment.directory.join(path);
                let (digest, file) = match files {
                    Files::Model => fetch_model::digest_of_local(&path).map(|digest| (digest, path.clone())),
                    Files::Data(split) => {
                        fetch::local_file(&path, split).and_then(|file| Ok((fetch::digest_of_file(&file)?, file)))
                    }
                }
                .map_err(|message| Diagnostic::new(message, source.span()))?;
                Ok((format!("blake3:{digest}"), Some(absolute(&file))))
            }
            other => Ok((other.to_string(), None)),
        }
    }

    /// The step that fetches a split, made when it is first asked for.
    fn split(&mut self, data: &Spanned<DataRef>) -> Result<usize, Diagnostic> {
        let reference = data.get_ref();
        let name = (reference.dataset.clone(), reference.split.clone());
        if let Some(step) = self.splits.get(&name) {
            return Ok(*step);
        }
        let experiment = self.experiment;
        let found = experiment
            .stages
            .iter()
            .find(|stage| stage.id.kind == Kind::Fetch && stage.id.name == reference.dataset)
            .ok_or_else(|| Diagnostic::new("there is no such data set", data.span()))?;
        let (params, location) = match &found.spec {
            Spec::Fetch(Fetch::Dataset(dataset)) => self.dataset(dataset, reference, data)?,
            Spec::Fetch(Fetch::Generated(generated)) => {
                let split = &generated.splits[&reference.split];
                let params = fetch::GenerateParams {
                    generator: generated.generator.clone(),
                    split: reference.split.clone(),
                    seed: generated.seed,
                    examples: split.examples,
                    passive: split.passive,
                    contrast: generated.contrast,
                    adjective: generated.adjective,
                    adverb: generated.adverb,
                };
                (Params::Generate(params), None)
            }
            _ => return Err(Diagnostic::new("this fetches a model, and data is needed here", data.span())),
        };
        let step = self.push(&found.id, reference.split.clone(), params, vec![]);
        self.steps[step].location = location;
        self.splits.insert(name, step);
        Ok(step)
    }

    fn dataset(
        &self,
        dataset: &FetchDataset,
        reference: &DataRef,
        data: &Spanned<DataRef>,
    ) -> Result<(Params, Option<String>), Diagnostic> {
        let one_file = |file: &Path| -> Result<(), Diagnostic> {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            if stem == reference.split {
                return Ok(());
            }
            let message = format!("`{}` has no split `{}`", reference.dataset, reference.split);
            let known = format!("{}.{stem}", reference.dataset);
            Err(Diagnostic::new(message, data.span()).help(format!("it is one file, so its only split is `{known}`")))
        };
        let (source, location, split) = match dataset.source.get_ref() {
            Source::Https(url) => {
                one_file(Path::new(url.split(['?', '#']).next().unwrap_or(url)))?;
                (format!("blake3:{}", dataset.blake3.clone().unwrap_or_default()), Some(url.clone()), None)
            }
            Source::Path(path) => {
                let there = self.experiment.directory.join(path);
                if !there.exists() {
                    let message = format!("there is no file or folder `{}`", there.display());
                    return Err(Diagnostic::new(message, dataset.source.span())
                        .help("relative paths start at the experiment's own folder"));
                }
                if there.is_file() {
                    one_file(path)?;
                }
                let (text, location) = self.source(&dataset.source, Files::Data(&reference.split))?;
                (text, location, None)
            }
            other => (other.to_string(), None, Some(reference.split.clone())),
        };
        let params = fetch::DataParams {
            source,
            config: dataset.config.clone(),
            split,
            format: dataset.format,
            header: dataset.header,
            text: dataset.text.clone(),
            label: dataset.label.clone(),
            labels: dataset.labels.clone(),
            keep: dataset.keep.clone(),
        };
        Ok((Params::FetchData(params), location))
    }

    fn pretrain(&mut self, id: &StageId, pretrain: &Pretrain) -> Result<(), Diagnostic> {
        let data = self.split(&pretrain.data)?;
        let params = pretrain::Params {
            rows: pretrain.data.get_ref().rows.clone(),
            vocabulary: pretrain.vocabulary,
            layers: pretrain.layers,
            hidden: pretrain.hidden,
            heads: pretrain.heads,
            intermediate: pretrain.intermediate,
            max_length: pretrain.max_length,
            initializer_range: pretrain.initializer_range,
            dropout: pretrain.dropout,
            mask: pretrain.mask,
            steps: pretrain.steps,
            batch_size: pretrain.batch_size,
            learning_rate: pretrain.learning_rate,
            warmup: pretrain.warmup,
            weight_decay: pretrain.weight_decay,
            seed: pretrain.seed,
            precision: self.experiment.precision.clone(),
        };
        let step = self.push(id, String::new(), Params::Pretrain(params), data_inputs(data));
        self.makers.push(Maker {
            name: id.name.clone(),
            steps: vec![(Coordinates::default(), step)],
            max_length: Some(pretrain.max_length),
        });
        Ok(())
    }

    fn finetune(&mut self, id: &StageId, finetune: &Finetune) -> Result<(), Diagnostic> {
        let data = self.split(&finetune.data)?;
        let Some(start) = resolve(&self.makers, std::slice::from_ref(&finetune.model)).into_iter().next() else {
            // The stage that makes it has failed already, and said so.
            return Ok(());
        };
        let checkpoints: Vec<usize> = finetune
            .checkpoints
            .iter()
            .filter_map(|checkpoint| match checkpoint {
                Checkpoint::Step(step) => Some(*step),
                Checkpoint::Last => None,
            })
            .collect();
        let mut steps = Vec::new();
        for run in &finetune.runs {
            let params = finetune::Params {
                rows: finetune.data.get_ref().rows.clone(),
                recipe: finetune.recipe.clone(),
                head_seed: run.head_seed,
                order_seed: run.order_seed,
                dropout_seed: run.dropout_seed,
                checkpoints: checkpoints.clone(),
                keep_last: finetune.checkpoints.contains(&Checkpoint::Last),
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model_inputs("model", &start));
            let step = self.push(id, run.coordinates.instance(), Params::Finetune(params), inputs);
            steps.push((run.coordinates.clone(), step));
        }
        let max_length = Some(finetune.recipe.max_length);
        self.makers.push(Maker { name: id.name.clone(), steps, max_length });
        Ok(())
    }

    fn selection(&self, measure: &Measurement) -> measure::Selection {
        let stage = &measure.models[0].get_ref().stage;
        let of_models = self.makers.iter().find(|maker| maker.name == *stage).and_then(|maker| maker.max_length);
        measure::Selection {
            rows: measure.data.get_ref().rows.clone(),
            filter: measure.filter.clone(),
            permute: measure.permute,
            examples: measure.examples,
            max_length: measure.max_length.or(of_models).unwrap_or(MAX_LENGTH),
            labels: measure.labels.clone(),
            combine: measure.combine.clone(),
        }
    }

    fn eval(&mut self, id: &StageId, eval: &Eval) -> Result<(), Diagnostic> {
        let data = self.split(&eval.measure.data)?;
        let selection = self.selection(&eval.measure);
        for model in resolve(&self.makers, &eval.measure.models) {
            let params = eval::Params {
                selection: selection.clone(),
                metrics: eval.measure.metrics.clone(),
                by: eval.by.clone(),
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model_inputs("model", &model));
            let step = self.push(id, model.label.clone(), Params::Eval(params), inputs);
            self.evals.insert((id.name.clone(), Model { label: String::new(), ..model }), step);
        }
        Ok(())
    }

    fn interpolate(&mut self, id: &StageId, interpolate: &Interpolate) -> Result<(), Diagnostic> {
        let measure = &interpolate.measure;
        let data = self.split(&measure.data)?;
        let selection = self.selection(measure);
        let models = resolve(&self.makers, &measure.models);
        if models.len() < 2 && self.errors.is_empty() {
            let span = measure.models[0].span();
            return Err(Diagnostic::new("a line needs two models, and this names one", span));
        }
        let pairs = self.pairs(&models, interpolate)?;
        for model in &models {
            let params = interpolate::EndPointParams {
                selection: selection.clone(),
                metrics: measure.metrics.clone(),
                precision: self.experiment.precision.clone(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(model_inputs("model", model));
            let step = self.push(id, model.label.clone(), Params::EndPoint(params), inputs);
            self.end_points.insert((id.name.clone(), model.clone()), step);
        }
        let mut lines = BTreeMap::new();
        for (i, j) in pairs {
            let params = interpolate::PairParams {
                selection: selection.clone(),
                metrics: measure.metrics.clone(),
                points: interpolate.points,
                precision: self.experiment.precision.clone(),
            };
            let end_point = |role: &str, model: &Model| Input {
                role: format!("{role}.end-point"),
                from: self.end_points[&(id.name.clone(), model.clone())],
                output: "end-point".to_owned(),
            };
            let mut inputs = data_inputs(data);
            inputs.push(end_point("first", &models[i]));
            inputs.push(end_point("second", &models[j]));
            inputs.extend(model_inputs("model", &models[i]));
            inputs.extend(model_inputs("second", &models[j]));
            let instance = format!("{},{}", models[i].label, models[j].label);
            lines.insert((i, j), self.push(id, instance, Params::Pair(params), inputs));
        }
        self.lines.insert(id.name.clone(), Lines { models, pairs: lines });
        Ok(())
    }

    fn pairs(&self, models: &[Model], interpolate: &Interpolate) -> Result<Vec<(usize, usize)>, Diagnostic> {
        let n = models.len();
        let mut pairs = Vec::new();
        match &interpolate.pairs {
            None => pairs.extend((0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)))),
            Some(listed) => {
                let number = |label: &String| {
                    models.iter().position(|model| model.label == *label).ok_or_else(|| {
                        Diagnostic::new(format!("there is no model `{label}` among those of this stage"), listed.span())
                            .suggest(label, models.iter().map(|model| model.label.as_str()))
                    })
                };
                for [first, second] in listed.get_ref() {
                    let (i, j) = (number(first)?, number(second)?);
                    if i == j {
                        let message = format!("`{first}` is paired with itself");
                        return Err(Diagnostic::new(message, listed.span()));
                    }
                    pairs.push((i.min(j), i.max(j)));
                }
            }
        }
        pairs.sort_by_key(|&(i, j)| (i / TILE, j / TILE, i, j));
        pairs.dedup();
        Ok(pairs)
    }

    fn cluster(&mut self, id: &StageId, cluster: &Cluster) -> Result<(), Diagnostic> {
        let Some(lines) = self.lines.get(cluster.of.get_ref()) else { return Ok(()) };
        let n = lines.models.len();
        if lines.pairs.len() != n * (n - 1) / 2 {
            let message =
                format!("[interpolate.{}] does not have all pairs, and clusters need them", cluster.of.get_ref());
            return Err(Diagnostic::new(message, cluster.of.span()).help("set pairs = \"all\" there"));
        }
        if n < cluster.clusters {
            let message = format!("{n} models cannot form {} clusters", cluster.clusters);
            return Err(Diagnostic::new(message, cluster.of.span()));
        }
        let models = lines.models.clone();
        let params = cluster::Params {
            distance: cluster.distance.clone(),
            metric: cluster.metric.clone(),
            clusters: cluster.clusters,
            delta: cluster.delta,
            models: labels(&models),
        };
        let inputs = pair_inputs(lines);
        let step = self.push(id, String::new(), Params::Cluster(params), inputs);
        self.clusters.insert(id.name.clone(), Clustered { step, models });
        Ok(())
    }

    fn plot(&mut self, id: &StageId, plot: &Plot) -> Result<(), Diagnostic> {
        let clusters_input =
            |step: usize| Input { role: "clusters".to_owned(), from: step, output: "clusters".to_owned() };
        let (figure, inputs) = match &plot.kind {
            PlotKind::Curves { of, metric, clusters } => {
                let Some(lines) = self.lines.get(of.get_ref()) else { return Ok(()) };
                let mut inputs = pair_inputs(lines);
                if let Some(clusters) = clusters {
                    let Some(clustered) = self.clusters.get(clusters.get_ref()) else { return Ok(()) };
                    if clustered.models != lines.models {
                        let message =
                            format!("[cluster.{}] clusters other models than these lines join", clusters.get_ref());
                        return Err(Diagnostic::new(message, clusters.span()));
                    }
                    inputs.push(clusters_input(clustered.step));
                }
                let pairs = lines.pairs.keys().map(|&(i, j)| [i, j]).collect();
                (Figure::Curves { metric: metric.clone(), pairs, models: labels(&lines.models) }, inputs)
            }
            PlotKind::Heatmap { of, order_by } => {
                let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(()) };
                let mut inputs = vec![clusters_input(clustered.step)];
                let order_by = match order_by {
                    OrderBy::Seed => Order::Seed,
                    OrderBy::Cluster => Order::Cluster,
                    OrderBy::Metric(metric) => {
                        inputs.extend(self.metric_inputs(metric, &clustered.models)?);
                        let MetricRef { eval, metric } = metric.get_ref().clone();
                        Order::Metric { eval, metric }
                    }
                };
                (Figure::Heatmap { order_by, models: labels(&clustered.models) }, inputs)
            }
            PlotKind::Scatter { of, metric } => {
                let Some(clustered) = self.clusters.get(of.get_ref()) else { return Ok(()) };
                let mut inputs = vec![clusters_input(clustered.step)];
                inputs.extend(self.metric_inputs(metric, &clustered.models)?);
                let models = labels(&clustered.models);
                let MetricRef { eval, metric } = metric.get_ref().clone();
                (Figure::Scatter { eval, metric, models }, inputs)
            }
        };
        self.push(id, String::new(), Params::Plot(plot::Params { figure, title: plot.title.clone() }), inputs);
        Ok(())
    }

    /// The evaluation of every model, as `metric:I`.
    fn metric_inputs(&self, metric: &Spanned<MetricRef>, models: &[Model]) -> Result<Vec<Input>, Diagnostic> {
        let eval = &metric.get_ref().eval;
        models
            .iter()
            .enumerate()
            .map(|(number, model)| {
                let name = (eval.clone(), Model { label: String::new(), ..model.clone() });
                let step = self.evals.get(&name).ok_or_else(|| {
                    let message = format!("[eval.{eval}] does not evaluate the model `{}`", model.label);
                    Diagnostic::new(message, metric.span()).help("let its `models` name the same models")
                })?;
                Ok(Input { role: format!("metric:{number}"), from: *step, output: "metrics".to_owned() })
            })
            .collect()
    }
}

enum Files<'a> {
    Model,
    Data(&'a str),
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)).display().to_string()
}

fn labels(models: &[Model]) -> Vec<String> {
    models.iter().map(|model| model.label.clone()).collect()
}

fn data_inputs(step: usize) -> Vec<Input> {
    let input = |role: &str, output: &str| Input { role: role.to_owned(), from: step, output: output.to_owned() };
    vec![input("data", "data"), input("data.info", "info")]
}

fn model_inputs(role: &str, model: &Model) -> Vec<Input> {
    let input = |part: &str, output: &str| Input {
        role: format!("{role}.{part}"),
        from: model.step,
        output: output.to_owned(),
    };
    vec![input("config", "config"), input("tokenizer", "tokenizer"), input("weights", &model.checkpoint.output())]
}

fn pair_inputs(lines: &Lines) -> Vec<Input> {
    let input = |(&(i, j), &step): (&(usize, usize), &usize)| Input {
        role: format!("pair:{i},{j}"),
        from: step,
        output: "line".to_owned(),
    };
    lines.pairs.iter().map(input).collect()
}
