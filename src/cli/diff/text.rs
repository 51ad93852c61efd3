//! The comparison for people.

use std::fmt::Write;

use super::Diff;
use super::came_out::{CameOut, Change, ClusterDiff, ExpectationDiff, Mean, MetricDiff};
use super::said::Said;
use super::side::Version;
use super::work::Work;
use crate::say;
use crate::tables::brief;

/// Metrics, values or models that are shown; `--json` has all.
const SHOWN: usize = 40;

impl Diff {
    pub fn text(&self) -> String {
        let mut text = format!("{} → {}\n", version(&self.first), version(&self.second));
        for note in &self.notes {
            writeln!(text, "note: {note}").ok();
        }
        self.said.write(&mut text);
        let same = |work: &Work| work.stages.iter().all(|stage| !stage.differs());
        match (&self.work, &self.came_out) {
            (Some(work), Some(came_out)) => {
                if same(work) && came_out.is_nothing() && self.said.is_nothing() {
                    text.push_str("no difference\n");
                    return text;
                }
                work.write(&mut text);
                came_out.write(&mut text);
            }
            _ if self.said.is_nothing() => text.push_str("the files say the same\n"),
            _ => {}
        }
        text
    }
}

fn version(version: &Version) -> String {
    let commit = version.commit.as_ref().map(|commit| commit.get(..12).unwrap_or(commit));
    match (commit, version.committed) {
        (Some(commit), true) => format!("{} ({commit})", version.name),
        (Some(commit), false) => format!("{} ({commit} with changes)", version.name),
        (None, _) => format!("{} (in no git repository)", version.name),
    }
}

/// Rows below each other in columns that are as wide as they have to be; the first row is the header.
fn columns(title: &str, rows: &[Vec<String>], text: &mut String) {
    let shown = &rows[..rows.len().min(SHOWN + 1)];
    let width = |column: usize| shown.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..rows[0].len()).map(|column| width(column).unwrap_or(0)).collect();
    writeln!(text, "\n{title}").ok();
    for row in shown {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "  {}", cells.join("  ").trim_end()).ok();
    }
    if rows.len() > shown.len() {
        writeln!(text, "  … and {} more, see --json", rows.len() - shown.len()).ok();
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

impl Said {
    fn write(&self, text: &mut String) {
        if self.is_nothing() {
            return;
        }
        let mut rows = vec![row(["table", "key", "first", "second", ""])];
        for one in &self.changed {
            let value = |value: &Option<String>| value.as_deref().map_or(brief::NOTHING.to_owned(), say::name);
            // Of [experiment] and [run] no place is known.
            let unwritten = if one.table.contains('.') { "by default" } else { "" };
            let place = one.place.clone().unwrap_or_else(|| unwritten.to_owned());
            rows.push(vec![one.table.clone(), one.key.clone(), value(&one.first), value(&one.second), place]);
        }
        for (tables, has) in [(&self.only_first, ["there", ""]), (&self.only_second, ["", "there"])] {
            for table in tables {
                let [first, second] = has.map(|has| if has.is_empty() { brief::NOTHING } else { has });
                rows.push(row([table, "", first, second, ""]));
            }
        }
        columns("what the files say", &rows, text);
    }
}

impl Work {
    fn write(&self, text: &mut String) {
        let mut rows = vec![row(["stage", "first", "second", "same", "other values", "other inputs", "in the cache"])];
        let differing = self.stages.iter().filter(|stage| stage.differs());
        for one in differing {
            let cache = match (one.first, one.second) {
                (0, _) => one.finished_second.to_string(),
                (_, 0) => one.finished_first.to_string(),
                _ => format!("{} and {}", one.finished_first, one.finished_second),
            };
            let counts = [one.first, one.second, one.same, one.own, one.inputs].map(|count| count.to_string());
            rows.push([vec![one.stage.clone()], counts.to_vec(), vec![cache]].concat());
        }
        match rows.len() {
            1 => text.push_str("\nall steps are the same\n"),
            _ => columns("steps", &rows, text),
        }
        let (run, all) = (self.would_run, self.steps);
        writeln!(text, "  of the second, {run} of {all} steps would run").ok();
    }
}

impl CameOut {
    fn write(&self, text: &mut String) {
        if !self.metrics.is_empty() {
            let mut rows = vec![row(["metric", "first", "second", "second less first"])];
            rows.extend(self.metrics.iter().map(MetricDiff::row));
            columns("metrics: mean over models, 95 % interval", &rows, text);
        }
        if self.same_metrics > 0 {
            writeln!(text, "  {} metrics are the same", self.same_metrics).ok();
        }
        if !self.clusters.is_empty() {
            let mut rows = vec![row(["clusters", "first", "second", "adjusted Rand index", "silhouettes"])];
            rows.extend(self.clusters.iter().map(ClusterDiff::row));
            columns("clusters", &rows, text);
        }
        if !self.figures.is_empty() {
            let mut rows = vec![row(["figure", ""])];
            rows.extend(self.figures.iter().map(|one| row([&one.stage, one.what.words()])));
            columns("figures", &rows, text);
        }
        if !self.expectations.is_empty() {
            let mut rows = vec![row(["expectation", "claim", "first", "second"])];
            rows.extend(self.expectations.iter().map(ExpectationDiff::row));
            columns("expectations", &rows, text);
        }
    }
}

impl Change {
    fn words(self) -> &'static str {
        match self {
            Self::Same => "the same",
            Self::Look => "the same numbers, drawn otherwise",
            Self::Numbers => "other numbers",
            Self::OnlyFirst => "only of the first",
            Self::OnlySecond => "only of the second",
            Self::NotYetFirst => "not drawn yet in the first",
            Self::NotYetSecond => "not drawn yet in the second",
        }
    }
}

fn mean(mean: &Option<Mean>, sign: bool) -> String {
    let number = |value: f64| match sign {
        true => format!("{value:+.4}"),
        false => brief::number(value),
    };
    match mean {
        None => brief::NOTHING.to_owned(),
        Some(Mean { mean, low: Some(low), high: Some(high), models }) => {
            format!("{} ({} to {}) of {models}", number(*mean), number(*low), number(*high))
        }
        Some(Mean { mean, models, .. }) => format!("{} of {models}", number(*mean)),
    }
}

impl MetricDiff {
    fn row(&self) -> Vec<String> {
        vec![self.metric.clone(), mean(&self.first, false), mean(&self.second, false), mean(&self.difference, true)]
    }
}

impl ClusterDiff {
    fn row(&self) -> Vec<String> {
        let sizes = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" and ");
        let index = match self.adjusted_rand {
            Some(index) => format!("{index:.4} of {} models", self.common),
            None => format!("{} models in common", self.common),
        };
        let silhouettes = match self.silhouettes.map(|value| value.map(brief::number)) {
            [Some(first), Some(second)] => format!("{first} → {second}"),
            // Of clusters that were given there is none.
            [first, second] => first.or(second).unwrap_or_else(|| brief::NOTHING.to_owned()),
        };
        vec![self.stage.clone(), sizes(&self.first), sizes(&self.second), index, silhouettes]
    }
}

impl ExpectationDiff {
    fn row(&self) -> Vec<String> {
        let state = |holds: Option<bool>, value: Option<f64>| {
            let word = match holds {
                None => return "not known".to_owned(),
                Some(true) => "holds",
                Some(false) => "does not hold",
            };
            value.map_or(word.to_owned(), |value| format!("{word} ({})", brief::number(value)))
        };
        let [first, second] = self.values;
        vec![self.name.clone(), self.claim.clone(), state(self.first, first), state(self.second, second)]
    }
}
