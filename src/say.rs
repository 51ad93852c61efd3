//! The one place through which texts leave for a terminal, a log, a page or JSON. Parts of them were written by others: what
//! would move a cursor or turn letters round is spelled out, and nothing is longer than somebody could read.
//!
//! `println!` and its like here are for streams that may be gone or full, where the library's own panic.

use std::borrow::Cow;
use std::fmt::{Arguments, Write as _};
use std::io::Write as _;

use serde_json::Value;

/// To standard output, which is what was asked for: without it the command has failed.
macro_rules! println {
    ($($text:tt)*) => { $crate::say::answer(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! print {
    ($($text:tt)*) => { $crate::say::answer(format_args!($($text)*)) };
}

/// To standard error, which only tells: work goes on without a listener.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::say::tell(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprint {
    ($($text:tt)*) => { $crate::say::tell(format_args!($($text)*)) };
}

/// Characters of a name or a value inside a sentence.
const LONGEST_NAME: usize = 500;
/// Characters of a line on a terminal: a path may have 4096 bytes.
const LONGEST_LINE: usize = 5_000;
/// Characters of a line in a log, which holds the parameters of steps, and of a text in JSON.
const LONGEST_RECORD: usize = 100_000;

/// Line ends and tabs are left to whoever shows it.
fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends = matches!(c, '\u{2028}' | '\u{2029}');
    c == '\n' || c == '\t' || !(c.is_control() || turns || ends)
}

/// With `\u{1b}` in the place of an escape character, and so on.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    Cow::Owned(out)
}

/// The beginning of a text, and how much is left out.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}… ({} more characters)", &text[..end], text[end..].chars().count())),
    }
}

/// A name or a value, to be put into a sentence.
pub fn name(text: &str) -> String {
    let short = cut(text, LONGEST_NAME);
    escaped(&short).replace('\n', "\\n").replace('\t', "\\t")
}

fn lines(text: &str, most: usize) -> Cow<'_, str> {
    // The bytes are no fewer than the characters.
    if text.split('\n').all(|line| line.len() <= most) {
        return escaped(text);
    }
    let mut out = String::new();
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        out.push_str(&escaped(&cut(line, most)));
    }
    Cow::Owned(out)
}

/// Lines for somebody who watches.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    lines(text, LONGEST_LINE)
}

pub fn for_log(text: &str) -> Cow<'_, str> {
    lines(text, LONGEST_RECORD)
}

/// Between the tags of HTML or SVG, or between the quotes of an attribute.
pub fn for_markup(text: &str) -> String {
    let text = lines(text, LONGEST_RECORD);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// All texts in it.
pub fn for_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped(&cut(&text, LONGEST_RECORD)).into_owned()),
        Value::Array(items) => items.into_iter().map(for_json).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, for_json(value))).collect(),
        other => other,
    }
}

/// An event as a line of JSON on standard error.
pub fn event(event: Value) {
    writeln!(std::io::stderr().lock(), "{}", for_json(event)).ok();
}

pub fn tell(text: Arguments<'_>) {
    std::io::stderr().lock().write_all(for_terminal(&text.to_string()).as_bytes()).ok();
}

/// A table may be as wide as it is, so its lines are whole.
pub fn answer(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    or_end(out.write_all(escaped(&text.to_string()).as_bytes()).and_then(|()| out.flush()));
}

/// Ends the program where its output cannot be written. A reader that has seen enough is no error.
fn or_end(written: std::io::Result<()>) {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("error: failed to write the output: {error}");
            std::process::exit(1);
        }
        Err(_) => std::process::exit(0),
        Ok(()) => {}
    }
}

/// A list of names that may be long, `a, b, c, … 7 more`.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.into_iter();
    let mut out = String::new();
    for (at, shown) in names.by_ref().take(most).enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}{}", if at > 0 { ", " } else { "" }, name(shown));
    }
    match names.count() {
        0 => out,
        more => format!("{out}, … {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_neither_moves_a_cursor_nor_turns_letters_round() {
        for (text, expected) in [
            ("plain ü 中 \u{200d}", "plain ü 中 \u{200d}"),
            ("two\nlines\tand", "two\nlines\tand"),
            ("\u{1b}[2J\r\u{7}\u{9b}31m\0", "\\u{1b}[2J\\u{d}\\u{7}\\u{9b}31m\\u{0}"),
            ("a\u{202e}b\u{2066}c\u{2028}", "a\\u{202e}b\\u{2066}c\\u{2028}"),
        ] {
            assert_eq!(escaped(text), expected);
            let value = for_json(serde_json::json!({"a": [text, 1], "b": null}));
            assert_eq!(value, serde_json::json!({"a": [expected, 1], "b": null}));
        }
        assert_eq!(name("two\nlines\u{1b}"), "two\\nlines\\u{1b}");
    }

    #[test]
    fn long_texts_are_cut_line_by_line() {
        let long = "é".repeat(LONGEST_LINE + 7);
        let whole = "é".repeat(LONGEST_LINE);
        assert_eq!(for_terminal(&format!("a\n{long}\nb")), format!("a\n{whole}… (7 more characters)\nb"));
        assert_eq!(for_terminal(&whole), whole);
        assert_eq!(for_log(&long), long);
        assert_eq!(name(&"x".repeat(20_000_000)).len(), LONGEST_NAME + "… (19999500 more characters)".len());
        assert_eq!(list(["a", "b", "c"], 3), "a, b, c");
        assert_eq!(list(["a", "b", "c"], 2), "a, b, … 1 more");
    }
}
