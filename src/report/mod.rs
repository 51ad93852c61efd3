//! One page that says what a study is, what came of it and why, for a browser without a server, a network or another
//! file. It is made of the rows that the tables in `results/` are, and of what `pipeline explain` says.

mod expected;
mod figures;
mod head;
mod meanings;
mod notes;
mod page;
mod sheet;
mod stages;
mod standing_out;
mod steps;
mod study;
mod subject;
mod tables;

pub use page::page;
pub use subject::Report;

/// Among the results.
pub const NAME: &str = "report.html";
