//! Finished steps, whether their manifests have files of their own or lie in packs.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::damaged;
use super::files::{plain, publish, refuse_linked_folder, steady};
use super::{Finished, Manifest, Store, StoreError, manifest_path};
use crate::fingerprint::{Digest, Key};
use crate::hold;

impl Store {
    pub(super) fn manifest_path(&self, key: &Key) -> PathBuf {
        manifest_path(&self.root.join("steps"), key)
    }

    /// The manifest of a finished step, `None` where the step is not finished.
    pub fn manifest(&self, key: &Key) -> Result<Option<Manifest>, StoreError> {
        let Some(manifest) = self.read_manifest(key)? else { return Ok(None) };
        self.check_objects(&Finished::of(&manifest))?;
        Ok(Some(manifest))
    }

    /// A manifest whose objects nobody has looked for yet.
    pub(super) fn read_manifest(&self, key: &Key) -> Result<Option<Manifest>, StoreError> {
        if let Some(manifest) = self.read_loose(key)? {
            return Ok(Some(manifest));
        }
        let Some(step) = self.packed(key)? else { return Ok(None) };
        let Some(place) = &step.place else { return Ok(None) };
        match place.manifest()? {
            manifest if manifest.key == *key => Ok(Some(manifest)),
            _ => Err(damaged(place.path(), format!("step {key} in it holds another key"))),
        }
    }

    /// A manifest that has a file of its own.
    pub(super) fn read_loose(&self, key: &Key) -> Result<Option<Manifest>, StoreError> {
        let path = self.manifest_path(key);
        if plain(&path)?.is_none() {
            return Ok(None);
        }
        let text = match steady(|| fs::read_to_string(&path)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(damaged(&path, "it is not text"));
            }
            Err(error) => return Err(StoreError::read(&path, error)),
            Ok(text) => text,
        };
        let manifest = Manifest::parse(&text, &path)?;
        if manifest.key != *key {
            return Err(damaged(&path, "it holds another key"));
        }
        Ok(Some(manifest))
    }

    /// Makes a step exist. Its objects must be there already.
    pub fn commit(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let path = self.manifest_path(&manifest.key);
        refuse_linked_folder(&path)?;
        self.make_room(&path);
        hold::at(format_args!("committing"));
        publish(&path, manifest.to_json().as_bytes(), false)?;
        hold::at(format_args!("committed"));
        Ok(())
    }

    /// A finished step, `None` where it is not finished.
    pub fn finished(&self, key: &Key) -> Result<Option<Arc<Finished>>, StoreError> {
        let found = match self.read_loose(key)? {
            Some(manifest) => Some(Arc::new(Finished::of(&manifest))),
            None => self.packed(key)?,
        };
        if let Some(found) = &found {
            self.check_objects(found)?;
        }
        Ok(found)
    }

    /// Whether the objects of a step are there, with their sizes.
    pub fn check_objects(&self, step: &Finished) -> Result<(), StoreError> {
        step.outputs.iter().filter(|made| !made.inline).try_for_each(|made| self.check_size(&made.digest, made.size))
    }

    /// The bytes of one output of a finished step: those that it had when it was looked up, and no others.
    pub fn output(&self, step: &Finished, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = step.place.as_ref().map_or_else(|| self.manifest_path(&step.key), |place| place.path().to_owned());
        let Some(made) = step.output(name) else {
            return Err(damaged(&path, format!("it has no output `{name}`")));
        };
        if !made.inline {
            return self.get(&made.digest);
        }
        if let (Some(place), Some(at)) = (&step.place, made.at) {
            let bytes = place.read(at, made.size)?;
            if Digest::of(&bytes) == made.digest {
                return Ok(bytes);
            }
            self.unpack(&[step.key].into()).ok();
            return Err(damaged(&path, format!("step {} in it is not what was written; it is made again", step.key)));
        }
        let now = self.read_manifest(&step.key)?;
        let output = now.and_then(|mut now| now.outputs.remove(name)).filter(|now| now.digest == made.digest);
        match output.and_then(|output| output.inline) {
            Some(value) => Ok(value.to_string().into_bytes()),
            None => Err(damaged(&path, format!("its output `{name}` is not what it was, or gone"))),
        }
    }

    /// The manifest of a finished step, as it was looked up.
    pub fn whole(&self, step: &Finished) -> Result<Manifest, StoreError> {
        match self.read_manifest(&step.key)? {
            Some(now) if !step.is_remade(&Finished::of(&now)) => Ok(now),
            _ => Err(damaged(&self.manifest_path(&step.key), "it is not what it was, or gone")),
        }
    }
}
