//! A finished model as the files that the `transformers` library loads, with a card that says where it comes from.

mod card;
mod folder;
mod origin;
mod tokenizer;

pub use folder::{FolderError, write};

use std::collections::BTreeSet;

use serde_json::{Value, json};

use origin::Origin;

use crate::engine::Graph;
use crate::engine::{Plan, StageError, State};
use crate::fingerprint::Digest;
use crate::kinds::models::{CONFIG, TOKENIZER, checkpoint_of, weights};
use crate::store::{Manifest, Store, StoreError};
use crate::study::words::Checkpoint;

/// Provenance for programs, beside the card for people. A folder with it is an earlier export.
const PROVENANCE: &str = "pipeline.json";
const FORMAT: &str = "pipeline.export.v1";

/// Why a model cannot be exported.
#[derive(Debug)]
pub enum ExportError {
    Store(StoreError),
    /// The step makes no such model, or none that `transformers` has.
    Model(StageError),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StageError> for ExportError {
    fn from(error: StageError) -> Self {
        Self::Model(error)
    }
}

pub struct Export {
    /// Names with contents, in the order of their writing.
    pub files: Vec<(String, Vec<u8>)>,
}

/// The files of the model that a step made.
///
/// # Errors
/// A step that is not finished, that makes no model, or keeps no such checkpoint; a broken cache.
pub fn export(
    graph: &Graph,
    plan: &Plan,
    store: &Store,
    step: usize,
    checkpoint: Checkpoint,
) -> Result<Export, ExportError> {
    let name = graph.steps[step].name();
    let State::Fresh(finished) = &plan.states[step] else {
        let help = format!("run it first, for example with `pipeline run FILE --until {}`", graph.steps[step].stage);
        return Err(StageError::new(format!("{name} is not in the cache as the experiment is now")).help(help).into());
    };
    if ![CONFIG.name(), TOKENIZER.name()].iter().all(|output| finished.output(output).is_some()) {
        return Err(StageError::new(format!("{name} makes no model"))
            .help("name a step of a fetched, pre-trained or fine-tuned model")
            .into());
    }
    let Some(found) = finished.output(weights(checkpoint).name()) else {
        let kept = finished.outputs().iter().filter_map(|output| checkpoint_of(&output.name));
        let kept: Vec<String> = kept.map(|kept| kept.to_string()).collect();
        let message = format!("{name} keeps no checkpoint {checkpoint}; it keeps {}", kept.join(", "));
        return Err(StageError::new(message).into());
    };
    let origin = Origin {
        experiment: &graph.experiment,
        step: name,
        manifest: store.whole(finished)?,
        checkpoint,
        weights: found.digest,
        ancestors: ancestors(graph, plan, store, step)?,
    };
    let text = |output: &str| -> Result<String, ExportError> {
        Ok(String::from_utf8(store.output(finished, output)?).map_err(StageError::from)?)
    };
    let (config, tokenizer) = (text(CONFIG.name())?, text(TOKENIZER.name())?);
    let parsed: Value = serde_json::from_str(&config).map_err(StageError::from)?;
    let mut files = vec![("config.json".to_owned(), config.into_bytes())];
    files.extend(tokenizer::files(&tokenizer, &parsed)?);
    files.push(("README.md".to_owned(), card::card(&origin, &parsed).into_bytes()));
    files.push(("model.safetensors".to_owned(), store.output(finished, weights(checkpoint).name())?));
    let provenance = provenance(&origin, &files);
    files.push((PROVENANCE.to_owned(), provenance.into_bytes()));
    Ok(Export { files })
}

fn ancestors(graph: &Graph, plan: &Plan, store: &Store, step: usize) -> Result<Vec<(String, Manifest)>, StoreError> {
    let mut found = BTreeSet::new();
    let mut open = graph.steps[step].needs();
    while let Some(step) = open.pop() {
        if found.insert(step) {
            open.extend(graph.steps[step].needs());
        }
    }
    let finished = found.into_iter().filter_map(|step| Some((step, plan.states[step].finished()?)));
    finished.map(|(step, finished)| Ok((graph.steps[step].name(), store.whole(finished)?))).collect()
}

fn provenance(origin: &Origin, files: &[(String, Vec<u8>)]) -> String {
    let made_from: Vec<Value> = origin
        .ancestors
        .iter()
        .map(|(step, manifest)| {
            json!({
                "step": step, "key": manifest.key, "kind": manifest.kind,
                "parameters": manifest.parameters, "facts": card::public_facts(manifest),
            })
        })
        .collect();
    let digests = files.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes).to_string().into()));
    let value = json!({
        "format": FORMAT,
        "pipeline": origin.manifest.provenance.pipeline,
        "experiment": origin.experiment,
        "step": origin.step,
        "checkpoint": origin.checkpoint.to_string(),
        "key": origin.manifest.key,
        "kind": origin.manifest.kind,
        "version": origin.manifest.version,
        "parameters": origin.manifest.parameters,
        "made_from": made_from,
        "blake3": Value::Object(digests.collect()),
    });
    format!("{value:#}\n")
}
