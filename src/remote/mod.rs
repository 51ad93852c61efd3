//! A cache in a bucket, which many share: the objects and manifests of a cache under the names that they have there
//! (`v1/objects/ab/ab12…`, `v1/steps/ab/<key>.json`), so what `aws s3 sync` brings from it is a cache.
//!
//! Objects are named by their digest and manifests come last, so whatever breaks off leaves a remote that is right: at
//! worst it lacks something. What has a name there is not written again; of two who push the same, one is faster. Every
//! byte that comes from it is compared with the digest of its name before it counts. As with an archive, that the numbers
//! are what a step would have given is the word of who may write there.

mod pull;
mod push;
mod sweep;
#[cfg(test)]
mod tests;

pub use pull::{Broken, Pulled};
pub use push::{Pushed, Told};
pub use sweep::Swept;

use std::collections::BTreeMap;

use crate::data::DataError;
use crate::data::s3::{Bucket, Listed, S3Address, S3Settings};
use crate::fingerprint::{Digest, Key};
use crate::store::{StoreError, in_parallel_on};

/// Requests that are on their way at a time.
const AT_A_TIME: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error(transparent)]
    Data(Box<DataError>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RemoteError {
    /// The network does not lead there, rather than that it refuses.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Data(error) if matches!(**error, DataError::Unreachable { .. }))
    }
}

impl From<DataError> for RemoteError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

pub struct Remote {
    bucket: Bucket,
}

/// What is there, by listing it.
#[derive(Default)]
struct There {
    objects: BTreeMap<Digest, Listed>,
    steps: BTreeMap<Key, Listed>,
}

impl Remote {
    /// With keys and a server as the environment says.
    ///
    /// # Errors
    /// It is not there, or may not be looked into.
    pub fn open(address: &S3Address) -> Result<Self, RemoteError> {
        Self::with(address.clone(), S3Settings::from_env()?)
    }

    pub fn with(address: S3Address, settings: S3Settings) -> Result<Self, RemoteError> {
        let remote = Self { bucket: Bucket::new(address, settings)? };
        remote.bucket.greet()?;
        Ok(remote)
    }

    pub fn address(&self) -> &S3Address {
        self.bucket.address()
    }

    fn look(&self) -> Result<There, RemoteError> {
        const DIGITS: &str = "0123456789abcdef";
        // Steps first: whoever sends at the same time has sent the objects of each that is seen. Pages of a listing come
        // one after the other, so there are several listings.
        let mut pages = Vec::new();
        for folder in ["steps", "objects"] {
            let parts: Vec<String> = DIGITS.chars().map(|digit| format!("v1/{folder}/{digit}")).collect();
            pages.extend(in_parallel_on(AT_A_TIME, &parts, |start| {
                let found = self.bucket.list(start)?;
                Ok::<_, RemoteError>(found.into_iter().map(|(rest, one)| (format!("{start}{rest}"), one)).collect())
            }));
        }
        let mut there = There::default();
        for page in pages {
            let page: Vec<(String, Listed)> = page?;
            for (name, listed) in page {
                let digest = name.rsplit('/').next().and_then(|last| last.trim_end_matches(".json").parse().ok());
                // Only what spells exactly the name that we would give is a name at all.
                match digest {
                    Some(digest) if object_name(&digest) == name => drop(there.objects.insert(digest, listed)),
                    Some(digest) if step_name(&Key(digest)) == name => drop(there.steps.insert(Key(digest), listed)),
                    _ => {}
                }
            }
        }
        Ok(there)
    }
}

fn object_name(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("v1/objects/{}/{name}", &name[..2])
}

fn step_name(key: &Key) -> String {
    let name = key.to_string();
    format!("v1/steps/{}/{name}.json", &name[..2])
}
