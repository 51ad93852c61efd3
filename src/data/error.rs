//! Everything that can go wrong with data: each message names the file or the repository, and what to do next.

use crate::say;
use std::io;
use std::path::PathBuf;

/// Where in a file a value stands: text formats have line numbers, as editors count them; Parquet has rows from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowPlace {
    Row(usize),
    Line(usize),
}

impl std::fmt::Display for RowPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RowPlace::Row(row) => write!(f, "row {row}"),
            RowPlace::Line(line) => write!(f, "line {line}"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("failed to {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    // Files and tables
    #[error("{}: the name does not tell the format: use .parquet, .csv, .tsv, .jsonl, .json or .txt, \
             or say it with `format`", .0.display())]
    UnknownFormat(PathBuf),
    #[error("`{0}` is not a table format: use parquet, csv, tsv or jsonl")]
    BadFormat(String),
    #[error("{} has no rows of data", .0.display())]
    Empty(PathBuf),
    #[error("{} is {what}", path.display())]
    Form { path: PathBuf, what: String },
    #[error("{} of {} cannot be read: {}: mend them, or leave them out with skip_bad_rows = true", of_rows(*rows, *broken),
            path.display(), first)]
    BadRows { path: PathBuf, broken: usize, rows: usize, first: String },
    #[error("{}: {place} has more than {most} {what}", path.display())]
    TooMany { path: PathBuf, place: RowPlace, what: &'static str, most: usize },
    #[error("{}: column `{column}` has a value of {bytes} bytes in {place}, and at most {most} are taken", path.display())]
    LongValue { path: PathBuf, column: String, place: RowPlace, bytes: usize, most: usize },
    #[error("{}: the quote that opens on line {line} is not closed, or goes on after its end: mend it, or write \
             quote = false if quotes are characters like any other", path.display())]
    Quote { path: PathBuf, line: usize },
    #[error("{}: fields begin with quotes, first in line {line}, and the file does not show what they are: write \
             quote = true if they stand around fields, as in CSV, or quote = false if they belong to the texts",
            path.display())]
    MaybeQuoted { path: PathBuf, line: usize },
    #[error("{} parts its columns with `{}`: write separator = \"{}\"", path.display(), .separator.escape_debug(),
            .separator.escape_debug())]
    Separator { path: PathBuf, separator: char },
    #[error("{}: line {line}: {what}", path.display())]
    Json { path: PathBuf, line: usize, what: String },
    #[error("{}: not a Parquet file that can be read: {what}", path.display())]
    Parquet { path: PathBuf, what: String },
    #[error("failed to write Parquet: {0}")]
    ParquetWrite(String),
    #[error("{} has no column `{column}`{}; {}", path.display(), meant(.near), columns(.there))]
    MissingColumn { path: PathBuf, column: String, there: Vec<String>, near: Option<String> },
    #[error("{} has more than one column named `{column}`", path.display())]
    RepeatedColumn { path: PathBuf, column: String },
    #[error("{}: column `{column}` holds {kind}: only text, numbers and booleans are read", path.display())]
    ColumnType { path: PathBuf, column: String, kind: String },
    #[error("one or two text columns are needed, but {0} are named")]
    TextColumns(usize),
    #[error("column `{0}` cannot be kept under that name: it is named twice, or is `text`, `text_pair` or `label`")]
    KeptName(String),
    #[error("rows {start}..{end} were asked for, but there are rows 0..{rows}")]
    Rows { start: usize, end: usize, rows: usize },

    // Labels
    #[error("{} of {} {} labels outside {}: {}, {what}, first in {place}{}", rows(*count), path.display(), have(*count),
            list(names), few(labels), write(mapping))]
    Label {
        path: PathBuf,
        labels: Box<[String]>,
        place: RowPlace,
        count: usize,
        names: Box<[String]>,
        what: Box<str>,
        mapping: Option<Box<str>>,
    },
    #[error("{} of {} {} no label in column `{column}` but {}, first in {place}: leave such rows out with drop_labels = [{}], \
             or name all classes with `labels`", rows(*count), path.display(), have(*count), marks.join(", "),
            marks.join(", "))]
    NoGoldLabel { path: PathBuf, column: String, place: RowPlace, count: usize, marks: Vec<String> },
    #[error("the labels in column `{column}` of {} begin at {least}, not at 0: say what they are, for example \
             labels = {mapping}", path.display())]
    FirstLabel { path: PathBuf, column: String, least: i64, mapping: String },
    #[error("column `{column}` of {} holds identifiers or scores, not classes: {what}; if they are classes, name all of \
             them with `labels`", path.display())]
    NotClasses { path: PathBuf, column: String, what: String },
    #[error("label `{label}` is not one of the model's labels {}", list(.names))]
    LabelOrder { label: String, names: Vec<String> },
    #[error("the data has no labels: name its label column")]
    NoLabels,

    // Sources
    #[error("`{text}` is not a source of data: {what}")]
    Source { text: String, what: String },

    #[error("{}: not a zip file that a model can be read from: {what}", path.display())]
    Zip { path: PathBuf, what: String },

    // Network
    #[error("failed to reach {host}: {what}")]
    Unreachable { host: String, what: String },
    #[error("{variable}: {what}: let it name a file of certificates, or unset it")]
    Authorities { variable: &'static str, what: String },
    #[error("{host} answered {status} for {what}")]
    Status { host: String, status: u16, what: String },
    #[error("{host} did not answer as a Hugging Face hub does: {what}: check HF_ENDPOINT")]
    NotAHub { host: String, what: String },
    #[error("failed to reach {host} for {repo}: {what}; the hub cache {} does not serve either ({why}): fetch it where \
             there is a network, share or copy that folder, and set HF_HUB_OFFLINE=1", cache.display())]
    HubUnreachable { host: String, repo: String, what: String, why: String, cache: PathBuf },
    /// `help`: what to do, or nothing where the network is not what lacks.
    #[error("cannot use {repo} at revision `{revision}` from the hub cache {}: {why}{help}", cache.display())]
    Offline { repo: String, revision: String, why: String, cache: PathBuf, help: String },
    #[error(
        "cannot fetch {url}: {by} is set: unset it, or fetch it where there is a network, and bring the finished step \
             here with the cache"
    )]
    OfflineAddress { url: String, by: &'static str },
    #[error("no home folder to keep the hub cache in: set HF_HOME")]
    NoHome,
    #[error("{variable}: {what}")]
    Folder { variable: String, what: String },
    #[error(
        "{host} refused {repo} ({status}), and the token from {from} was sent along: the repository does not exist, or is \
             not for that token, or the token is no longer good, which keeps even public repositories away: renew it, or \
             unset it"
    )]
    TokenRefused { host: String, repo: String, status: u16, from: String },
    #[error(
        "{host} refused {repo} ({status}): it does not exist, or is private or gated: check the name, accept its \
             terms on its page, and set HF_TOKEN to a token that may read it"
    )]
    Refused { host: String, repo: String, status: u16 },
    #[error(
        "{repo} is gated: ask for access on its page at {host}, and set HF_TOKEN to a token of the account that has it"
    )]
    Gated { host: String, repo: String },
    #[error("{host} knows no repository {repo} with revision `{revision}`: check both")]
    RepoNotFound { host: String, repo: String, revision: String },
    #[error("{repo} has no {file}{hint}")]
    NoFile { repo: String, file: String, hint: String },
    #[error("{repo} has no split `{split}`{}{}; {}", of_config(config), meant(&of.near(split, there)),
            of.told(split, there))]
    NoSplit { repo: String, config: Option<String>, split: String, there: Vec<String>, of: There },
    #[error(
        "{repo} has split `{split}` in several forms, {}: remove or rename what is not meant, or name one file as the \
             path",
        list(files)
    )]
    SeveralForms { repo: String, split: String, files: Vec<String> },
    #[error(
        "{folder} holds Arrow files, as `datasets` writes them with save_to_disk: write it as Parquet once, with \
             python -c \"from datasets import load_from_disk as load; [data.to_parquet(f'NEW/{{split}}.parquet') for \
             split, data in load('{folder}').items()]\""
    )]
    Arrow { folder: String },
    #[error(
        "the README of {repo} lists its splits in a way that is not understood ({what}): put the files of the split \
             into a folder of your own, as SPLIT.parquet or the like, and name that with path:"
    )]
    Readme { repo: String, what: String },
    #[error("{repo} has no configuration `{config}`{}; it has {}", meant(.near), configs(.there))]
    NoConfig { repo: String, config: String, there: Vec<String>, near: Option<String> },
    #[error("{repo} has more than one configuration: name one of {} as `config`", list(.there))]
    ConfigNeeded { repo: String, there: Vec<String> },
    #[error("no commit of {repo} before `{revision}` names training step {step}; {}", steps(.there))]
    NoStep { repo: String, revision: String, step: u64, there: Vec<String> },
    #[error(
        "{file} of {repo} arrived damaged, twice: its digest is {actual}, but {host} promised {expected}; nothing of \
             it was kept: try again later, or from another network or HF_ENDPOINT"
    )]
    HubDigest { host: String, repo: String, file: String, expected: String, actual: String },
    #[error("{host} stopped in the middle of {file} of {repo}: {what}; run again to go on from there")]
    CutOff { host: String, repo: String, file: String, what: String },

    // Upload
    #[error("uploading to {host} needs a token: set HF_TOKEN to one that may write")]
    NoToken { host: String },
    #[error("cannot upload to {repo}: {by} is set")]
    UploadOffline { repo: String, by: &'static str },
    #[error("failed to upload to {repo}: {what}")]
    Upload { repo: String, what: String },

    // A bucket
    #[error(
        "there are no keys for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile \
             that has them"
    )]
    NoS3Credentials,
    #[error("no keys for the bucket: {what}")]
    S3Credentials { what: String },
    #[error("{what}")]
    S3 { what: String },
    #[error("{host} answered {status}{said} for {place}{hint}")]
    S3Refused { host: String, status: u16, said: String, place: String, hint: &'static str },

    #[error(
        "{url} has BLAKE3 digest {actual}, but the experiment expects {expected}: the file changed, or the digest \
             is wrong"
    )]
    Digest { url: String, expected: String, actual: String },
    #[error("{url} is named without a digest: if the file is the one you mean, add blake3 = \"{actual}\"")]
    NoDigest { url: String, actual: String },

    // Tokenisation and the built-in grammar
    #[error("not a tokenizer that can be used: {0}")]
    Tokenizer(String),
    #[error("max_length {max_length} leaves no room for text: {special} places go to [CLS] and [SEP]")]
    MaxLength { max_length: usize, special: usize },
    #[error("the grammar's `{name}` is {value}, but must be {allowed}")]
    Grammar { name: &'static str, value: String, allowed: &'static str },
}

/// Nobody mistypes longer ones.
const LONGEST_NAME: usize = 200;

/// The candidate a person most likely meant by `word`, if one is close enough to be worth naming.
pub(super) fn nearest(word: &str, candidates: &[String]) -> Option<String> {
    let score = |c: &String| strsim::jaro_winkler(&word.to_lowercase(), &c.to_lowercase());
    let short = candidates.iter().filter(|c| c.len() <= LONGEST_NAME);
    let best = short.map(|c| (score(c), c)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.75).then(|| best.1.clone())
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 20;
    format!("[{}]", say::list(names.iter().map(String::as_str), SHOWN))
}

/// A file with a single column may be no table at all, such as one that holds a password.
fn columns(there: &[String]) -> String {
    match there {
        [_] => "it has one column, of another name".to_string(),
        there => format!("its columns are {}", list(there)),
    }
}

/// A value of a file, which may be long or hold anything, as a message can have it.
pub fn shown(value: &str) -> String {
    const LONGEST: usize = 40;
    let start: String = value.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if value.chars().nth(LONGEST).is_some() { format!("{start}…") } else { start }
}

/// The same for what files hold, which may be long or have line ends in it.
fn few(values: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = values.len().saturating_sub(SHOWN);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", values.iter().take(SHOWN).map(|value| shown(value)).collect::<Vec<_>>().join(", "))
}

pub(super) fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_string() } else { format!("{count} rows") }
}

fn of_rows(all: usize, some: usize) -> String {
    format!("{some} of {}", rows(all))
}

fn have(count: usize) -> &'static str {
    if count == 1 { "has" } else { "have" }
}

fn write(line: &Option<Box<str>>) -> String {
    line.as_ref().map_or(String::new(), |line| format!(": write {line}"))
}

/// What a list of names is, where a split is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// Splits, by the names of files.
    Splits,
    /// Splits that the README lists.
    Listed,
    /// The files, none of which is one of a split.
    Files,
}

impl There {
    fn near(self, split: &str, names: &[String]) -> Option<String> {
        if self == Self::Files { None } else { nearest(split, names) }
    }

    fn told(self, split: &str, names: &[String]) -> String {
        let part = format!("partial-{split}");
        match self {
            Self::Files if names.is_empty() => "it has no files".to_string(),
            Self::Files => format!("it has none that is known by its name, only the files {}", list(names)),
            Self::Listed => format!("its README lists {}", list(names)),
            Self::Splits if names.contains(&part) => {
                format!("it has {}, where `{part}` is only the part that the hub converted", list(names))
            }
            Self::Splits => format!("it has {}", list(names)),
        }
    }
}

fn configs(there: &[String]) -> String {
    if there.is_empty() { "none: leave `config` out".to_string() } else { list(there) }
}

fn steps(there: &[String]) -> String {
    match there {
        [] => "its commit messages name no numbers".to_string(),
        there => format!("numbers that they name are {}", list(there)),
    }
}

fn meant(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |name| format!(" (did you mean `{name}`?)"))
}

fn of_config(config: &Option<String>) -> String {
    config.as_ref().map_or(String::new(), |name| format!(" in configuration `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_thing_and_the_near_miss() {
        let there = vec!["sentence1".to_string(), "sentence2".to_string()];
        let near = nearest("sentense1", &there);
        let error = DataError::MissingColumn { path: "a.tsv".into(), column: "sentense1".into(), there, near };
        assert_eq!(
            error.to_string(),
            "a.tsv has no column `sentense1` (did you mean `sentence1`?); its columns are [sentence1, sentence2]"
        );
        assert_eq!(nearest("zzz", &["sentence1".to_string()]), None);
    }
}
