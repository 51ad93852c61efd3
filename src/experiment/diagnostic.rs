//! Where a text came from, and errors that point at it.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::data::secrets::masked;

/// All the texts an experiment is made of, laid end to end: one offset names a file, a line and a column.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    texts: Vec<SourceText>,
}

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
        Some(Located { name: &source.name, number, column, line, width: inside.chars().count().max(1) })
    }
}

struct Located<'a> {
    name: &'a str,
    number: usize,
    column: usize,
    line: &'a str,
    width: usize,
}

/// One thing that is wrong with an experiment: what, where, and what was probably meant.
#[derive(Debug, Clone)]
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
            None => self.help(format!("known here: {}", candidates.join(", "))),
        }
    }
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
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            write!(f, "error: {}", diagnostic.message)?;
            let mut margin = 1;
            if let Some(at) = diagnostic.span.as_ref().and_then(|span| self.sources.locate(span)) {
                margin = at.number.to_string().len();
                write!(f, "\n{:margin$}--> {}:{}:{}", "", at.name, at.number, at.column)?;
                write!(f, "\n{:margin$} |\n{} | {}", "", at.number, masked(at.line))?;
                write!(f, "\n{:margin$} | {:skip$}{}", "", "", "^".repeat(at.width), skip = at.column - 1)?;
            }
            if let Some(help) = &diagnostic.help {
                write!(f, "\n{:margin$} = help: {help}", "")?;
            }
        }
        Ok(())
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
    fn far_words_are_not_suggested() {
        assert_eq!(nearest("learning_rat", &["learning_rate", "seed"]), Some("learning_rate"));
        assert_eq!(nearest("zzz", &["learning_rate", "seed"]), None);
    }
}
