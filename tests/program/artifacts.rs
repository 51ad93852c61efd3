//! What a step reads of another one is there, or it is said what to do.

use crate::workspace::{TINY, Workspace};

/// Takes an artifact out of the manifests of one kind, as if an earlier version had made them.
fn take_out(workspace: &Workspace, kind: &str, artifact: &str) {
    for mut manifest in workspace.manifests().into_iter().filter(|one| one["kind"] == kind) {
        // The first versions wrote no seal.
        manifest.as_object_mut().unwrap().remove("seal");
        manifest["outputs"].as_object_mut().unwrap().remove(artifact).unwrap();
        let key = manifest["key"].as_str().unwrap();
        let path = workspace.manifest(key);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path, manifest.to_string()).unwrap();
    }
}

#[test]
fn an_artifact_that_is_missing_is_an_error_and_no_other_key() {
    let workspace = Workspace::new(TINY.split("[eval.").next().unwrap());
    workspace.run(&["--until", "finetune"]).ok();
    let whole = workspace.finished();
    take_out(&workspace, "pretrain", "tokenizer");
    for command in [&["plan", "study.toml"][..], &["run", "study.toml", "--backend", "cpu"], &["show", "study.toml"]] {
        let ended = workspace.pipeline(command);
        assert_ne!(ended.code, Some(0), "{command:?}: {}", ended.out);
        let said = "needs the artifact `tokenizer` of pretrain.start, and the cache holds that step without it";
        assert!(ended.err.contains(said) && ended.err.contains("--force pretrain.start"), "{command:?}: {}", ended.err);
    }
    assert_eq!(workspace.finished().len(), whole.len());
    workspace.run(&["--force", "pretrain.start"]).ok();
    assert_eq!(workspace.finished(), whole);
}

#[test]
fn what_is_found_damaged_when_it_is_shown_ends_with_1() {
    let workspace =
        Workspace::new("[experiment]\nname = \"given\"\n\n[cluster.given]\nseeds = \"0..1000\"\nmembers = \"7, 9\"\n");
    let archive = ["cache", "export", "study.toml", "--to", "given.pipeline"];
    for command in [&["show", "study.toml"][..], &["results", "study.toml"], &archive] {
        workspace.run(&[]).ok();
        workspace.pipeline(command).ok();
        std::fs::remove_file(workspace.path("given.pipeline")).ok();
        let manifest = workspace.manifests().remove(0);
        let digest = manifest["outputs"]["clusters"]["digest"].as_str().unwrap();
        let object = workspace.object(digest);
        let mut bytes = std::fs::read(&object).unwrap();
        bytes[100] ^= 4;
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, bytes).unwrap();
        let ended = workspace.pipeline(command);
        assert!(ended.err.contains("in the cache is damaged"), "{command:?}: {}", ended.err);
        assert_eq!(ended.code, Some(1), "{command:?}: {}", ended.err);
    }
}
