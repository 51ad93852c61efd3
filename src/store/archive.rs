//! Finished steps as one file for another machine, and such a file into a cache.
//!
//! ```text
//! FORMAT                 the line `pipeline.archive.v1`
//! objects/ab/ab12…       as in the cache, in the order of their names
//! steps/ab/<key>.json    likewise, after all objects
//! ```
//! A zip file in which nothing is packed and nothing has a date: equal steps give equal bytes.
//!
//! An archive may come from anybody. What it can do is to add objects, each under the digest of its own bytes, and
//! manifests whose keys are those of their parameters and inputs. That such a result is what the step would have given
//! here is what nobody can tell without running it: that much trust an archive needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zip::read::ZipFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::files::canonical;
use super::incoming::LARGEST_MANIFEST;
use super::shared::set_mode;
use super::{Finished, Manifest, Store, StoreError, manifest_path, object_path};
use crate::fingerprint::{Digest, Key};
use crate::plain;

const FORMAT_NAME: &str = "FORMAT";
const FORMAT: &str = "pipeline.archive.v1";

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("`{}` is there already: remove it, or name another file", .0.display())]
    Exists(PathBuf),
    #[error("failed to {action} `{}`: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` is not an archive of pipeline: {what}", path.display())]
    Foreign { path: PathBuf, what: String },
    #[error("`{}` was written by a newer version of pipeline ({format}); use that version", path.display())]
    Newer { path: PathBuf, format: String },
    #[error("`{}`: {entry}: {what}; no step was imported", path.display())]
    Refused { path: PathBuf, entry: String, what: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Default)]
pub struct Exported {
    pub steps: usize,
    pub objects: usize,
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub struct Imported {
    pub steps: usize,
    /// Steps that were finished here already; ours stay.
    pub known: usize,
    /// Those among them that have other results here.
    pub different: usize,
    pub objects: usize,
    /// Of objects that were not here.
    pub bytes: u64,
}

impl Store {
    /// Writes finished steps and their objects to the new file `to`. Every object is read through and checked.
    pub fn export(&self, steps: &[&Finished], to: &Path) -> Result<Exported, ArchiveError> {
        let io = |source| ArchiveError::Io { action: "write", path: to.to_owned(), source };
        let zipped = |error: zip::result::ZipError| io(error.into());
        if to.symlink_metadata().is_ok() {
            return Err(ArchiveError::Exists(to.to_owned()));
        }
        let folder = match to.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        let temporary = NamedTempFile::new_in(folder).map_err(io)?;
        let mut zip = ZipWriter::new(BufWriter::new(temporary));
        let mut exported = Exported::default();
        zip.start_file(FORMAT_NAME, options).map_err(zipped)?;
        writeln!(zip, "{FORMAT}").map_err(io)?;

        let outputs = steps.iter().flat_map(|step| step.outputs()).filter(|made| !made.inline);
        let objects: BTreeSet<Digest> = outputs.map(|made| made.digest).collect();
        for object in objects {
            let size = self.check_content(&object).map_err(|error| self.set_aside(error))?;
            let path = self.object_path(&object);
            let file = File::open(&path).map_err(|error| StoreError::read(&path, error))?;
            let large = options.large_file(size >= u64::from(u32::MAX));
            zip.start_file(object_path(Path::new("objects"), &object).to_string_lossy(), large).map_err(zipped)?;
            let mut hashed = Hashed { from: file, hasher: blake3::Hasher::new() };
            io::copy(&mut hashed, &mut zip).map_err(io)?;
            if Digest::from(hashed.hasher.finalize()) != object {
                return Err(StoreError::Damaged { path, what: "it changed while it was read".to_owned() }.into());
            }
            exported.objects += 1;
            exported.bytes += size;
        }
        let sorted: BTreeMap<Key, &Finished> = steps.iter().map(|step| (step.key, *step)).collect();
        for (key, step) in sorted {
            let manifest = self.whole(step)?;
            zip.start_file(manifest_path(Path::new("steps"), &key).to_string_lossy(), options).map_err(zipped)?;
            zip.write_all(manifest.to_json().as_bytes()).map_err(io)?;
            exported.steps += 1;
        }
        let writer = zip.finish().map_err(zipped)?;
        let temporary = writer.into_inner().map_err(|error| io(error.into_error()))?;
        set_mode(temporary.as_file(), 0o644).map_err(io)?;
        temporary.as_file().sync_all().map_err(io)?;
        temporary.persist_noclobber(to).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => ArchiveError::Exists(to.to_owned()),
            _ => io(error.error),
        })?;
        Ok(exported)
    }

    /// Takes in what an archive has and the cache has not. Objects first, manifests when all of the archive is known to be
    /// right: killed or refused anywhere, it has added objects at most, and may be repeated.
    pub fn import(&self, from: &Path) -> Result<Imported, ArchiveError> {
        let mut archive = Archive::open(from)?;
        let names = archive.names()?;
        let mut imported = Imported::default();
        for (at, name) in &names {
            if let Name::Object(digest) = name {
                imported.objects += 1;
                imported.bytes += self.import_object(&mut archive, *at, digest)?;
            }
        }
        let checked: BTreeSet<Digest> = names
            .iter()
            .filter_map(|(_, name)| if let Name::Object(digest) = name { Some(*digest) } else { None })
            .collect();
        // Twice over, so that not all of them are in memory at once.
        for commit in [false, true] {
            for (at, name) in &names {
                let Name::Step(key) = name else { continue };
                let manifest = self.import_manifest(&mut archive, *at, key, &checked)?;
                if !commit {
                    continue;
                }
                match self.finished(key) {
                    Ok(Some(ours)) => {
                        imported.known += 1;
                        imported.different += usize::from(ours.is_remade(&Finished::of(&manifest)));
                    }
                    Ok(None) | Err(StoreError::Damaged { .. }) => {
                        self.commit(&manifest)?;
                        imported.steps += 1;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(imported)
    }

    /// Returns the bytes that are new in the cache.
    fn import_object(&self, archive: &mut Archive, at: usize, digest: &Digest) -> Result<u64, ArchiveError> {
        let mut incoming = self.incoming(digest)?;
        let entry = archive.entry(at)?;
        let (name, promised) = (entry.name().to_owned(), entry.size());
        let copied = io::copy(&mut entry.take(promised + 1), &mut incoming);
        let refused = |what: String| ArchiveError::Refused { path: archive.path.clone(), entry: name.clone(), what };
        // What cannot be read and what cannot be written look alike here.
        copied.map_err(|error| {
            let folder = self.object_path(digest).with_file_name("");
            refused(format!("failed to copy it to `{}`: {error}", folder.display()))
        })?;
        incoming.keep()?.ok_or_else(|| refused("its content does not match its name".to_owned()))
    }

    fn import_manifest(
        &self,
        archive: &mut Archive,
        at: usize,
        key: &Key,
        checked: &BTreeSet<Digest>,
    ) -> Result<Manifest, ArchiveError> {
        let mut text = String::new();
        let from = archive.path.clone();
        let entry = archive.entry(at)?;
        let (name, promised) = (entry.name().to_owned(), entry.size());
        let refused = |what: String| ArchiveError::Refused { path: from.clone(), entry: name.clone(), what };
        if promised > LARGEST_MANIFEST {
            return Err(refused("it is too large for a manifest".to_owned()));
        }
        let read = entry.take(promised + 1).read_to_string(&mut text);
        read.map_err(|error| refused(error.to_string()))?;
        let manifest = match Manifest::foreign(&text, key) {
            Ok(manifest) => manifest,
            Err(StoreError::Damaged { what, .. }) => return Err(refused(what)),
            Err(StoreError::Newer { format, .. }) => {
                return Err(ArchiveError::Newer { path: from, format });
            }
            Err(error) => return Err(error.into()),
        };
        for (output, record) in manifest.outputs.iter().filter(|(_, record)| record.inline.is_none()) {
            let size = self.check_size(&record.digest, record.size);
            let content = if checked.contains(&record.digest) { Ok(0) } else { self.check_content(&record.digest) };
            if let Err(error) = size.and(content) {
                return Err(refused(format!("its output `{output}` is not whole: {error}")));
            }
        }
        Ok(manifest)
    }
}

struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    /// Bytes of the file: nothing in it is packed, so all entries together are no more.
    bytes: u64,
}

enum Name {
    Format,
    Object(Digest),
    Step(Key),
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        if text == FORMAT_NAME {
            return Some(Self::Format);
        }
        // Only what spells exactly the name that we would give is a name at all.
        let digest = canonical(text.rsplit('/').next()?.trim_end_matches(".json"))?;
        let object = object_path(Path::new("objects"), &digest);
        let step = manifest_path(Path::new("steps"), &Key(digest));
        match text {
            _ if Path::new(text) == object && text.len() == object.as_os_str().len() => Some(Self::Object(digest)),
            _ if Path::new(text) == step && text.len() == step.as_os_str().len() => Some(Self::Step(Key(digest))),
            _ => None,
        }
    }
}

impl Archive {
    fn open(path: &Path) -> Result<Self, ArchiveError> {
        let io = |source| ArchiveError::Io { action: "read", path: path.to_owned(), source };
        let foreign = |what: String| ArchiveError::Foreign { path: path.to_owned(), what };
        let (file, bytes) = plain::open(path).map_err(io)?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| foreign(error.to_string()))?;
        let mut format = String::new();
        let entry = zip.by_name(FORMAT_NAME).map_err(|_| foreign(format!("it has no entry {FORMAT_NAME}")))?;
        let read = entry.take(100).read_to_string(&mut format);
        read.map_err(|error| foreign(error.to_string()))?;
        match format.trim_end() {
            FORMAT => Ok(Self { path: path.to_owned(), zip, bytes }),
            newer if newer.starts_with("pipeline.archive.v") => {
                Err(ArchiveError::Newer { path: path.to_owned(), format: newer.escape_debug().to_string() })
            }
            _ => Err(foreign("its format is another".to_owned())),
        }
    }

    fn entry(&mut self, at: usize) -> Result<ZipFile<'_, BufReader<File>>, ArchiveError> {
        let foreign =
            |error: zip::result::ZipError| ArchiveError::Foreign { path: self.path.clone(), what: error.to_string() };
        self.zip.by_index(at).map_err(foreign)
    }

    /// What every entry is, all of them looked at before anything is written.
    fn names(&mut self) -> Result<Vec<(usize, Name)>, ArchiveError> {
        let (path, mut left) = (self.path.clone(), self.bytes);
        let mut names = Vec::new();
        for at in 0..self.zip.len() {
            let entry = self.entry(at)?;
            let shown = entry.name().escape_debug().take(200).collect::<String>();
            let refused =
                |what: &str| ArchiveError::Refused { path: path.clone(), entry: shown.clone(), what: what.to_owned() };
            let name = Name::parse(entry.name()).ok_or_else(|| refused("no file of a cache has this name"))?;
            if entry.is_symlink() || !entry.is_file() {
                return Err(refused("it is not a plain file"));
            }
            if entry.compression() != CompressionMethod::Stored {
                return Err(refused("it is packed, which our archives never are"));
            }
            left = left.checked_sub(entry.size()).ok_or_else(|| refused("it is larger than the archive"))?;
            names.push((at, name));
        }
        Ok(names)
    }
}

/// A reader that hashes what goes through it.
struct Hashed<R> {
    from: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finish, manifest, store};
    use super::*;
    use crate::store::publish;
    use std::fs;

    fn options() -> SimpleFileOptions {
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
    }

    fn written(folder: &Path, entries: &[(String, Vec<u8>)]) -> PathBuf {
        let path = folder.join("hostile.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in entries {
            zip.start_file(name, options()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn export(from: &Store, steps: &[Manifest], to: &Path) -> Result<Exported, ArchiveError> {
        let steps: Vec<Finished> = steps.iter().map(Finished::of).collect();
        from.export(&steps.iter().collect::<Vec<_>>(), to)
    }

    fn step_name(key: &Key) -> String {
        manifest_path(Path::new("steps"), key).display().to_string()
    }

    fn object_name(digest: &Digest) -> String {
        object_path(Path::new("objects"), digest).display().to_string()
    }

    #[test]
    fn what_is_exported_comes_in_elsewhere() {
        let ((folder, from), (_there, to)) = (store(), store());
        let steps: Vec<Manifest> = (0..3).map(|number| finish(&from, number, &[number as u8 / 2; 100])).collect();
        let (archive, again) = (folder.path().join("a.zip"), folder.path().join("b.zip"));
        let exported = export(&from, &steps, &archive).unwrap();
        assert_eq!((exported.steps, exported.objects, exported.bytes), (3, 2, 200));
        export(&from, &steps.iter().rev().cloned().collect::<Vec<_>>(), &again).unwrap();
        assert_eq!(fs::read(&archive).unwrap(), fs::read(&again).unwrap());
        assert!(matches!(from.export(&[], &again), Err(ArchiveError::Exists(_))));

        // What is damaged here is put right, what is whole is left alone.
        finish(&to, 0, &[0; 100]);
        let object = to.object_path(&steps[0].outputs["x"].digest);
        publish(&object, b"damaged", true).unwrap();
        let imported = to.import(&archive).unwrap();
        assert_eq!((imported.steps, imported.known, imported.objects, imported.bytes), (2, 1, 2, 200));
        let repeated = to.import(&archive).unwrap();
        assert_eq!((repeated.steps, repeated.known, repeated.different, repeated.bytes), (0, 3, 0, 0));
        assert!(to.verify(true, |_| ()).unwrap().is_whole());
        assert!(object.metadata().unwrap().permissions().readonly());
        assert_eq!(to.list_objects().unwrap().temporary.len(), 0);

        // Another result of the same step does not take the place of ours.
        let other = manifest(1, BTreeMap::from([("x".to_owned(), from.put(b"other").unwrap())]));
        from.commit(&other).unwrap();
        let third = folder.path().join("c.zip");
        export(&from, std::slice::from_ref(&other), &third).unwrap();
        assert_eq!(to.import(&third).unwrap().different, 1);
        assert_eq!(to.manifest(&other.key).unwrap().unwrap().outputs["x"].digest, steps[1].outputs["x"].digest);
    }

    #[test]
    fn an_archive_cut_or_flipped_anywhere_lets_in_no_wrong_step() {
        let ((folder, from), (_there, to)) = (store(), store());
        let step = finish(&from, 1, b"bytes");
        let archive = folder.path().join("a.zip");
        export(&from, std::slice::from_ref(&step), &archive).unwrap();
        let whole = fs::read(&archive).unwrap();
        let damaged = folder.path().join("damaged.zip");
        let mut refused = 0;
        for at in (0..whole.len()).step_by(7) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            for bytes in [&whole[..at], &flipped] {
                fs::write(&damaged, bytes).unwrap();
                match to.import(&damaged) {
                    Err(_) => refused += 1,
                    // Bits that say nothing: times, permissions, a lost entry.
                    Ok(_) => assert!(to.verify(false, |_| ()).unwrap().is_whole()),
                }
                if let Some(found) = to.manifest(&step.key).unwrap() {
                    assert_eq!(serde_json::to_value(found).unwrap(), serde_json::to_value(&step).unwrap());
                    fs::remove_file(to.manifest_path(&step.key)).unwrap();
                }
            }
        }
        assert!(refused > whole.len() / 7 * 3 / 2, "{refused} of {}", 2 * whole.len() / 7);
    }

    #[test]
    fn hostile_archives_are_refused_before_a_step_comes_in() {
        let ((folder, from), (_there, to)) = (store(), store());
        let step = finish(&from, 1, b"bytes");
        let digest = step.outputs["x"].digest;
        let format = (FORMAT_NAME.to_owned(), format!("{FORMAT}\n").into_bytes());
        let object = (object_name(&digest), b"bytes".to_vec());
        let good = (step_name(&step.key), step.to_json().into_bytes());
        let mut forged = manifest(2, step.outputs.clone());
        forged.key = step.key;
        let mut printed = manifest(3, BTreeMap::new());
        printed.step = "eval\u{1b}[2J".to_owned();
        let hex = digest.to_string();
        let entry = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
        let cases = [
            (vec![format.clone(), entry("../../out", b"x")], "no file of a cache has this name"),
            (vec![format.clone(), entry("/etc/x", b"x")], "no file of a cache has this name"),
            (vec![format.clone(), entry(&format!("objects/{}/../{hex}", &hex[..2]), b"bytes")], "no file of a cache"),
            (vec![format.clone(), entry(&format!("objects/00/{hex}"), b"bytes")], "no file of a cache"),
            (vec![format.clone(), entry(&format!("objects//{}/{hex}", &hex[..2]), b"bytes")], "no file of a cache"),
            (vec![format.clone(), entry(&object.0.to_uppercase(), b"bytes")], "no file of a cache has this name"),
            (vec![format.clone(), entry(&format!("{}/", object.0), b"")], "no file of a cache has this name"),
            (vec![format.clone(), entry("locks/x.lock", b"x")], "no file of a cache has this name"),
            (vec![format.clone(), entry(&object.0, b"bites"), good.clone()], "does not match its name"),
            (vec![format.clone(), good.clone()], "its output `x` is not whole"),
            (
                vec![format.clone(), object.clone(), entry(&good.0, &forged.to_json().into_bytes())],
                "its key is not that of",
            ),
            (vec![format.clone(), object.clone(), entry(&step_name(&forged.own_key()), &good.1)], "another key"),
            (
                vec![format.clone(), entry(&step_name(&printed.key), printed.to_json().as_bytes())],
                "the name of its step",
            ),
            (vec![format.clone(), object.clone(), entry(&good.0, b"{}")], "it is not a manifest"),
            (vec![object.clone(), good.clone()], "it has no entry FORMAT"),
            (vec![entry(FORMAT_NAME, b"pipeline.archive.v2\n")], "newer version"),
            (vec![entry(FORMAT_NAME, b"a poem"), object.clone()], "not an archive of pipeline"),
        ];
        for (entries, message) in cases {
            let error = to.import(&written(folder.path(), &entries)).unwrap_err().to_string();
            assert!(error.contains(message), "{message}: {error}");
            assert_eq!(to.list_steps().unwrap().entries.len(), 0, "{message}");
            assert_eq!(to.list_objects().unwrap().temporary.len(), 0, "{message}");
        }
        assert!(!folder.path().join("out").exists());

        // A link, a packed bomb, and what is larger than the archive.
        let path = folder.path().join("link.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        zip.start_file(FORMAT_NAME, options()).unwrap();
        writeln!(zip, "{FORMAT}").unwrap();
        zip.add_symlink(&object.0, "/etc/passwd", options()).unwrap();
        zip.finish().unwrap();
        assert!(to.import(&path).unwrap_err().to_string().contains("it is not a plain file"));
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        zip.start_file(FORMAT_NAME, options()).unwrap();
        writeln!(zip, "{FORMAT}").unwrap();
        zip.start_file(&object.0, options().compression_method(CompressionMethod::Deflated)).unwrap();
        zip.write_all(&vec![0; 1 << 20]).unwrap();
        zip.finish().unwrap();
        assert!(to.import(&path).unwrap_err().to_string().contains("it is packed"));
        assert_eq!(to.list_objects().unwrap().entries.len(), 1, "only the whole one of the refused archives");
    }
}
