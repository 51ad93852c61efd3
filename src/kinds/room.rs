//! What everything outside knows of a kind of stage: two traits, and the door through which its room is entered.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::expand::Expander;
use super::finished::Finished;
use super::offers::Offers;
use super::preflight::Preflight;
use super::references::References;
use super::written::Written;
use crate::engine::{Kind, ReadStep, StageId};
use crate::fingerprint::Key;
use crate::study::{Checker, Diagnostic, Places};
use crate::tables::{Table, TableError};

/// A validated table of an experiment.
pub trait Spec: Offers + Debug + Any {
    /// Checks that what the table names is there.
    fn references(&self, to: &mut References<'_>);

    /// Adds its steps, and publishes what other stages can build on.
    ///
    /// # Errors
    /// What can be known only when everything that the stage builds on has its steps.
    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic>;

    /// Every key that has a default, with what is in effect.
    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        Vec::new()
    }

    /// The table as it is for one of its steps, and where that stands: one value of each list that it has.
    fn variant(&self, _instance: &str) -> Option<(&dyn Spec, &Places)> {
        None
    }

    /// Holds the table against the data and models that it names, as far as they are known, before anything computes.
    fn preflight(&self, _: &mut Preflight<'_, '_>) {}
}

/// A number as a file writes it. What does not fit there was written there already.
pub fn whole(number: usize) -> toml::Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// The same of a seed.
pub fn seed(number: u64) -> toml::Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

impl dyn Spec {
    pub fn as_offers(&self) -> &dyn Offers {
        self
    }

    /// The table, where it is of this type.
    pub fn of<T: Spec>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

/// Reads a table; what is wrong is noted, with where it stands. The range is the stage's name.
pub type ReadTable = fn(Spanned<DeValue<'_>>, Range<usize>, &mut Checker) -> Option<Box<dyn Spec>>;

/// The door of a kind's room. [`super::ROOMS`] lists all of them.
pub struct Room {
    pub kind: Kind,
    /// The ways in which its stages are written, for the reference.
    pub written: fn() -> Vec<Written>,
    pub read: ReadTable,
    /// The kinds of steps that its stages expand to.
    pub steps: &'static [ReadStep],
    /// The names of its tables: a figure that is called like one writes its numbers elsewhere.
    pub tables: &'static [&'static str],
    /// Those of its tables that have rows.
    pub rows: fn(&Finished<'_>) -> Result<Vec<Table>, TableError>,
    /// The same as text for a terminal.
    pub show: fn(&Finished<'_>) -> Result<String, TableError>,
    /// What it writes beside the tables, by path below the folder of results.
    pub files: fn(&Finished<'_>, Write<'_>) -> Result<(), TableError>,
}

/// Takes one file of the results, with the keys of the steps that it was made from.
pub type Write<'a> = &'a mut dyn FnMut(PathBuf, Vec<u8>, BTreeSet<Key>) -> Result<(), TableError>;

impl Room {
    /// A kind that has steps and nothing to say in tables.
    pub const fn without_tables(
        kind: Kind,
        written: fn() -> Vec<Written>,
        read: ReadTable,
        steps: &'static [ReadStep],
    ) -> Self {
        Self {
            kind,
            written,
            read,
            steps,
            tables: &[],
            rows: |_| Ok(Vec::new()),
            show: |_| Ok(String::new()),
            files: |_, _| Ok(()),
        }
    }
}

/// A specification behind the trait.
pub fn boxed<S: Spec>(spec: Option<S>) -> Option<Box<dyn Spec>> {
    spec.map(|spec| Box::new(spec) as Box<dyn Spec>)
}
