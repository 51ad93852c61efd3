//! What a stage sees while it runs a step: its inputs, its device, and where to say how far it is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::memory::{LoadedModel, Memory};
use super::protocol::Progress;
use super::snapshots::Pace;
use super::stopping::StopFlag;
use crate::data::{Dataset, Tokenizer};
use crate::device::Device;
use crate::fingerprint::{Digest, Key};
use crate::stages::fetch::DataInfo;
use crate::stages::measure::Examples;
use crate::store::{InputRecord, Manifest, OutputRecord, Scratch, Store, StoreError};

/// JSON up to this size is kept inside the manifest: five thousand pairs are five thousand small files, not ten.
const INLINE_LIMIT: usize = 4096;

/// Why a step failed, in words for a person; `help` says what to do.
#[derive(Debug)]
pub struct StageError {
    pub message: String,
    pub help: Option<String>,
}

/// How a step ends without a result.
#[derive(Debug)]
pub enum StageEnd {
    /// Somebody asked for it: not a failure, and what is half done is kept.
    Stopped,
    Failed(StageError),
}

impl StageError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// Not an `Error` itself, so that `?` can turn every room's own error into one.
impl<E: std::error::Error> From<E> for StageError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl From<StageError> for StageEnd {
    fn from(error: StageError) -> Self {
        Self::Failed(error)
    }
}

impl<E: std::error::Error> From<E> for StageEnd {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The artifacts that a step made, by name.
#[derive(Debug, Default)]
pub struct Outputs {
    artifacts: Vec<(String, Artifact)>,
}

#[derive(Debug)]
enum Artifact {
    Bytes(Vec<u8>),
    Json(Value),
    Stored(OutputRecord),
}

impl Outputs {
    pub fn bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.artifacts.push((name.to_owned(), Artifact::Bytes(bytes)));
    }

    pub fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), StageError> {
        self.artifacts.push((name.to_owned(), Artifact::Json(serde_json::to_value(value)?)));
        Ok(())
    }

    /// An artifact that [`Context::put`] has stored already.
    pub fn stored(&mut self, name: &str, record: OutputRecord) {
        self.artifacts.push((name.to_owned(), Artifact::Stored(record)));
    }

    pub(super) fn store(self, store: &Store) -> Result<BTreeMap<String, OutputRecord>, StageError> {
        self.artifacts
            .into_iter()
            .map(|(name, artifact)| {
                let record = match artifact {
                    Artifact::Bytes(bytes) => store.put(&bytes)?,
                    Artifact::Stored(record) => record,
                    Artifact::Json(value) => match value.to_string() {
                        text if text.len() > INLINE_LIMIT => store.put(text.as_bytes())?,
                        _ => OutputRecord::inline(value),
                    },
                };
                Ok((name, record))
            })
            .collect()
    }
}

pub struct Context<'a> {
    pub(super) store: &'a Store,
    pub(super) scratch: Scratch,
    pub(super) inputs: &'a BTreeMap<String, InputRecord>,
    pub(super) location: Option<&'a str>,
    pub(super) device: Option<&'a Device>,
    pub(super) memory: &'a mut Memory,
    pub(super) report: &'a mut dyn FnMut(Progress),
    pub(super) facts: BTreeMap<String, String>,
    /// The manifest that was read last: one step can make thousands of small artifacts for another.
    pub(super) manifest: RefCell<Option<Rc<Manifest>>>,
    pub(super) stop: &'a StopFlag,
    pub(super) pace: Pace,
    pub(super) log: &'a dyn Fn(&str),
    pub(super) tell: &'a dyn Fn(&str),
    /// What earlier runs, which were interrupted, spent on this step.
    pub(super) seconds_before: f64,
}

impl Context<'_> {
    /// Where a fetched file lies: a path or an address.
    pub fn location(&self) -> Option<&str> {
        self.location
    }

    pub fn device(&self) -> Result<&Device, StageError> {
        self.device.ok_or_else(|| StageError::new("this worker was started without a device"))
    }

    pub fn progress(&mut self, done: usize, total: usize) {
        (self.report)(Progress { done, total, loss: None });
    }

    pub fn progress_with_loss(&mut self, done: usize, total: usize, loss: f64) {
        (self.report)(Progress { done, total, loss: Some(loss) });
    }

    /// Adds what an interrupted run spent on this step.
    pub fn spent_before(&mut self, seconds: f64) {
        self.seconds_before = seconds;
    }

    /// Keeps a fact in the manifest, for example the commit that a revision resolved to.
    pub fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Keeps something that the user should know, and says it when the step is done.
    pub fn note(&mut self, text: &str) {
        let notes = self.facts.entry("note".to_owned()).or_default();
        if !notes.is_empty() {
            notes.push_str("; ");
        }
        notes.push_str(text);
    }

    /// Says something that cannot wait for the end of the step.
    pub fn tell(&self, text: &str) {
        (self.tell)(text);
    }

    /// Stores bytes before the step ends.
    pub fn put(&self, bytes: &[u8]) -> Result<OutputRecord, StageError> {
        Ok(self.store.put(bytes)?)
    }

    /// Files of this step that outlive a kill, and not its end.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Whether somebody asked the step to stop: it then writes to its scratch what it can go on with, and returns
    /// [`StageEnd::Stopped`].
    pub fn stopping(&self) -> bool {
        self.stop.asked()
    }

    /// [`Self::stopping`] as an error, for places where nothing is worth saving yet.
    pub fn go_on(&self) -> Result<(), StageEnd> {
        if self.stopping() { Err(StageEnd::Stopped) } else { Ok(()) }
    }

    /// When the step writes down how far it is.
    pub fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }

    /// Adds a line to the step's log.
    pub fn log(&self, text: &str) {
        (self.log)(text);
    }

    /// Whether an object that was stored before is there and of the right size.
    pub fn holds(&self, record: &OutputRecord) -> bool {
        let found = std::fs::metadata(self.store.object_path(&record.digest));
        found.is_ok_and(|found| found.len() == record.size)
    }

    fn input(&self, role: &str) -> Result<&InputRecord, StageError> {
        self.inputs.get(role).ok_or_else(|| StageError::new(format!("the step has no input `{role}`")))
    }

    pub fn has_input(&self, role: &str) -> bool {
        self.inputs.contains_key(role)
    }

    pub fn digest(&self, role: &str) -> Result<Digest, StageError> {
        Ok(self.input(role)?.digest)
    }

    pub fn bytes(&self, role: &str) -> Result<Vec<u8>, StageError> {
        let input = self.input(role)?;
        let broken = |error: StoreError| match error {
            StoreError::Damaged { .. } => {
                StageError::new(format!("input `{role}`, which step {} made: {error}", input.from))
                    .help("the run goes round again for it, unless that step is not selected")
            }
            error => error.into(),
        };
        let manifest = self.manifest(&input.from).map_err(broken)?.ok_or_else(|| {
            StageError::new(format!("input `{role}` ({}) is not in the cache any more", input.digest))
                .help("run the same command again: the step that makes it will run first")
        })?;
        self.store.output(&manifest, &input.output).map_err(broken)
    }

    fn manifest(&self, key: &Key) -> Result<Option<Rc<Manifest>>, StoreError> {
        let mut last = self.manifest.borrow_mut();
        if last.as_ref().is_none_or(|manifest| manifest.key != *key) {
            *last = self.store.manifest(key)?.map(Rc::new);
        }
        Ok(last.clone())
    }

    /// Which steps' keys the result comes from, for figures and tables to carry.
    pub fn provenance(&self) -> String {
        const SHOWN: usize = 24;
        let mut keys: Vec<String> = self.inputs.iter().map(|(role, input)| format!("{role} {}", input.from)).collect();
        let more = keys.len().saturating_sub(SHOWN);
        keys.truncate(SHOWN);
        let rest = if more == 0 { String::new() } else { format!(" and {more} more, see the manifest") };
        format!("pipeline {} from {}{rest}", env!("CARGO_PKG_VERSION"), keys.join(", "))
    }

    pub fn json<T: DeserializeOwned>(&self, role: &str) -> Result<T, StageError> {
        Ok(serde_json::from_slice(&self.bytes(role)?)?)
    }

    pub fn dataset(&self, role: &str) -> Result<Dataset, StageError> {
        let info: DataInfo = self.json(&format!("{role}.info"))?;
        Ok(Dataset::from_parquet(&self.bytes(role)?, info.labels)?)
    }

    pub fn tokenizer(&self, role: &str) -> Result<Tokenizer, StageError> {
        Ok(Tokenizer::from_files(Some(&self.bytes(&format!("{role}.tokenizer"))?), None, true)?)
    }

    /// The model with this role on the device; kept there for the next step that needs it.
    pub fn model(&mut self, role: &str) -> Result<Arc<LoadedModel>, StageEnd> {
        let name = (self.digest(&format!("{role}.weights"))?, self.digest(&format!("{role}.config"))?);
        if let Some(model) = self.memory.model(&name) {
            return Ok(model);
        }
        self.go_on()?;
        let config = self.bytes(&format!("{role}.config"))?;
        let weights = self.bytes(&format!("{role}.weights"))?;
        let model = Arc::new(LoadedModel::load(&config, &weights, self.device()?)?);
        self.memory.keep_model(name, model.clone());
        Ok(model)
    }

    pub fn cached_examples(&mut self, name: &str) -> Option<Arc<Examples>> {
        self.memory.examples(name)
    }

    pub fn keep_examples(&mut self, name: String, examples: Arc<Examples>) {
        self.memory.keep_examples(name, examples);
    }
}
