//! What a step would make, where that shows at once: for those who ask before anything runs.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::context::{Context, StageEnd, StageError};
use super::graph::Step;
use super::memory::Memory;
use super::snapshots::{Pace, SnapshotEvery};
use super::stopping::StopFlag;
use crate::fingerprint::{Digest, Key};
use crate::store::Store;

/// Artifacts by name.
pub type Looked = BTreeMap<String, Vec<u8>>;

/// What a step makes that reads nothing of others; nothing where that is not on this machine. See
/// [`super::StepKind::look`].
///
/// # Errors
/// What the step itself would fail with.
pub fn look(step: &Step) -> Result<Option<Looked>, StageError> {
    if !step.inputs.is_empty() {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let store = Store::existing(folder.path());
    let mut context = Context {
        store: &store,
        scratch: store.scratch(&Key(Digest::of(b""))),
        inputs: &BTreeMap::new(),
        location: step.location.as_deref(),
        device: None,
        memory: &mut Memory::default(),
        report: &mut |_| {},
        facts: BTreeMap::new(),
        last: RefCell::new(None),
        stop: &StopFlag::new(),
        pace: Pace::new(SnapshotEvery::default()),
        log: &|_| {},
        tell: &|_| {},
        seconds_before: 0.0,
        pinned: None,
        offline: true,
    };
    match step.work.look(&mut context) {
        Ok(outputs) => Ok(outputs.map(super::Outputs::into_bytes)),
        Err(StageEnd::Failed(error)) => Err(error),
        Err(StageEnd::Stopped) => Ok(None),
    }
}
