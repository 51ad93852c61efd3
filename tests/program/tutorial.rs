//! What the documents tell a newcomer to type.

use std::path::Path;

use crate::workspace::{Ended, TINY, Workspace};

/// Which the tutorial's models start from.
const MODEL: &str = "models--sentence-transformers--all-MiniLM-L6-v2";

/// A folder with a file of reviews, and a tiny model in the hub's cache in the place of the real one.
fn workspace() -> Workspace {
    let maker = Workspace::new(&TINY.replace("max_length = 24", "max_length = 64"));
    maker.run(&["--until", "pretrain.start"]).ok();
    let workspace = Workspace::new("");
    maker.lay_out_models("pretrain", &workspace, |_| "model".to_owned());
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        let content = std::fs::read(workspace.path("model").join(name)).unwrap();
        workspace.write(&format!("hf_home/hub/{MODEL}/snapshots/{}/{name}", "a".repeat(40)), content);
    }
    workspace.write(&format!("hf_home/hub/{MODEL}/refs/main"), "a".repeat(40));
    let who = ["doctor", "tourist", "guest", "lawyer", "artist"];
    let row = |row: usize| {
        let (first, second) = (who[row % 5], who[(row / 5) % 5]);
        let rating = if row.is_multiple_of(2) { "good" } else { "bad" };
        format!("{row},\"the {first} saw the {second},\ntoday , row {row} .\",{rating}\n")
    };
    workspace.write("reviews.csv", format!("id,review,rating\n{}", (0..100).map(row).collect::<String>()));
    workspace
}

fn run(workspace: &Workspace, arguments: &[&str]) -> Ended {
    workspace.command(arguments).env("HF_HUB_OFFLINE", "1").output().unwrap().into()
}

/// Blocks of a document, with what they are of.
fn blocks(name: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let blocks = text.split("\n```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').unwrap()).map(|(of, text)| (of.to_owned(), text.to_owned())).collect()
}

/// The words of a command line, of which some are in quotes.
fn words(line: &str) -> Vec<String> {
    let pieces = line.split('"').enumerate();
    pieces
        .flat_map(|(place, piece)| match place % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        })
        .collect()
}

#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let workspace = workspace();
    let mut commands = 0;
    for (of, text) in blocks("docs/tutorial.md") {
        match of.as_str() {
            "toml" => {
                let study = workspace.read("reviews.toml");
                workspace.write("reviews.toml", format!("{study}\n{text}\n"));
            }
            "sh" => {
                for line in text.lines() {
                    let words = words(line);
                    assert_eq!(words[0], "pipeline");
                    let ended = run(&workspace, &words[1..].iter().map(String::as_str).collect::<Vec<_>>());
                    assert_eq!(ended.code, Some(0), "{line}\n{}\n{}", ended.out, ended.err);
                    commands += 1;
                }
            }
            _ => {}
        }
    }
    assert_eq!(commands, 9);
    for name in ["results/reviews/lines.svg", "results/reviews/basins.svg", "reviews-model/model.safetensors"] {
        assert!(workspace.path(name).exists(), "{name}");
    }
}

#[test]
fn init_writes_a_study_once_and_says_where() {
    let workspace = workspace();
    let ended = run(&workspace, &["init", "mine.toml", "--from", "reviews.csv"]).ok();
    assert_eq!(ended.out, "wrote mine.toml: look at it, then `pipeline check mine.toml`\n");
    let again = run(&workspace, &["init", "mine.toml", "--from", "reviews.csv"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("mine.toml is there already"), "{}", again.err);
    run(&workspace, &["init", "mine.toml", "--from", "reviews.csv", "--force"]).ok();
    run(&workspace, &["check", "mine.toml"]).ok();
    run(&workspace, &["init"]).ok();
    assert_eq!(run(&workspace, &["check", "quickstart.toml"]).ok().out.split(':').next(), Some("quickstart.toml"));
}

#[test]
fn a_shell_is_told_every_command() {
    let workspace = Workspace::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = workspace.pipeline(&["completions", shell]).ok().out;
        assert!(["init", "schema", "slurm"].iter().all(|command| script.contains(command)), "{shell}");
    }
    workspace.pipeline(&["man", "--to", "man"]).ok();
    for page in ["pipeline.1", "pipeline-run.1", "pipeline-init.1", "pipeline-cache-gc.1"] {
        assert!(workspace.read(&format!("man/{page}")).contains(".TH"), "{page}");
    }
    let schema = workspace.pipeline(&["schema"]).ok().out;
    let committed = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.json")).unwrap();
    assert_eq!(schema, committed);
}
