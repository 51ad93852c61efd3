//! Two versions of a study, in git and outside.

use std::process::Command;

use serde_json::Value;

use crate::workspace::{Ended, TINY, Workspace, has, lines};

fn git(workspace: &Workspace, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=x", "-c", "user.email=x@y", "-c", "init.defaultBranch=main"]).args(arguments);
    let output = git.current_dir(workspace.path("")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(workspace: &Workspace) {
    git(workspace, &["add", "study.toml", "base.toml"]);
    git(workspace, &["commit", "-qm", "x"]);
}

fn diff(workspace: &Workspace, arguments: &[&str]) -> Ended {
    workspace.pipeline(&[&["diff"], arguments].concat())
}

/// The study is what another file extends; both are of the same revision.
#[test]
fn two_versions_are_compared_from_what_they_say_to_what_came_out() {
    let workspace = Workspace::new("extends = \"base.toml\"\n[experiment]\nname = \"tiny\"\n");
    let outside = diff(&workspace, &["study.toml"]);
    assert!(outside.code == Some(2) && outside.err.contains("study.toml` is in no git repository"), "{}", outside.err);
    let expected = "[expect.good]\nmetric = \"eval.in_domain:accuracy\"\nbetween = [0, 1]\n";
    workspace.write("base.toml", format!("{TINY}{expected}"));
    let plain = diff(&workspace, &["study.toml", "base.toml"]).ok().out;
    assert_eq!(plain, "study.toml (in no git repository) → base.toml (in no git repository)\nno difference\n");
    git(&workspace, &["init", "-q"]);
    commit(&workspace);
    workspace.run(&["--jobs", "2"]).ok();
    assert!(diff(&workspace, &["study.toml"]).ok().out.ends_with("no difference\n"));
    let manifest = workspace.manifests().into_iter().find(|one| one["kind"] == "finetune").unwrap();
    assert!(manifest["provenance"]["git"]["clean"] == true, "{}", manifest["provenance"]);
    let explained = workspace.pipeline(&["explain", "study.toml", "pretrain.start"]).ok().out;
    assert!(lines(&explained).iter().any(|line| line.starts_with("study commit ") && !line.contains("changes")));

    // A value in the file that is extended; and the same said in another way.
    let other = TINY.replace("learning_rate = 3e-2", "learning_rate = 2e-2").replace("epochs = 2", "epochs = 2.0");
    let other = other.split("[plot.curves]").next().unwrap().to_owned()
        + "[eval.new]\nmodels = \"agents\"\ndata = \"sentences.in_domain[0..20]\"\n";
    workspace.write("base.toml", format!("{other}{}", expected.replace("[0, 1]", "[2, 3]")));
    let before = diff(&workspace, &["study.toml"]).ok().out;
    has(
        &before,
        &[
            "study.toml@HEAD (",
            "finetune.agents learning_rate 0.03 0.02 base.toml:28",
            "plot.curves there -",
            "eval.new - there",
            "finetune.agents 4 4 0 4 0 4 and 0",
            "eval.passive 4 4 0 0 4 4 and 0",
            "plot.curves 1 0 0 0 0 1",
            "of the second, ",
            "heatmap not drawn yet in the second",
        ],
    );
    assert!(!before.contains("epochs") && !before.contains("fetch.sentences"), "{before}");
    assert!(before.lines().next().unwrap().ends_with(" with changes)"), "{before}");
    assert_eq!(workspace.run(&["--jobs", "2"]).code, Some(5));
    let dirty = workspace.manifests().into_iter().filter(|one| one["provenance"]["git"]["clean"] == false).count();
    assert!(dirty >= 4, "{dirty}");
    let after = diff(&workspace, &["study.toml@HEAD", "study.toml"]).ok().out;
    has(
        &after,
        &[
            "finetune.agents 4 4 0 4 0 4 and 4",
            "passive:loss 0.",
            "basins ",
            "heatmap other numbers",
            "curves only of the first",
            "good mean of in_domain:accuracy holds (0.",
        ],
    );
    assert!(after.contains("does not hold (0."), "{after}");
    commit(&workspace);
    let json = diff(&workspace, &["study.toml@HEAD~1", "study.toml@HEAD", "--json"]).ok().out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["said"]["changed"].as_array().unwrap().len(), 2, "{}", json["said"]);
    let metric = json["came_out"]["metrics"].as_array().unwrap().iter().find(|one| one["metric"] == "passive:loss");
    let metric = metric.unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let (first, second) = (number(&metric["first"]["mean"]), number(&metric["second"]["mean"]));
    assert!((number(&metric["difference"]["mean"]) - (second - first)).abs() < 1e-12);
    assert!(number(&metric["first"]["low"]) < first && first < number(&metric["first"]["high"]));
    assert_eq!((&metric["first"]["models"], &json["first"]["committed"]), (&4.into(), &true.into()));
    assert_eq!(json["came_out"]["clusters"][0]["common"], 4);

    // A file that is gone, and what is none.
    std::fs::remove_file(workspace.path("base.toml")).unwrap();
    diff(&workspace, &["study.toml@HEAD~1", "study.toml@HEAD"]).ok();
    for (arguments, said) in [
        (&["study.toml@nowhere"][..], "error: git knows no revision `nowhere` in the repository of `study.toml`\n"),
        (&["study.toml@HEAD", "study.toml"], "failed to read experiment file `base.toml`"),
        (&["other.toml@HEAD"], "error: in other.toml@HEAD: failed to read experiment file `other.toml`"),
    ] {
        let refused = diff(&workspace, arguments);
        assert!(refused.code == Some(2) && refused.err.contains(said), "{arguments:?}: {}", refused.err);
    }
}

/// Built without git it says so; the short form is one line.
#[test]
fn the_version_tells_the_commit_and_the_backends() {
    let workspace = Workspace::new("");
    let long = workspace.pipeline(&["--version"]).ok().out;
    let lines: Vec<&str> = long.lines().collect();
    assert_eq!(lines[0], format!("pipeline {}", env!("CARGO_PKG_VERSION")));
    let commit = lines[1].strip_prefix("commit: ").unwrap();
    let hexadecimal = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(hexadecimal(commit.split(' ').next().unwrap()) || commit == "unknown, it was built without git", "{long}");
    assert!(lines[2].starts_with("backends: cpu"), "{long}");
    assert_eq!(workspace.pipeline(&["-V"]).ok().out, format!("{}\n", lines[0]));
}
