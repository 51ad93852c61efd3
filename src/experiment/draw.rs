//! The graph of stages as Graphviz dot, as Mermaid text or as a picture: one node a stage, with the number of its steps.

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::picture::{Node, picture};
use crate::engine::{Graph, StageId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Dot,
    Mermaid,
    Svg,
}

pub fn draw(graph: &Graph, format: Format) -> String {
    let of_stages = graph.by_stage();
    let count = |stage: &StageId| of_stages.get(stage).map_or(0, Vec::len);
    if format == Format::Svg {
        let steps = |count: usize| if count == 1 { "1 step".to_owned() } else { format!("{count} steps") };
        return picture(graph, &|stage| Node { below: steps(count(stage)), class: "stage", link: None });
    }
    let stages = graph.of_stages();
    let label = |node: NodeIndex| match count(stages[node]) {
        1 => stages[node].to_string(),
        count => format!("{} × {count}", stages[node]),
    };
    let is_dot = format == Format::Dot;
    let mut text = match is_dot {
        true => format!("digraph {:?} {{\n  rankdir=LR;\n  node [shape=box];\n", graph.experiment),
        false => "flowchart LR\n".to_owned(),
    };
    for node in stages.node_indices() {
        text += &match is_dot {
            true => format!("  s{} [label=\"{}\"];\n", node.index(), label(node)),
            false => format!("  s{}[\"{}\"]\n", node.index(), label(node)),
        };
    }
    for edge in stages.edge_references() {
        let (from, to) = (edge.source().index(), edge.target().index());
        let arrow = if is_dot { "->" } else { "-->" };
        let end = if is_dot { ";" } else { "" };
        text += &format!("  s{from} {arrow} s{to}{end}\n");
    }
    if is_dot {
        text += "}\n";
    }
    text
}
