//! What a step is, and where everything in it comes from.

use serde_json::Value;

use crate::workspace::{TINY, Workspace, has, lines};

fn explain(workspace: &Workspace, arguments: &[&str]) -> String {
    workspace.pipeline(&[&["explain", "study.toml"], arguments].concat()).ok().out
}

#[test]
fn a_step_is_explained_by_what_made_it_and_by_what_keeps_it_from_being_fresh() {
    let workspace = Workspace::new(TINY);
    has(
        &explain(&workspace, &["pretrain.start"]),
        &["state waiting", "why waiting on fetch.sentences[pretraining]: never run"],
    );
    workspace.run(&[]).ok();
    let fresh = explain(&workspace, &["finetune.agents[seed=3]"]);
    has(
        &fresh,
        &[
            "finetune.agents[seed=3]",
            "step finetune version 1, study.toml:",
            "state fresh",
            "ran 20",
            "key ",
            "head_seed 3 study.toml:",
            "recipe.learning_rate 0.03 study.toml:",
            "recipe.weight_decay ",
            "precision \"f32\" [experiment]",
            "made ",
            "needed by 1 of cluster.basins",
            "1 of eval.passive",
        ],
    );
    assert!(lines(&fresh).iter().any(|line| line.contains("model.weights = weights of pretrain.start ")), "{fresh}");
    assert!(fresh.contains("recipe adamw") || fresh.contains("recipe hf"), "{fresh}");

    // Another value: what is another, and that it was said on the command line.
    let set = ["finetune.agents[seed=3]", "--set", "finetune.agents.learning_rate=0.02"];
    has(
        &explain(&workspace, &set),
        &["state will run", "why changed: recipe.learning_rate 0.03 → 0.02", "recipe.learning_rate 0.02 --set"],
    );
    let waiting = explain(&workspace, &["plot.heatmap", "--set", "finetune.agents.learning_rate=0.02"]);
    has(
        &waiting,
        &["state waiting", "why waiting on finetune.agents[seed=0]: changed: recipe.learning_rate 0.03 → 0.02"],
    );
    // Of a study by another name, nothing of which ever ran, what comes nearest.
    workspace.write("study.toml", TINY.replace("name = \"tiny\"", "name = \"other\""));
    has(
        &explain(&workspace, &set),
        &["why never run; the nearest in the cache is finetune.agents[seed=3] (", "state will run"],
    );

    // By its key, as tables have it, and by a file among the results.
    workspace.write("study.toml", TINY);
    let json: Value = serde_json::from_str(&explain(&workspace, &["finetune.agents[seed=3]", "--json"])).unwrap();
    let key = json[0]["key"].as_str().unwrap();
    assert_eq!(explain(&workspace, &[&key[..12]]), fresh);
    assert_eq!(json[0]["parameters"].as_array().unwrap().iter().filter(|one| one["name"] == "head_seed").count(), 1);
    let file = explain(&workspace, &["results/tiny/clusters.csv"]);
    assert!(file.starts_with("cluster.basins\n"), "{file}");
    for (wrong, said) in [
        ("finetune.agents[seed=33]", "did you mean `finetune.agents[seed=3]`?"),
        ("0123456789abcdef", "no step of this experiment has a key that begins with 0123456789abcdef"),
        ("study.toml", "no results.json beside it names it"),
    ] {
        let refused = workspace.pipeline(&["explain", "study.toml", wrong]);
        assert!(refused.code == Some(2) && refused.err.contains(said), "{wrong}: {}", refused.err);
    }
}
