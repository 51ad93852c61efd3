//! Every block of TOML in the documents is a study that the program takes, or a part of the README's first one.

use std::path::Path;

use toml::{Table, Value};

use crate::workspace::Workspace;

/// Blocks of TOML, each with the number of the line before it.
fn blocks(document: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = document.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() == "```toml" {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            blocks.push((number + 1, inside.collect::<Vec<_>>().join("\n")));
        }
    }
    blocks
}

/// The study with the stages of a part: whole tables, which take the place of those that go by the same name.
fn completed(part: Table, study: &Table) -> Table {
    if part.contains_key("experiment") {
        return part;
    }
    let mut whole = study.clone();
    for (kind, tables) in part {
        match (whole.get_mut(&kind), tables) {
            (Some(Value::Table(there)), Value::Table(tables)) => there.extend(tables),
            (_, tables) => {
                whole.insert(kind, tables);
            }
        }
    }
    whole
}

#[test]
fn every_block_in_the_documents_is_taken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs")];
    let entries =
        folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().map(|entry| entry.unwrap().path());
    let mut documents: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    // The reference shows least tables of every sort, and its own test reads them.
    documents.retain(|path| !path.ends_with("docs/reference.md"));
    let parse = |text: &str, place: &str| text.parse::<Table>().unwrap_or_else(|error| panic!("{place}: {error}"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let study = parse(&blocks(&readme)[0].1, "the README's first study");
    assert!(study.contains_key("experiment"));

    let workspace = Workspace::new("");
    // What the documents name by a path.
    workspace.write("accuracies_by_run.csv", "Run,Lexical (nonent)\n0,0.5\n");
    workspace.write("surfaces/loss_7_22_31.pkl", "");
    workspace.write("sharpness/log.txt", "");
    let reviews: String = (0..5000).map(|row| format!("good;{};books\n", row % 5 + 1)).collect();
    workspace.write("reviews/train.csv", format!("review;stars;product\n{reviews}"));
    workspace.write("new.jsonl", "{\"review\": \"good\"}\n");
    let mut refused = String::new();
    for document in documents {
        for (line, text) in blocks(&std::fs::read_to_string(&document).unwrap()) {
            let place = format!("{}:{line}", document.strip_prefix(root).unwrap().display());
            workspace.write("study.toml", completed(parse(&text, &place), &study).to_string());
            let checked = workspace.pipeline(&["check", "study.toml"]);
            if checked.code != Some(0) {
                refused += &format!("{place}:\n{}\n", checked.err);
            }
        }
    }
    assert!(refused.is_empty(), "{refused}");
}
