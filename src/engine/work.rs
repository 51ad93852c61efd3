//! What a step does, as the engine sees it: parameters that decide its result, and a way to run.

use std::any::Any;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::context::{Context, Outputs, StageEnd, StageError};

/// What a worker takes without any model.
pub const PROCESS: u64 = 100 << 20;

/// A kind of step. The type is its parameters, and everything about them enters the key.
pub trait StepKind: Serialize + DeserializeOwned + Debug + 'static {
    /// In keys and manifests: a promise.
    const KIND: &'static str;
    /// In keys: grows with every change in what is computed from the same parameters.
    const VERSION: u32;
    /// Whether it computes on the device. Such steps compute for long, so they end soon when they are asked to stop,
    /// with what is half done in their scratch.
    const NEEDS_DEVICE: bool = false;

    /// Bytes of memory that it takes while it runs, by a rule of thumb; `read` is how large its inputs are, together.
    fn memory(&self, read: u64) -> u64 {
        // A measured model is there as bytes, then as numbers, then once more between two of them.
        PROCESS + 3 * read
    }

    /// # Errors
    /// Whatever a person can do something about, in words; being asked to stop.
    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd>;

    /// What it would make of what is on this machine, as far as that shows without the network and in a moment; nothing
    /// where it does not. It may leave out what is large.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn look(&self, _: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd> {
        Ok(None)
    }
}

/// A [`StepKind`] whose type is not known.
pub trait Work: Debug + Any {
    fn kind(&self) -> &'static str;
    fn version(&self) -> u32;
    fn needs_device(&self) -> bool;
    /// See [`StepKind::memory`].
    fn memory(&self, read: u64) -> u64;
    /// The parameters as they enter the key.
    fn parameters(&self) -> Value;
    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd>;
    fn look(&self, context: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd>;
}

impl<T: StepKind> Work for T {
    fn kind(&self) -> &'static str {
        T::KIND
    }

    fn version(&self) -> u32 {
        T::VERSION
    }

    fn needs_device(&self) -> bool {
        T::NEEDS_DEVICE
    }

    fn memory(&self, read: u64) -> u64 {
        StepKind::memory(self, read)
    }

    fn parameters(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        StepKind::run(self, context)
    }

    fn look(&self, context: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd> {
        StepKind::look(self, context)
    }
}

impl dyn Work {
    /// The parameters, where the step is of this kind.
    pub fn of<T: StepKind>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

/// How a worker makes a step of one kind out of what its driver sends.
#[derive(Clone, Copy)]
pub struct ReadStep {
    kind: &'static str,
    version: u32,
    read: fn(Value) -> serde_json::Result<Box<dyn Work>>,
}

impl ReadStep {
    pub const fn of<T: StepKind>() -> Self {
        Self {
            kind: T::KIND,
            version: T::VERSION,
            read: |parameters| Ok(Box::new(serde_json::from_value::<T>(parameters)?)),
        }
    }

    pub fn kind(&self) -> &'static str {
        self.kind
    }

    pub fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn read(&self, parameters: Value) -> Result<Box<dyn Work>, StageError> {
        Ok((self.read)(parameters)?)
    }
}
