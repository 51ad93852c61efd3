//! Arrows point down: a room imports only rooms that stand below it in the list of ARCHITECTURE.md, and no files
//! import each other in a circle. What only tests import does not count.

#![allow(clippy::unwrap_used)]

mod modules;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use modules::House;

/// `from` uses something of `to`, at `line`.
struct Arrow {
    from: PathBuf,
    line: usize,
    path: String,
    to: PathBuf,
    /// The room that is named, even where it only hands on what is in another.
    room: String,
}

impl std::fmt::Display for Arrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "src/{}:{} uses {} of src/{}", self.from.display(), self.line, self.path, self.to.display())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file, by its path below `src/`.
fn sources() -> Vec<(PathBuf, String)> {
    let (base, mut found) = (root().join("src"), Vec::new());
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&base).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The first name below `src/`: a folder, or a file of its own.
fn room(file: &Path) -> String {
    Path::new(file.iter().next().unwrap()).with_extension("").display().to_string()
}

/// The list of rooms, from the top down: what is indented by two in the first block under "## Rooms".
fn listed_rooms() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let block = text.split("## Rooms").nth(1).and_then(|text| text.split("```").nth(1)).unwrap();
    let rooms = block.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = rooms.filter_map(|line| line.split_whitespace().next());
    names.map(|name| name.trim_end_matches('/').trim_end_matches(".rs").to_owned()).collect()
}

fn arrows() -> Vec<Arrow> {
    let house = House::new(&sources());
    let mut arrows = Vec::new();
    for (route, module) in &house.modules {
        for (target, mention) in house.uses(route) {
            let (from, to) = (module.file.clone(), target.file);
            let outside = room(&from) != target.room;
            if from != to && (outside || !house.is_module(route, mention)) {
                arrows.push(Arrow { from, line: mention.line, path: mention.path.join("::"), to, room: target.room });
            }
        }
    }
    arrows
}

#[test]
fn every_room_is_in_the_list_of_the_architecture_and_every_name_in_it_is_a_room() {
    let rooms: BTreeSet<String> = sources().iter().map(|(file, _)| room(file)).collect();
    assert_eq!(rooms, listed_rooms().into_iter().collect::<BTreeSet<String>>());
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let floors: BTreeMap<String, usize> = listed_rooms().into_iter().enumerate().map(|(at, room)| (room, at)).collect();
    let floor = |room: &str| floors.get(room).copied().unwrap_or(usize::MAX);
    let mut up = arrows();
    up.retain(|arrow| floor(&room(&arrow.from)) > floor(&arrow.room));
    let up: Vec<String> = up.iter().map(Arrow::to_string).collect();
    assert!(up.is_empty(), "{} imports point up the list of rooms in ARCHITECTURE.md:\n{}", up.len(), up.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let arrows = arrows();
    let circles = circles(&arrows);
    let shown: Vec<String> = circles
        .iter()
        .map(|circle| circle.iter().map(|arrow| arrow.to_string()).collect::<Vec<_>>().join("\n"))
        .collect();
    assert!(shown.is_empty(), "{} circles of files:\n{}", shown.len(), shown.join("\n\n"));
}

/// A shortest circle through each file that is on one, unless a circle that is told already goes through it.
fn circles(arrows: &[Arrow]) -> Vec<Vec<&Arrow>> {
    let mut leaving: BTreeMap<&Path, Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows {
        leaving.entry(&arrow.from).or_default().push(arrow);
    }
    let mut told: Vec<Vec<&Arrow>> = Vec::new();
    for &start in leaving.keys() {
        if told.iter().flatten().any(|arrow| arrow.from == start) {
            continue;
        }
        // The arrow by which each file was reached first.
        let mut reached: BTreeMap<&Path, &Arrow> = BTreeMap::new();
        let mut open = vec![start];
        while !open.is_empty() && !reached.contains_key(start) {
            let mut next = Vec::new();
            for arrow in open.into_iter().flat_map(|file| leaving.get(file).into_iter().flatten()) {
                if !reached.contains_key(arrow.to.as_path()) {
                    reached.insert(&arrow.to, arrow);
                    next.push(arrow.to.as_path());
                }
            }
            open = next;
        }
        let Some(last) = reached.get(start) else { continue };
        let mut circle = vec![*last];
        while circle[circle.len() - 1].from != start {
            circle.push(reached[circle[circle.len() - 1].from.as_path()]);
        }
        circle.reverse();
        told.push(circle);
    }
    told
}

#[test]
fn a_circle_is_found_and_told_in_its_order() {
    let arrow = |from: &str, to: &str| Arrow {
        from: from.into(),
        line: 1,
        path: "x".into(),
        to: to.into(),
        room: room(Path::new(to)),
    };
    let arrows = [arrow("a", "b"), arrow("b", "c"), arrow("b", "d"), arrow("d", "a"), arrow("c", "e"), arrow("e", "d")];
    let circles = circles(&arrows);
    let found: Vec<Vec<&str>> =
        circles.iter().map(|circle| circle.iter().map(|arrow| arrow.from.to_str().unwrap()).collect()).collect();
    assert_eq!(found[0], ["a", "b", "d"]);
    assert!(circles.iter().any(|circle| circle.iter().any(|arrow| arrow.from == Path::new("e"))));
}

/// What others name or leave may be a pipe or a device. The cache looks at its own files itself.
#[test]
fn files_of_others_are_opened_in_one_place() {
    // The program's own files and folders, and the system's.
    let ours = [
        "plain.rs",
        "hold.rs",
        "store/",
        "data/hub/file.rs",
        "engine/crew.rs",
        "engine/worker.rs",
        "kinds/training.rs",
        "results/put.rs",
    ];
    let mut found = Vec::new();
    for (file, text) in sources() {
        let name = file.display().to_string();
        if name.contains("tests") || ours.iter().any(|ours| name.starts_with(ours)) {
            continue;
        }
        let program = text.split("#[cfg(test)]").next().unwrap();
        for call in ["fs::read(", "fs::read_to_string(", "File::open("] {
            found.extend(program.match_indices(call).map(|_| format!("src/{name}: {call}")));
        }
    }
    assert!(found.is_empty(), "use `plain` for {found:#?}");
}
