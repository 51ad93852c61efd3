//! The graph of stages as Graphviz dot or Mermaid text: one node a stage, with the number of its steps.

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::engine::Graph;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Dot,
    Mermaid,
}

pub fn draw(graph: &Graph, format: Format) -> String {
    let stages = graph.of_stages();
    let label = |node: NodeIndex| {
        let stage = stages[node];
        let count = graph.steps.iter().filter(|step| step.stage == *stage).count();
        if count == 1 { stage.to_string() } else { format!("{stage} × {count}") }
    };
    let mut text = match format {
        Format::Dot => format!("digraph {:?} {{\n  rankdir=LR;\n  node [shape=box];\n", graph.experiment),
        Format::Mermaid => "flowchart LR\n".to_owned(),
    };
    for node in stages.node_indices() {
        text += &match format {
            Format::Dot => format!("  s{} [label=\"{}\"];\n", node.index(), label(node)),
            Format::Mermaid => format!("  s{}[\"{}\"]\n", node.index(), label(node)),
        };
    }
    for edge in stages.edge_references() {
        let (from, to) = (edge.source().index(), edge.target().index());
        text += &match format {
            Format::Dot => format!("  s{from} -> s{to};\n"),
            Format::Mermaid => format!("  s{from} --> s{to}\n"),
        };
    }
    if format == Format::Dot {
        text += "}\n";
    }
    text
}
