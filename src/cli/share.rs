//! The bucket that a study shares with others: which it is, and what a run takes from it before it begins.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indicatif::ProgressBar;

use super::args;
use super::exit::Failure;
use super::units::{bar, size};
use crate::data::s3::S3Address;
use crate::engine::{Graph, Plan, Share, State};
use crate::fingerprint::Key;
use crate::kinds::stages::RunSettings;
use crate::remote::{Pulled, Remote, RemoteError, Told};
use crate::store::{Finished, Store, StoreError};

/// The bucket that the command line names, or else the file.
pub(super) fn address(given: Option<&str>, settings: &RunSettings) -> Result<Option<S3Address>, Failure> {
    match given {
        Some(text) => text.parse().map(Some).map_err(Failure::wrong_input),
        None => Ok(settings.remote.clone()),
    }
}

/// Brings what is finished there of these steps and of what they need, and is not here.
pub(super) fn bring(
    graph: &Graph,
    store: &Store,
    remote: &Remote,
    wanted: &BTreeSet<usize>,
) -> Result<(Plan, Pulled), RemoteError> {
    let pulled = RefCell::new(Pulled::default());
    let moving = Moving::default();
    let plan: Result<Plan, RemoteError> = Plan::by_asking(graph, wanted, |keys| {
        let mut found: BTreeMap<Key, Arc<Finished>> = BTreeMap::new();
        let mut missing = Vec::new();
        for key in keys {
            match store.finished(key) {
                Ok(Some(finished)) => drop(found.insert(*key, finished)),
                // What is damaged here is put right.
                Ok(None) | Err(StoreError::Damaged { .. }) => missing.push(*key),
                Err(error) => return Err(RemoteError::from(error)),
            }
        }
        let more = remote.pull(store, &missing, &|told| moving.tell(told))?;
        found.extend(more.found.iter().map(|(key, finished)| (*key, finished.clone())));
        pulled.borrow_mut().add(more);
        Ok(found)
    });
    moving.end();
    Ok((plan?, pulled.into_inner()))
}

/// How far the bytes are, on a terminal.
#[derive(Default)]
pub(super) struct Moving(std::sync::OnceLock<ProgressBar>);

impl Moving {
    pub(super) fn tell(&self, told: Told) {
        match told {
            Told::All(0) => {}
            Told::All(bytes) => match self.0.get() {
                Some(bar) => bar.inc_length(bytes),
                None => drop(self.0.set(bar(bytes))),
            },
            Told::Moved(bytes) => self.0.get().iter().for_each(|bar| bar.inc(bytes)),
        }
    }

    pub(super) fn end(&self) {
        self.0.get().iter().for_each(|bar| bar.finish_and_clear());
    }
}

/// What a run is told of the bucket, having brought what is there.
///
/// # Errors
/// It refuses. Where the network does not lead there, the run goes on without it.
pub(super) fn share(
    command: &args::Run,
    settings: &RunSettings,
    graph: &Graph,
    store: &Store,
    selected: &BTreeSet<usize>,
    forced: &BTreeSet<usize>,
    tell: &dyn Fn(String),
) -> Result<Option<Share>, Failure> {
    let given = address(command.remote.as_deref(), settings)?.filter(|_| !command.no_remote && !command.offline);
    let push = command.push || settings.push;
    let Some(address) = given else {
        return match command.push && !command.offline {
            true => {
                Err(Failure::wrong_input("--push sends steps to a bucket: name it with --remote s3://BUCKET/PREFIX"))
            }
            false => Ok(None),
        };
    };
    let mut wanted = graph.with_needs(selected.clone(), |_| true);
    wanted.retain(|step| !forced.contains(step));
    let brought = Remote::open(&address).and_then(|remote| bring(graph, store, &remote, &wanted));
    let (plan, pulled) = match brought {
        Ok(brought) => brought,
        Err(error) if error.is_unreachable() => {
            let and = if push { ", and nothing is sent" } else { "" };
            tell(format!("{address}: {error}; what is not in the cache runs here{and}"));
            return Ok(None);
        }
        Err(error) => {
            let help = "--no-remote runs without it";
            return Err(Failure::cannot_start(format!("{address}: {error}\n  = help: {help}")));
        }
    };
    if !pulled.found.is_empty() {
        tell(format!("{} steps came from {address} ({})", pulled.found.len(), size(pulled.bytes)));
    }
    for broken in &pulled.broken {
        tell(format!("{} of {address} cannot be used: {}", broken.step, broken.what));
    }
    let absent = plan.states.iter().filter_map(|state| match state {
        State::WillRun(key, _) => Some(*key),
        State::Fresh(_) | State::Waiting(_) => None,
    });
    Ok(Some(Share { address, push, absent: absent.collect() }))
}
