//! Says which commit the program is built from, for `pipeline --version`. Without git, or in a folder that is no
//! checkout of its own, nothing is said.

use std::path::Path;
use std::process::Command;

fn main() {
    let root = env!("CARGO_MANIFEST_DIR");
    let git = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("git").args(["--no-optional-locks", "-C", root]).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let watch = |path: &str| {
        // What is watched and not there would be a change at every build.
        if Path::new(path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    };
    for path in ["build.rs", "src", "Cargo.toml", "Cargo.lock"] {
        watch(path);
    }
    // Copied into somebody else's repository, the commit would be theirs.
    let own = git(&["rev-parse", "--show-cdup"]).is_some_and(|up| up.is_empty());
    let commit = if own { git(&["rev-parse", "HEAD"]) } else { None };
    let Some(commit) = commit else { return };
    let places =
        ["HEAD".to_owned(), git(&["symbolic-ref", "-q", "HEAD"]).unwrap_or_default(), "packed-refs".to_owned()];
    for place in places.iter().filter(|place| !place.is_empty()) {
        git(&["rev-parse", "--git-path", place]).iter().for_each(|path| watch(path));
    }
    let built_from = ["src", "build.rs", "Cargo.toml", "Cargo.lock"];
    let status = git(&[&["status", "--porcelain", "--"], &built_from[..]].concat());
    let changed = if status.is_some_and(|status| status.is_empty()) { "" } else { " with changes" };
    println!("cargo:rustc-env=PIPELINE_COMMIT={commit}{changed}");
}
