//! `--only`, `--from`, `--until` and `--force`: which steps of a graph are meant.

use std::collections::BTreeSet;

use petgraph::Direction;
use petgraph::visit::{Bfs, Reversed};

use super::Graph;
use crate::experiment::{StageId, nearest};

/// Stage names as the user wrote them: `finetune.bert`, or `finetune` for all of a kind.
#[derive(Debug, Default, Clone)]
pub struct Selection {
    pub only: Vec<String>,
    pub from: Vec<String>,
    pub until: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("there is no stage `{name}` in this experiment; {}", match nearest { Some(near) => format!("did you mean `{near}`?"), None => format!("its stages are {}", known.join(", ")) })]
pub struct SelectionError {
    name: String,
    nearest: Option<String>,
    known: Vec<String>,
}

/// The steps that may run. Without any option, all of them; with several, those that fit every one.
pub fn select(graph: &Graph, selection: &Selection) -> Result<BTreeSet<usize>, SelectionError> {
    let stages = graph.of_stages();
    let mut chosen: BTreeSet<&StageId> = graph.stages().into_iter().collect();
    if !selection.only.is_empty() {
        let only = named_stages(graph, &selection.only)?;
        chosen.retain(|stage| only.contains(stage));
    }
    for (names, direction) in [(&selection.from, Direction::Outgoing), (&selection.until, Direction::Incoming)] {
        if names.is_empty() {
            continue;
        }
        let starts = named_stages(graph, names)?;
        let mut reached = BTreeSet::new();
        for start in stages.node_indices().filter(|node| starts.contains(stages[*node])) {
            match direction {
                Direction::Outgoing => {
                    let mut walk = Bfs::new(&stages, start);
                    while let Some(node) = walk.next(&stages) {
                        reached.insert(stages[node]);
                    }
                }
                Direction::Incoming => {
                    let reversed = Reversed(&stages);
                    let mut walk = Bfs::new(reversed, start);
                    while let Some(node) = walk.next(reversed) {
                        reached.insert(stages[node]);
                    }
                }
            }
        }
        chosen.retain(|stage| reached.contains(stage));
    }
    Ok(steps_of(graph, &chosen))
}

/// All steps of the stages that `names` mean.
pub fn steps_named(graph: &Graph, names: &[String]) -> Result<BTreeSet<usize>, SelectionError> {
    Ok(steps_of(graph, &named_stages(graph, names)?))
}

fn steps_of(graph: &Graph, stages: &BTreeSet<&StageId>) -> BTreeSet<usize> {
    (0..graph.steps.len()).filter(|step| stages.contains(&graph.steps[*step].stage)).collect()
}

fn named_stages<'a>(graph: &'a Graph, names: &[String]) -> Result<BTreeSet<&'a StageId>, SelectionError> {
    let stages = graph.stages();
    let mut found = BTreeSet::new();
    for name in names {
        let fits = |stage: &&&StageId| stage.to_string() == *name || stage.kind.name() == name;
        let fitting: Vec<&StageId> = stages.iter().filter(fits).copied().collect();
        if fitting.is_empty() {
            let known: Vec<String> = stages.iter().map(ToString::to_string).collect();
            let candidates: Vec<&str> = known.iter().map(String::as_str).collect();
            let nearest = nearest(name, &candidates).map(str::to_owned);
            return Err(SelectionError { name: name.clone(), nearest, known });
        }
        found.extend(fitting);
    }
    Ok(found)
}
