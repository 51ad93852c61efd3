//! Where a text came from, and errors that point at it.

use std::fmt::{self, Write};
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::data::secrets::{masked, shown};
use crate::say;

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

    /// Each text with the name of its file; those of the command line have the name [`SET`].
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|source| (source.name.as_str(), source.text.as_str()))
    }

    /// `study.toml:12`, or `--set`.
    pub fn place(&self, span: &Range<usize>) -> Option<String> {
        let found = self.locate(span)?;
        Some(if found.name == SET { SET.to_owned() } else { format!("{}:{}", found.name, found.number) })
    }

    /// The offset at which the next text begins.
    pub fn end(&self) -> usize {
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

/// The part of a line that is shown where it is longer, and what of it stands before the place that is meant.
const WIDEST: usize = 160;
const BEFORE: usize = 60;

/// A piece of a line as a terminal can show it.
fn printed(text: &str) -> String {
    say::escaped(text).replace('\t', "    ")
}

/// A sentence in which what the file says stands between backticks: such a part is as short as a name, and tells no
/// secret. Of one that is long all the same, its beginning and its end.
fn sentence(text: &str) -> String {
    const LONGEST: usize = 1000;
    let part = |(at, part): (usize, &str)| match at % 2 {
        0 => say::escaped(part).into_owned(),
        _ => say::name(&shown(part)),
    };
    let text = text.split('`').enumerate().map(part).collect::<Vec<_>>().join("`");
    let length = text.chars().count();
    if length <= LONGEST {
        return text;
    }
    let part = |from, count| text.chars().skip(from).take(count).collect::<String>();
    format!("{} … {}", part(0, LONGEST * 3 / 4), part(length - LONGEST / 4, LONGEST / 4))
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

const LONGEST_NAME: usize = 200;

/// The candidate that a typo most likely stands for. What is longer than any name stands for none.
pub fn nearest<'a>(wrong: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let fits = |candidate: &&&str| wrong.len().max(candidate.len()) <= LONGEST_NAME;
    candidates
        .iter()
        .filter(fits)
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
            write!(f, "error: {}", sentence(&diagnostic.message))?;
            let mut margin = 1;
            if let Some(at) = diagnostic.span.as_ref().and_then(|span| self.sources.locate(span)) {
                margin = at.number.to_string().len();
                write!(f, "\n{:margin$}--> {}:{}:{}", "", say::escaped(at.name), at.number, at.column)?;
                // As many characters as the line itself, but not as many bytes.
                let line: Vec<char> = masked(at.line).chars().collect();
                let is_long = line.len() > WIDEST;
                let from = if is_long { (at.column - 1).saturating_sub(BEFORE) } else { 0 };
                let to = line.len().min(from + WIDEST);
                let piece = |range: Range<usize>| printed(&line[range].iter().collect::<String>());
                let more = |is_more: bool| if is_more { "…" } else { "" };
                let (start, end) = (at.column - 1, (at.column - 1 + at.length).min(to));
                let skip = more(from > 0).width() + piece(from..start).width();
                let width = piece(start..end).width().max(1);
                let (before, after) = (more(from > 0), more(to < line.len()));
                write!(f, "\n{:margin$} |\n{} | {before}{}{after}", "", at.number, piece(from..to))?;
                write!(f, "\n{:margin$} | {:skip$}{}", "", "", "^".repeat(width))?;
            }
            if let Some(help) = &diagnostic.help {
                write!(f, "\n{:margin$} = help: {}", "", sentence(help))?;
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
            ("x = \u{1b}[31m7", "7", 10, "x = \\u{1b}[31m7\n  |               ^"),
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
        assert!(text.starts_with("error: label \\u{1b}[2Jxxx") && text.contains("xxx is wrong\n"), "{text}");
        assert!(text.contains("stage28, stage29, … and 470 more"), "{text}");
        assert!(text.ends_with("\nand 30 more mistakes") && text.len() < 20_000, "{}", text.len());
    }

    #[test]
    fn of_long_lines_the_part_is_shown_that_somebody_reads() {
        let mut sources = Sources::default();
        let line = format!("title = \"{}\", 7, \"{}\"", "x".repeat(10_000_000), "y".repeat(500));
        let at = sources.add("main.toml", &line).find('7').unwrap();
        let error = Diagnostic::new(format!("`{}` is wrong", "z".repeat(10_000_000)), at..at + 1);
        let shown = ExperimentError { sources, diagnostics: vec![error] }.to_string();
        let lines = shown.lines().collect::<Vec<_>>();
        assert_eq!(lines[0], format!("error: `{}… (9999500 more characters)` is wrong", "z".repeat(500)));
        assert_eq!(lines[3], format!("1 | …{}\", 7, \"{}…", "x".repeat(57), "y".repeat(96)));
        assert_eq!(lines[4], format!("  | {}^", " ".repeat(61)));
    }

    #[test]
    fn messages_spell_out_what_would_move_a_cursor_and_tell_no_secret() {
        for (message, expected) in [
            ("there is no model `\u{1b}[2J\n`", "there is no model `\\u{1b}[2J\\n`"),
            ("`https:/me:pass@host/a?sig=pass` is no model", "`https:/host/a?…` is no model"),
            ("which of `a.b`? and `c`", "which of `a.b`? and `c`"),
        ] {
            let diagnostics = vec![Diagnostic { message: message.to_owned(), span: None, help: None }];
            let error = ExperimentError { sources: Sources::default(), diagnostics };
            assert_eq!(error.to_string(), format!("error: {expected}"));
        }
    }

    #[test]
    fn far_words_are_not_suggested() {
        assert_eq!(nearest("learning_rat", &["learning_rate", "seed"]), Some("learning_rate"));
        assert_eq!(nearest("zzz", &["learning_rate", "seed"]), None);
    }
}
