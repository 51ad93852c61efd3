//! Where a text came from, and errors that point at it.

use std::fmt::{self, Write};
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::data::secrets::masked;

/// All the texts an experiment is made of, laid end to end: one offset names a file, a line and a column.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    texts: Vec<SourceText>,
}

/// The name of a text of the command line.
pub const SET: &str = "--set";

#[derive(Debug, Clone)]
struct SourceText {
    name: String,
    start: usize,
    text: String,
}

impl Sources {
    /// Adds a text and returns it padded with line breaks up to its offset, so that whatever parses it reports
    /// positions that are unique over all sources.
    pub fn add(&mut self, name: &str, text: &str) -> String {
        let start = self.end();
        self.texts.push(SourceText { name: name.to_owned(), start, text: text.to_owned() });
        let mut padded = "\n".repeat(start);
        padded.push_str(text);
        padded
    }

    /// The experiment's file, then those that it extends.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|source| source.name.as_str()).filter(|name| *name != SET)
    }

    /// `study.toml:12`, or `--set`.
    pub fn place(&self, span: &Range<usize>) -> Option<String> {
        let found = self.locate(span)?;
        Some(if found.name == SET { SET.to_owned() } else { format!("{}:{}", found.name, found.number) })
    }

    fn end(&self) -> usize {
        self.texts.last().map_or(0, |source| source.start + source.text.len() + 1)
    }

    fn locate(&self, span: &Range<usize>) -> Option<Located<'_>> {
        let source = self.texts.iter().rev().find(|source| source.start <= span.start)?;
        let offset = (span.start - source.start).min(source.text.len());
        let line_start = source.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = source.text[line_start..].lines().next().unwrap_or("");
        let number = source.text[..offset].matches('\n').count() + 1;
        let before = &line[..(offset - line_start).min(line.len())];
        let column = before.chars().count() + 1;
        let inside =
            &line[before.len()..(span.end.saturating_sub(source.start + line_start)).clamp(before.len(), line.len())];
        Some(Located { name: &source.name, number, column, line, length: inside.chars().count() })
    }
}

struct Located<'a> {
    name: &'a str,
    number: usize,
    /// In characters from 1, as editors count.
    column: usize,
    line: &'a str,
    /// In characters.
    length: usize,
}

/// A piece of a line as a terminal can show it: control characters would move what stands below.
fn printed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// One thing that is wrong with an experiment: what, where, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub message: String,
    pub span: Option<Range<usize>>,
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span: Some(span), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean …?" where one of the candidates is near, else the list of them.
    pub fn suggest<'a>(self, wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        match nearest(wrong, &candidates) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if candidates.is_empty() => self,
            None => self.help(format!("known here: {}", some_of(&candidates))),
        }
    }
}

/// As many of a list as fit into a line or two.
pub fn some_of<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 30;
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let rest = if more > 0 { format!(", … and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

/// What a person reads, however long the names and values in it are: its beginning and its end.
fn readable(text: &str) -> String {
    const LONGEST: usize = 1000;
    let text = text.split('\n').map(printed).collect::<Vec<_>>().join("\n");
    let length = text.chars().count();
    if length <= LONGEST {
        return text;
    }
    let part = |from, count| text.chars().skip(from).take(count).collect::<String>();
    format!("{} … {}", part(0, LONGEST * 3 / 4), part(length - LONGEST / 4, LONGEST / 4))
}

/// The candidate that a typo most likely stands for.
pub fn nearest<'a>(wrong: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + wrong.len().max(candidate.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Everything that is wrong with an experiment, ready to be shown.
#[derive(Debug, Clone)]
pub struct ExperimentError {
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
}

impl std::error::Error for ExperimentError {}

impl fmt::Display for ExperimentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (index, diagnostic) in self.diagnostics.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            write!(f, "error: {}", readable(&diagnostic.message))?;
            let mut margin = 1;
            if let Some(at) = diagnostic.span.as_ref().and_then(|span| self.sources.locate(span)) {
                margin = at.number.to_string().len();
                write!(f, "\n{:margin$}--> {}:{}:{}", "", at.name, at.number, at.column)?;
                // As many characters as the line itself, but not as many bytes.
                let line = masked(at.line);
                let piece = |from, length| printed(&line.chars().skip(from).take(length).collect::<String>()).width();
                let (skip, width) = (piece(0, at.column - 1), piece(at.column - 1, at.length).max(1));
                write!(f, "\n{:margin$} |\n{} | {}", "", at.number, printed(&line))?;
                write!(f, "\n{:margin$} | {:skip$}{}", "", "", "^".repeat(width))?;
            }
            if let Some(help) = &diagnostic.help {
                write!(f, "\n{:margin$} = help: {}", "", readable(help))?;
            }
        }
        match self.diagnostics.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more mistakes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_into_the_second_source() {
        let mut sources = Sources::default();
        sources.add("base.toml", "a = 1\n");
        let padded = sources.add("main.toml", "x = 1\nepocs = 3\n");
        let at = padded.find("epocs").unwrap();
        let error = ExperimentError {
            sources,
            diagnostics: vec![Diagnostic::new("unknown key `epocs`", at..at + 5).suggest("epocs", ["epochs", "seed"])],
        };
        let expected = "error: unknown key `epocs`\n --> main.toml:2:1\n  |\n2 | epocs = 3\n  | ^^^^^\n  = help: did you mean `epochs`?";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_mark_stands_under_the_text_in_a_terminal() {
        for (line, wrong, column, expected) in [
            ("\tx = 7", "7", 6, "    x = 7\n  |         ^"),
            ("a\t=\t[1,\t2]", "[1,\t2]", 5, "a    =    [1,    2]\n  |           ^^^^^^^^^"),
            ("\"東京\" = 7", "7", 8, "\"東京\" = 7\n  |          ^"),
            ("x = \"東京\"", "\"東京\"", 5, "x = \"東京\"\n  |     ^^^^^^"),
            ("\"cafe\u{301}\" = 7", "7", 11, "\"cafe\u{301}\" = 7\n  |          ^"),
            ("x = \u{1b}[31m7", "7", 10, "x = \u{fffd}[31m7\n  |          ^"),
            (
                "x = \"https://東:京@host/\" # 7",
                "7",
                27,
                "x = \"https://***@host/\" # 7\n  |                           ^",
            ),
        ] {
            let mut sources = Sources::default();
            let at = sources.add("main.toml", line).find(wrong).unwrap();
            let error = Diagnostic::new("wrong", at..at + wrong.len());
            let error = ExperimentError { sources, diagnostics: vec![error] };
            let expected = format!("error: wrong\n --> main.toml:1:{column}\n  |\n1 | {expected}");
            assert_eq!(error.to_string(), expected, "\n{error}\n{expected}");
        }
    }

    #[test]
    fn no_message_is_longer_than_a_screen_or_moves_the_cursor() {
        let names: Vec<String> = (0..500).map(|number| format!("stage{number}")).collect();
        let long = Diagnostic::new(format!("label \u{1b}[2J{} is wrong", "x".repeat(9000)), 0..1);
        let long = long.suggest("zzz", names.iter().map(String::as_str));
        let mut sources = Sources::default();
        sources.add("main.toml", "x = 1");
        let text = ExperimentError { sources, diagnostics: vec![long; 40] }.to_string();
        assert!(text.starts_with("error: label \u{fffd}[2Jxxx") && text.contains("xxx is wrong\n"), "{text}");
        assert!(text.contains("stage28, stage29, … and 470 more"), "{text}");
        assert!(text.ends_with("\nand 30 more mistakes") && text.len() < 20_000, "{}", text.len());
    }

    #[test]
    fn far_words_are_not_suggested() {
        assert_eq!(nearest("learning_rat", &["learning_rate", "seed"]), Some("learning_rate"));
        assert_eq!(nearest("zzz", &["learning_rate", "seed"]), None);
    }
}
