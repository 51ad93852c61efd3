//! Figures of finished plot steps, under their stage's name, and the numbers in them; and those that there are not.

use std::collections::BTreeSet;

use super::gathered::Gathered;
use crate::engine::{Graph, Plan};
use crate::kinds::finished::{Done, Finished};
use crate::kinds::plot::{self, FORMATS, Params};
use crate::kinds::tables;
use crate::tables::TableError;

pub fn gather(finished: &Finished<'_>, to: &mut Gathered) -> Result<(), TableError> {
    for done in finished.steps::<Params>() {
        for (format, artifact) in FORMATS.iter().filter(|(format, _)| done.params.is_written_as(format)) {
            let bytes = if *format == "csv" { numbers_of_figure(&done)? } else { done.bytes(artifact)? };
            to.add(file_name(done.stage(), format).into(), bytes, BTreeSet::from([done.step.stage.to_string()]));
        }
    }
    Ok(())
}

/// The numbers in a figure, as CSV.
///
/// # Errors
/// They are damaged.
pub fn numbers_of_figure(done: &Done<'_, Params>) -> Result<Vec<u8>, TableError> {
    let [.., (_, numbers)] = FORMATS;
    Ok(without_comment(done.bytes(&numbers)?))
}

/// `NAME.csv`, or `NAME.figure.csv` where that is a table of the study.
fn file_name(stage: &str, format: &str) -> String {
    match format {
        "csv" if tables().any(|table| table == stage) => format!("{stage}.figure.csv"),
        format => format!("{stage}.{format}"),
    }
}

/// The first line says in a comment where the numbers come from, which the index does here: readers of tables take the
/// first line for the names of the columns.
fn without_comment(mut csv: Vec<u8>) -> Vec<u8> {
    if csv.starts_with(b"# ")
        && let Some(end) = csv.iter().position(|byte| *byte == b'\n')
    {
        csv.drain(..=end);
    }
    csv
}

/// A figure without a picture, and the steps that it lacks.
#[derive(Debug)]
pub struct NotDrawn {
    pub stage: String,
    /// Those that could have run: the figure's own, or others that it needs.
    pub lacks: Vec<usize>,
}

pub fn not_drawn(graph: &Graph, plan: &Plan) -> Vec<NotDrawn> {
    let missing = |step: &usize| plan.states[*step].finished().is_none();
    let figures = (0..graph.steps.len()).filter(|step| graph.steps[*step].stage.kind == plot::KIND && missing(step));
    let lacks = |figure: usize| {
        let (mut lacks, mut seen, mut open) = (BTreeSet::new(), BTreeSet::from([figure]), vec![figure]);
        while let Some(step) = open.pop() {
            let needs: Vec<usize> = graph.steps[step].needs().into_iter().filter(missing).collect();
            if needs.is_empty() {
                lacks.insert(step);
            }
            open.extend(needs.into_iter().filter(|need| seen.insert(*need)));
        }
        lacks.into_iter().collect()
    };
    figures.map(|step| NotDrawn { stage: graph.steps[step].stage.name.clone(), lacks: lacks(step) }).collect()
}

impl NotDrawn {
    /// Why, in words. `failed` are steps that were tried.
    pub fn why(&self, graph: &Graph, failed: &[usize]) -> String {
        let (tried, open): (Vec<usize>, Vec<usize>) = self.lacks.iter().partition(|step| failed.contains(step));
        let (steps, what) = if tried.is_empty() { (open, "is not finished") } else { (tried, "failed") };
        let name = steps.first().map_or(String::new(), |step| graph.steps[*step].name());
        match steps.len() {
            0 | 1 => format!("{name} {what}"),
            count => format!("{name} {what}, and {} more", count - 1),
        }
    }
}
