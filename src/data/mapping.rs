//! What a person most likely meant where two sets of names do not agree: a whole mapping, as a line that can be pasted.

use super::error::nearest;

/// The one of several values that a name most likely is.
type Alike = fn(&str, &[String]) -> Option<String>;

/// Of a column with more that mean nothing known, no line is made.
const MOST_VALUES: usize = 12;

/// `{ neg = 1, neu = 2, pos = "?" }`: for each of `names` the one of `values` that it most likely is. What is `known`
/// already is taken for granted.
pub fn proposed(names: &[String], values: &[String], known: &[(String, Vec<String>)]) -> String {
    let of_name = |name: &String| known.iter().find(|(this, _)| this == name).map(|(_, values)| values.clone());
    let mut found: Vec<Option<Vec<String>>> = names.iter().map(of_name).collect();
    let is_taken = |value: &&String| found.iter().flatten().flatten().any(|taken| taken == *value);
    let mut left: Vec<String> = values.iter().filter(|value| !is_taken(value)).cloned().collect();
    let alike: [Alike; 3] = [
        |name, values| values.iter().find(|value| *value == name).cloned(),
        |name, values| only(values, |value| plain(value) == plain(name)),
        |name, values| nearest(name, values).filter(|near| strsim::jaro_winkler(&plain(near), &plain(name)) > 0.85),
    ];
    for alike in alike {
        for (name, place) in names.iter().zip(&mut found).filter(|(_, place)| place.is_none()) {
            if let Some(value) = alike(name, &left) {
                left.retain(|other| *other != value);
                *place = Some(vec![value]);
            }
        }
    }
    let open = found.iter().filter(|place| place.is_none()).count();
    let mut numbers: Vec<i64> = left.iter().filter_map(|value| value.parse().ok()).collect();
    if open == 1 && (1..=MOST_VALUES).contains(&left.len()) {
        found.iter_mut().filter(|place| place.is_none()).for_each(|place| *place = Some(left.clone()));
    } else if numbers.len() == left.len() && numbers.len() == open {
        numbers.sort_unstable();
        let open = found.iter_mut().filter(|place| place.is_none());
        open.zip(numbers).for_each(|(place, number)| *place = Some(vec![number.to_string()]));
    }
    // A second spelling of what is found.
    let is_taken = |value: &&String| found.iter().flatten().flatten().any(|taken| taken == *value);
    let over: Vec<String> = left.iter().filter(|value| !is_taken(value)).cloned().collect();
    for value in over.into_iter().take(MOST_VALUES) {
        let near = alike[2](&value, names).and_then(|near| names.iter().position(|name| *name == near));
        if let Some(values) = near.and_then(|at| found[at].as_mut()) {
            values.push(value);
        }
    }
    written(names.iter().zip(found.into_iter().map(|place| place.unwrap_or_else(|| vec!["?".to_string()]))))
}

/// A mapping as TOML.
pub fn written<'a>(entries: impl Iterator<Item = (&'a String, Vec<String>)>) -> String {
    let entry = |(name, values): (&String, Vec<String>)| {
        let values: Vec<String> = values.iter().map(|value| toml_value(value)).collect();
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name = if !name.is_empty() && name.chars().all(bare) { name.clone() } else { quoted(name) };
        match values.as_slice() {
            [one] => format!("{name} = {one}"),
            several => format!("{name} = [{}]", several.join(", ")),
        }
    };
    format!("{{ {} }}", entries.map(entry).collect::<Vec<_>>().join(", "))
}

/// The only one that fits.
fn only(values: &[String], fits: impl Fn(&str) -> bool) -> Option<String> {
    let mut fitting = values.iter().filter(|value| fits(value));
    let first = fitting.next();
    first.filter(|_| fitting.next().is_none()).cloned()
}

/// Without what spelling varies in.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A whole number as it is, anything else in quotes.
pub fn toml_value(value: &str) -> String {
    let is_number = value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
    if is_number { value.to_string() } else { quoted(value) }
}

fn quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_mapping_is_proposed() {
        type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
        let cases: [Case; 9] = [
            (&["neg", "neu", "pos"], &["3", "1", "2"], &[], "{ neg = 1, neu = 2, pos = 3 }"),
            (&["no", "yes"], &["YES", "NO"], &[], r#"{ no = "NO", yes = "YES" }"#),
            (
                &["entailment", "neutral", "contradiction"],
                &["Contradictory", "neutral", "entailment"],
                &[],
                r#"{ entailment = "entailment", neutral = "neutral", contradiction = "Contradictory" }"#,
            ),
            (
                &["not_duplicate", "duplicate"],
                &["Duplicate", "no"],
                &[],
                r#"{ not_duplicate = "no", duplicate = "Duplicate" }"#,
            ),
            (
                &["entailment", "non-entailment"],
                &["contradiction", "entailment", "neutral"],
                &[],
                r#"{ entailment = "entailment", non-entailment = ["contradiction", "neutral"] }"#,
            ),
            (
                &["neutral", "contradiction"],
                &["neutral", "contradiction", "contradicts"],
                &[],
                r#"{ neutral = "neutral", contradiction = ["contradiction", "contradicts"] }"#,
            ),
            (&["a", "b"], &["x", "y", "b"], &[("a", "y")], r#"{ a = "y", b = "b" }"#),
            (&["a", "b", "c"], &["x", "yy", "zzz"], &[], r#"{ a = "?", b = "?", c = "?" }"#),
            (&["so \"so\"", "ä"], &["1", "2"], &[], r#"{ "so \"so\"" = 1, "ä" = 2 }"#),
        ];
        for (names, values, known, line) in cases {
            let strings = |all: &[&str]| all.iter().map(|text| text.to_string()).collect::<Vec<_>>();
            let known: Vec<_> = known.iter().map(|(name, value)| (name.to_string(), vec![value.to_string()])).collect();
            assert_eq!(proposed(&strings(names), &strings(values), &known), line);
        }
    }
}
