//! Choosing examples, tokenising them once, scoring a model on them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use polars::prelude::{Column, DataFrame};
use serde::{Deserialize, Serialize};

use super::unfinished;
use crate::analysis::metrics::Predictions;
use crate::data::{Batch, DataError, Dataset, Encoded, by_length, numpy_permutation, proposed, write_parquet};
use crate::engine::{Context, Keep, StageEnd, StageError};
use crate::fingerprint::Digest;
use crate::kinds::inputs::{self, LoadedModel};
use crate::kinds::models::MODEL;
use crate::study::words::{Combine, Metric};

/// Tokens in one evaluation batch; every row is independent of the others, so this cannot change a result.
const BATCH_TOKENS: usize = 4096;

/// Models whose outputs are kept: they are small, and a study asks all of its models before it asks the first again.
const MOST_OUTPUTS: usize = 1024;

/// Which examples of a split are measured, and in whose labels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Selection {
    pub rows: Option<Range<usize>>,
    /// Column → the value that a row must have; `label` is the label's name.
    pub filter: BTreeMap<String, String>,
    /// Seed of NumPy's `default_rng(seed).permutation`, which the published study orders HANS with.
    pub permute: Option<u64>,
    /// The first so many of what is left.
    pub examples: Option<usize>,
    pub max_length: usize,
    /// Label of the data → labels of the model that count as it; empty where the names are the same.
    pub labels: BTreeMap<String, Vec<String>>,
    /// How logits of several labels become one.
    pub combine: Combine,
}

/// Chosen examples, tokenised and in batches.
pub struct Examples {
    pub dataset: Dataset,
    pub labels: Vec<u32>,
    pub batches: Vec<Batch>,
    /// Of all that a model sees of them; empty where none is asked.
    pub digest: Option<Digest>,
}

impl Keep for Examples {}

/// A model's outputs on some examples, `[examples, outputs]`, for whatever else is asked of the same.
struct Outputs(Vec<f32>);

impl Keep for Outputs {
    fn bytes(&self) -> usize {
        4 * self.0.len()
    }

    fn most() -> usize {
        MOST_OUTPUTS
    }
}

/// A model's answers: `logits` is [examples, classes] in the order of the examples.
pub struct Scored {
    pub logits: Vec<f32>,
    pub classes: usize,
    pub class_names: Vec<String>,
    /// Indices into `class_names`.
    pub labels: Vec<u32>,
}

impl Selection {
    /// The examples, tokenised for the step's model; made once per worker for all models with that tokenizer.
    ///
    /// # Errors
    /// Data without labels, rows that there are not, a column that there is not.
    pub fn prepare(&self, context: &mut Context) -> Result<Arc<Examples>, StageEnd> {
        let examples = self.prepare_unlabelled(context)?;
        match examples.dataset.label {
            Some(_) => Ok(examples),
            None => Err(StageError::from(DataError::NoLabels)
                .help("for a table of what models predict, without labels, write metrics = [] in an eval stage")
                .into()),
        }
    }

    /// The same where labels are not needed.
    pub fn prepare_unlabelled(&self, context: &mut Context) -> Result<Arc<Examples>, StageEnd> {
        let wanted = (&self.rows, &self.filter, self.permute, self.examples, self.max_length);
        let description = serde_json::to_string(&wanted).unwrap_or_default();
        let name = format!("{} {description}", inputs::name_of_examples(context, &MODEL)?);
        if let Some(examples) = context.memory().get(&name) {
            return Ok(examples);
        }
        context.go_on()?;
        let dataset = self.chosen().of(inputs::dataset(context)?)?;
        let tokenizer = inputs::tokenizer(context, &MODEL)?;
        let encoded = tokenizer.encode_all(&dataset.text, dataset.text_pair.as_deref(), self.max_length)?;
        let labels = match &dataset.label {
            Some(_) => dataset.label_ids(&dataset.label_names)?,
            None => vec![0; dataset.len()],
        };
        let batches = by_length(&encoded, &labels, BATCH_TOKENS, tokenizer.pad_id());
        let digest = Some(digest_of(&encoded, tokenizer.pad_id()));
        let examples = Arc::new(Examples { dataset, labels, batches, digest });
        context.memory().keep(name, examples.clone());
        Ok(examples)
    }

    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { rows: &self.rows, filter: &self.filter, permute: self.permute, examples: self.examples }
    }

    /// For each class that is measured: its name and the model's outputs that count as it.
    pub(super) fn classes(&self, dataset: &Dataset, model: &[String]) -> Result<Vec<(String, Vec<usize>)>, StageError> {
        // What transformers writes where nobody gave names.
        let unnamed = model.iter().enumerate().all(|(at, label)| *label == format!("LABEL_{at}"));
        let fail = |message: String| {
            let known: Vec<(String, Vec<String>)> = self
                .labels
                .iter()
                .filter(|(_, meant)| meant.iter().all(|label| model.contains(label)))
                .map(|(label, meant)| (label.clone(), meant.clone()))
                .collect();
            StageError::new(message).help(match unnamed {
                true => "name the model's classes, in order, with `labels` in the stage that fetches it".to_owned(),
                false => format!("map them with labels = {}", proposed(&dataset.label_names, model, &known)),
            })
        };
        let index = |name: &String| {
            let outside = || fail(format!("label `{name}` is outside the model's label set [{}]", model.join(", ")));
            model.iter().position(|label| label == name).ok_or_else(outside)
        };
        if self.labels.is_empty() {
            dataset.label_names.iter().try_for_each(|name| index(name).map(|_| ()))?;
            return Ok(model.iter().enumerate().map(|(class, name)| (name.clone(), vec![class])).collect());
        }
        if let Some(unknown) = self.labels.keys().find(|name| !dataset.label_names.contains(name)) {
            let known = dataset.label_names.join(", ");
            return Err(fail(format!("label `{unknown}` is outside the data's label set [{known}]")));
        }
        dataset
            .label_names
            .iter()
            .map(|name| {
                let missing = || fail(format!("`labels` does not say which of the model's labels count as `{name}`"));
                let mapped = self.labels.get(name).ok_or_else(missing)?;
                Ok((name.clone(), mapped.iter().map(index).collect::<Result<_, _>>()?))
            })
            .collect()
    }
}

/// Rows of a split, in the order of these choices.
pub struct Chosen<'a> {
    pub rows: &'a Option<Range<usize>>,
    pub filter: &'a BTreeMap<String, String>,
    pub permute: Option<u64>,
    pub examples: Option<usize>,
}

impl Chosen<'_> {
    /// # Errors
    /// Rows that there are not, a column that there is not, a filter that nothing passes.
    pub fn of(&self, mut dataset: Dataset) -> Result<Dataset, StageError> {
        if let Some(rows) = self.rows {
            dataset = dataset.slice(rows.clone())?;
        }
        if !self.filter.is_empty() {
            let columns = self
                .filter
                .iter()
                .map(|(name, value)| Ok((column(&dataset, name)?, value)))
                .collect::<Result<Vec<_>, StageError>>()?;
            let keep: Vec<usize> = (0..dataset.len())
                .filter(|row| columns.iter().all(|(column, value)| column[*row] == **value))
                .collect();
            if keep.is_empty() {
                let filter: Vec<_> = self.filter.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                return Err(StageError::new(format!("no example has {}", filter.join(" and "))));
            }
            dataset = dataset.rows(&keep)?;
        }
        if let Some(seed) = self.permute {
            let order = numpy_permutation(seed, dataset.len());
            dataset = dataset.rows(&order)?;
        }
        if let Some(examples) = self.examples {
            let count = examples.min(dataset.len());
            dataset = dataset.slice(0..count)?;
        }
        Ok(dataset)
    }
}

fn digest_of(encoded: &[Encoded], pad: i32) -> Digest {
    let mut bytes = pad.to_le_bytes().to_vec();
    for row in encoded {
        bytes.extend((row.len() as u64).to_le_bytes());
        row.input_ids.iter().chain(&row.token_type_ids).for_each(|number| bytes.extend(number.to_le_bytes()));
    }
    Digest::of(&bytes)
}

/// A kept column, or `label`.
pub(super) fn column<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a [String], StageError> {
    let found = if name == "label" { dataset.label.as_deref() } else { dataset.column(name) };
    found.ok_or_else(|| {
        let known: Vec<&str> = dataset.columns.iter().map(|(name, _)| name.as_str()).chain(["label"]).collect();
        StageError::new(format!("the data has no column `{name}`; it has {}", known.join(", ")))
            .help("add it to `keep` of the stage that fetches the data")
    })
}

impl Examples {
    /// The values of a kept column, or of `label`.
    pub fn column(&self, name: &str) -> Result<&[String], StageError> {
        column(&self.dataset, name)
    }

    pub fn score(&self, selection: &Selection, model: &LoadedModel, context: &mut Context) -> Result<Scored, StageEnd> {
        let classes = selection.classes(&self.dataset, &model.labels)?;
        let raw = self.outputs(model, context)?;
        Ok(self.combine(selection, &classes, &raw.0, model.labels.len())?)
    }

    /// An evaluation and an end point of a line ask the same of the same: the second finds it here.
    fn outputs(&self, model: &LoadedModel, context: &mut Context) -> Result<Arc<Outputs>, StageEnd> {
        let name = self.digest.map(|digest| format!("{digest} {}", model.name));
        if let Some(outputs) = name.as_ref().and_then(|name| context.memory().get(name)) {
            context.log("this model's outputs on these examples are those of a step before");
            context.progress(self.labels.len(), self.labels.len());
            return Ok(outputs);
        }
        let raw = unfinished::logits(context, "logits", &model.bert, &self.batches, &mut |_| {})?;
        let outputs = Arc::new(Outputs(raw));
        name.into_iter().for_each(|name| context.memory().keep(name, outputs.clone()));
        Ok(outputs)
    }

    /// From the model's [examples, outputs] to [examples, classes].
    pub fn combine(
        &self,
        selection: &Selection,
        classes: &[(String, Vec<usize>)],
        raw: &[f32],
        outputs: usize,
    ) -> Result<Scored, StageError> {
        // Looked at before they are combined: a maximum would hide a NaN.
        let wrong: Vec<usize> = raw
            .chunks_exact(outputs)
            .enumerate()
            .filter(|(_, row)| !row.iter().all(|logit| logit.is_finite()))
            .map(|(at, _)| at)
            .collect();
        if let Some(first) = wrong.first() {
            let (wrong, all) = (wrong.len(), self.labels.len());
            let text =
                format!("the model's logits of {wrong} of {all} examples are not finite, first of example {first}");
            return Err(StageError::new(text).help("its weights have diverged: train with a lower learning rate"));
        }
        let mut logits = Vec::with_capacity(self.labels.len() * classes.len());
        for row in raw.chunks_exact(outputs) {
            for (_, members) in classes {
                let largest = members.iter().map(|&output| row[output]).fold(f32::NEG_INFINITY, f32::max);
                logits.push(match selection.combine {
                    Combine::LogSumExp if largest.is_finite() => {
                        largest + members.iter().map(|&output| (row[output] - largest).exp()).sum::<f32>().ln()
                    }
                    Combine::LogSumExp | Combine::Max => largest,
                });
            }
        }
        let class_names: Vec<String> = classes.iter().map(|(name, _)| name.clone()).collect();
        Ok(Scored { logits, classes: classes.len(), class_names, labels: self.class_labels(classes) })
    }

    /// The class of each example, by its place among the classes that are measured.
    pub fn class_labels(&self, classes: &[(String, Vec<usize>)]) -> Vec<u32> {
        if self.dataset.label.is_none() {
            return self.labels.clone();
        }
        let class_of: Vec<u32> = self
            .dataset
            .label_names
            .iter()
            .map(|name| classes.iter().position(|(class, _)| class == name).unwrap_or(0) as u32)
            .collect();
        self.labels.iter().map(|&label| class_of[label as usize]).collect()
    }

    pub fn classes(&self, selection: &Selection, model: &LoadedModel) -> Result<Vec<(String, Vec<usize>)>, StageError> {
        selection.classes(&self.dataset, &model.labels)
    }
}

/// One row per example: label and loss where there are labels, prediction, the kept columns, and the logit of each class.
pub fn table_of_examples(examples: &Examples, scored: &Scored) -> Result<Vec<u8>, StageError> {
    let name = |class: u32| scored.class_names[class as usize].clone();
    let predictions = scored.predictions()?;
    let mut columns = vec![
        Column::new("label".into(), scored.labels.iter().copied().map(name).collect::<Vec<_>>()),
        Column::new("prediction".into(), predictions.predicted().map(name).collect::<Vec<_>>()),
        Column::new("loss".into(), predictions.losses().collect::<Vec<_>>()),
    ];
    if examples.dataset.label.is_none() {
        columns.retain(|column| column.name() == "prediction");
    }
    for (column, values) in &examples.dataset.columns {
        columns.push(Column::new(column.as_str().into(), values.clone()));
    }
    for (class, class_name) in scored.class_names.iter().enumerate() {
        let logits: Vec<f32> = scored.logits.iter().skip(class).step_by(scored.classes).copied().collect();
        columns.push(Column::new(format!("logit_{class_name}").into(), logits));
    }
    Ok(write_parquet(&mut DataFrame::new_infer_height(columns)?)?)
}

impl Scored {
    /// What a person should look at before believing the numbers.
    pub fn suspicions(&self) -> Result<Vec<String>, StageError> {
        /// Standard deviations of guessing.
        const FAR: f64 = 5.0;
        let predictions = self.predictions()?;
        let count = |classes: &mut dyn Iterator<Item = u32>| {
            let mut counts = vec![0usize; self.classes];
            classes.for_each(|class| counts[class as usize] += 1);
            counts
        };
        let labelled = count(&mut self.labels.iter().copied());
        let predicted = count(&mut predictions.predicted());
        let there: Vec<usize> = labelled.into_iter().filter(|&rows| rows > 0).collect();
        if there.len() < 2 {
            return Ok(Vec::new());
        }
        let mut notes = Vec::new();
        let rows = self.labels.len();
        if let Some(class) = predicted.iter().position(|&predicted| predicted == rows) {
            notes.push(format!("every one of {rows} examples is predicted to be `{}`", self.class_names[class]));
        }
        let (least, most) = (there.iter().min().copied().unwrap_or(0), there.iter().max().copied().unwrap_or(0));
        let (chance, accuracy) = (1.0 / there.len() as f64, predictions.accuracy());
        let far = chance - FAR * (chance * (1.0 - chance) / rows as f64).sqrt();
        if 2 * least > most && accuracy < far {
            notes.push(format!(
                "the accuracy is {accuracy:.3}, far below the {chance:.3} of guessing: are the labels of the data and of \
                 the model in the same order?"
            ));
        }
        Ok(notes)
    }

    fn predictions(&self) -> Result<Predictions<'_>, StageError> {
        Ok(Predictions::new(&self.logits, self.classes, &self.labels)?)
    }

    /// # Errors
    /// A metric that these classes do not have, or that is not finite.
    pub fn measure(&self, metrics: &[Metric]) -> Result<BTreeMap<Metric, f64>, StageError> {
        let predictions = self.predictions()?;
        let measure = |metric: &Metric| match metric.of(&predictions)? {
            value if value.is_finite() => Ok((*metric, value)),
            value => Err(StageError::new(format!("the {metric} is {value}"))
                .help("the model has diverged: train with a lower learning rate")),
        };
        metrics.iter().map(measure).collect()
    }

    /// The class that is predicted for every example, where they are not all of one.
    pub fn only_prediction(&self) -> Result<Option<&str>, StageError> {
        let predictions = self.predictions()?;
        let mut predicted = predictions.predicted();
        let Some(first) = predicted.next() else { return Ok(None) };
        let one_label = self.labels.iter().all(|label| *label == self.labels[0]);
        Ok((!one_label && predicted.all(|class| class == first)).then(|| self.class_names[first as usize].as_str()))
    }

    /// The same for some of the examples only.
    pub fn rows(&self, rows: &[usize]) -> Self {
        let row = |row: &usize| self.logits[row * self.classes..(row + 1) * self.classes].to_vec();
        Self {
            logits: rows.iter().flat_map(row).collect(),
            classes: self.classes,
            class_names: self.class_names.clone(),
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six rows of HANS, two of them entailed.
    fn hans() -> Dataset {
        let owned = |texts: [&str; 6]| texts.map(str::to_owned).to_vec();
        Dataset {
            text: owned(["a", "b", "c", "d", "e", "f"]),
            text_pair: None,
            label: Some(owned(["entailment", "non-entailment", "non-entailment", "entailment", "non-entailment", "x"])),
            label_names: vec!["entailment".to_owned(), "non-entailment".to_owned(), "x".to_owned()],
            columns: vec![
                ("heuristic".to_owned(), owned(["lexical", "lexical", "constituent", "constituent", "lexical", "x"])),
                ("subcase".to_owned(), owned(["le_1", "ln_1", "cn_1", "ce_1", "ln_2", "x"])),
            ],
        }
    }

    fn selection(filter: &[(&str, &str)]) -> Selection {
        Selection {
            rows: None,
            filter: filter.iter().map(|(column, value)| ((*column).to_owned(), (*value).to_owned())).collect(),
            permute: None,
            examples: None,
            max_length: 16,
            labels: BTreeMap::new(),
            combine: Combine::Max,
        }
    }

    /// The published study's filter for entailed examples kept those that are not.
    #[test]
    fn filters_keep_the_rows_that_they_name() {
        let texts = |filter: &[(&str, &str)]| selection(filter).chosen().of(hans()).unwrap().text;
        assert_eq!(texts(&[("label", "entailment")]), ["a", "d"]);
        assert_eq!(texts(&[("label", "non-entailment")]), ["b", "c", "e"]);
        assert_eq!(texts(&[("label", "non-entailment"), ("heuristic", "lexical")]), ["b", "e"]);
        assert_eq!(texts(&[("label", "entailment"), ("subcase", "ce_1")]), ["d"]);
        let kept = selection(&[("label", "entailment")]).chosen().of(hans()).unwrap();
        assert!(kept.label.unwrap().iter().all(|label| label == "entailment"));
        let error = selection(&[("label", "entailment"), ("subcase", "cn_1")]).chosen().of(hans()).unwrap_err();
        assert_eq!(error.message, "no example has label = entailment and subcase = cn_1");
        assert!(
            selection(&[("template", "t1")]).chosen().of(hans()).unwrap_err().message.contains("no column `template`")
        );
    }

    #[test]
    fn labels_that_do_not_fit_are_answered_with_the_whole_mapping() {
        let strings = |all: &[&str]| all.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let classes = |data: &[&str], model: &[&str], given: &[(&str, &str)]| {
            let mut selection = selection(&[]);
            selection.labels = given.iter().map(|(a, b)| (a.to_string(), vec![b.to_string()])).collect();
            let dataset = Dataset { label_names: strings(data), ..Dataset::default() };
            let error = selection.classes(&dataset, &strings(model)).unwrap_err();
            (error.message, error.help.unwrap_or_default())
        };
        let nli = ["entailment", "neutral", "contradiction"];
        let upper = ["CONTRADICTION", "NEUTRAL", "ENTAILMENT"];
        let whole = "map them with labels = { entailment = \"ENTAILMENT\", neutral = \"NEUTRAL\", contradiction = \
                     \"CONTRADICTION\" }";
        assert_eq!(classes(&nli, &upper, &[]).1, whole);
        let (message, help) = classes(&nli, &upper, &[("neutral", "NEUTRAL")]);
        assert_eq!(message, "`labels` does not say which of the model's labels count as `entailment`");
        assert_eq!(help, whole);
        assert_eq!(
            classes(
                &["contradictory", "entailment", "neutral"],
                &nli,
                &[("contradictory", "contradiction"), ("x", "y")]
            )
            .1,
            "map them with labels = { contradictory = \"contradiction\", entailment = \"entailment\", neutral = \"neutral\" }"
        );
        let unnamed = classes(&nli, &["LABEL_0", "LABEL_1", "LABEL_2"], &[]).1;
        assert_eq!(unnamed, "name the model's classes, in order, with `labels` in the stage that fetches it");
    }

    #[test]
    fn what_is_suspicious_of_predictions_is_said() {
        let scored = |predicted: &[u32], labels: &[u32]| Scored {
            logits: predicted.iter().flat_map(|&class| [f32::from(class == 0), f32::from(class == 1)]).collect(),
            classes: 2,
            class_names: vec!["no".into(), "yes".into()],
            labels: labels.to_vec(),
        };
        let labels: Vec<u32> = (0..100).map(|row| row % 2).collect();
        let turned: Vec<u32> = labels.iter().map(|label| 1 - label).collect();
        assert_eq!(scored(&labels, &labels).suspicions().unwrap(), [""; 0]);
        let notes = scored(&turned, &labels).suspicions().unwrap();
        assert!(notes.len() == 1 && notes[0].starts_with("the accuracy is 0.000, far below the 0.500"), "{notes:?}");
        let notes = scored(&[1; 100], &labels).suspicions().unwrap();
        assert_eq!(notes, ["every one of 100 examples is predicted to be `yes`"]);
        // One class in the data says nothing of the model, and a few rows are chance.
        assert!(scored(&[1; 100], &[0; 100]).suspicions().unwrap().is_empty());
        assert!(scored(&[1, 0, 1, 0], &[0, 1, 0, 1]).suspicions().unwrap().is_empty());
    }

    #[test]
    fn logits_that_are_not_finite_are_an_error_and_never_hidden() {
        let selection = selection(&[]);
        let examples = Examples { dataset: hans(), labels: vec![0, 1, 1, 0, 1, 0], batches: Vec::new(), digest: None };
        let classes = [("entailment".to_owned(), vec![0]), ("non-entailment".to_owned(), vec![1, 2])];
        let mut raw = vec![0.5f32; 18];
        let scored = examples.combine(&selection, &classes, &raw, 3).unwrap();
        assert_eq!(scored.labels, [0, 1, 1, 0, 1, 0]);
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            // Beside a larger one of its class: the maximum is finite.
            (raw[5], raw[17]) = (wrong, wrong);
            let error = examples.combine(&selection, &classes, &raw, 3).err().unwrap();
            assert_eq!(error.message, "the model's logits of 2 of 6 examples are not finite, first of example 1");
            assert!(error.help.unwrap().contains("learning rate"));
        }
    }
}
