//! Planes through three models: what their points say, and a kill in the middle of one.

use pipeline::study::words::Metric;

use crate::workspace::{TINY, Workspace};

/// With points at (0, 0) and (1, 0), where two of the models stand.
const SURFACE: &str = r#"
[eval.same]
models = "agents"
data = "sentences.in_domain"
examples = 32
metrics = ["loss", "accuracy", "ece"]

[surface.plane]
models = "agents"
data = "sentences.in_domain"
examples = 32
metrics = ["loss", "accuracy", "ece"]
planes = [[0, 1, 2], [0, 2, 1], [3, 0, 1]]
range = 1.5
points_per_unit = 2.333333333333

[plot.planes]
kind = "surface"
of = "plane"
metric = "loss"
clip_x = [-1, 1.25]
"#;

fn value(csv: &str, start: &str) -> f64 {
    let line = csv.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {csv}"));
    line.split(',').nth(5).unwrap().parse().unwrap()
}

#[test]
fn the_models_lie_in_their_plane() {
    let workspace = Workspace::new(&format!("{TINY}{SURFACE}"));
    let run = workspace.run(&["--jobs", "2"]).ok();
    assert!(run.err.contains("done surface.plane[3,0,1] in "), "{}", run.err);
    let metrics = workspace.read("results/tiny/metrics.csv");
    let manifests = workspace.manifests();
    let mut seen = 0;
    for manifest in manifests.iter().filter(|manifest| manifest["kind"] == "surface") {
        let plane = &manifest["outputs"]["plane"]["inline"];
        assert_eq!(plane["points"], serde_json::json!([7, 7]));
        let step = manifest["step"].as_str().unwrap();
        let models: Vec<&str> = step.split(['[', ']']).nth(1).unwrap().split(',').collect();
        let swapped = plane["swapped"].as_bool().unwrap();
        let end = models[if swapped { 2 } else { 1 }];
        check_geometry(plane);
        let digest = manifest["outputs"]["surface"]["digest"].as_str().unwrap();
        let object = std::fs::read(workspace.object(digest)).unwrap();
        let grid = pipeline::kinds::surface::Grid::from_parquet(&object, [7, 7]).unwrap();
        assert_eq!(grid.x, [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]);
        let scale = plane["scale"].as_f64().unwrap();
        assert!(grid.y.iter().zip(&grid.x).all(|(y, x)| (y - x * scale).abs() < 1e-15));
        for (model, column) in [(models[0], 3), (end, 5)] {
            for metric in [Metric::Loss, Metric::Accuracy, Metric::Ece] {
                let wanted = value(&metrics, &format!("same,agents/{model},\"\",32,{metric},"));
                assert_eq!(grid.metrics[&metric][3 * 7 + column], wanted, "{metric} of {model} in {step}");
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 3);
    let planes = workspace.read("results/tiny/planes.csv");
    assert_eq!(planes.lines().count(), 1 + 9, "{planes}");
    assert!(
        planes.contains("surface,plane,model,x,y,length,key\nplane,\"agents/0,agents/1,agents/2\",agents/0,0.0,0.0,"),
        "{planes}"
    );
    assert!(std::fs::read(workspace.path("results/tiny/surfaces/plane.parquet")).unwrap().starts_with(b"PAR1"));
    let svg = workspace.read("results/tiny/planes.svg");
    assert!(svg.contains("loss (nats)"), "{svg}");
    assert!(!workspace.path("cache/v1/scratch").exists() || nothing_in(&workspace));
}

/// The rule for swapping, and where the models stand, follow from the three distances alone.
fn check_geometry(plane: &serde_json::Value) {
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let [d1, d2, d12] = [0, 1, 2].map(|pair| number(&plane["distances"][pair]));
    let along = (d1 * d1 + d2 * d2 - d12 * d12) / 2.0;
    let swapped = along / d1 >= d1;
    assert_eq!(plane["swapped"], swapped);
    let length = if swapped { d2 } else { d1 };
    assert_eq!(number(&plane["length"]), length);
    assert!((number(&plane["removed"]) - along / length.powi(2)).abs() < 1e-6);
    let place = |model: usize| [0, 1].map(|axis| number(&plane["places"][model][axis]));
    for (a, b, distance) in [(0, 1, d1), (0, 2, d2), (1, 2, d12)] {
        let ([ax, ay], [bx, by]) = (place(a), place(b));
        assert!(((ax - bx).hypot(ay - by) * length / distance - 1.0).abs() < 1e-9);
    }
}

fn nothing_in(workspace: &Workspace) -> bool {
    std::fs::read_dir(workspace.path("cache/v1/scratch")).map_or(0, Iterator::count) == 0
}

/// Whole rows of the step that is running.
fn rows(workspace: &Workspace) -> usize {
    let steps = std::fs::read_dir(workspace.path("cache/v1/scratch")).into_iter().flatten();
    let files = steps.filter_map(|step| std::fs::read_dir(step.ok()?.path()).ok()).flatten();
    files.filter(|file| file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().starts_with("row-"))).count()
}

#[test]
fn a_killed_surface_goes_on_after_its_last_whole_row() {
    let study = format!("{TINY}{SURFACE}")
        .replace("planes = [[0, 1, 2], [0, 2, 1], [3, 0, 1]]", "planes = [[0, 1, 2]]")
        .replace("points_per_unit = 2.333333333333", "points_per_unit = 4");
    let untouched = Workspace::new(&study);
    untouched.run(&["--jobs", "1"]).ok();

    let workspace = Workspace::new(&study);
    for row in [1, 6] {
        workspace.kill_at(&format!("row-{row}"));
        assert_eq!(rows(&workspace), row + 1);
    }
    workspace.run(&["--jobs", "1"]).ok();
    assert_eq!(workspace.finished(), untouched.finished());
    let manifests = workspace.manifests();
    let surface = manifests.iter().find(|manifest| manifest["kind"] == "surface").unwrap();
    assert_eq!(surface["provenance"]["facts"]["rows_of_an_interrupted_run"], "7");
    assert!(nothing_in(&workspace));
}

#[test]
fn wrong_planes_are_named_where_they_are_written() {
    let error = |from: &str, to: &str| {
        let changed = SURFACE.replace(from, to);
        assert_ne!(changed, SURFACE, "{from}");
        let ended = Workspace::new(&format!("{TINY}{changed}")).pipeline(&["check", "study.toml"]);
        assert_ne!(ended.code, Some(0), "{to}");
        ended.err
    };
    let planes = "planes = [[0, 1, 2], [0, 2, 1], [3, 0, 1]]";
    for (from, to, wanted) in [
        (planes, "", "a plane goes through three models, and this names 4"),
        (planes, "planes = [[0, 1, 1]]", "the plane 0, 1, 1 names a model twice"),
        (planes, "planes = [[0, 1, 9]]", "there is no model `9` among those of this stage"),
        (planes, "planes = [[0, 1]]", "a list of planes through three models each, such as [[7, 22, 31], [7, 22, 40]]"),
        (planes, "planes = []", "`planes` is empty"),
        ("range = 1.5", "range = 0", "`range` must be greater than 0"),
        ("range = 1.5", "range = 1.6", "must be a whole number of at least 2"),
        ("range = 1.5", "range = 1500", "a grid of 7000 × 7000 points is too large"),
        ("[-1, 1.25]", "[1.25, -1]", "`clip_x` must be two numbers, the lower one first"),
        ("metric = \"loss\"", "metric = \"f1\"", "[surface.plane] does not measure `f1`"),
        ("kind = \"surface\"", "kind = \"curves\"", "a curves has no `clip_x`"),
        ("of = \"plane\"", "of = []", "`of` is empty"),
        ("of = \"plane\"", "of = [\"plane\", \"plan\"]", "there is no stage [surface.plan]"),
    ] {
        let found = error(from, to);
        assert!(found.contains(wanted), "{to}: {found}");
    }
}
