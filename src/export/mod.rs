//! A finished model as the files that the `transformers` library loads, with a card that says where it comes from.

mod card;
mod folder;
mod origin;
mod tokenizer;

pub use folder::{FolderError, write};

use std::collections::BTreeSet;

use serde_json::{Value, json};

use origin::{Origin, kept, kept_name};

use crate::engine::{Plan, StageError, State};
use crate::experiment::Checkpoint;
use crate::fingerprint::Digest;
use crate::graph::Graph;
use crate::store::{Manifest, Store};

/// Provenance for programs, beside the card for people. A folder with it is an earlier export.
const PROVENANCE: &str = "pipeline.json";
const FORMAT: &str = "pipeline.export.v1";

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
) -> Result<Export, StageError> {
    let name = graph.steps[step].name();
    let State::Fresh(manifest) = &plan.states[step] else {
        return Err(StageError::new(format!("{name} is not in the cache as the experiment is now"))
            .help(format!("run it first, for example with `pipeline run FILE --until {}`", graph.steps[step].stage)));
    };
    if !["config", "tokenizer"].iter().all(|output| manifest.outputs.contains_key(*output)) {
        return Err(StageError::new(format!("{name} makes no model"))
            .help("name a step of a fetched, pre-trained or fine-tuned model"));
    }
    let Some(weights) = manifest.outputs.get(&checkpoint.output()) else {
        let kept: Vec<&str> = manifest.outputs.keys().filter_map(|output| kept(output)).collect();
        let wanted = checkpoint.output();
        let wanted = kept_name(&wanted);
        return Err(StageError::new(format!("{name} keeps no checkpoint {wanted}; it keeps {}", kept.join(", "))));
    };
    let origin = Origin {
        experiment: &graph.experiment,
        step: name,
        manifest,
        checkpoint,
        weights: weights.digest,
        ancestors: ancestors(graph, plan, step),
    };
    let text = |output: &str| -> Result<String, StageError> { Ok(String::from_utf8(store.output(manifest, output)?)?) };
    let (config, tokenizer) = (text("config")?, text("tokenizer")?);
    let parsed: Value = serde_json::from_str(&config)?;
    let mut files = vec![("config.json".to_owned(), config.into_bytes())];
    files.extend(tokenizer::files(&tokenizer, &parsed)?);
    files.push(("README.md".to_owned(), card::card(&origin, &parsed).into_bytes()));
    files.push(("model.safetensors".to_owned(), store.output(manifest, &checkpoint.output())?));
    let provenance = provenance(&origin, &files);
    files.push((PROVENANCE.to_owned(), provenance.into_bytes()));
    Ok(Export { files })
}

fn ancestors<'a>(graph: &Graph, plan: &'a Plan, step: usize) -> Vec<(String, &'a Manifest)> {
    let mut found = BTreeSet::new();
    let mut open = graph.steps[step].needs();
    while let Some(step) = open.pop() {
        if found.insert(step) {
            open.extend(graph.steps[step].needs());
        }
    }
    found.into_iter().filter_map(|step| Some((graph.steps[step].name(), plan.states[step].manifest()?))).collect()
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
        "checkpoint": kept_name(&origin.checkpoint.output()),
        "key": origin.manifest.key,
        "kind": origin.manifest.kind,
        "version": origin.manifest.version,
        "parameters": origin.manifest.parameters,
        "made_from": made_from,
        "blake3": Value::Object(digests.collect()),
    });
    format!("{value:#}\n")
}
