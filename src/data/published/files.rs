//! Which files of a folder are logs, from their names alone.

use super::PublishedError;
use crate::data::walk::{self, Links};
use std::path::{Path, PathBuf};

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
    let files = walk::files(folder, Links::Followed, false)
        .map_err(|source| PublishedError::Io { path: folder.to_owned(), source })?;
    Ok(files.into_iter().map(|(name, path)| LogFile { name, path }).collect())
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
    /// What stands between the numbers; one more than there are numbers.
    parts: Vec<String>,
}

impl Pattern {
    /// For a file a model.
    pub fn parse(text: &str) -> Result<Self, PublishedError> {
        let pattern = Self::split(text);
        if pattern.parts.len() == 2 { Ok(pattern) } else { Err(PublishedError::Pattern { text: text.to_owned() }) }
    }

    /// For a file a plane: `loss_{}_{}_{}.pkl` with the numbers of its three models, or the one file's own name.
    pub fn parse_planes(text: &str) -> Result<Self, PublishedError> {
        let pattern = Self::split(text);
        // Where one number ends and the next begins must show.
        let apart = |part: &String| part.chars().next().is_some_and(|first| !first.is_ascii_digit());
        match pattern.parts.as_slice() {
            [name] if !name.is_empty() => Ok(pattern),
            [_, one, two, _] if apart(one) && apart(two) => Ok(pattern),
            _ => Err(PublishedError::PlanePattern { text: text.to_owned() }),
        }
    }

    fn split(text: &str) -> Self {
        Self { parts: text.split("{}").map(str::to_owned).collect() }
    }

    /// As it was written.
    pub fn text(&self) -> String {
        self.parts.join("{}")
    }

    pub fn has_numbers(&self) -> bool {
        self.parts.len() > 1
    }

    /// The number in a file's name.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.numbers(name)?.first().copied()
    }

    /// The numbers in a file's name; `None` where it is another name. A pattern without folders looks at the last part
    /// of the name only.
    pub fn numbers(&self, name: &str) -> Option<Vec<u64>> {
        let whole = self.parts.iter().any(|part| part.contains('/'));
        let name = if whole { name } else { name.rsplit('/').next().unwrap_or(name) };
        let (first, rest) = self.parts.split_first()?;
        let Some((last, between)) = rest.split_last() else { return (name == first).then(Vec::new) };
        let mut left = name.strip_prefix(first.as_str())?.strip_suffix(last.as_str())?;
        let mut numbers = Vec::with_capacity(rest.len());
        for part in between {
            let end = left.find(|c: char| !c.is_ascii_digit())?;
            numbers.push(left[..end].parse().ok()?);
            left = left[end..].strip_prefix(part.as_str())?;
        }
        let digits = left.bytes().all(|byte| byte.is_ascii_digit());
        numbers.push(left.parse().ok().filter(|_| digits)?);
        Some(numbers)
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
    fn patterns_of_planes_find_three_numbers() {
        let cases: [(&str, &str, Option<&[u64]>); 8] = [
            ("{}_{}_{}.pkl", "7_22_31.pkl", Some(&[7, 22, 31])),
            ("a-{}, {}, {}", "x/a-07, 022, 0", Some(&[7, 22, 0])),
            ("{}_{}_{}.pkl", "7_22.pkl", None),
            ("{}_{}_{}.pkl", "7_22_31_40.pkl", None),
            ("{}_{}_{}.pkl", "7__31.pkl", None),
            ("{}_{}_{}.pkl", "7_22_+31.pkl", None),
            ("loss.pkl", "x/loss.pkl", Some(&[])),
            ("loss.pkl", "x/loss.pkl.bak", None),
        ];
        for (pattern, name, expected) in cases {
            let found = Pattern::parse_planes(pattern).unwrap().numbers(name);
            assert_eq!(found.as_deref(), expected, "{pattern} {name}");
        }
        for wrong in ["", "{}.pkl", "{}_{}.pkl", "{}{}_{}.pkl", "{}0{}_{}", "{}_{}_{}_{}"] {
            assert!(Pattern::parse_planes(wrong).is_err(), "{wrong}");
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
