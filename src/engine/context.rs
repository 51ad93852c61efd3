//! What a stage sees while it runs a step: its inputs, its device, and where to say how far it is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::artifact::{Artifact, Role};
use super::memory::Memory;
use super::pinned::Pinned;
use super::protocol::Progress;
use super::snapshots::Pace;
use super::stopping::StopFlag;
use crate::device::Device;
use crate::fingerprint::{Digest, Key};
use crate::store::{Finished, InputRecord, OutputRecord, Scratch, Store, StoreError};

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
    artifacts: Vec<(String, Content)>,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    Json(Value),
    Stored(OutputRecord),
}

impl Outputs {
    /// Bytes in the format that `T` stands for.
    pub fn bytes<T: ?Sized>(&mut self, name: &Artifact<T>, bytes: Vec<u8>) {
        self.artifacts.push((name.name().to_owned(), Content::Bytes(bytes)));
    }

    pub fn json<T: Serialize>(&mut self, name: &Artifact<T>, value: &T) -> Result<(), StageError> {
        self.artifacts.push((name.name().to_owned(), Content::Json(serde_json::to_value(value)?)));
        Ok(())
    }

    /// An artifact that [`Context::put`] has stored already.
    pub fn stored<T: ?Sized>(&mut self, name: &Artifact<T>, record: OutputRecord) {
        self.artifacts.push((name.name().to_owned(), Content::Stored(record)));
    }

    /// Those that are not stored.
    pub(super) fn into_bytes(self) -> BTreeMap<String, Vec<u8>> {
        let bytes = |(name, content)| match content {
            Content::Bytes(bytes) => Some((name, bytes)),
            Content::Json(value) => Some((name, value.to_string().into_bytes())),
            Content::Stored(_) => None,
        };
        self.artifacts.into_iter().filter_map(bytes).collect()
    }

    pub(super) fn store(self, store: &Store) -> Result<BTreeMap<String, OutputRecord>, StageError> {
        self.artifacts
            .into_iter()
            .map(|(name, artifact)| {
                let record = match artifact {
                    Content::Bytes(bytes) => store.put(&bytes)?,
                    Content::Stored(record) => record,
                    Content::Json(value) => match value.to_string() {
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
    pub(super) last: RefCell<Option<Arc<Finished>>>,
    pub(super) stop: &'a StopFlag,
    pub(super) pace: Pace,
    pub(super) log: &'a dyn Fn(&str),
    pub(super) tell: &'a dyn Fn(&str),
    /// What earlier runs, which were interrupted, spent on this step.
    pub(super) seconds_before: f64,
    /// What a lock says of the step.
    pub(super) pinned: Option<&'a Pinned>,
    /// The network is not to be used.
    pub(super) offline: bool,
}

impl Context<'_> {
    /// Where a fetched file lies: a path or an address.
    pub fn location(&self) -> Option<&str> {
        self.location
    }

    /// The same where it is a file or folder on this machine.
    pub fn local(&self) -> Option<&Path> {
        self.location.filter(|location| !location.starts_with("https://")).map(Path::new)
    }

    /// Whether only what is on this machine counts.
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// The commit that a lock says of a source.
    pub fn pinned(&self, source: &str) -> Option<&str> {
        Some(self.pinned?.revisions.get(source)?.as_str())
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

    pub fn has_input<T: ?Sized>(&self, role: &Role<T>) -> bool {
        self.inputs.contains_key(role.name())
    }

    pub fn digest<T: ?Sized>(&self, role: &Role<T>) -> Result<Digest, StageError> {
        Ok(self.input(role.name())?.digest)
    }

    /// The bytes of an input: those that the step's key was made from, and no others. Who made them may have been run
    /// again meanwhile by another run, with another result.
    pub fn bytes<T: ?Sized>(&self, role: &Role<T>) -> Result<Vec<u8>, StageError> {
        let role = role.name();
        let input = self.input(role)?;
        let broken = |error: StoreError| match error {
            StoreError::Damaged { .. } => {
                StageError::new(format!("input `{role}`, which step {} made: {error}", input.from))
                    .help("the run goes round again for it, unless that step is not selected")
            }
            error => error.into(),
        };
        let made = self.finished(&input.from);
        let found = made.as_ref().ok().and_then(|made| made.as_deref());
        let same = found.and_then(|made| Some((made, made.output(&input.output)?)));
        let same = same.filter(|(_, output)| output.digest == input.digest);
        if let Some((made, output)) = same
            && output.inline
        {
            return self.store.output(made, &output.name).map_err(broken);
        }
        let other = same.is_none();
        match (self.store.get(&input.digest), made) {
            (Ok(bytes), _) => Ok(bytes),
            (_, Ok(Some(_))) if other => Err(StageError::new(format!(
                "input `{role}`, which step {} made, is not what it was: another run has made it again",
                input.from
            ))
            .help("the run goes round again with what it is now")),
            (_, Ok(None)) => {
                Err(StageError::new(format!("input `{role}` ({}) is not in the cache any more", input.digest))
                    .help("run the same command again: the step that makes it will run first"))
            }
            (_, Err(error)) | (Err(error), _) => Err(broken(error)),
        }
    }

    fn finished(&self, key: &Key) -> Result<Option<Arc<Finished>>, StoreError> {
        let mut last = self.last.borrow_mut();
        if last.as_ref().is_none_or(|finished| finished.key != *key) {
            *last = self.store.finished(key)?;
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

    pub fn json<T: DeserializeOwned>(&self, role: &Role<T>) -> Result<T, StageError> {
        Ok(serde_json::from_slice(&self.bytes(role)?)?)
    }

    /// What this worker keeps for its next steps.
    pub fn memory(&mut self) -> &mut Memory {
        self.memory
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{MANIFEST_FORMAT, Manifest, Provenance};

    /// A finished step with an object and a small output. Its key is the same whatever came out.
    fn finish(store: &Store, result: &str) -> Manifest {
        let mut manifest = Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            key: Key(Digest::of(b"")),
            step: "fetch.x[train]".to_owned(),
            kind: "fetch-data".to_owned(),
            version: 1,
            parameters: json!({"source": "hf:some/data"}),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::from([
                ("data".to_owned(), store.put(result.as_bytes()).unwrap()),
                ("info".to_owned(), OutputRecord::inline(json!(result))),
            ]),
            provenance: Provenance::default(),
        };
        manifest.key = manifest.own_key();
        store.commit(&manifest).unwrap();
        manifest
    }

    #[test]
    fn an_input_is_what_the_key_was_made_from_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let first = finish(&store, "first");
        let record = |output: &str| InputRecord {
            digest: first.outputs[output].digest,
            from: first.key,
            output: output.to_owned(),
        };
        let inputs = BTreeMap::from(["data", "info"].map(|output| (output.to_owned(), record(output))));
        let read = |role: &'static str| {
            let stop = Box::leak(Box::new(StopFlag::new()));
            let context = Context {
                store: &store,
                scratch: store.scratch(&first.key),
                inputs: &inputs,
                location: None,
                device: None,
                memory: &mut Memory::default(),
                report: &mut |_| {},
                facts: BTreeMap::new(),
                last: RefCell::new(None),
                stop,
                pace: Pace::new(super::super::SnapshotEvery::default()),
                log: &|_| {},
                tell: &|_| {},
                seconds_before: 0.0,
                pinned: None,
                offline: true,
            };
            context
                .bytes(&Role::<[u8]>::new(role))
                .map(|bytes| String::from_utf8(bytes).unwrap())
                .map_err(|error| error.message)
        };
        assert_eq!((read("data").unwrap().as_str(), read("info").unwrap().as_str()), ("first", "\"first\""));

        // Another run has made it again, with another result.
        finish(&store, "second");
        assert_eq!(read("data").unwrap(), "first");
        let error = read("info").unwrap_err();
        assert!(error.ends_with("is not what it was: another run has made it again"), "{error}");
        std::fs::remove_file(store.object_path(&first.outputs["data"].digest)).unwrap();
        let error = read("data").unwrap_err();
        assert!(error.ends_with("is not what it was: another run has made it again"), "{error}");
        finish(&store, "first");
        assert_eq!((read("data").unwrap().as_str(), read("info").unwrap().as_str()), ("first", "\"first\""));
    }
}
