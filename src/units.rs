//! Numbers as a person reads them.

const UNITS: [(&str, f64); 5] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)];

/// `3.4 GB`, `120 B`; powers of 1000.
pub fn size(bytes: u64) -> String {
    let (unit, factor) = UNITS.into_iter().find(|(_, factor)| bytes as f64 >= *factor).unwrap_or(("B", 1.0));
    let number = bytes as f64 / factor;
    if number < 9.95 && factor > 1.0 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

/// `4 days`, `1 h 05 min`, `3 min 20 s`, `4.2 s`
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        3600..345_600 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} days", whole / 86_400),
    }
}

/// `2026-11-25 14:05 UTC`; `seconds` since 1970.
pub fn utc(seconds: u64) -> String {
    let Some([year, month, day, hour, minute, _]) = calendar(seconds) else { return "at no known time".to_owned() };
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// Year, month, day, hour, minute and second of a time in seconds since 1970; `None` from the year 10,000 on.
pub fn calendar(seconds: u64) -> Option<[u64; 6]> {
    const FIRST_UNKNOWN: u64 = 253_402_300_800;
    if seconds >= FIRST_UNKNOWN {
        return None;
    }
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while day >= 365 + leap(year) {
        day -= 365 + leap(year);
        year += 1;
    }
    let mut month = 0;
    for days in months(year) {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    Some([year, month + 1, day + 1, second / 3600, second % 3600 / 60, second % 60])
}

/// Seconds since 1970 of a time as servers write it: `2026-11-25T14:05:09.123Z`.
pub fn parse_utc(text: &str) -> Option<u64> {
    let (date, time) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let three = |text: &str, mark: char| -> Option<[u64; 3]> {
        let parts: Vec<u64> = text.split(mark).map(number).collect::<Option<_>>()?;
        parts.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) =
        (three(date, '-')?, three(time.split('.').next().unwrap_or_default(), ':')?);
    let fits = (1970..10_000).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second <= 60;
    let days_in_month = months(year).into_iter().chain([31]).nth((month as usize).wrapping_sub(1))?;
    if !fits || !(1..=days_in_month).contains(&day) {
        return None;
    }
    let days = (1970..year).map(|year| 365 + leap(year)).sum::<u64>()
        + months(year).iter().take(month as usize - 1).sum::<u64>()
        + (day - 1);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn leap(year: u64) -> u64 {
    u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
}

/// How many days they have, but for December.
fn months(year: u64) -> [u64; 11] {
    [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30]
}

#[cfg(test)]
mod tests {
    use super::{calendar, duration, parse_utc, utc};

    /// As `date -u -d @SECONDS` says.
    #[test]
    fn dates() {
        let cases = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (1_795_614_042, "2026-11-25 13:40 UTC"),
            (4_107_542_399, "2100-02-28 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (u64::MAX, "at no known time"),
        ];
        for (seconds, text) in cases {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn durations() {
        let cases = [
            (0.04, "0.0 s"),
            (9.96, "10 s"),
            (42.4, "42 s"),
            (200.0, "3 min 20 s"),
            (3900.0, "1 h 05 min"),
            (350_000.0, "4 days"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn times_of_servers_are_read() {
        for seconds in [0, 951_782_399, 951_782_400, 1_735_689_599, 1_795_614_042, 4_107_542_400, 253_402_300_799] {
            let [year, month, day, hour, minute, second] = calendar(seconds).unwrap();
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
            assert_eq!(
                (parse_utc(&format!("{text}Z")), parse_utc(&format!("{text}.000Z"))),
                (Some(seconds), Some(seconds))
            );
        }
        for text in
            ["", "2026-11-25", "2026-11-25T14:05:09", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "x-1-1T1:1:1Z"]
        {
            assert_eq!(parse_utc(text), None, "{text}");
        }
        assert_eq!(parse_utc("99999999999999-01-01T00:00:00Z"), None);
    }
}
