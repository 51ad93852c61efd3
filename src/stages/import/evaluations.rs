//! Evaluations as JSON → metrics and examples of every model.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{Column, DataFrame};

use super::{EvaluationsParams, read};
use crate::data::published::{Evaluation, LogFile, Pattern, SentenceIndex};
use crate::data::{Dataset, write_parquet};
use crate::engine::{Context, Outputs, StageError};
use crate::fingerprint::Digest;
use crate::stages::eval::{Group, Measured};
use crate::stages::measure::{Examples, Scored, table_of_examples};

pub fn evaluations(params: &EvaluationsParams, context: &mut Context) -> Result<Outputs, StageError> {
    let pattern = Pattern::parse(&params.file)?;
    let files = params.logs.files(&|name| pattern.number(name).is_some(), context)?;
    let mut by_model: BTreeMap<u64, &LogFile> = BTreeMap::new();
    let mut others = 0;
    for file in &files {
        let Some(model) = pattern.number(&file.name).filter(|model| params.models.contains(model)) else {
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
            .help("name one of them alone with `file`"));
        }
    }
    if others > 0 {
        context.note(&format!("left out {others} files of other models"));
    }
    let missing: Vec<String> =
        params.models.iter().filter(|model| !by_model.contains_key(model)).map(u64::to_string).collect();
    if !missing.is_empty() {
        let (count, shown) = (missing.len(), missing.iter().take(10).cloned().collect::<Vec<_>>().join(", "));
        let more = if count > 10 { ", …" } else { "" };
        let all = params.models.len();
        return Err(StageError::new(format!("{count} of {all} evaluations are missing: {shown}{more}"))
            .help("leave those models out of `seeds`"));
    }
    let joined = match context.has_input("data") {
        true => {
            let dataset = context.dataset("data")?;
            Some((SentenceIndex::new(&dataset), dataset))
        }
        false => None,
    };
    let mut outputs = Outputs::default();
    let mut unmatched = (0, 0);
    for (done, model) in params.models.iter().enumerate() {
        let file = by_model[model];
        let evaluation = Evaluation::read(&file.name, &read(file)?)?;
        let (examples, matched) = examples(&evaluation, joined.as_ref());
        let missed = matched.iter().filter(|row| row.is_none()).count();
        if missed == matched.len() {
            return Err(StageError::new(format!("no sentence of `{}` is in the data", file.name))
                .help("name the split that was evaluated as `data`"));
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
        let measured = measured(params, &examples, &matched, &scored)?;
        outputs.json(&format!("metrics:{model}"), &measured)?;
        let table = context.put(&table_of_examples(&examples, &scored)?)?;
        outputs.stored(&format!("examples:{model}"), table);
        // Files list their examples in any order, and agreement compares models example by example. The same order is
        // the same object.
        let sentences = context.put(&table_of_sentences(&evaluation.sentences)?)?;
        outputs.stored(&format!("sentences:{model}"), sentences);
        context.progress(done + 1, params.models.len());
    }
    if unmatched.0 > 0 {
        let (sentences, files) = unmatched;
        context.note(&format!("{sentences} sentences of {files} files are not in the data and belong to no group"));
    }
    Ok(outputs)
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
    (Examples { dataset, labels: evaluation.labels.clone(), batches: Vec::new() }, rows)
}

fn measured(
    params: &EvaluationsParams,
    examples: &Examples,
    matched: &[Option<usize>],
    scored: &Scored,
) -> Result<Measured, StageError> {
    let columns = params.by.iter().map(|name| examples.column(name)).collect::<Result<Vec<_>, _>>()?;
    let mut groups: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    if !columns.is_empty() {
        for row in (0..scored.labels.len()).filter(|row| matched[*row].is_some()) {
            groups.entry(columns.iter().map(|column| column[row].clone()).collect()).or_default().push(row);
        }
    }
    let group = |(values, rows): (Vec<String>, Vec<usize>)| {
        Ok(Group { values, examples: rows.len(), metrics: scored.rows(&rows).measure(&params.metrics)? })
    };
    Ok(Measured {
        examples: scored.labels.len(),
        metrics: scored.measure(&params.metrics)?,
        groups: groups.into_iter().map(group).collect::<Result<_, StageError>>()?,
    })
}

/// The columns that must be joined from data.
pub fn needs_data(by: &[String]) -> bool {
    by.iter().collect::<BTreeSet<_>>().into_iter().any(|name| name != "label")
}
