//! README.md: what the hub shows, and what a stranger who finds the folder reads first.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::origin::Origin;
use crate::data::Source;
use crate::store::Manifest;

pub(super) fn card(origin: &Origin, config: &Value) -> String {
    let manifest = &origin.manifest;
    let labels = labels(config);
    let mut text = String::from("---\nlibrary_name: transformers\n");
    if !labels.is_empty() {
        text.push_str("pipeline_tag: text-classification\n");
    }
    let sources = |kind: &str| {
        let of_kind = origin.ancestors.iter().filter(|(_, manifest)| manifest.kind == kind);
        of_kind.filter_map(|(_, manifest)| hub_repository(manifest)).collect::<Vec<_>>()
    };
    let mut data = sources("fetch-data");
    data.dedup();
    for (key, repositories) in [("base_model", sources("fetch-model")), ("datasets", data)] {
        if !repositories.is_empty() {
            writeln!(text, "{key}:").ok();
            repositories.iter().for_each(|repository| text.push_str(&format!("- {repository}\n")));
        }
    }
    writeln!(text, "---\n# {}, {}\n", origin.step, origin.experiment).ok();
    text.push_str("| | |\n|---|---|\n");
    let mut row = |what: &str, value: &str| text.push_str(&format!("| {what} | {} |\n", cell(value)));
    row("experiment", origin.experiment);
    row("step", &format!("`{}`", origin.step));
    row("checkpoint", &origin.checkpoint.to_string());
    row("key of the step", &format!("`{}`", manifest.key));
    row("BLAKE3 of the weights as trained", &format!("`{}`", origin.weights));
    if !labels.is_empty() {
        let named: Vec<String> = labels.iter().enumerate().map(|(id, name)| format!("{id} {name}")).collect();
        row("labels", &named.join(", "));
    }
    row("made by", &format!("pipeline {}, {}", manifest.provenance.pipeline, manifest.provenance.device));
    public_facts(manifest).iter().for_each(|(name, value)| row(name, value));
    writeln!(text, "\n## Parameters\n```json\n{:#}\n```", manifest.parameters).ok();
    if !origin.ancestors.is_empty() {
        text.push_str("\n## Made from\n| step | source | key |\n|---|---|---|\n");
        for (step, ancestor) in &origin.ancestors {
            let mut source = ancestor.parameters["source"].as_str().unwrap_or_default().to_owned();
            for (name, value) in public_facts(ancestor) {
                write!(source, "{}{name} {value}", if source.is_empty() { "" } else { ", " }).ok();
            }
            writeln!(text, "| `{step}` | {} | `{}` |", cell(&source), ancestor.key).ok();
        }
    }
    text.push_str("\nThe same, for programs: `pipeline.json`.\n");
    text
}

/// Facts of a manifest without those that are only true, and nobody else's business, on the machine that it was made on.
pub(super) fn public_facts(manifest: &Manifest) -> BTreeMap<&str, &str> {
    let facts = manifest.provenance.facts.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    facts
        .filter(|(name, _)| matches!(*name, "revision" | "url"))
        .map(|(name, value)| (name, without_user(value)))
        .collect()
}

/// An address without what could be a password before its host or a signature after its path.
fn without_user(value: &str) -> &str {
    match value.split_once("://") {
        Some((_, rest)) if rest.split('/').next().is_some_and(|host| host.contains('@')) => "",
        _ => value.split('?').next().unwrap_or(value),
    }
}

fn labels(config: &Value) -> Vec<String> {
    let Some(names) = config["id2label"].as_object() else { return Vec::new() };
    (0..names.len()).map_while(|id| Some(names.get(&id.to_string())?.as_str()?.to_owned())).collect()
}

fn hub_repository(manifest: &Manifest) -> Option<String> {
    match manifest.parameters["source"].as_str()?.parse() {
        Ok(Source::Hub { repo, .. }) => Some(repo),
        _ => None,
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
