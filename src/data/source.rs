//! Where models and data come from, as an experiment writes it: `hf:REPO[@REVISION]`, `https://…`, `path:…`,
//! `builtin:NAME`.

use super::DataError;
use super::paths::expanded;
use super::secrets::shown;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A repository on the Hugging Face hub; without a revision, its main branch.
    Hub { repo: String, revision: Option<String> },
    /// One file, named by its address.
    Https(String),
    /// A file or folder on this machine.
    Path(PathBuf),
    /// Something this program makes itself.
    Builtin(String),
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let bad = |what: &str| Err(DataError::Source { text: shown(text), what: what.to_string() });
        if let Some(rest) = text.strip_prefix("hf:") {
            let (repo, revision) = match rest.split_once('@') {
                Some((repo, revision)) => (repo, Some(revision)),
                None => (rest, None),
            };
            if !is_repo(repo) {
                return bad("a hub repository is written hf:OWNER/NAME, or hf:NAME, or either with @REVISION");
            }
            if revision.is_some_and(|revision| !is_revision(revision)) {
                return bad("after @ comes a branch, a tag or a commit");
            }
            return Ok(Source::Hub { repo: repo.to_string(), revision: revision.map(String::from) });
        }
        if let Some(rest) = text.strip_prefix("https://") {
            let host = rest.split(['/', '?', '#']).next().unwrap_or("");
            if host.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return bad("an address is https://HOST/FILE, without spaces");
            }
            // It would be in whatever the experiment is copied to, and no download that can be cited needs one.
            if host.contains('@') {
                return bad(
                    "an address with a user name or password in it is not taken: download the file and use path:",
                );
            }
            return Ok(Source::Https(text.to_string()));
        }
        if text.starts_with("http://") {
            return bad("plain http can be read and changed on its way: use https, or download it and use path:");
        }
        if let Some(rest) = text.strip_prefix("path:") {
            return match expanded(rest) {
                _ if rest.is_empty() => bad("path: needs a file or folder"),
                Ok(path) => Ok(Source::Path(path)),
                Err(what) => bad(&what),
            };
        }
        if let Some(rest) = text.strip_prefix("builtin:") {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            return match !rest.is_empty() && rest.chars().all(plain) {
                true => Ok(Source::Builtin(rest.to_string())),
                false => bad("builtin: needs a name"),
            };
        }
        let forms = "write hf:OWNER/NAME[@REVISION], https://…, path:… or builtin:NAME";
        if text.starts_with(['.', '/', '~']) {
            bad(&format!("did you mean `path:{}`? {forms}", shown(text)))
        } else if is_repo(text) && text.contains('/') {
            bad(&format!("did you mean `hf:{text}`, or `path:{text}`? {forms}"))
        } else {
            bad(forms)
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Hub { repo, revision: None } => write!(f, "hf:{repo}"),
            Source::Hub { repo, revision: Some(revision) } => write!(f, "hf:{repo}@{revision}"),
            Source::Https(url) => write!(f, "{url}"),
            Source::Path(path) => write!(f, "path:{}", path.display()),
            Source::Builtin(name) => write!(f, "builtin:{name}"),
        }
    }
}

/// `NAME` or `OWNER/NAME`. It becomes part of a folder's name, so nothing that climbs out of one may pass.
fn is_repo(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let part = |part: &str| !part.is_empty() && part.chars().all(plain) && !part.starts_with('.');
    !text.contains("..") && !text.contains("--") && text.split('/').count() <= 2 && text.split('/').all(part)
}

/// A branch, tag, pull request (`refs/pr/1`) or commit. It too becomes a path, below `refs/`.
fn is_revision(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    text.chars().all(plain) && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_back() {
        let hub = |repo: &str, revision: Option<&str>| Source::Hub {
            repo: repo.into(),
            revision: revision.map(String::from),
        };
        let cases = [
            ("hf:google-bert/bert-base-uncased", hub("google-bert/bert-base-uncased", None)),
            ("hf:gpt2@v1.0", hub("gpt2", Some("v1.0"))),
            ("hf:nyu-mll/glue@refs/convert/parquet", hub("nyu-mll/glue", Some("refs/convert/parquet"))),
            ("https://a.b/c.tsv?x=1", Source::Https("https://a.b/c.tsv?x=1".into())),
            ("path:../data/my file.tsv", Source::Path("../data/my file.tsv".into())),
            ("builtin:agents", Source::Builtin("agents".into())),
        ];
        for (text, source) in cases {
            assert_eq!(text.parse::<Source>().unwrap(), source);
            assert_eq!(source.to_string(), text);
        }
    }

    #[test]
    fn bad_forms_say_what_was_meant() {
        let cases = [
            ("http://a.b/c", "plain http"),
            ("nyu-mll/glue", "did you mean `hf:nyu-mll/glue`"),
            ("./data.tsv", "did you mean `path:./data.tsv`"),
            ("hf:", "OWNER/NAME"),
            ("hf:a/b/c", "OWNER/NAME"),
            ("hf:../x", "OWNER/NAME"),
            ("hf:a/b@", "after @"),
            ("hf:a/b@../../x", "after @"),
            ("https://", "https://HOST"),
            ("path:", "path:"),
            ("builtin:", "needs a name"),
            ("s3://x", "write hf:"),
        ];
        for (text, part) in cases {
            let message = text.parse::<Source>().unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(text), "{text}: {message}");
        }
        let message = "https://me:secret@host/a.tsv?b".parse::<Source>().unwrap_err().to_string();
        assert!(message.starts_with("`https://host/a.tsv?…` is not a source of data: an address with"), "{message}");
    }
}
