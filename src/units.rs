//! Numbers as a person reads them.

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

#[cfg(test)]
mod tests {
    use super::duration;

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
