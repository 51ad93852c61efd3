//! Small reference pictures, compared by structure: what stands where on the page, not which bytes a backend writes.
//!
//! `UPDATE_FIGURES=1 cargo test` writes the references anew; `PICTURES=FOLDER cargo test` puts every figure there as
//! SVG, PNG and PDF, to be looked at.

use std::fmt::Write;
use std::path::Path;

use super::drawing::{Align, Drawing, Point, Shape};
use super::frame::extent;
use super::ink::Ink;
use super::output::{self, tests::check_page};
use super::{MATRIX_MODELS, Width};

mod awkward;
mod lines;
mod points;
mod squares;

/// Compares a drawing with `tests/reference/figures/NAME.txt`: texts and counts exactly, places within a point.
pub(super) fn compare(name: &str, drawing: &Drawing) {
    show(name, drawing);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/figures").join(format!("{name}.txt"));
    let now = structure(drawing);
    if std::env::var_os("UPDATE_FIGURES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &now).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let same =
        before.lines().count() == now.lines().count() && before.lines().zip(now.lines()).all(|(a, b)| alike(a, b));
    assert!(same, "{name} is drawn differently: look at it, then run the tests once with UPDATE_FIGURES=1\n{now}");
}

/// Checks that nothing overlaps or leaves the page, and writes the picture where somebody wants to see it.
pub(super) fn show(name: &str, drawing: &Drawing) {
    check_page(drawing);
    if let Some(folder) = std::env::var_os("PICTURES") {
        let file = |format: &str| Path::new(&folder).join(format!("{name}.{format}"));
        let drawn = output::render(drawing, "a picture to look at", false).unwrap();
        for (format, bytes) in [("svg", drawn.svg), ("png", drawn.png), ("pdf", drawn.pdf)] {
            std::fs::write(file(format), bytes).unwrap();
        }
    }
}

/// One line a text, and one for each run of other shapes of one kind.
fn structure(drawing: &Drawing) -> String {
    let mut lines = format!("page {:.1} {:.1}\n", drawing.width, drawing.height);
    let mut run: Vec<&Shape> = Vec::new();
    for shape in &drawing.shapes {
        if run.first().is_some_and(|first| kind(first) != kind(shape)) {
            lines += &summary(&std::mem::take(&mut run));
        }
        match shape {
            Shape::Label(label) => {
                let align = match label.align {
                    Align::Start => "from",
                    Align::Middle => "around",
                    Align::End => "up-to",
                };
                let turn = if label.upwards { "upwards" } else { "text" };
                let weight = if label.bold { " bold" } else { "" };
                let (x, y) = label.at;
                // Writing to a String cannot fail.
                let _ = writeln!(lines, "{turn} {}pt{weight} {align} {x:.1} {y:.1} : {}", label.size, label.text);
            }
            other => run.push(other),
        }
    }
    lines + &summary(&run)
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Line { .. } => "lines",
        Shape::Polygon { .. } => "polygons",
        Shape::Rectangle { .. } => "rectangles",
        Shape::Disc { .. } => "discs",
        Shape::Label(_) => "text",
    }
}

fn summary(run: &[&Shape]) -> String {
    let Some(first) = run.first() else { return String::new() };
    let mut inks: Vec<Ink> = Vec::new();
    let mut points: Vec<Point> = Vec::new();
    for shape in run {
        let (ink, corners): (&Ink, Vec<Point>) = match shape {
            Shape::Line { points, ink, .. } | Shape::Polygon { points, ink } => (ink, points.clone()),
            Shape::Rectangle { from, to, ink } => (ink, vec![*from, *to]),
            Shape::Disc { centre, ink, .. } => (ink, vec![*centre]),
            Shape::Label(_) => continue,
        };
        if !inks.contains(ink) {
            inks.push(*ink);
        }
        points.extend(corners);
    }
    let (left, right) = extent(points.iter().map(|point| point.0));
    let (top, bottom) = extent(points.iter().map(|point| point.1));
    let (kind, count, inks) = (kind(first), run.len(), inks.len());
    format!("{kind} x{count} inks:{inks} within {left:.1} {top:.1} {right:.1} {bottom:.1}\n")
}

/// Numbers before the text may differ by a point.
fn alike(a: &str, b: &str) -> bool {
    let (a, a_text) = a.split_once(" : ").unwrap_or((a, ""));
    let (b, b_text) = b.split_once(" : ").unwrap_or((b, ""));
    let near = |(a, b): (&str, &str)| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1.0,
        _ => a == b,
    };
    a_text == b_text && a.split(' ').count() == b.split(' ').count() && a.split(' ').zip(b.split(' ')).all(near)
}

/// Made-up numbers in 0..1 that are the same everywhere.
fn noise(place: usize) -> f64 {
    let mixed = (place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11) as f64 / (1u64 << 53) as f64
}

/// Two basins: every fourth model is in the smaller.
fn cluster(model: usize) -> usize {
    usize::from(model % 4 == 1)
}

/// The drawing of a figure at a width.
macro_rules! drawn {
    ($figure:expr, $width:expr) => {{
        let mut figure = $figure;
        figure.width = $width;
        figure.draw().unwrap()
    }};
}

/// Every kind of figure with this many models.
fn drawings(models: usize, width: Width) -> Vec<(&'static str, Drawing)> {
    let mut drawings = vec![
        ("curves", drawn!(lines::by_cluster(models), width)),
        ("curves-band", drawn!(lines::best_and_worst(models), width)),
        ("scatter", drawn!(points::scatter(models), width)),
        ("heatmap", drawn!(squares::heatmap(models), width)),
        ("heatmap-by-metric", drawn!(squares::by_metric(models), width)),
        ("training", drawn!(lines::training(models, false), width)),
        ("training-own-schedules", drawn!(lines::training(models, true), width)),
        ("histogram", drawn!(points::histogram(models), width)),
        ("distributions", drawn!(points::distributions(models), width)),
        ("movement", drawn!(points::movement(models), width)),
        ("sharpness", drawn!(points::sharpness(models), width)),
        ("agreement", drawn!(squares::agreement(models), width)),
        ("divergence", drawn!(squares::divergence(models), width)),
        ("surface", drawn!(squares::surface(models), width)),
        ("surface-3d", drawn!(squares::landscape(models), width)),
        ("surface-clipped", drawn!(squares::clipped(models), width)),
    ];
    // A column has room for the numbers in the cells of some five models.
    if models <= 5 || (width == Width::Page && models <= MATRIX_MODELS) {
        drawings.push(("matrix", drawn!(lines::matrix(models), width)));
    }
    drawings
}

#[test]
fn figures_of_five_models_look_as_they_did() {
    // A landscape is thousands of cells, which its own tests look at.
    for (name, drawing) in drawings(5, Width::Column).into_iter().filter(|(name, _)| *name != "surface-3d") {
        compare(name, &drawing);
    }
}

#[test]
fn nothing_overlaps_or_leaves_the_page_from_three_models_to_a_hundred() {
    for models in [3, 5, 12, 25, 100] {
        for (name, drawing) in drawings(models, Width::Column) {
            show(&format!("{name}-{models}"), &drawing);
        }
        for (name, drawing) in drawings(models, Width::Page) {
            show(&format!("{name}-page-{models}"), &drawing);
        }
    }
}

#[test]
fn awkward_data_is_drawn_within_the_page() {
    for (name, drawing) in awkward::drawings() {
        show(&name, &drawing);
    }
}

#[test]
fn a_moved_label_or_a_missing_shape_is_a_difference() {
    let before = "text 7pt from 10.0 20.0 : 0.2";
    assert!(alike(before, "text 7pt from 10.4 19.6 : 0.2"));
    for other in ["text 7pt from 12.0 20.0 : 0.2", "text 7pt from 10.0 20.0 : 0.4", "text 8pt from 10.0 20.0 : 0.2"] {
        assert!(!alike(before, other), "{other}");
    }
    assert!(!alike("lines x3 inks:1 within 0.0 0.0 1.0 1.0", "lines x4 inks:1 within 0.0 0.0 1.0 1.0"));
}
