//! Results that somebody else published, in the files that the paper's own code writes: lines between models as text
//! logs, evaluations as JSON, sharpness as text logs, and tables with a row for each run. Nothing here computes; each
//! file becomes the numbers that are in it.
//!
//! Models are known by a number: the last digits of the name that a log gives them, leading zeros not counted.

mod evaluations;
mod files;
mod lines;
mod runs;
mod sharpness;

pub use evaluations::{Evaluation, SentenceIndex};
pub use files::{LogFile, Pattern, is_line_log, local_files};
pub use lines::{LineLogs, PublishedLine};
pub use runs::{Runs, read_runs};
pub use sharpness::{Sharpnesses, read_sharpness};

use super::DataError;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    #[error("failed to read {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{file}: line {line} {what}")]
    Line { file: String, line: usize, what: String },
    #[error("{file}: {what}")]
    File { file: String, what: String },
    #[error("{what} is there twice with different numbers, in {first} and in {second}: remove one of them")]
    Conflict { what: String, first: String, second: String },
    #[error("{missing} of {wanted} {what} are missing: {}{}", .examples.join(", "), .hint)]
    Missing { what: &'static str, missing: usize, wanted: usize, examples: Vec<String>, hint: String },
    #[error("there are no {what} in {place}")]
    Nothing { what: &'static str, place: String },
    #[error("{text:?} is not a pattern of file names: write {{}} once where the model's number stands")]
    Pattern { text: String },
    #[error(
        "{text:?} is not a pattern of file names: write {{}} three times, and something between, where the numbers of the three models stand, or the name of one file"
    )]
    PlanePattern { text: String },
    #[error(transparent)]
    Data(Box<DataError>),
}

impl From<DataError> for PublishedError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

/// How many examples of a long list a message shows.
const SHOWN: usize = 10;

/// The first few, and how many more.
fn examples(all: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = all.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = all.take(SHOWN).collect();
    if more > 0 {
        shown.push(format!("… {more} more"));
    }
    shown
}

/// The lines of a log with their numbers. A carriage return ends one too, as a terminal shows it: progress bars that are
/// printed over themselves stand before what comes next. Numbers count as an editor does.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(at, line)| {
        let blank = line.trim().is_empty();
        let parts = line.split('\r').map(str::trim).filter(move |part| blank || !part.is_empty());
        parts.map(move |part| (at + 1, part))
    })
}

/// The last whole number in a model's name: 7 for `7`, `07`, `bert-7` and `models/bert_07`.
fn number(name: &str) -> Option<u64> {
    let name = name.trim_end_matches(|c: char| !c.is_ascii_digit());
    let start = name
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
    name[start..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_the_last_number_of_their_name() {
        let cases = [
            ("7", Some(7)),
            ("07", Some(7)),
            ("00", Some(0)),
            ("bert_ft_2-31/", Some(31)),
            ("ö7", Some(7)),
            ("Run 12", Some(12)),
            ("Mean", None),
            ("", None),
            ("99999999999999999999999", None),
        ];
        for (name, expected) in cases {
            assert_eq!(number(name), expected, "{name}");
        }
    }

    #[test]
    fn a_carriage_return_ends_a_line_and_makes_no_blank_one() {
        let text = "a\r\nb\r 50%|\r100%| \rc\n\nd\r\r\ne\r";
        let found: Vec<_> = lines(text).collect();
        assert_eq!(found, [(1, "a"), (2, "b"), (2, "50%|"), (2, "100%|"), (2, "c"), (3, ""), (4, "d"), (5, "e")]);
    }

    #[test]
    fn long_lists_are_cut() {
        let all: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        assert_eq!(examples(all.clone().into_iter()).last().unwrap(), "… 2 more");
        assert_eq!(examples(all[..3].iter().cloned()), all[..3]);
    }
}
