//! Figures that there are not, and why.

use std::collections::BTreeSet;

use crate::engine::{Graph, Plan};
use crate::kinds::plot;

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
