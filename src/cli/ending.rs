//! What is said last: where the results are, and what is not among them.

use std::fmt::Write;

use crate::engine::Graph;
use crate::kinds::expect::{Expectation, State};
use crate::results::{Place, Written};

/// Figures that are shown one by one.
const SHOWN: usize = 10;

/// `failed`: steps that were tried.
pub(super) fn ending(written: &Written, to: &Place, graph: &Graph, failed: &[usize]) -> String {
    let mut text = String::new();
    for one in written.not_drawn.iter().take(SHOWN) {
        writeln!(text, "not drawn: {}, because {}", one.stage, one.why(graph, failed)).ok();
    }
    if let Some(more) = written.not_drawn.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        writeln!(text, "not drawn: {more} more, see results.json").ok();
    }
    for name in &written.left {
        writeln!(text, "left as it is: {name} is of an earlier run, and somebody has changed it").ok();
    }
    let folder = to.folder.display();
    let (finished, all) = (written.finished, graph.steps.len());
    for line in &written.told {
        writeln!(text, "{line}").ok();
    }
    text.push_str(&expected(&written.expectations));
    let figures = match written.figures {
        0 => String::new(),
        1 => ", 1 figure".to_owned(),
        figures => format!(", {figures} figures"),
    };
    if !graph.without.is_empty() {
        let names: Vec<&str> = graph.without.iter().map(String::as_str).take(SHOWN).collect();
        let more = if names.len() < graph.without.len() { ", …" } else { "" };
        writeln!(text, "in part: {} models are left out: {}{more}", graph.without.len(), names.join(", ")).ok();
    }
    match finished {
        0 => writeln!(text, "no results in {folder}: nothing is finished").ok(),
        finished if finished == all => writeln!(text, "results: {folder}{figures}").ok(),
        finished => writeln!(text, "results in part: {folder}{figures}, of {finished} finished steps of {all}").ok(),
    };
    text
}

/// How many expectations hold, and each that does not.
fn expected(all: &[Expectation]) -> String {
    let mut text = String::new();
    for one in all.iter().filter(|one| one.fails()) {
        writeln!(text, "not as expected: {}", one.told()).ok();
    }
    let count = |is: fn(&Expectation) -> bool| all.iter().filter(|one| is(one)).count();
    let (fail, open) = (count(Expectation::fails), count(|one| one.state == State::Unknown));
    let mut parts = vec![format!("{} of {} hold", all.len() - fail - open, all.len())];
    if open > 0 {
        parts.push(format!("{open} not known yet"));
    }
    if !all.is_empty() {
        writeln!(text, "expectations: {}", parts.join(", ")).ok();
    }
    text
}
