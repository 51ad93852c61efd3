//! Who tells the events of a run: bars on a terminal, plain lines in a pipe, JSON lines for programs.

mod bars;
mod estimate;
mod json;
mod lines;

use std::io::IsTerminal;
use std::time::Instant;

pub use estimate::{Costs, Estimate, Left, Sample};

use crate::engine::Reporter;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Bars on a terminal, plain lines in a pipe.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The reporter that fits the standard error stream.
pub fn reporter(format: LogFormat, costs: Box<dyn Costs>) -> Box<dyn Reporter> {
    let start = Instant::now();
    match format {
        LogFormat::Json => Box::new(json::JsonLines),
        LogFormat::Human if draws_bars(std::io::stderr().is_terminal(), std::env::var("TERM").ok().as_deref()) => {
            Box::new(bars::Bars::new(costs))
        }
        LogFormat::Human => {
            let clock = move || start.elapsed().as_secs_f64();
            Box::new(lines::Lines::new(Box::new(std::io::stderr()), Box::new(clock), costs))
        }
    }
}

/// Bars need a terminal that can go up a line; on any other, what stands above them is never shown.
fn draws_bars(terminal: bool, term: Option<&str>) -> bool {
    terminal && term.is_some_and(|term| !matches!(term, "" | "dumb"))
}

#[cfg(test)]
mod tests {
    use super::draws_bars;

    #[test]
    fn lines_where_a_terminal_cannot_do_bars() {
        for (terminal, term, bars) in [
            (true, Some("xterm-256color"), true),
            (true, Some("linux"), true),
            (true, Some("dumb"), false),
            (true, Some(""), false),
            (true, None, false),
            (false, Some("xterm"), false),
        ] {
            assert_eq!(draws_bars(terminal, term), bars, "{terminal} {term:?}");
        }
    }
}
