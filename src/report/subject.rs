//! What the page is made of.

use crate::engine::{Going, Graph, Plan};
use crate::kinds::stages::Experiment;
use crate::results::{Gathered, Origin};
use crate::store::Store;

pub struct Report<'a> {
    pub experiment: &'a Experiment,
    pub graph: &'a Graph,
    pub plan: &'a Plan,
    pub store: &'a Store,
    pub gathered: &'a Gathered,
    pub origin: &'a Origin,
    /// Steps that were tried just now.
    pub failed: &'a [usize],
    /// Runs of the study that go on meanwhile.
    pub going: &'a [Going],
}
