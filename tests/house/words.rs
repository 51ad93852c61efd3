//! Rust source as words and marks: without comments, literals and lifetimes, so that none of them looks like a path.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

pub fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        match chars[i] {
            '/' if at(i + 1) == '/' => i = line_end(&chars, i),
            '/' if at(i + 1) == '*' => i = comment_end(&chars, i),
            '"' => i = string_end(&chars, i),
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => i = quote_end(&chars, i + 1, '\''),
            '\'' => i = word_end(&chars, i + 1),
            c if c.is_ascii_digit() => {
                while in_word(at(i)) || at(i) == '.' && at(i + 1).is_ascii_digit() {
                    i += 1;
                }
            }
            c if in_word(c) => {
                i = word_end(&chars, i);
                let word: String = chars[start..i].iter().collect();
                let raw = word.ends_with('r') && at(i) == '#';
                match word.as_str() {
                    "b" if at(i) == '\'' => i = quote_end(&chars, i + 1, '\''),
                    "b" | "c" if at(i) == '"' => i = string_end(&chars, i),
                    "r" | "br" | "cr" if at(i) == '"' || raw && matches!(at(i + 1), '"' | '#') => {
                        i = raw_end(&chars, i);
                    }
                    // `r#type`: the word comes next.
                    "r" if raw => i += 1,
                    _ => found.push(Token { text: word, line }),
                }
            }
            c if c.is_whitespace() => i += 1,
            c => {
                let pair = matches!((c, at(i + 1)), (':', ':') | ('-', '>') | ('=', '>'));
                i += if pair { 2 } else { 1 };
                found.push(Token { text: chars[start..i].iter().collect(), line });
            }
        }
        line += chars[start..i.min(chars.len())].iter().filter(|&&c| c == '\n').count();
    }
    found
}

fn word_end(chars: &[char], start: usize) -> usize {
    let length = chars[start..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    start + length
}

fn line_end(chars: &[char], start: usize) -> usize {
    chars[start..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| start + length)
}

/// Comments stand within comments.
fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn string_end(chars: &[char], quote: usize) -> usize {
    quote_end(chars, quote + 1, '"')
}

fn quote_end(chars: &[char], mut i: usize, quote: char) -> usize {
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Of `"…"` or `#"…"#`, which end at a quote with as many `#`.
fn raw_end(chars: &[char], start: usize) -> usize {
    let hashes = chars[start..].iter().take_while(|&&c| c == '#').count();
    let mut i = start + hashes + 1;
    while i < chars.len()
        && !(chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes)
    {
        i += 1;
    }
    i + 1 + hashes
}

#[test]
fn comments_strings_numbers_and_lifetimes_are_no_words() {
    let source = r####"
        // crate::a
        /* crate::b /* crate::c */ crate::d */
        fn f<'a>(x: &'a str) -> r#type { ("crate::e \" crate::f", r##"crate::g "# "##, b"h", b'\'', 'i', '\'', 1.5e3, 0..x) }
    "####;
    let words: Vec<String> = tokens(source).into_iter().filter(Token::is_word).map(|token| token.text).collect();
    assert_eq!(words, ["fn", "f", "x", "str", "type", "x"]);
    assert!(tokens(source).iter().all(|token| token.line == 4));
}
