//! A worker's way to the bucket that its run shares with others. Trouble with it costs no step: what cannot be brought is
//! run, and what cannot be sent is finished all the same.

use std::time::{Duration, Instant};

use crate::data::s3::S3Address;
use crate::fingerprint::Key;
use crate::remote::{Remote, RemoteError};
use crate::store::{Finished, Store};

/// After trouble nothing is asked for so long: every request would take its time to fail.
const REST: Duration = Duration::from_secs(300);

pub struct Sharing {
    address: S3Address,
    push: bool,
    /// Opened when it is first needed.
    remote: Option<Remote>,
    /// Since when there is trouble.
    trouble: Option<Instant>,
}

impl Sharing {
    pub fn new(address: S3Address, push: bool) -> Self {
        Self { address, push, remote: None, trouble: None }
    }

    /// Whether a step was finished elsewhere and is here now.
    pub fn bring(&mut self, store: &Store, key: &Key, tell: &dyn Fn(String)) -> bool {
        let brought = self.with_remote(tell, "the step runs here", |remote| remote.pull(store, &[*key], &|_| ()));
        let Some(pulled) = brought else { return false };
        for broken in &pulled.broken {
            tell(format!("what {} has of it cannot be used ({}); the step runs here", self.address, broken.what));
        }
        pulled.found.contains_key(key)
    }

    /// Sends a finished step, if that is wanted.
    pub fn send(&mut self, store: &Store, step: &Finished, tell: &dyn Fn(String)) {
        if !self.push {
            return;
        }
        let then = "it is finished, but was not sent; `pipeline cache push` sends it";
        let Some(pushed) = self.with_remote(tell, then, |remote| remote.push_new(store, step)) else { return };
        if pushed.different > 0 {
            tell(format!("{} has another result of it, which stays there", self.address));
        }
        for (_, why) in &pushed.damaged {
            tell(format!("not sent: {why}"));
        }
    }

    fn with_remote<T>(
        &mut self,
        tell: &dyn Fn(String),
        then: &str,
        work: impl FnOnce(&Remote) -> Result<T, RemoteError>,
    ) -> Option<T> {
        if self.trouble.is_some_and(|since| since.elapsed() < REST) {
            return None;
        }
        let remote = match self.remote.take() {
            Some(remote) => Ok(remote),
            None => Remote::open(&self.address),
        };
        let done = remote.and_then(|remote| work(self.remote.insert(remote)));
        self.trouble = done.is_err().then(Instant::now);
        done.map_err(|error| tell(format!("{}: {error}: {then}", self.address))).ok()
    }
}
