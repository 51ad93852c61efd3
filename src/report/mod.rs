//! Who tells the events of a run: bars on a terminal, plain lines in a pipe, JSON lines for programs.

mod bars;
mod estimate;
mod json;
mod lines;

use std::io::IsTerminal;

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
pub fn reporter(format: LogFormat) -> Box<dyn Reporter> {
    match format {
        LogFormat::Json => Box::new(json::JsonLines),
        LogFormat::Human if std::io::stderr().is_terminal() => Box::new(bars::Bars::default()),
        LogFormat::Human => Box::new(lines::Lines::default()),
    }
}
