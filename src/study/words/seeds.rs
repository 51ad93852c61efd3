//! Seeds: their ranges, and what tells the models of one stage from each other.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use serde::Deserialize;

/// Of one stage. Whoever trains more models has mistyped, and a graph of millions of steps does not fit into memory.
const MOST_SEEDS: u64 = 10_000;
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

/// What a seed decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Everything that no other seed decides; also the number of a model that somebody else trained.
    Seed,
    /// The new classifier's weights.
    Head,
    /// The order of the training examples.
    Order,
    Dropout,
}

impl Axis {
    const ALL: [Self; 4] = [Self::Seed, Self::Head, Self::Order, Self::Dropout];

    pub fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Head => "head",
            Self::Order => "order",
            Self::Dropout => "dropout",
        }
    }
}

/// Where a model stands among those of its stage: a seed, several that are crossed, or nothing where it is alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coordinates(Vec<(Axis, u64)>);

impl Coordinates {
    pub fn of(axis: Axis, seed: u64) -> Self {
        Self(vec![(axis, seed)])
    }

    pub fn get(&self, axis: Axis) -> Option<u64> {
        self.0.iter().find(|(own, _)| *own == axis).map(|(_, seed)| *seed)
    }

    /// `seed=7`, `head=0,order=3`
    pub fn instance(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(axis, seed)| format!("{}={seed}", axis.name())).collect();
        parts.join(",")
    }

    /// `7`, `h0o3`: short enough for an axis.
    pub fn label(&self) -> Option<String> {
        let mut label = String::new();
        for (axis, seed) in &self.0 {
            let letter = if *axis == Axis::Seed { "" } else { &axis.name()[..1] };
            // Writing to a string cannot fail.
            let _ = write!(label, "{letter}{seed}");
        }
        (!label.is_empty()).then_some(label)
    }

    /// Every combination of one seed from each list, the first list changing slowest.
    ///
    /// # Errors
    /// More than `MOST_SEEDS` of them.
    pub fn cross(axes: &[(Axis, Vec<u64>)]) -> Result<Vec<Self>, String> {
        let count = axes.iter().try_fold(1u64, |count, (_, seeds)| count.checked_mul(seeds.len() as u64));
        if count.is_none_or(|count| count > MOST_SEEDS) {
            return Err(format!("crossed, these seeds make more than {MOST_SEEDS} models"));
        }
        let mut all = vec![Self::default()];
        for (axis, seeds) in axes {
            let with = |before: &Self, seed: u64| Self([before.0.as_slice(), &[(*axis, seed)]].concat());
            all = all.iter().flat_map(|before| seeds.iter().map(move |seed| with(before, *seed))).collect();
        }
        Ok(all)
    }
}

/// Which models of a stage are meant: `0..10`, or `head=0..4, order=2, 3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick(BTreeMap<Axis, Vec<u64>>);

impl Pick {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<(Axis, Vec<&str>)> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (axis, seeds) = match part.split_once('=') {
                None if parts.is_empty() => (Some(Axis::Seed), part),
                None => (None, part),
                Some((name, seeds)) => {
                    let name = name.trim();
                    let axis = Axis::ALL.into_iter().find(|axis| axis.name() == name);
                    let unknown = || format!("`{name}` is not a kind of seed: write seed, head, order or dropout");
                    (Some(axis.ok_or_else(unknown)?), seeds)
                }
            };
            match axis {
                Some(axis) if parts.iter().any(|(known, _)| *known == axis) => {
                    return Err(format!("`{}` is named twice", axis.name()));
                }
                Some(axis) => parts.push((axis, vec![seeds])),
                // A list goes on: `order=2, 3`.
                None => parts.iter_mut().rev().take(1).for_each(|(_, list)| list.push(seeds)),
            }
        }
        let parse = |(axis, list): (Axis, Vec<&str>)| Ok((axis, parse_seeds(&list.join(","))?));
        parts.into_iter().map(parse).collect::<Result<_, String>>().map(Self)
    }

    pub fn includes(&self, model: &Coordinates) -> bool {
        self.0.iter().all(|(axis, seeds)| model.get(*axis).is_some_and(|seed| seeds.contains(&seed)))
    }

    /// A seed that none of the models has.
    pub fn missing(&self, models: &[Coordinates]) -> Option<(Axis, u64)> {
        let wanted = self.0.iter().flat_map(|(axis, seeds)| seeds.iter().map(move |seed| (*axis, *seed)));
        let has = |(axis, seed): (Axis, u64)| models.iter().any(|model| model.get(axis) == Some(seed));
        wanted.into_iter().find(|wanted| !has(*wanted))
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
fn parse_seeds(text: &str) -> Result<Vec<u64>, String> {
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
    fn crossed_seeds_have_names() {
        let crossed = Coordinates::cross(&[(Axis::Head, vec![0, 1]), (Axis::Order, vec![3, 4, 5])]).unwrap();
        let labels: Vec<_> = crossed.iter().filter_map(Coordinates::label).collect();
        assert_eq!(labels, ["h0o3", "h0o4", "h0o5", "h1o3", "h1o4", "h1o5"]);
        assert_eq!(crossed[0].instance(), "head=0,order=3");
        assert_eq!(Coordinates::of(Axis::Seed, 7).instance(), "seed=7");
        assert_eq!(Coordinates::of(Axis::Seed, 7).label(), Some("7".to_owned()));
        assert_eq!((Coordinates::default().label(), Coordinates::default().instance()), (None, String::new()));
        let long: Vec<u64> = (0..2000).collect();
        assert!(Coordinates::cross(&[(Axis::Head, long.clone()), (Axis::Order, long)]).is_err());
    }

    #[test]
    fn picks() {
        let crossed = Coordinates::cross(&[(Axis::Head, vec![0, 1]), (Axis::Order, vec![3, 4, 5])]).unwrap();
        let picked = |text| {
            let pick = Pick::parse(text).unwrap();
            crossed.iter().filter(|model| pick.includes(model)).filter_map(Coordinates::label).collect::<Vec<_>>()
        };
        assert_eq!(picked("head=1"), ["h1o3", "h1o4", "h1o5"]);
        assert_eq!(picked("order=3, 5, head=0"), ["h0o3", "h0o5"]);
        assert_eq!(picked("order=4..6,head=0..2"), ["h0o4", "h0o5", "h1o4", "h1o5"]);
        assert!(picked("0").is_empty());
        let missing = |text| Pick::parse(text).unwrap().missing(&crossed);
        assert_eq!(missing("head=0..2"), None);
        assert_eq!(missing("order=3..7"), Some((Axis::Order, 6)));
        assert_eq!(missing("0"), Some((Axis::Seed, 0)));
        for (text, error) in [
            ("hed=1", "`hed` is not a kind of seed: write seed, head, order or dropout"),
            ("head=1, order=2, head=3", "`head` is named twice"),
            ("head=", "there are no seeds: write a range such as \"0..100\""),
            ("", "there are no seeds: write a range such as \"0..100\""),
        ] {
            assert_eq!(Pick::parse(text), Err(error.to_owned()));
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
