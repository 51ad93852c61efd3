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
    /// Of the year 10,000.
    const FIRST_UNKNOWN: u64 = 253_402_300_800;
    if seconds >= FIRST_UNKNOWN {
        return "at no known time".to_owned();
    }
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 0;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year}-{:02}-{:02} {:02}:{:02} UTC", month + 1, day + 1, second / 3600, second % 3600 / 60)
}

#[cfg(test)]
mod tests {
    use super::{duration, utc};

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
}
