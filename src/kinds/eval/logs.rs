//! Evaluations that others published as JSON, a file a model.

use std::collections::BTreeMap;

use polars::prelude::{Column, DataFrame};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::measured::{EXAMPLES, Evaluated, Evaluations, METRICS, Measured, SENTENCES};
use crate::data::published::{Evaluation, LogFile, Pattern, SentenceIndex};
use crate::data::{Dataset, write_parquet};
use crate::engine::{Context, Outputs, StageEnd, StageError, StageId, StepKind};
use crate::fingerprint::Digest;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::{self, data_inputs};
use crate::kinds::measure::{Examples, Scored, table_of_examples};
use crate::kinds::models::Member;
use crate::kinds::offers::{MissingMetric, Offers};
use crate::kinds::preflight::Preflight;
use crate::kinds::published::{self, Logs, LogsSpec, first_missing, read};
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::study::words::{DataRef, Metric, MetricName, Seeds};
use crate::study::{Checker, Diagnostic, OneOf, Text};
use crate::words::Word;

/// Its table as it is written.
pub struct Keys {
    pub logs: Text,
    pub folder: Option<Text>,
    pub file: Option<Text>,
    pub data: Option<Text>,
    pub by: Option<Spanned<Vec<String>>>,
    pub metrics: Option<Vec<OneOf<Metric>>>,
    pub seeds: Spanned<Seeds>,
}

#[derive(Debug)]
pub struct PublishedLogs {
    logs: LogsSpec,
    /// Names of files, with `{}` for the model's number.
    file: String,
    seeds: Vec<u64>,
    metrics: Vec<Metric>,
    by: Vec<String>,
    data: Option<Spanned<DataRef>>,
}

pub fn check(keys: Keys, checker: &mut Checker) -> Option<PublishedLogs> {
    let at = keys.logs.span();
    let logs = LogsSpec::check(&keys.logs, keys.folder, checker)?;
    let Some(file) = keys.file else {
        return checker.fail(
            Diagnostic::new("`file` is missing: the names of the evaluations, with {} for the number", at)
                .help("for example file = \"eval_{}.json\""),
        );
    };
    checker.parse_text(file.clone(), |text| Pattern::parse(text).map_err(|error| error.to_string()))?;
    let data = match keys.data {
        Some(data) => Some(checker.parse_text(data, DataRef::parse)?),
        None => None,
    };
    // The files themselves hold no other column.
    let needs_data = |by: &[String]| by.iter().any(|name| name != "label");
    if let Some(by) = &keys.by
        && data.is_none()
        && needs_data(by.get_ref())
    {
        return checker.fail(
            Diagnostic::new(
                "the files hold no columns but `label`, so `by` needs `data` to find the others in",
                by.span(),
            )
            .help("for example data = \"hans.validation\""),
        );
    }
    Some(PublishedLogs {
        logs,
        file: file.into_inner(),
        seeds: published::check_seeds(&keys.seeds, checker)?,
        metrics: checker.metrics(keys.metrics, &[Metric::Loss, Metric::Accuracy]),
        by: keys.by.map(Spanned::into_inner).unwrap_or_default(),
        data,
    })
}

impl Offers for PublishedLogs {
    fn evaluates(&self, metric: &MetricName) -> Option<Result<(), MissingMetric>> {
        let known: Vec<&str> = self.metrics.iter().map(|metric| metric.name()).collect();
        Some(match known.contains(&metric.name()) {
            true => Ok(()),
            false => Err(MissingMetric {
                metric: metric.as_str().to_owned(),
                help: format!("add it to its `metrics`, which are {}", known.join(", ")),
            }),
        })
    }
}

impl Spec for PublishedLogs {
    fn references(&self, to: &mut References<'_>) {
        self.data.iter().for_each(|data| to.data(data));
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        let metrics: Vec<String> = self.metrics.iter().map(ToString::to_string).collect();
        vec![("metrics", metrics.into())]
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let pattern = Pattern::parse(&self.file).map_err(|error| Diagnostic {
            message: error.to_string(),
            span: None,
            help: None,
        })?;
        let (logs, location) = self.logs.resolve(&|name| pattern.number(name).is_some(), to)?;
        let inputs = match &self.data {
            Some(data) => data_inputs(to.split(data)?),
            None => vec![],
        };
        let params = Params {
            logs,
            file: self.file.clone(),
            models: self.seeds.clone(),
            metrics: self.metrics.clone(),
            by: self.by.clone(),
        };
        let step = to.push_at(location, stage, "", params, inputs);
        let one = |seed: &u64| Evaluated {
            model: Member::Published(seed.to_string()),
            step,
            metrics: METRICS.of(seed),
            examples: Some(EXAMPLES.of(seed)),
            sentences: Some(SENTENCES.of(seed)),
        };
        to.about(step, &Member::published(&self.seeds));
        to.publish(stage, Evaluations::new(self.seeds.iter().map(one).collect()));
        Ok(())
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        let Some((reference, data)) =
            self.data.as_ref().and_then(|data| Some((data.get_ref(), to.rows(data.get_ref())?)))
        else {
            return;
        };
        for name in self.by.iter().filter(|name| *name != "label") {
            to.column(&data, name, &to.within("by", name), &reference.dataset);
        }
    }
}

/// The artifacts are `metrics:7`, `examples:7` and `sentences:7`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub logs: Logs,
    /// Names of files, with `{}` for the model's number.
    pub file: String,
    pub models: Vec<u64>,
    pub metrics: Vec<Metric>,
    /// Columns of the input `data`, or `label`.
    pub by: Vec<String>,
}

impl StepKind for Params {
    const KIND: &'static str = "import-evaluations";
    const VERSION: u32 = published::VERSION;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let pattern = Pattern::parse(&self.file)?;
        let files = self.logs.files(&|name| pattern.number(name).is_some(), context)?;
        let mut by_model: BTreeMap<u64, &LogFile> = BTreeMap::new();
        let mut others = 0;
        for file in &files {
            let Some(model) = pattern.number(&file.name).filter(|model| self.models.contains(model)) else {
                others += 1;
                continue;
            };
            if let Some(known) = by_model.insert(model, file)
                && Digest::of(&read(known)?) != Digest::of(&read(file)?)
            {
                let (first, second) = (&known.name, &file.name);
                return Err(StageError::new(format!(
                    "`{first}` and `{second}` both are of model {model}, and they differ"
                ))
                .help("name one of them alone with `file`")
                .into());
            }
        }
        if others > 0 {
            context.note(&format!("left out {others} files of other models"));
        }
        let missing: Vec<String> =
            self.models.iter().filter(|model| !by_model.contains_key(model)).map(u64::to_string).collect();
        if !missing.is_empty() {
            let (count, shown) = (missing.len(), first_missing(&missing, ", "));
            let all = self.models.len();
            return Err(StageError::new(format!("{count} of {all} evaluations are missing: {shown}"))
                .help("leave those models out of `seeds`")
                .into());
        }
        let joined = match inputs::has_data(context) {
            true => {
                let dataset = inputs::dataset(context)?;
                Some((SentenceIndex::new(&dataset), dataset))
            }
            false => None,
        };
        let mut outputs = Outputs::default();
        let mut unmatched = (0, 0);
        for (done, model) in self.models.iter().enumerate() {
            let file = by_model[model];
            let evaluation = Evaluation::read(&file.name, &read(file)?)?;
            let (examples, matched) = examples(&evaluation, joined.as_ref());
            let missed = matched.iter().filter(|row| row.is_none()).count();
            if missed == matched.len() {
                return Err(StageError::new(format!("no sentence of `{}` is in the data", file.name))
                    .help("name the split that was evaluated as `data`")
                    .into());
            }
            if missed > 0 {
                unmatched = (unmatched.0 + missed, unmatched.1 + 1);
            }
            let scored = Scored {
                classes: evaluation.classes.len(),
                logits: evaluation.logits,
                class_names: evaluation.classes,
                labels: evaluation.labels,
            };
            // A sentence that is not in the data has no values to be grouped by.
            let known = (0..scored.labels.len()).filter(|row| matched[*row].is_some());
            let measured = Measured::of(&examples, &scored, &self.metrics, &self.by, known)?;
            outputs.json(&METRICS.of(model), &measured)?;
            let table = context.put(&table_of_examples(&examples, &scored)?)?;
            outputs.stored(&EXAMPLES.of(model), table);
            // Files list their examples in any order, and agreement compares models example by example. The same order
            // is the same object.
            let sentences = context.put(&table_of_sentences(&evaluation.sentences)?)?;
            outputs.stored(&SENTENCES.of(model), sentences);
            context.progress(done + 1, self.models.len());
        }
        if unmatched.0 > 0 {
            let (sentences, files) = unmatched;
            context.note(&format!("{sentences} sentences of {files} files are not in the data and belong to no group"));
        }
        self.logs.unchanged(&|name| pattern.number(name).is_some(), context)?;
        Ok(outputs)
    }
}

fn table_of_sentences(sentences: &[(String, Option<String>)]) -> Result<Vec<u8>, StageError> {
    let texts: Vec<&str> = sentences.iter().map(|(text, _)| text.as_str()).collect();
    let pairs: Vec<Option<&str>> = sentences.iter().map(|(_, pair)| pair.as_deref()).collect();
    let columns = vec![Column::new("text".into(), texts), Column::new("pair".into(), pairs)];
    Ok(write_parquet(&mut DataFrame::new_infer_height(columns)?)?)
}

/// The examples with the columns of the data's rows that say the same, and which row it was of each.
fn examples(evaluation: &Evaluation, joined: Option<&(SentenceIndex, Dataset)>) -> (Examples, Vec<Option<usize>>) {
    let rows = match joined {
        Some((index, _)) => index.find(&evaluation.sentences),
        None => vec![Some(0); evaluation.labels.len()],
    };
    let columns = joined.map_or_else(Vec::new, |(_, dataset)| {
        let of = |values: &[String]| {
            rows.iter().map(|row| row.map_or_else(String::new, |row| values[row].clone())).collect()
        };
        dataset.columns.iter().map(|(name, values)| (name.clone(), of(values))).collect()
    });
    let pairs = evaluation.sentences.iter().any(|(_, pair)| pair.is_some());
    let dataset = Dataset {
        text: evaluation.sentences.iter().map(|(text, _)| text.clone()).collect(),
        text_pair: pairs
            .then(|| evaluation.sentences.iter().map(|(_, pair)| pair.clone().unwrap_or_default()).collect()),
        label: Some(evaluation.labels.iter().map(|label| evaluation.classes[*label as usize].clone()).collect()),
        label_names: evaluation.classes.clone(),
        columns,
    };
    (Examples { dataset, labels: evaluation.labels.clone(), batches: Vec::new(), digest: None }, rows)
}
