//! A study's lock: a file beside it that says which bytes its sources were, so that another machine and another year get
//! the same or are told what is another.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::data::secrets::shown;
use crate::engine::{Graph, Pinned, Plan, Step};
use crate::fingerprint::{Digest, Key};
use crate::kinds::inputs::INFO;
use crate::store::{Finished, Store, StoreError};
use crate::study::{Checker, Diagnostic, ExperimentError, Sources, from_disk};

const FORMAT: &str = "pipeline.lock.v1";

/// `experiments/qqp.lock` of `experiments/qqp.toml`.
pub fn lock_of(experiment: &Path) -> PathBuf {
    experiment.with_extension("lock")
}

/// What a step reads that others publish, as its parameters name it: `hf:…`, or `blake3:…` of what has a place of its own.
pub fn sources_of(step: &Step) -> Vec<String> {
    fn collect(value: &Value, to: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
                Value::String(text) if name == "source" => to.push(text.clone()),
                Value::Array(texts) if name == "sources" => {
                    to.extend(texts.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                other => collect(other, to),
            }),
            Value::Array(values) => values.iter().for_each(|value| collect(value, to)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&step.work.parameters(), &mut found);
    found
}

/// The text of a study's lock, with the digests of its results if they are wanted. All of its sources must be finished.
///
/// # Errors
/// Something in the cache is damaged.
pub fn written(graph: &Graph, plan: &Plan, store: &Store, results: bool) -> Result<String, StoreError> {
    let mut text = String::from(
        "# Written by `pipeline lock`: commit it. `pipeline run FILE --locked` runs with these bytes or says what is another.\n",
    );
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "format = {}", quoted(FORMAT));
    let _ = writeln!(text, "experiment = {}", quoted(&graph.experiment));
    let _ = writeln!(text, "pipeline = {}", quoted(env!("CARGO_PKG_VERSION")));
    for (step, state) in graph.steps.iter().zip(&plan.states) {
        let sources = sources_of(step);
        let Some(finished) = state.finished().filter(|_| !sources.is_empty()) else { continue };
        let manifest = store.whole(finished)?;
        let _ = writeln!(text, "\n[source.{}]", quoted(&step.name()));
        let list = |texts: &[String]| texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "from = [{}]", list(&sources));
        // A path is one of this machine; what lies there is in the digest.
        if let Some(url) = step.location.as_deref().filter(|location| location.starts_with("https://")) {
            let _ = writeln!(text, "url = {}", quoted(&shown(url)));
        }
        let revisions = revisions(&sources, &manifest.provenance.facts);
        if !revisions.is_empty() {
            let pairs: Vec<String> =
                revisions.iter().map(|(source, commit)| format!("{} = {}", quoted(source), quoted(commit))).collect();
            let _ = writeln!(text, "revisions = {{ {} }}", pairs.join(", "));
        }
        let info = manifest.outputs.get(INFO.name()).and_then(|info| info.inline.as_ref());
        if let Some(rows) = info.and_then(|info| info["rows"].as_u64()) {
            let _ = writeln!(text, "rows = {rows}");
        }
        if let Some(labels) = info.and_then(|info| info["labels"].as_array()) {
            let labels: Vec<String> = labels.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let _ = writeln!(text, "labels = [{}]", list(&labels));
        }
        let _ = writeln!(text, "key = {}", quoted(&finished.key.to_string()));
        let _ = writeln!(text, "content = {}", quoted(&finished.content().to_string()));
    }
    if results {
        let _ = writeln!(text, "\n[results]");
        for (stage, content) in contents(graph, plan) {
            let _ = writeln!(text, "{} = {}", quoted(&stage), quoted(&content.to_string()));
        }
    }
    Ok(text)
}

/// The commit of each source, out of a manifest's facts.
fn revisions(sources: &[String], facts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let repository = |source: &str| source.strip_prefix("hf:")?.split('@').next().map(str::to_owned);
    let commit = |source: &String| {
        let repository = repository(source)?;
        let fact = facts.get(&format!("revision {repository}")).or_else(|| facts.get("revision"))?;
        Some((source.clone(), fact.clone()))
    };
    sources.iter().filter_map(commit).collect()
}

/// What each stage that is finished made, but for those that only fetch.
fn contents(graph: &Graph, plan: &Plan) -> BTreeMap<String, Digest> {
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (step, state) in graph.steps.iter().zip(&plan.states) {
        if !sources_of(step).is_empty() {
            continue;
        }
        let all = found.entry(step.stage.to_string()).or_insert_with(|| Some(String::new()));
        match (state.finished(), &mut *all) {
            (Some(finished), Some(text)) => {
                let _ = writeln!(text, "{} {}", step.name(), finished.content());
            }
            _ => *all = None,
        }
    }
    found.into_iter().filter_map(|(stage, text)| Some((stage, Digest::of(text?.as_bytes())))).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    format: Spanned<String>,
    experiment: Spanned<String>,
    pipeline: Spanned<String>,
    #[serde(default)]
    source: BTreeMap<String, Spanned<RawSource>>,
    #[serde(default)]
    results: BTreeMap<String, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    from: Spanned<Vec<String>>,
    #[serde(default)]
    revisions: Option<Spanned<BTreeMap<String, String>>>,
    #[serde(default, rename = "url")]
    _url: Option<String>,
    #[serde(default, rename = "rows")]
    _rows: Option<u64>,
    #[serde(default, rename = "labels")]
    _labels: Option<Vec<String>>,
    key: Spanned<String>,
    content: Spanned<String>,
}

/// A lock that was read.
#[derive(Debug)]
pub struct Lock {
    raw: RawLock,
    sources: Sources,
}

impl Lock {
    /// Reads the lock of an experiment's file.
    ///
    /// # Errors
    /// It is not there, or is none.
    pub fn read(experiment: &Path) -> Result<Self, ExperimentError> {
        let path = lock_of(experiment);
        let mut sources = Sources::default();
        let fail =
            |sources: &Sources, diagnostics: Vec<Diagnostic>| ExperimentError { sources: sources.clone(), diagnostics };
        let text = from_disk(&path).map_err(|error| {
            let message = format!("failed to read the lock `{}`: {error}", path.display());
            let help = Some(format!("`pipeline lock {}` writes it", experiment.display()));
            fail(&sources, vec![Diagnostic { message, span: None, help }])
        })?;
        let padded = sources.add(&path.display().to_string(), &text);
        let table = DeTable::parse(&padded).map_err(|error| {
            let message = format!("invalid TOML: {}", error.message());
            fail(&sources, vec![Diagnostic { message, span: error.span(), help: None }])
        })?;
        let mut checker = Checker::default();
        let at = table.span();
        let raw: Option<RawLock> = checker.table(Spanned::new(at, DeValue::Table(table.into_inner())));
        if let Some(raw) = raw.as_ref().filter(|raw| raw.format.get_ref() != FORMAT) {
            let message = format!("this is no lock that this version reads: it reads `{FORMAT}`");
            checker.fail::<()>(Diagnostic::new(message, raw.format.span()));
        }
        match raw {
            Some(raw) if checker.is_sound() => Ok(Self { raw, sources }),
            _ => Err(fail(&sources, checker.into_errors())),
        }
    }

    /// What is another than the lock says, as far as it shows before anything runs. What is `forced` is fetched again, so
    /// only what it is made from counts.
    ///
    /// # Errors
    /// All of it, with the lines of the lock.
    pub fn check(
        &self,
        graph: &Graph,
        plan: &Plan,
        store: &Store,
        forced: &dyn Fn(usize) -> bool,
    ) -> Result<(), ExperimentError> {
        let mut wrong = Vec::new();
        let anew = "if that is meant, write the lock anew with `pipeline lock FILE`";
        if self.raw.experiment.get_ref() != &graph.experiment {
            let message = format!(
                "the lock is of the experiment `{}`, and this is `{}`",
                self.raw.experiment.get_ref(),
                graph.experiment
            );
            wrong.push(Diagnostic::new(message, self.raw.experiment.span()).help(anew));
        }
        let version = env!("CARGO_PKG_VERSION");
        if self.raw.pipeline.get_ref() != version {
            let message = format!("the lock is of pipeline {}, and this is {version}", self.raw.pipeline.get_ref());
            wrong.push(Diagnostic::new(message, self.raw.pipeline.span()).help(anew));
        }
        let mut known: Vec<String> = Vec::new();
        for (number, step) in graph.steps.iter().enumerate() {
            let (name, sources, state) = (step.name(), sources_of(step), &plan.states[number]);
            if sources.is_empty() {
                continue;
            }
            let finished = state.finished().filter(|_| !forced(number));
            match self.raw.source.get(&name) {
                None => {
                    let message =
                        format!("{name} reads {}, and the lock does not say what that was", sources.join(", "));
                    wrong.push(Diagnostic { message, span: None, help: Some(anew.to_owned()) });
                }
                Some(locked) => self.compare(step, &sources, state.key(), locked.get_ref(), &mut wrong),
            }
            if let (Some(locked), Some(finished)) = (self.raw.source.get(&name), finished) {
                self.compare_content(step, finished, store, locked.get_ref(), &mut wrong);
            }
            known.push(name);
        }
        for (name, locked) in self.raw.source.iter().filter(|(name, _)| !known.contains(name)) {
            let message = format!("the study has no step {name} that reads what others publish");
            wrong.push(Diagnostic::new(message, locked.span()).help(anew));
        }
        for (stage, content) in contents(graph, plan) {
            let mut steps = graph.steps.iter().enumerate().filter(|(_, step)| step.stage.to_string() == stage);
            let again = steps.any(|(number, _)| forced(number));
            wrong.extend(self.result(&stage, &content).filter(|_| !again));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ExperimentError { sources: self.sources.clone(), diagnostics: wrong })
        }
    }

    fn compare(
        &self,
        step: &Step,
        sources: &[String],
        key: Option<Key>,
        locked: &RawSource,
        wrong: &mut Vec<Diagnostic>,
    ) {
        let name = step.name();
        if locked.from.get_ref() != sources {
            let message = format!("{name} reads {}, and the lock says something else", sources.join(", "));
            let help = match &step.location {
                Some(location) if !location.starts_with("https://") => format!("`{location}` was changed since"),
                _ => "the study names another source since; if that is meant, `pipeline lock FILE` takes it".to_owned(),
            };
            wrong.push(Diagnostic::new(message, locked.from.span()).help(help));
        } else if key.is_some_and(|key| key.to_string() != *locked.key.get_ref()) {
            let message = format!(
                "{name} reads its source in another way than when it was locked: other columns or labels, or another program"
            );
            let help = "if that is meant, write the lock anew with `pipeline lock FILE`";
            wrong.push(Diagnostic::new(message, locked.key.span()).help(help));
        }
    }

    fn compare_content(
        &self,
        step: &Step,
        finished: &Finished,
        store: &Store,
        locked: &RawSource,
        wrong: &mut Vec<Diagnostic>,
    ) {
        // The key is another already.
        if finished.key.to_string() != *locked.key.get_ref()
            || finished.content().to_string() == *locked.content.get_ref()
        {
            return;
        }
        let now = store.whole(finished).map(|manifest| manifest.provenance.facts).unwrap_or_default();
        let now = revisions(locked.from.get_ref(), &now);
        let moved = locked.revisions.as_ref().and_then(|then| {
            let (source, commit) =
                then.get_ref().iter().find(|(source, commit)| now.get(*source).is_some_and(|now| now != *commit))?;
            let now = now.get(source)?;
            Some((format!("{source} is commit {now} in the cache, and {commit} in the lock"), then.span()))
        });
        let other =
            || (format!("{} holds other bytes in the cache than the lock says", step.name()), locked.content.span());
        let (message, at) = moved.unwrap_or_else(other);
        let stage = &step.stage;
        let help = format!(
            "`pipeline run FILE --locked --force {stage}` fetches what is locked; `pipeline lock FILE` takes what is there"
        );
        wrong.push(Diagnostic::new(message, at).help(help));
    }

    fn result(&self, stage: &str, content: &Digest) -> Option<Diagnostic> {
        let locked = self.raw.results.get(stage).filter(|locked| *locked.get_ref() != content.to_string())?;
        let message = format!("{stage} came to another result than the lock says");
        let help = "another device gives other numbers, and so do other values in the study: `pipeline diff` tells";
        Some(Diagnostic::new(message, locked.span()).help(help))
    }

    /// Results that are others than the lock says.
    ///
    /// # Errors
    /// All of them, with the lines of the lock.
    pub fn check_results(&self, graph: &Graph, plan: &Plan) -> Result<(), ExperimentError> {
        let wrong: Vec<Diagnostic> =
            contents(graph, plan).iter().filter_map(|(stage, content)| self.result(stage, content)).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ExperimentError { sources: self.sources.clone(), diagnostics: wrong })
        }
    }

    /// What steps are held to, by their names: those of the graph that read what the lock says.
    pub fn pinned(&self, graph: &Graph) -> BTreeMap<String, Pinned> {
        let pinned = |step: &Step| {
            let (name, locked) = self.raw.source.get_key_value(&step.name())?;
            let RawSource { from, revisions, content, .. } = locked.get_ref();
            let revisions = revisions.as_ref().map(|revisions| revisions.get_ref().clone()).unwrap_or_default();
            let same = *from.get_ref() == sources_of(step);
            let content = content.get_ref().parse().ok().filter(|_| same)?;
            let place = self.sources.place(&locked.span()).unwrap_or_default();
            Some((name.clone(), Pinned { revisions, content, place }))
        };
        graph.steps.iter().filter_map(pinned).collect()
    }
}
