//! From a graph to finished steps: a plan, a pure queue, a driver that starts workers, and workers that run steps.

mod artifact;
mod aside;
mod cause;
mod context;
mod crew;
mod driver;
mod events;
mod graph;
mod heal;
mod journal;
mod memory;
mod plan;
mod process;
mod program;
mod protocol;
mod queue;
mod snapshots;
mod stopping;
mod work;
mod worker;

pub use artifact::{Artifact, Role};
pub use context::{Context, Outputs, StageEnd, StageError};
pub use driver::{RunError, RunOptions, RunSummary, run};
pub use events::{Event, Reporter};
pub use graph::{Graph, Input, Kind, StageId, Step};
pub use heal::{Lost, Why, lost};
pub use memory::{Keep, Memory};
pub use plan::{Plan, PlanError, Reason, State};
pub use protocol::Progress;
pub use snapshots::{Pace, SnapshotEvery};
pub use stopping::{STOPPED, StopFlag};
pub use work::{ReadStep, StepKind, Work};
pub use worker::work;
