//! Texts without what may be a secret in them: a user with a password, and the parameters after `?`, which in a signed
//! address are a key to whatever they stand for. It is the text that counts: an address with a mistake in it is none, and
//! its secrets are secrets all the same. What hides too much does no harm.

use std::ops::Range;

/// A text as it may be written to messages, logs and manifests: `https://host/file?…`.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for hidden in hidden(text) {
        out.push_str(&text[end..hidden.start]);
        // A user before the host is left out whole.
        end = if text[hidden.end..].starts_with('@') { hidden.end + 1 } else { hidden.end };
        if end == hidden.end {
            out.push('…');
        }
    }
    out + &text[end..]
}

/// A line of an experiment with stars in the place of such secrets, each as wide as what it hides.
pub(crate) fn masked(line: &str) -> String {
    let mut hidden = hidden(line).into_iter().peekable();
    let mut is_hidden = |at: usize| {
        while hidden.next_if(|range| range.end <= at).is_some() {}
        hidden.peek().is_some_and(|range| range.start <= at)
    };
    line.char_indices().map(|(at, c)| if is_hidden(at) { '*' } else { c }).collect()
}

/// What ends a word of a line, in which an address is one.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | '[' | ']' | '(' | ')' | '{' | '}')
}

/// Where secrets may stand, in order and apart.
fn hidden(text: &str) -> Vec<Range<usize>> {
    let query = parameters(text);
    let before = query.as_ref().map_or(text, |query| &text[..query.start]);
    let mut ranges = users(before);
    ranges.extend(query);
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// All that follows the first `?` or `#` of what looks like an address: a quote or a space there may be a mistake. A
/// question in words has nothing like an address before it, and no `=` behind it.
fn parameters(text: &str) -> Option<Range<usize>> {
    let (last, equals) = (text.rfind(|c| !ends_word(c)), text.rfind('='));
    // Of the word so far.
    let (mut is_address, mut has_scheme, mut before) = (false, false, ' ');
    for (at, c) in text.char_indices() {
        let starts = match c {
            '?' => is_address || equals > Some(at),
            '#' => has_scheme,
            // What should have been a `?`.
            '&' | ';' => has_scheme && equals > Some(at),
            _ => false,
        };
        if starts && last > Some(at) {
            return Some(at + 1..text.len());
        }
        is_address = !ends_word(c) && (is_address || matches!(c, '/' | ':' | '.'));
        has_scheme = !ends_word(c) && (has_scheme || before == ':' && c == '/');
        before = c;
    }
    None
}

/// Whoever stands before an `@`, if it is no revision of a repository and no file.
fn users(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // After a scheme, as far as the line's last `@`: a password may have anything in it.
    if let Some(end) = text.rfind('@') {
        let [colon, slash] = [':', '/'].map(|c| text[..end].rfind(c));
        for (at, _) in text[..end].match_indices(":/").filter(|(at, _)| !text[..*at].ends_with("path")) {
            let start = end - text[at + 1..end].trim_start_matches('/').len();
            if colon >= Some(start) || slash < Some(start) {
                found.push(start..end);
            }
        }
    }
    let mut start = 0;
    for word in text.split(ends_word) {
        let (is_repo, name) = word.strip_prefix("hf:").map_or((false, word), |name| (true, name));
        let is_known = word.starts_with("path:") || word.contains(":/");
        if let Some((user, host)) = name.rsplit_once('@').filter(|_| !is_known) {
            // Names of models have no `/` behind the `@`.
            if user.contains(':') || !is_repo && !user.contains('/') && host.contains('/') {
                let from = start + word.len() - name.len();
                found.push(from..from + user.len());
            }
        }
        start += word.len();
        start += text[start..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let cases = [
            ("https://host/a.zip", "https://host/a.zip"),
            ("https://host/a@b.zip", "https://host/a@b.zip"),
            ("https://me:pass@host:1/a.zip", "https://host:1/a.zip"),
            ("https://host/a?token=pass", "https://host/a?…"),
            ("https://me:p/ass@host", "https://host"),
            ("https://me@host#pass", "https://host#…"),
            ("hf:me/model@main", "hf:me/model@main"),
            ("path:/a:b@c", "path:/a:b@c"),
            ("no address?b@c", "no address?b@c"),
            // Mistakes in addresses.
            ("https:/me:pass@host/a?sig=pass", "https:/host/a?…"),
            ("https:me:pass@host/a?sig=pass", "host/a?…"),
            ("me:pass@host/a?sig=pass", "host/a?…"),
            ("host/a.csv?sig=pass", "host/a.csv?…"),
            ("data?sig=pass", "data?…"),
            ("https://host/a?sig=pa ss\"pass", "https://host/a?…"),
            ("https://me:pa ss@host/a", "https://host/a"),
            ("https://host/a&sig=pass", "https://host/a&…"),
            ("https://host/a;sig=pass", "https://host/a;…"),
            ("hf:me:pass@host/a", "hf:host/a"),
            ("pass@host/a", "host/a"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
            assert!(!masked(text).contains("pass"), "{text}: {}", masked(text));
        }
    }

    #[test]
    fn lines_keep_their_width() {
        let cases = [
            ("dataset = \"https://me:pass@host/a?b=ü\" # x?y", "dataset = \"https://*******@host/a?**********"),
            ("['https://d@e', \"https://a/b?c\"]", "['https://*@e', \"https://a/b?***"),
            ("name = \"a?b@c\"", "name = \"a?b@c\""),
            ("title = \"Who acts?\"", "title = \"Who acts?\""),
            ("data = \"qqp.train\" # why?", "data = \"qqp.train\" # why?"),
            ("model = \"qqp@15000\" # me: you@there", "model = \"qqp@15000\" # me: you@there"),
            ("https://", "https://"),
        ];
        for (line, expected) in cases {
            assert_eq!(masked(line), expected);
            assert_eq!(expected.chars().count(), line.chars().count());
        }
    }

    /// Passes over the whole line for each of its marks would take days.
    #[test]
    fn long_lines_are_looked_through_once() {
        for piece in ["?", "#", "://", "://@", "@", "a:b@ ", "a.b?", "a/#", "=", "\""] {
            let line = piece.repeat(1_000_000 / piece.len());
            assert_eq!(masked(&line).chars().count(), line.len());
            assert!(shown(&line).len() <= line.len() + 3);
        }
    }
}
