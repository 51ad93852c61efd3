//! Sizes and ages as a person reads and writes them.

use indicatif::{ProgressBar, ProgressStyle};

pub(super) use crate::units::size;

/// How much of so many bytes is done; hidden by itself where there is no terminal.
pub(super) fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar:.cyan/dim} {bytes}/{total_bytes}  {bytes_per_sec}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// `20GB`, `1.5 TB`, `500 MiB`, or a plain number of bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write for example 20GB, 1.5TB or 500MiB");
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" | "k" => 1e3,
        "mb" | "m" => 1e6,
        "gb" | "g" => 1e9,
        "tb" | "t" => 1e12,
        "kib" => 1024.0,
        "mib" => f64::from(1 << 20),
        "gib" => f64::from(1 << 30),
        "tib" => f64::from(1 << 30) * 1024.0,
        _ => return Err(wrong()),
    };
    Ok((number * factor) as u64)
}

/// `3 days`, `5 h`, `12 min`
pub(super) fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("20GB", 20_000_000_000),
            ("1.5 TB", 1_500_000_000_000),
            ("500MiB", 500 << 20),
            ("7", 7),
            ("0b", 0),
            ("2 gib", 2 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1GB", "1.2.3GB", "5 parsecs", "1e9"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_440_000_000, "3.4 GB"), (12_300_000, "12 MB")]
        {
            assert_eq!(size(bytes), text);
        }
        for (seconds, text) in [(5, "5 s"), (600, "10 min"), (90_000, "25 h"), (864_000, "10 days")] {
            assert_eq!(age(seconds), text);
        }
    }
}
