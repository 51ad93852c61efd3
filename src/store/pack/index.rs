//! What a process knows of the packs: their indices.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::file::{Pack, Place};
use crate::fingerprint::{Digest, Key};
use crate::store::files::{canonical, plain, steady};
use crate::store::finished::{Finished, Made};
use crate::store::{Manifest, StoreError};

pub(super) const FORMAT: &str = "pipeline.pack.v1";
pub(super) const SUFFIX: &str = ".pack";
/// Where the index begins, and the end of the line.
pub(super) const FOOTER: usize = 21;

/// The packs that this process has looked at, by name.
#[derive(Debug, Default)]
pub(in crate::store) struct Packs {
    pub(super) packs: BTreeMap<String, Known>,
    pub(super) steps: HashMap<Key, Arc<Finished>>,
}

#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) pack: Arc<Pack>,
    /// Its index is not what was written.
    pub(super) broken: bool,
    pub(super) steps: Vec<Arc<Finished>>,
}

/// One step in the index.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    key: Key,
    at: u64,
    bytes: u64,
    seconds: f64,
    outputs: Vec<Output>,
}

#[derive(Serialize, Deserialize)]
struct Output {
    name: Box<str>,
    digest: Digest,
    size: u64,
    /// Where it begins in the file, if it is within the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
}

impl Entry {
    /// `text` is the manifest as it stands at `at`.
    pub(super) fn of(manifest: &Manifest, text: &str, at: u64) -> Self {
        let outputs = manifest.outputs.iter().map(|(name, output)| {
            // The first bytes that are the same will do.
            let within = output.inline.as_ref().and_then(|value| text.find(&value.to_string()));
            let within = within.map(|within| at + within as u64);
            Output { name: name.as_str().into(), digest: output.digest, size: output.size, at: within }
        });
        let (outputs, seconds) = (outputs.collect(), manifest.provenance.seconds);
        Self { key: manifest.key, at, bytes: text.len() as u64, seconds, outputs }
    }

    fn finished(self, pack: &Arc<Pack>) -> Arc<Finished> {
        let made = |Output { name, digest, size, at }| Made { name, digest, size, inline: at.is_some(), at };
        let place = Place { pack: pack.clone(), at: self.at, bytes: self.bytes };
        let outputs = self.outputs.into_iter().map(made).collect();
        Arc::new(Finished { key: self.key, seconds: self.seconds, outputs, place: Some(place) })
    }
}

impl Known {
    /// `None` where it is gone.
    fn open(path: &Path) -> Result<Option<Known>, StoreError> {
        let Some(found) = plain(path)? else { return Ok(None) };
        let file = match steady(|| File::open(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| StoreError::read(path, error))?,
        };
        let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let pack = Arc::new(Pack { path: path.to_owned(), file, modified });
        let index = index(&pack, found.len())?;
        let broken = index.is_none();
        let entries = index.map_or_else(|| lines(&pack, found.len()), Ok)?;
        let steps = entries.into_iter().map(|entry| entry.finished(&pack)).collect();
        Ok(Some(Self { pack, broken, steps }))
    }
}

/// `None` where it is not what was written.
fn index(pack: &Pack, size: u64) -> Result<Option<Vec<Entry>>, StoreError> {
    let Some(end) = size.checked_sub(FOOTER as u64) else { return Ok(None) };
    let head = pack.read(0, (FORMAT.len() as u64 + 1).min(size))?;
    let footer = pack.read(end, FOOTER as u64)?;
    let start = std::str::from_utf8(&footer).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
    let start = start.filter(|start| format!("{start:020}\n").as_bytes() == footer);
    let Some(start) = start.filter(|start| *start <= end) else { return Ok(None) };
    let index = pack.read(start, end - start)?;
    let name = pack.path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
    if head != format!("{FORMAT}\n").as_bytes() || name != Some(&Digest::of(&index).to_string()) {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&index).ok())
}

/// What an index would hold, from the manifests that are whole.
fn lines(pack: &Pack, size: u64) -> Result<Vec<Entry>, StoreError> {
    let bytes = pack.read(0, size)?;
    let mut at = 0;
    let mut entries = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(text) = std::str::from_utf8(line).ok().filter(|text| text.starts_with('{'))
            && let Ok(manifest) = Manifest::parse(text, &pack.path)
        {
            entries.push(Entry::of(&manifest, text, at));
        }
        at += line.len() as u64 + 1;
    }
    Ok(entries)
}

impl Packs {
    /// Looks which packs there are now; those that are known already are not read again.
    pub(super) fn look(&mut self, folder: &Path) -> Result<(), StoreError> {
        let fail = |error| StoreError::read(folder, error);
        let entries = match steady(|| fs::read_dir(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(fail)?,
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let name = entry.map_err(fail)?.file_name();
            let name = name.to_str().filter(|name| name.strip_suffix(SUFFIX).and_then(canonical).is_some());
            names.extend(name.map(str::to_owned));
        }
        if names.iter().eq(self.packs.keys()) {
            return Ok(());
        }
        self.packs.retain(|name, _| names.contains(name));
        for name in names {
            if !self.packs.contains_key(&name)
                && let Some(pack) = Known::open(&folder.join(&name))?
            {
                self.packs.insert(name, pack);
            }
        }
        let steps = self.packs.values().flat_map(|known| &known.steps).map(|step| (step.key, step.clone()));
        self.steps = steps.collect();
        Ok(())
    }
}
