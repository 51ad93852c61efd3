//! Times as they are written in an experiment: `"90 s"`, `"10 min"`, `"1.5 h"`.

use std::time::Duration;

/// A year: no run needs longer, and no sum of times can overflow.
const LONGEST_SECONDS: f64 = 366.0 * 86_400.0;

/// A number above 0 and its unit: `s`, `min`, `h` or `d`. The space between them may be left out.
///
/// # Errors
/// In words that fit behind the text's position: no number, no unit or an unknown one, or a time that is out of range.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let wrong = || format!("`{text}` is not a time: write a number and `s`, `min`, `h` or `d`, for example \"10 min\"");
    let factor = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    let seconds = factor * number.parse::<f64>().map_err(|_| wrong())?;
    if !(seconds > 0.0 && seconds <= LONGEST_SECONDS) {
        return Err(format!("`{text}` is out of range: a time is more than 0 and at most a year"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, seconds) in [
            ("90 s", 90.0),
            ("90s", 90.0),
            (" 10 min ", 600.0),
            ("0.5 h", 1800.0),
            ("2 h", 7200.0),
            ("3 d", 259_200.0),
            ("0.001 s", 0.001),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (text, wanted) in [
            ("", "is not a time"),
            ("10", "is not a time"),
            ("min", "is not a time"),
            ("10 minutes", "is not a time"),
            ("10 Min", "is not a time"),
            ("-1 s", "is not a time"),
            ("1.2.3 s", "is not a time"),
            ("1e9 s", "is not a time"),
            ("inf s", "is not a time"),
            ("10 min 3 s", "is not a time"),
            ("١ s", "is not a time"),
            ("0 s", "is out of range"),
            ("99999999999999999999 d", "is out of range"),
            ("367 d", "is out of range"),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.starts_with(&format!("`{text}` {wanted}")), "{error}");
        }
    }
}
