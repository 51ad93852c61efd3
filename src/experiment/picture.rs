//! The stages of a study as SVG: boxes with their names, and what builds on what. The page of results colours it by its
//! classes; alone it is black on nothing.

use std::fmt::Write;

use petgraph::visit::EdgeRef;

use super::layers::{Point, layout};
use crate::engine::{Graph, StageId};
use crate::say::for_markup;

/// Letters of the one width that all fonts for code nearly have.
const LETTER: f64 = 7.3;
const SMALL: f64 = 6.1;
const PADDING: f64 = 10.0;
const HEIGHT: f64 = 38.0;
const MARGIN: f64 = 6.0;

/// What is said of a stage beside its name.
pub struct Node {
    pub below: String,
    pub class: &'static str,
    pub link: Option<String>,
}

pub fn picture(graph: &Graph, about: &dyn Fn(&StageId) -> Node) -> String {
    let stages = graph.of_stages();
    let nodes: Vec<(String, Node)> =
        stages.node_indices().map(|node| (stages[node].to_string(), about(stages[node]))).collect();
    let sizes: Vec<Point> = nodes.iter().map(|(name, node)| (width(name, &node.below), HEIGHT)).collect();
    let edges: Vec<(usize, usize)> =
        stages.edge_references().map(|edge| (edge.source().index(), edge.target().index())).collect();
    let found = layout(&sizes, &edges);
    let (wide, high) = (found.size.0 + 2.0 * MARGIN, found.size.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" role=\"img\" aria-label=\"The stages of {}\" \
         width=\"{wide:.0}\" height=\"{high:.0}\" viewBox=\"{:.0} {:.0} {wide:.0} {high:.0}\" \
         font-family=\"ui-monospace, Menlo, Consolas, Liberation Mono, monospace\" fill=\"currentColor\">\n",
        for_markup(&graph.experiment),
        -MARGIN,
        -MARGIN,
    );
    for way in &found.ways {
        writeln!(svg, "<path class=\"edge\" fill=\"none\" stroke=\"currentColor\" d=\"{}\"/>", path(way)).ok();
    }
    for ((name, node), ((x, y), (width, height))) in nodes.iter().zip(&found.boxes) {
        let middle = x + width / 2.0;
        let (open, close) = match &node.link {
            Some(link) => (format!("<a href=\"{}\">", for_markup(link)), "</a>"),
            None => (String::new(), ""),
        };
        writeln!(
            svg,
            "{open}<g class=\"{}\" text-anchor=\"middle\"><rect fill=\"none\" stroke=\"currentColor\" x=\"{x:.1}\" \
             y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"5\"/><text x=\"{middle:.1}\" y=\"{:.1}\" \
             font-size=\"12\">{}</text><text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"10\">{}</text></g>{close}",
            node.class,
            y + 16.0,
            for_markup(name),
            y + 30.0,
            for_markup(&node.below),
        )
        .ok();
    }
    svg + "</svg>\n"
}

fn width(name: &str, below: &str) -> f64 {
    let letters = |text: &str| text.chars().count() as f64;
    (letters(name) * LETTER).max(letters(below) * SMALL) + 2.0 * PADDING
}

/// Curves that leave and arrive level, and straight lines past columns.
fn path(way: &[Point]) -> String {
    let mut path = String::new();
    for (at, pair) in way.windows(2).enumerate() {
        let ((from_x, from_y), (to_x, to_y)) = (pair[0], pair[1]);
        let middle = (from_x + to_x) / 2.0;
        if at == 0 {
            write!(path, "M{from_x:.1} {from_y:.1}").ok();
        }
        write!(path, "C{middle:.1} {from_y:.1} {middle:.1} {to_y:.1} {to_x:.1} {to_y:.1}").ok();
    }
    path
}
