//! Published results: one step a stage, with an artifact for each pair or model.

use std::collections::BTreeMap;

use super::super::Input;
use super::super::models::Model;
use super::measurements::all_pairs;
use super::{Clustered, Expander, Lines, Plane, data_inputs};
use crate::data::Source;
use crate::data::published::{Pattern, is_line_log};
use crate::experiment::{
    Diagnostic, ImportedEval, ImportedLines, ImportedSharpness, ImportedSurface, Kind, Logs, Members, MetricRef,
    StageId,
};
use crate::stages::{Params, fetch, import, members};
use toml::Spanned;

impl Expander<'_> {
    pub(super) fn imported_lines(&mut self, id: &StageId, lines: &ImportedLines) -> Result<(), Diagnostic> {
        let (logs, location) = self.logs(&lines.logs, &is_line_log)?;
        let place = |seed: u64| lines.seeds.iter().position(|known| *known == seed).unwrap_or_default();
        let pairs: Option<Vec<[usize; 2]>> = match &lines.pairs {
            None => None,
            Some(listed) => {
                let mut pairs = Vec::new();
                for pair in listed.get_ref() {
                    let [i, j] = pair.map(place);
                    if i == j {
                        let message = format!("`{}` is paired with itself", pair[0]);
                        return Err(Diagnostic::new(message, listed.span()));
                    }
                    pairs.push([i.min(j), i.max(j)]);
                }
                pairs.sort_unstable();
                pairs.dedup();
                Some(pairs)
            }
        };
        let all: Vec<[usize; 2]> = match &pairs {
            Some(pairs) => pairs.clone(),
            None => all_pairs(lines.seeds.len(), lines.logs.sources.first().map_or(0..0, Spanned::span))?,
        };
        let params = import::LinesParams { logs, models: lines.seeds.clone(), pairs, metrics: lines.metrics.clone() };
        let step = self.push(id, String::new(), Params::ImportLines(params), vec![]);
        self.steps[step].location = location;
        let pairs: BTreeMap<(usize, usize), usize> = all.into_iter().map(|[i, j]| ((i, j), step)).collect();
        self.lines.insert(id.name.clone(), Lines { models: imported(&lines.seeds), pairs });
        Ok(())
    }

    pub(super) fn imported_eval(&mut self, id: &StageId, eval: &ImportedEval) -> Result<(), Diagnostic> {
        let (params, inputs, location) = match eval {
            ImportedEval::Logs { logs, file, seeds, metrics, by, data } => {
                let pattern = Pattern::parse(file).map_err(|error| Diagnostic {
                    message: error.to_string(),
                    span: None,
                    help: None,
                })?;
                let (logs, location) = self.logs(logs, &|name| pattern.number(name).is_some())?;
                let inputs = match data {
                    Some(data) => data_inputs(self.split(data)?),
                    None => vec![],
                };
                let params = import::EvaluationsParams {
                    logs,
                    file: file.clone(),
                    models: seeds.clone(),
                    metrics: metrics.clone(),
                    by: by.clone(),
                };
                (Params::ImportEvaluations(params), inputs, location)
            }
            ImportedEval::Table { source, blake3, format, model, seeds, columns } => {
                let (text, location) = match source.get_ref() {
                    Source::Https(url) => (format!("blake3:{}", blake3.clone().unwrap_or_default()), url.clone()),
                    Source::Path(path) => {
                        let path = self.experiment.directory.join(path);
                        let digest =
                            fetch::digest_of_file(&path).map_err(|message| Diagnostic::new(message, source.span()))?;
                        (format!("blake3:{digest}"), absolute(&path))
                    }
                    _ => return Err(Diagnostic::new("a table comes from a file or an address", source.span())),
                };
                let params = import::RunsParams {
                    source: text,
                    format: *format,
                    model: model.clone(),
                    models: seeds.clone(),
                    columns: columns.clone(),
                };
                (Params::ImportRuns(params), vec![], Some(location))
            }
        };
        let step = self.push(id, String::new(), params, inputs);
        self.steps[step].location = location;
        Ok(())
    }

    pub(super) fn imported_surface(&mut self, id: &StageId, surface: &ImportedSurface) -> Result<(), Diagnostic> {
        // Which files are wanted decides the logs' digest.
        let logs = import::Logs { sources: Vec::new(), folder: None };
        let (files, planes) = (surface.files.clone(), surface.planes.clone());
        let mut params = import::SurfacesParams { logs, files, planes };
        let (logs, location) = match params.wanted() {
            Ok(wanted) => self.logs(&surface.logs, &wanted)?,
            Err(error) => return Err(Diagnostic { message: error.to_string(), span: None, help: None }),
        };
        params.logs = logs;
        let step = self.push(id, String::new(), Params::ImportSurfaces(params), vec![]);
        self.steps[step].location = location;
        let plane = |models: &[u64; 3]| Plane { step, models: models.map(|model| model.to_string()), imported: true };
        self.surfaces.insert(id.name.clone(), surface.planes.iter().map(plane).collect());
        Ok(())
    }

    pub(super) fn imported_sharpness(&mut self, id: &StageId, sharpness: &ImportedSharpness) -> Result<(), Diagnostic> {
        let (logs, location) = self.logs(&sharpness.logs, &is_line_log)?;
        let params = import::SharpnessParams { logs, models: sharpness.seeds.clone() };
        let step = self.push(id, String::new(), Params::ImportSharpness(params), vec![]);
        self.steps[step].location = location;
        let models = imported(&sharpness.seeds).into_iter().map(|model| (model, step)).collect();
        self.sharpnesses.insert(id.name.clone(), models);
        Ok(())
    }

    pub(super) fn members(&mut self, id: &StageId, given: &Members) -> Result<(), Diagnostic> {
        let models = imported(&given.seeds);
        let params = members::Params { models: super::labels(&models), clusters: given.clusters.clone() };
        let step = self.push(id, String::new(), Params::Members(params), vec![]);
        self.clusters.insert(id.name.clone(), Clustered { step, models });
        Ok(())
    }

    /// Logs as the key sees them, and the folder if they are on this machine.
    fn logs(&self, logs: &Logs, wanted: &dyn Fn(&str) -> bool) -> Result<(import::Logs, Option<String>), Diagnostic> {
        if let [source] = logs.sources.as_slice()
            && let Source::Path(path) = source.get_ref()
        {
            let path = self.experiment.directory.join(path);
            let path = logs.folder.as_ref().map_or(path.clone(), |folder| path.join(folder));
            if !path.is_dir() {
                let message = format!("there is no folder `{}`", path.display());
                return Err(
                    Diagnostic::new(message, source.span()).help("relative paths start at the experiment's own folder")
                );
            }
            let digest =
                import::digest_of_logs(&path, wanted).map_err(|message| Diagnostic::new(message, source.span()))?;
            let found = import::Logs { sources: vec![format!("blake3:{digest}")], folder: None };
            return Ok((found, Some(absolute(&path))));
        }
        let sources = logs.sources.iter().map(|source| source.get_ref().to_string()).collect();
        Ok((import::Logs { sources, folder: logs.folder.clone() }, None))
    }

    /// The step and the output that hold a model's evaluation. A model that was trained here and one that was imported
    /// are the same if they go by the same label.
    pub(super) fn evaluation(&self, eval: &str, model: &Model) -> Option<(usize, String)> {
        let own = (eval.to_owned(), Model { label: String::new(), ..model.clone() });
        if let Some(step) = self.evals.get(&own) {
            return Some((*step, "metrics".to_owned()));
        }
        let label: Option<u64> = model.label.parse().ok();
        let at = |step: &super::Step| step.stage.kind == Kind::Eval && step.stage.name == eval;
        let mut steps = self.steps.iter().enumerate().filter(|(_, step)| at(step));
        steps.find_map(|(number, step)| match &step.params {
            Params::ImportEvaluations(_) | Params::ImportRuns(_) => {
                let numbers = imported_models(&step.params);
                let known = label.is_some_and(|label| numbers.contains(&label) && label.to_string() == model.label);
                known.then(|| (number, format!("metrics:{}", model.label)))
            }
            _ if model.is_imported() && step.instance == model.label => Some((number, "metrics".to_owned())),
            _ => None,
        })
    }

    /// All models of an evaluation, our own or imported, in their order; none where it could not be expanded.
    pub(super) fn evaluated(&self, eval: &str) -> Vec<Evaluated> {
        let steps = self.steps.iter().enumerate();
        let steps = steps.filter(|(_, step)| step.stage.kind == Kind::Eval && step.stage.name == eval);
        let models = |(number, step): (usize, &super::Step)| match &step.params {
            Params::ImportEvaluations(_) | Params::ImportRuns(_) => {
                let labels = imported_models(&step.params).iter().map(u64::to_string);
                labels.map(|label| Evaluated { label, step: number, imported: true }).collect()
            }
            _ => vec![Evaluated { label: step.instance.clone(), step: number, imported: false }],
        };
        steps.flat_map(models).collect()
    }

    /// What is drawn from distances needs a clustering that has them.
    pub(super) fn with_distances(&self, clustered: &Clustered, of: &Spanned<String>) -> Result<(), Diagnostic> {
        if !matches!(self.steps[clustered.step].params, Params::Members(_)) {
            return Ok(());
        }
        let message = format!("[cluster.{}] is given by its members, so it has no distances", of.get_ref());
        Err(Diagnostic::new(message, of.span()).help("name a clustering of lines"))
    }

    /// The evaluation of every model, as `metric:I`.
    pub(super) fn metric_inputs(
        &self,
        metric: &Spanned<MetricRef>,
        models: &[Model],
    ) -> Result<Vec<Input>, Diagnostic> {
        let eval = &metric.get_ref().eval;
        let input = |(number, model): (usize, &Model)| {
            let (from, output) = self.evaluation(eval, model).ok_or_else(|| {
                let message = format!("[eval.{eval}] does not evaluate the model `{}`", model.label);
                Diagnostic::new(message, metric.span()).help("let its `models` name the same models")
            })?;
            Ok(Input { role: format!("metric:{number}"), from, output })
        };
        models.iter().enumerate().map(input).collect()
    }
}

/// One model of an evaluation, and the step that holds what it said.
pub(super) struct Evaluated {
    pub label: String,
    pub step: usize,
    /// Whether the step holds other models too.
    pub imported: bool,
}

impl Evaluated {
    /// The name of one of its artifacts, `metrics` or `examples`.
    pub fn output(&self, what: &str) -> String {
        if self.imported { format!("{what}:{}", self.label) } else { what.to_owned() }
    }
}

pub(super) fn same_models(one: &[Model], other: &[Model]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.is_same(b))
}

pub(super) fn imported(seeds: &[u64]) -> Vec<Model> {
    seeds.iter().map(|seed| Model::imported(seed.to_string())).collect()
}

fn imported_models(params: &Params) -> &[u64] {
    match params {
        Params::ImportEvaluations(params) => &params.models,
        Params::ImportRuns(params) => &params.models,
        _ => &[],
    }
}

fn absolute(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
