//! Which files of a folder are logs, from their names alone.

use super::PublishedError;
use std::path::{Path, PathBuf};

/// Deeper folders than this are no folders of logs.
const DEEPEST: usize = 12;
/// What lies beside line logs: what the jobs said, the same numbers in Python's form, notes and pictures.
const NO_LOGS: [&str; 10] = ["err", "pkl", "md", "json", "lock", "csv", "png", "svg", "pdf", "toml"];

/// A file by its name from its folder or repository, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    pub name: String,
    pub path: PathBuf,
}

/// Every file below `folder`, by name. What is hidden, and folders that are links, are left out.
pub fn local_files(folder: &Path) -> Result<Vec<LogFile>, PublishedError> {
    let mut files = Vec::new();
    walk(folder, "", 0, &mut files)?;
    files.sort();
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<LogFile>) -> Result<(), PublishedError> {
    let failed = |source| PublishedError::Io { path: folder.to_owned(), source };
    if depth > DEEPEST {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let whole = format!("{prefix}{name}");
        if kind.is_dir() {
            walk(&entry.path(), &format!("{whole}/"), depth + 1, files)?;
        } else if kind.is_file() || entry.path().is_file() {
            files.push(LogFile { name: whole, path: entry.path() });
        }
    }
    Ok(())
}

/// Whether a file may be a log of lines; those that hold none are found out when they are read.
pub fn is_line_log(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let extension = name.rsplit_once('.').map_or(String::new(), |(_, extension)| extension.to_ascii_lowercase());
    !name.starts_with('.') && !NO_LOGS.contains(&extension.as_str())
}

/// A pattern of file names: `eval_{}.json`, where `{}` is the model's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    after: String,
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, PublishedError> {
        match text.split_once("{}") {
            Some((before, after)) if !after.contains("{}") => {
                Ok(Self { before: before.to_owned(), after: after.to_owned() })
            }
            _ => Err(PublishedError::Pattern { text: text.to_owned() }),
        }
    }

    /// The number in a file's name. A pattern without folders looks at the last part of the name only.
    pub fn number(&self, name: &str) -> Option<u64> {
        let whole = self.before.contains('/') || self.after.contains('/');
        let name = if whole { name } else { name.rsplit('/').next().unwrap_or(name) };
        let digits = name.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_numbers() {
        let cases = [
            ("eval_{}.json", "eval_07.json", Some(7)),
            ("eval_{}.json", "logs/eval_7.json", Some(7)),
            ("logs/eval_{}.json", "logs/eval_7.json", Some(7)),
            ("logs/eval_{}.json", "eval_7.json", None),
            ("eval_{}.json", "eval_.json", None),
            ("eval_{}.json", "eval_7_old.json", None),
            ("eval_{}.json", "eval_+7.json", None),
            ("{}", "12", Some(12)),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().number(name), expected, "{pattern} {name}");
        }
        for wrong in ["eval.json", "{}_{}.json", ""] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn odd_files_are_no_logs() {
        for name in ["a/7.err", "7.pkl", "README.md", ".gitattributes", "a/.hidden.log"] {
            assert!(!is_line_log(name), "{name}");
        }
        for name in ["12345_7.out", "a/7.log", "output", "a.txt"] {
            assert!(is_line_log(name), "{name}");
        }
    }

    #[test]
    fn folders_are_walked() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.log", "a.log", ".git/c.log"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).unwrap();
        let names: Vec<_> = local_files(folder.path()).unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a.log", "b/2.log"]);
        assert!(local_files(&folder.path().join("absent")).unwrap_err().to_string().contains("absent"));
    }
}
