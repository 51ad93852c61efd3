//! Writing packs, and taking steps out of them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::index::{Entry, FORMAT, Known, SUFFIX};
use crate::fingerprint::{Digest, Key};
use crate::hold;
use crate::store::files::place;
use crate::store::{Finished, Manifest, Store, StoreError, leftovers, make_folder};

/// Fewer are left as they are.
const LEAST: usize = 512;
/// A manifest that is larger keeps a file of its own.
const LARGEST: usize = 64 << 10;

impl Store {
    /// Puts steps that have files of their own into one, if there are many. What cannot be packed stays as it is: a file
    /// that is damaged, or newer than what a pack has of its step.
    pub fn pack<'a>(&self, steps: impl Iterator<Item = &'a Finished>) -> Result<(), StoreError> {
        self.pack_from(hold::many(LEAST), steps)
    }

    pub(super) fn pack_from<'a>(
        &self,
        least: usize,
        steps: impl Iterator<Item = &'a Finished>,
    ) -> Result<(), StoreError> {
        let loose: BTreeSet<Key> = steps.filter(|step| step.place.is_none()).map(|step| step.key).collect();
        if loose.len() < least {
            return Ok(());
        }
        let mut writer = Writer::new(&self.packs_folder())?;
        let mut packed = Vec::new();
        for key in loose {
            let Ok(Some(manifest)) = self.read_loose(&key) else { continue };
            let is_there = match self.packed(&key)? {
                None => writer.add(&manifest)?,
                // Whoever put it there was killed before the file was gone.
                Some(before) => !before.is_remade(&Finished::of(&manifest)),
            };
            packed.extend(is_there.then_some(key));
        }
        writer.finish()?;
        hold::at(format_args!("packed"));
        for key in packed {
            fs::remove_file(self.manifest_path(&key)).ok();
        }
        self.look_at_packs()
    }

    /// Takes steps out of packs: what else is in these is written anew. A pack in which something cannot be read is moved
    /// to the folder `damaged`.
    pub(in crate::store) fn unpack(&self, gone: &BTreeSet<Key>) -> Result<(), StoreError> {
        self.look_at_packs()?;
        let packs: Vec<Known> = self.known_packs().packs.values().cloned().collect();
        for Known { pack, broken, steps } in packs {
            if !broken && !steps.iter().any(|step| gone.contains(&step.key)) {
                continue;
            }
            let mut writer = Writer::new(&self.packs_folder())?;
            let mut whole = !broken;
            for place in steps.iter().filter_map(|step| step.place.as_ref()) {
                match place.manifest() {
                    Ok(manifest) if gone.contains(&manifest.key) => {}
                    Ok(manifest) => drop(writer.add(&manifest)?),
                    Err(StoreError::Damaged { .. }) => whole = false,
                    Err(error) => return Err(error),
                }
            }
            match writer.finish()? {
                // Its lines were whole.
                Some(path) if path == pack.path => {}
                _ if whole => drop(fs::remove_file(&pack.path)),
                _ => drop(self.move_away(&pack.path)),
            }
            self.forget_pack(&pack.path);
        }
        self.look_at_packs()
    }
}

/// A pack that is being written.
struct Writer {
    folder: PathBuf,
    temporary: NamedTempFile,
    out: BufWriter<File>,
    at: u64,
    index: Vec<Entry>,
}

impl Writer {
    fn new(folder: &Path) -> Result<Self, StoreError> {
        let fail = |error| StoreError::write(folder, 0, error);
        make_folder(folder).map_err(fail)?;
        let temporary = leftovers::temporary(folder).map_err(fail)?;
        let out = BufWriter::new(temporary.as_file().try_clone().map_err(fail)?);
        let mut writer = Self { folder: folder.to_owned(), temporary, out, at: 0, index: Vec::new() };
        writer.line(FORMAT)?;
        Ok(writer)
    }

    fn line(&mut self, text: &str) -> Result<(), StoreError> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| StoreError::write(&self.folder, text.len() as u64, error))?;
        self.at += text.len() as u64 + 1;
        Ok(())
    }

    /// Whether it is in it: what is large is not.
    fn add(&mut self, manifest: &Manifest) -> Result<bool, StoreError> {
        let text = manifest.to_line();
        if text.len() > LARGEST {
            return Ok(false);
        }
        self.index.push(Entry::of(manifest, &text, self.at));
        self.line(&text)?;
        Ok(true)
    }

    /// The pack's place; `None` where nothing is in it.
    fn finish(mut self) -> Result<Option<PathBuf>, StoreError> {
        if self.index.is_empty() {
            return Ok(None);
        }
        let index = serde_json::to_string(&self.index).unwrap_or_default();
        let start = self.at;
        let path = self.folder.join(format!("{}{SUFFIX}", Digest::of(format!("{index}\n").as_bytes())));
        self.line(&index)?;
        self.line(&format!("{start:020}"))?;
        let fail = |error| StoreError::write(&path, self.at, error);
        self.out.flush().map_err(fail)?;
        place(self.temporary, &path, 0o444).map_err(fail)?;
        Ok(Some(path))
    }
}
