//! The keys of the shipped experiments are pinned: a key may change only together with a version constant.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use pipeline::engine::Graph;
use pipeline::experiment;
use pipeline::experiment::expand;
use pipeline::fingerprint::{Digest, KeyParts};

const SHIPPED: [&str; 10] = [
    "quickstart",
    "nli-minilm",
    "cola-minilm",
    "qqp",
    "mnli",
    "cola",
    "feather",
    "published-qqp",
    "published-mnli",
    "published-cola",
];

fn graph(name: &str) -> Graph {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments").join(format!("{name}.toml"));
    expand(&experiment::read(&file, &[]).unwrap()).unwrap()
}

/// One line a stage: how many steps, and a digest of all their keys. Inputs that no run has made yet are stood in for
/// by the digest of the key of the step that will make them and the output's name.
fn keys(graph: &Graph) -> String {
    let mut keys: Vec<Digest> = Vec::new();
    let mut stages: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for step in &graph.steps {
        let stand_in = |from: usize, output: &str| Digest::of(format!("{}:{output}", keys[from]).as_bytes());
        let inputs = step.inputs.iter().map(|input| (&*input.role, stand_in(input.from, &input.output))).collect();
        let parameters = step.work.parameters();
        let parts = KeyParts { kind: step.work.kind(), version: step.work.version(), parameters: &parameters, inputs };
        let key = parts.key().0;
        keys.push(key);
        let (count, all) = stages.entry(step.stage.to_string()).or_default();
        *count += 1;
        write!(all, "{key}").unwrap();
    }
    let line = |(stage, (count, all)): (&String, &(usize, String))| {
        format!("{} {stage} {count} {}\n", graph.experiment, &Digest::of(all.as_bytes()).to_string()[..16])
    };
    stages.iter().map(line).collect()
}

#[test]
fn keys_of_the_shipped_experiments() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let now: String = SHIPPED.map(|name| keys(&graph(name))).concat();
    let golden = root.join("tests/program/keys.txt");
    if std::env::var_os("UPDATE_KEYS").is_some() {
        std::fs::write(&golden, &now).unwrap();
    }
    assert!(
        std::fs::read_to_string(&golden).unwrap() == now,
        "keys changed: everybody's finished work of these stages would run again. If results change too, raise the \
         stage's VERSION; then run the tests once with UPDATE_KEYS=1.\n{now}"
    );
}

#[test]
fn the_changelog_names_the_versions_of_steps() {
    let changelog = include_str!("../../CHANGELOG.md");
    for step in pipeline::kinds::steps() {
        let row = format!("| `{}` | {} |", step.kind(), step.version());
        assert!(changelog.contains(&row), "\"Cache versions\" in CHANGELOG.md needs a row that begins with {row}");
    }
}
