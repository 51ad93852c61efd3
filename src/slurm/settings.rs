//! What is asked of Slurm: `[run.slurm]`, or the same words on the command line.

use std::fmt;
use std::num::NonZero;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::study::shape::table;
use crate::study::words::parse_duration;
use crate::study::{Shape, Shaped};

table! {
    /// Whatever is not said comes from the plan, or is left to the cluster.
    #[derive(Clone, Default, Args)]
    pub struct Settings {
        /// Jobs that share the study [default: as many as have something to do at once, for an hour at least].
        #[arg(long, value_name = "N")]
        pub pilots: Option<NonZero<u16>>,
        /// How long each may run, such as "4 h" or 04:00:00; it goes on in the queue where there is more to do.
        #[arg(long)]
        pub time: Option<Limit>,
        /// As of sbatch.
        #[arg(long)]
        pub partition: Option<String>,
        /// As of sbatch.
        #[arg(long)]
        pub account: Option<String>,
        /// Of each pilot: a number, or "a100:1" [default: one, where the backend or the cluster has any].
        #[arg(long)]
        pub gpus: Option<Gpus>,
        /// Cores of each pilot [default: 4].
        #[arg(long, value_name = "N")]
        pub cpus: Option<NonZero<u16>>,
        /// Of each pilot, such as "16G" [default: by the largest step].
        #[arg(long)]
        pub memory: Option<Memory>,
        /// As of sbatch.
        #[arg(long)]
        pub constraint: Option<String>,
        /// Further options of sbatch, such as --extra=--qos=high.
        #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
        #[serde(default)]
        pub extra: Vec<Extra>,
        /// Shell commands before the program starts, such as "module load cuda".
        #[arg(long, value_name = "COMMANDS")]
        pub setup: Option<String>,
    }
}

impl Settings {
    /// These, and where they say nothing the others.
    pub fn or(self, others: &Self) -> Self {
        let others = others.clone();
        Self {
            pilots: self.pilots.or(others.pilots),
            time: self.time.or(others.time),
            partition: self.partition.or(others.partition),
            account: self.account.or(others.account),
            gpus: self.gpus.or(others.gpus),
            cpus: self.cpus.or(others.cpus),
            memory: self.memory.or(others.memory),
            constraint: self.constraint.or(others.constraint),
            extra: if self.extra.is_empty() { others.extra } else { self.extra },
            setup: self.setup.or(others.setup),
        }
    }

    /// What would end a line of a script in its middle.
    ///
    /// # Errors
    /// There is such a word.
    pub fn check(&self) -> Result<(), String> {
        let words = [("partition", &self.partition), ("account", &self.account), ("constraint", &self.constraint)];
        for (name, word) in words {
            if word.as_ref().is_some_and(|word| word.is_empty() || word.contains(|c: char| c.is_control() || c == '"'))
            {
                return Err(format!("`{name}` must be one line without quotes"));
            }
        }
        Ok(())
    }
}

/// A time as Slurm writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Limit(pub Duration);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time: write for example \"90 min\", \"4 h\", 04:00:00 or 1-12:00:00");
        if !text.contains([':', '-']) {
            return parse_duration(text).map(Self).map_err(|_| wrong());
        }
        let (days, rest) = text.split_once('-').unwrap_or(("0", text));
        let with_days = text.contains('-');
        let parts: Option<Vec<u64>> = rest.split(':').map(|part| part.parse().ok()).collect();
        let (hours, minutes, seconds) = match (parts.as_deref(), with_days) {
            (Some([hours]), true) => (*hours, 0, 0),
            (Some([hours, minutes]), true) => (*hours, *minutes, 0),
            (Some([minutes, seconds]), false) => (0, *minutes, *seconds),
            (Some([hours, minutes, seconds]), _) => (*hours, *minutes, *seconds),
            _ => return Err(wrong()),
        };
        let days: u64 = days.parse().map_err(|_| wrong())?;
        if days > 366 || hours > 10_000 || minutes > 1_000_000 || seconds > 1_000_000 {
            return Err(wrong());
        }
        let all = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
        if all < 60 {
            Err(format!("`{text}` is less than Slurm's shortest time, a minute"))
        } else {
            Ok(Self(Duration::from_secs(all)))
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Slurm counts in minutes.
        let minutes = self.0.as_secs().div_ceil(60).max(1);
        let (days, hours) = (minutes / 1440, minutes / 60 % 24);
        if days > 0 {
            write!(f, "{days}-")?;
        }
        write!(f, "{hours:02}:{:02}:00", minutes % 60)
    }
}

/// So many devices of one pilot, of a kind if that is said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawGpus")]
pub struct Gpus {
    pub kind: Option<String>,
    pub count: u32,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of GPUs, or a text such as \"a100:2\"")]
enum RawGpus {
    Count(u32),
    Text(String),
}

impl Shaped for Gpus {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Whole, Shape::Text])
    }
}

impl FromStr for Gpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, count) = text.rsplit_once(':').map_or((None, text), |(kind, count)| (Some(kind), count));
        let plain =
            |kind: &str| !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        match count.parse() {
            Ok(count) if kind.is_none_or(plain) => Ok(Self { kind: kind.map(str::to_owned), count }),
            _ => Err(format!("`{text}` is no number of GPUs: write 1, or with their kind \"a100:1\"")),
        }
    }
}

impl TryFrom<RawGpus> for Gpus {
    type Error = String;

    fn try_from(raw: RawGpus) -> Result<Self, String> {
        match raw {
            RawGpus::Count(count) => Ok(Self { kind: None, count }),
            RawGpus::Text(text) => text.parse(),
        }
    }
}

/// Memory as Slurm writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Memory(String);

impl Memory {
    pub fn gigabytes(number: u64) -> Self {
        Self(format!("{number}G"))
    }
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no memory: write for example 16G or 500M");
        let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(end);
        let unit = match unit.trim().to_ascii_uppercase().as_str() {
            "M" | "MB" => "M",
            "G" | "GB" => "G",
            "T" | "TB" => "T",
            _ => return Err(wrong()),
        };
        match number.parse::<u32>() {
            Ok(number) if number > 0 => Ok(Self(format!("{number}{unit}"))),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An option of sbatch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Extra(String);

impl FromStr for Extra {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.starts_with('-') && !text.contains(char::is_control) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("`{text}` is no option of sbatch: write for example \"--qos=high\"")),
        }
    }
}

impl fmt::Display for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! from_text {
    ($($word:ty),*) => {
        $(impl TryFrom<String> for $word {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl Shaped for $word {
            fn shape() -> Shape {
                Shape::Text
            }
        })*
    };
}

from_text!(Limit, Memory, Extra);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_slurm_and_as_people_write_them() {
        for (text, written) in [
            ("90 min", "01:30:00"),
            ("4 h", "04:00:00"),
            ("1.5 d", "1-12:00:00"),
            ("30 s", "00:01:00"),
            ("04:00:00", "04:00:00"),
            ("90:00", "01:30:00"),
            ("2-12", "2-12:00:00"),
            ("1-00:30", "1-00:30:00"),
            ("26:00:00", "1-02:00:00"),
        ] {
            assert_eq!(text.parse::<Limit>().map(|limit| limit.to_string()).as_deref(), Ok(written), "{text}");
        }
        // Slurm's minutes are our nothing.
        for text in ["90", "", "4 hours", "-1", "1:2:3:4", "1-1-1", "00:00:30", "x-1", "99999999999-0"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[test]
    fn words_that_would_break_a_script_are_refused() {
        assert_eq!("a100:2".parse(), Ok(Gpus { kind: Some("a100".to_owned()), count: 2 }));
        assert_eq!("0".parse(), Ok(Gpus { kind: None, count: 0 }));
        for text in ["", "a100", ":1", "a 100:1", "-1", "a:b:c"] {
            assert!(text.parse::<Gpus>().is_err(), "{text}");
        }
        let memory = |text: &str| text.parse::<Memory>().map(|memory| memory.to_string());
        assert_eq!((memory("16 GB"), memory("500m")), (Ok("16G".to_owned()), Ok("500M".to_owned())));
        for text in ["16", "", "G", "0G", "16 GiB", "1e3G", "16G\n#SBATCH"] {
            assert!(memory(text).is_err(), "{text}");
        }
        for text in ["", "qos=high", "--comment=a\nrm -rf"] {
            assert!(text.parse::<Extra>().is_err(), "{text}");
        }
        let bad = Settings { partition: Some("a\nb".to_owned()), ..Settings::default() };
        assert!(bad.check().is_err() && Settings::default().check().is_ok());
    }
}
