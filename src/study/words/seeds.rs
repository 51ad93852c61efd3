//! Seeds and their ranges.

use std::ops::Range;

use serde::Deserialize;

use super::coordinates::MOST_MODELS;
use crate::study::shape::{Shape, Shaped};

const MOST_SEEDS: u64 = MOST_MODELS as u64;
/// Of a source with braces: it is written out for every model.
const LONGEST_NAME: usize = 1000;

/// `"0..100"`, `"0..4, 7"` or `[0, 3, 7]`. What a number alone means nobody agrees about.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a range such as \"0..100\", or a list such as [0, 3, 7]")]
pub enum Seeds {
    Text(String),
    List(Vec<u64>),
    One(u64),
}

impl Shaped for Seeds {
    /// A number alone is read, to say what to write instead.
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Text, Vec::<u64>::shape()])
    }
}

impl Seeds {
    /// All different, at least one of them.
    ///
    /// # Errors
    /// In words for a person.
    pub fn numbers(&self) -> Result<Vec<u64>, String> {
        match self {
            Self::Text(text) => parse_seeds(text),
            Self::List(list) => check_seeds(list).map(|()| list.clone()),
            Self::One(number) => Err(format!(
                "{number} could be one seed or so many: write [{number}], or \"0..{number}\" for the first {number}"
            )),
        }
    }

    /// The same of models, one of which may be named by its number alone.
    ///
    /// # Errors
    /// As [`Self::numbers`].
    pub fn members(&self) -> Result<Vec<u64>, String> {
        match self {
            Self::One(number) => Ok(vec![*number]),
            other => other.numbers(),
        }
    }
}

/// `0..100`, its end left out.
pub(super) fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let bound = |part: &str| part.trim().parse::<u64>().ok();
    match text.split_once("..").map(|(start, end)| (bound(start), bound(end))) {
        Some((Some(start), Some(end))) if start < end => Ok(start..end),
        Some((Some(_), Some(_))) => Err(format!("the range `{text}` is empty: its end must be greater than its start")),
        _ => Err(format!("`{text}` is not a range: write START..END (END left out), for example 0..100")),
    }
}

/// `0..100`, `0..4, 7`: ranges and single seeds. At most ten thousand, all different.
pub(super) fn parse_seeds(text: &str) -> Result<Vec<u64>, String> {
    let mut seeds = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.parse::<u64>() {
            Ok(seed) => seeds.push(seed),
            Err(_) => {
                let range = parse_range(part)?;
                if range.end - range.start > MOST_SEEDS {
                    return Err(format!("the range `{part}` has more than {MOST_SEEDS} seeds"));
                }
                seeds.extend(range);
            }
        }
        if seeds.len() as u64 > MOST_SEEDS {
            break;
        }
    }
    check_seeds(&seeds)?;
    Ok(seeds)
}

fn check_seeds(seeds: &[u64]) -> Result<(), String> {
    if seeds.is_empty() {
        return Err("there are no seeds: write a range such as \"0..100\"".to_owned());
    }
    if seeds.len() as u64 > MOST_SEEDS {
        return Err(format!("there are more than {MOST_SEEDS} seeds"));
    }
    let mut sorted = seeds.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("seed {} is named twice", pair[0])),
        None => Ok(()),
    }
}

/// A name with numbers in braces, as a shell would write it, → each number and its name: `bert-{0..99}` (both ends
/// included, `{00..99}` with leading zeros) or `bert-{3,7}`.
pub fn expand_braces(text: &str) -> Result<Vec<(u64, String)>, String> {
    let inside =
        text.split_once('{').and_then(|(before, rest)| rest.split_once('}').map(|(list, after)| (before, list, after)));
    let Some((before, list, after)) = inside.filter(|(_, _, after)| !after.contains(['{', '}'])) else {
        return Err(format!("`{text}` needs one pair of braces for the models' numbers, for example bert-{{0..99}}"));
    };
    if text.len() > LONGEST_NAME {
        return Err(format!("a name of more than {LONGEST_NAME} characters is too long to stand for many models"));
    }
    let wrong = || format!("`{{{list}}}` does not list numbers: write {{0..99}} (both ends included) or {{3,7,12}}");
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u64>().ok()).flatten().ok_or_else(wrong)
    };
    let mut numbers = Vec::new();
    for part in list.split(',') {
        match part.split_once("..") {
            None => numbers.push((number(part)?, part.len())),
            Some((first, last)) => {
                let (start, end) = (number(first)?, number(last)?);
                let width = if first.starts_with('0') && first.len() > 1 { first.len() } else { 1 };
                if start > end {
                    return Err(wrong());
                }
                if end - start >= MOST_SEEDS {
                    return Err(format!("`{{{part}}}` lists more than {MOST_SEEDS} models"));
                }
                numbers.extend((start..=end).map(|number| (number, width)));
            }
        }
        if numbers.len() as u64 > MOST_SEEDS {
            break;
        }
    }
    check_seeds(&numbers.iter().map(|(number, _)| *number).collect::<Vec<_>>())
        .map_err(|message| message.replace("seed", "number"))?;
    Ok(numbers.into_iter().map(|(number, width)| (number, format!("{before}{number:0width$}{after}"))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_seeds("0..3"), Ok(vec![0, 1, 2]));
        assert_eq!(parse_seeds("5, 0..2,9"), Ok(vec![5, 0, 1, 9]));
        for (text, error) in [
            ("3..3", "the range `3..3` is empty: its end must be greater than its start"),
            ("", "there are no seeds: write a range such as \"0..100\""),
            ("0..3,2", "seed 2 is named twice"),
            ("0-3", "`0-3` is not a range: write START..END (END left out), for example 0..100"),
            ("0..6000, 6000..12000", "there are more than 10000 seeds"),
            ("0..99999999999", "the range `0..99999999999` has more than 10000 seeds"),
        ] {
            assert_eq!(parse_seeds(text), Err(error.to_owned()));
        }
    }

    #[test]
    fn braces() {
        let names = |text| expand_braces(text).unwrap().into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names("hf:me/bert-{0..2}"), ["hf:me/bert-0", "hf:me/bert-1", "hf:me/bert-2"]);
        assert_eq!(names("b{08..10}@main"), ["b08@main", "b09@main", "b10@main"]);
        assert_eq!(names("b{3,07,10..11}"), ["b3", "b07", "b10", "b11"]);
        for text in
            ["bert", "b{}", "b{0..}", "b{2..1}", "b{a..c}", "b{1}{2}", "b{-1..2}", "b{1,1}", "b{0..9999999}", "b{1"]
        {
            assert!(expand_braces(text).is_err(), "{text}");
        }
    }
}
