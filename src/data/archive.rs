//! The zip files that Google publishes its models in: one folder, or none, with the files of one model.

use super::{ChooseModel, DataError, ModelFiles};
use crate::plain;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use zip::ZipArchive;

/// Weights hardly get smaller by packing, so an archive that unfolds to far more than itself is no model.
const LARGEST_RATIO: u64 = 20;
const SMALLEST_LIMIT: u64 = 64 << 20;

/// A model's files out of an archive.
#[derive(Debug)]
pub struct Unpacked {
    pub files: Vec<(String, PathBuf)>,
    /// The folder that they were in, or nothing.
    pub folder: String,
}

/// Unpacks the files of the one model in the archive into the folder `to`, and nothing else.
///
/// # Errors
/// A file that is no zip file, is damaged or unfolds to far more than itself; an archive with no model or several.
pub fn unpack_model(archive: &Path, to: &Path, model: ChooseModel) -> Result<Unpacked, DataError> {
    let disk = |action, source| DataError::Io { action, path: archive.to_owned(), source };
    let bad = |what: String| DataError::Zip { path: archive.to_owned(), what };
    let (file, packed) = plain::open(archive).map_err(|source| disk("open", source))?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| bad(error.to_string()))?;
    let (folder, chosen) = choose(zip.file_names(), model).map_err(bad)?;
    std::fs::create_dir_all(to).map_err(|source| disk("unpack", source))?;
    let mut left = packed.saturating_mul(LARGEST_RATIO).max(SMALLEST_LIMIT);
    let mut files = Vec::new();
    for name in chosen.all() {
        // It must not be a path on any system.
        if name.contains(['/', '\\', ':']) || !matches!(Path::new(name).components().next(), Some(Component::Normal(_)))
        {
            return Err(bad(format!("`{name}` is not the name of a file")));
        }
        let mut entry = zip.by_name(&format!("{folder}{name}")).map_err(|error| bad(format!("{name}: {error}")))?;
        let promised = entry.size();
        left = left.checked_sub(promised).ok_or_else(|| bad("it unfolds to far more than its size".into()))?;
        let path = to.join(name);
        let mut output = File::create_new(&path).map_err(|source| disk("unpack", source))?;
        let unpacked = copy(&mut entry.by_ref().take(promised + 1), &mut output);
        if unpacked.map_err(|error| bad(format!("{name}: {error}")))? != promised {
            return Err(bad(format!("{name} does not have the length that it promises")));
        }
        files.push((name.clone(), path));
    }
    Ok(Unpacked { files, folder: folder.trim_end_matches('/').to_owned() })
}

fn copy(from: &mut impl Read, to: &mut File) -> std::io::Result<u64> {
    let length = std::io::copy(from, to)?;
    to.flush()?;
    Ok(length)
}

/// The folder (with its slash) that holds a model, and the model's files.
fn choose<'a>(names: impl Iterator<Item = &'a str>, model: ChooseModel) -> Result<(String, ModelFiles), String> {
    let mut folders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for name in names {
        let (folder, file) = name.split_at(name.rfind('/').map_or(0, |slash| slash + 1));
        // What macOS puts beside every file.
        if !folder.starts_with("__MACOSX/") && !file.is_empty() {
            folders.entry(folder).or_default().push(file.to_owned());
        }
    }
    let mut models: Vec<_> = folders.iter().map(|(folder, files)| (folder.to_string(), model(files))).collect();
    let whole = models.iter().filter(|(_, model)| model.is_ok()).count();
    models.retain(|(_, model)| model.is_ok() || whole == 0);
    match models.as_slice() {
        [(folder, Ok(model))] => Ok((folder.clone(), model.clone())),
        [(_, Err(lacking))] => Err(format!("it has {lacking}")),
        [] => Err("it is empty".into()),
        several => {
            let names: Vec<String> = several.iter().map(|(folder, _)| format!("`{folder}`")).collect();
            let how = if whole == 0 { "none of its folders is a model" } else { "it has more than one model" };
            Err(format!("{how}: {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn written(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("model.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    const MODEL: [(&str, &[u8]); 3] =
        [("m/config.json", b"{}"), ("m/vocab.txt", b"[PAD]\n"), ("m/model.safetensors", b"weights")];

    #[test]
    fn the_one_model_is_unpacked_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let beside: [(&str, &[u8]); 3] = [("__MACOSX/m/config.json", b"x"), ("m/bert.meta", b"x"), ("../../out", b"x")];
        for strip in ["", "m/"] {
            let entries: Vec<(&str, &[u8])> =
                MODEL.iter().chain(&beside).map(|(name, content)| (name.trim_start_matches(strip), *content)).collect();
            let zip = written(folder.path(), &entries);
            let to = tempfile::tempdir().unwrap();
            let unpacked = unpack_model(&zip, &to.path().join("in"), ModelFiles::choose).unwrap();
            assert_eq!(unpacked.folder, if strip.is_empty() { "m" } else { "" });
            let names: Vec<&str> = unpacked.files.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["config.json", "model.safetensors", "vocab.txt"]);
            assert_eq!(std::fs::read(&unpacked.files[1].1).unwrap(), b"weights");
            assert_eq!(std::fs::read_dir(to.path().join("in")).unwrap().count(), 3);
            assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_is_no_model_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = |entries: &[(&str, &[u8])]| {
            let zip = written(folder.path(), entries);
            unpack_model(&zip, &tempfile::tempdir().unwrap().path().join("in"), ModelFiles::choose)
                .unwrap_err()
                .to_string()
        };
        assert!(message(&MODEL[..2]).contains("it has no model.safetensors"));
        let twice: Vec<(&str, &[u8])> =
            MODEL.into_iter().chain(MODEL.map(|(name, content)| (&name[2..], content))).collect();
        assert!(message(&twice).contains("more than one model: ``, `m/`"));
        let bomb = vec![0; 65 << 20];
        let entries = [MODEL[0], MODEL[1], ("m/model.safetensors", &bomb)];
        assert!(message(&entries).contains("far more than its size"));
        let climbing =
            [MODEL[0], MODEL[1], ("m/..\\x.ckpt.index", b"x".as_slice()), ("m/..\\x.ckpt.data-00000-of-00001", b"x")];
        assert!(message(&climbing).contains("`..\\x.ckpt.index` is not the name of a file"));
        assert!(message(&[]).contains("it is empty"));

        let zip = written(folder.path(), &MODEL);
        let whole = std::fs::read(&zip).unwrap();
        for length in (0..whole.len()).step_by(3) {
            std::fs::write(&zip, &whole[..length]).unwrap();
            assert!(unpack_model(&zip, &tempfile::tempdir().unwrap().path().join("in"), ModelFiles::choose).is_err());
        }
        let at = whole.windows(7).position(|bytes| bytes == b"weights");
        if let Some(at) = at {
            let mut wrong = whole.clone();
            wrong[at] ^= 1;
            std::fs::write(&zip, &wrong).unwrap();
            let error = unpack_model(&zip, &tempfile::tempdir().unwrap().path().join("in"), ModelFiles::choose)
                .unwrap_err()
                .to_string();
            assert!(error.contains("model.safetensors"), "{error}");
        }
    }

    /// What an archive says of links, folders and absolute names counts for nothing: files are what comes out.
    #[test]
    fn entries_that_would_leave_the_folder_stay_in_it() {
        for inside in ["../../m/", "/m/", "C:\\m/", "m/../"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("model.zip");
            let mut zip = ZipWriter::new(File::create(&path).unwrap());
            let options = SimpleFileOptions::default();
            for name in ["config.json", "vocab.txt"] {
                zip.start_file(format!("{inside}{name}"), options).unwrap();
                zip.write_all(b"{}").unwrap();
            }
            zip.add_symlink(format!("{inside}model.safetensors"), "/etc/hostname", options).unwrap();
            zip.finish().unwrap();
            let to = folder.path().join("a/b/to");
            let unpacked = unpack_model(&path, &to, ModelFiles::choose).unwrap();
            for (name, file) in &unpacked.files {
                assert_eq!(file.parent(), Some(to.as_path()), "{name}");
                assert!(file.symlink_metadata().unwrap().is_file(), "{name} is a link");
            }
            assert_eq!(std::fs::read(to.join("model.safetensors")).unwrap(), b"/etc/hostname");
            assert_eq!(std::fs::read_dir(&to).unwrap().count(), 3);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }
}
