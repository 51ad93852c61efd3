//! Names that a writer and a reader share: what a step makes, and under which role another step reads it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

/// A name for something of type `T`; `U` says which side it belongs to.
pub struct Named<U, T: ?Sized> {
    name: Cow<'static, str>,
    of: Of<U, T>,
}

/// Says both, and holds neither.
type Of<U, T> = PhantomData<fn() -> (U, Box<T>)>;

/// Marks the names under which steps write.
pub enum Written {}
/// Marks the names under which steps read.
pub enum Read {}

/// The name of something that a step makes: JSON that says a `T`, or bytes in the format that `T` stands for.
pub type Artifact<T> = Named<Written, T>;
/// The name under which a step reads another one's artifact.
pub type Role<T> = Named<Read, T>;

impl<U, T: ?Sized> Named<U, T> {
    pub const fn new(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), of: PhantomData }
    }

    /// One of several: `pair:3,4`, `line:7,22`.
    pub fn of(&self, which: impl Display) -> Self {
        Self { name: format!("{}:{which}", self.name).into(), of: PhantomData }
    }

    /// At a point of training: `weights@15000`.
    pub fn at(&self, point: impl Display) -> Self {
        Self { name: kept(format!("{}@{point}", self.name)).into(), of: PhantomData }
    }

    /// A part of what has this role: `model.weights`.
    pub fn part<P: ?Sized>(&self, part: &str) -> Named<U, P> {
        Named { name: kept(format!("{}.{part}", self.name)).into(), of: PhantomData }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name to keep, without a copy where it is the program's own.
    pub fn cow(&self) -> Cow<'static, str> {
        self.name.clone()
    }
}

/// Parts and points of training have few names, and a graph of a hundred thousand steps has each of them as often: they
/// are made once, for good.
fn kept(name: String) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(&*name) {
        return known;
    }
    let name: &'static str = name.leak();
    names.insert(name);
    name
}

impl<U, T: ?Sized> Clone for Named<U, T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), of: PhantomData }
    }
}

impl<U, T: ?Sized> fmt::Debug for Named<U, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_is_told_from_the_others() {
        const LINE: Artifact<f64> = Artifact::new("line");
        assert_eq!(LINE.of("7,22").name(), "line:7,22");
        assert_eq!(Artifact::<f64>::new("weights").at(15000).name(), "weights@15000");
        assert_eq!(Role::<f64>::new("model").part::<f64>("weights").name(), "model.weights");
    }
}
