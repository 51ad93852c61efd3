//! A folder with an experiment and a cache, and the program run in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A study of seconds: one layer, four seeds, both kinds of figures and tables.
pub const TINY: &str = include_str!("tiny.toml");

pub struct Workspace {
    folder: tempfile::TempDir,
}

/// What a run of the program gave back.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Workspace {
    pub fn new(experiment: &str) -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        workspace.write("study.toml", experiment);
        std::fs::create_dir(workspace.path("hold")).unwrap();
        // A slow machine: so many milliseconds at each of the program's places.
        if let Ok(milliseconds) = std::env::var("PIPELINE_TEST_SLOW") {
            workspace.write("hold/slow", milliseconds);
        }
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program in this folder, with nothing of the user's environment that could matter.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_of(env!("CARGO_BIN_EXE_pipeline"));
        command.args(arguments);
        command
    }

    /// The same of another program, which may start ours.
    pub fn command_of(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env("PIPELINE_HOLD", self.path("hold"));
        for name in [
            "PIPELINE_CACHE",
            "HF_TOKEN",
            "HF_HUB_CACHE",
            "HF_HUB_OFFLINE",
            "SLURM_JOB_END_TIME",
            "SLURM_JOB_ID",
            "SLURM_ARRAY_JOB_ID",
        ] {
            command.env_remove(name);
        }
        command.env("HF_HOME", self.path("hf_home")).env("HF_ENDPOINT", "http://127.0.0.1:9");
        command
    }

    pub fn pipeline(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    /// `pipeline run study.toml --backend cpu …`
    pub fn run(&self, more: &[&str]) -> Ended {
        self.pipeline(&[&["run", "study.toml", "--backend", "cpu"], more].concat())
    }

    /// Key of every finished step → the digests of its outputs, by name.
    pub fn finished(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let digests = |manifest: serde_json::Value| {
            let outputs = manifest["outputs"].as_object().unwrap().iter();
            let digests = outputs.map(|(name, output)| (name.clone(), output["digest"].as_str().unwrap().to_owned()));
            (manifest["key"].as_str().unwrap().to_owned(), digests.collect())
        };
        self.manifests().into_iter().map(digests).collect()
    }

    /// The manifests of all finished steps, in files of their own or in packs.
    pub fn manifests(&self) -> Vec<serde_json::Value> {
        let folders = std::fs::read_dir(self.path("cache/v1/steps")).into_iter().flatten();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
        let paths = files.map(|file| file.unwrap().path());
        let manifests = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let read = manifests.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
        let mut found: BTreeMap<String, serde_json::Value> = BTreeMap::new();
        for manifest in self.packed().into_iter().chain(read) {
            found.insert(manifest["key"].as_str().unwrap().to_owned(), manifest);
        }
        found.into_values().collect()
    }

    /// The manifests in packs, a line each.
    pub fn packed(&self) -> Vec<serde_json::Value> {
        let packs = std::fs::read_dir(self.path("cache/v1/packs")).into_iter().flatten();
        let paths = packs.map(|file| file.unwrap().path());
        let packs = paths.filter(|path| path.extension().is_some_and(|extension| extension == "pack"));
        let texts = packs.map(|path| std::fs::read_to_string(path).unwrap());
        let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        lines.filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// Where the manifest of a step stands.
    pub fn manifest(&self, key: &str) -> PathBuf {
        self.path(&format!("cache/v1/steps/{}/{key}.json", &key[..2]))
    }

    /// Where the bytes with this digest stand.
    pub fn object(&self, digest: &str) -> PathBuf {
        self.path(&format!("cache/v1/objects/{}/{digest}", &digest[..2]))
    }

    /// Writes the models that steps of one kind made as folders of another workspace; `name` gets the parameters.
    pub fn lay_out_models(&self, kind: &str, to: &Workspace, name: impl Fn(&serde_json::Value) -> String) {
        let mut found = false;
        for manifest in self.manifests().into_iter().filter(|one| one["kind"] == kind) {
            found = true;
            for (output, file) in
                [("config", "config.json"), ("tokenizer", "tokenizer.json"), ("weights", "model.safetensors")]
            {
                let digest = manifest["outputs"][output]["digest"].as_str().unwrap();
                to.write(
                    &format!("{}/{file}", name(&manifest["parameters"])),
                    std::fs::read(self.object(digest)).unwrap(),
                );
            }
        }
        assert!(found, "no step of kind {kind} is in the cache");
    }
}

/// What is in a folder; nothing if it is not there.
pub fn files(folder: PathBuf) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// The lines of a text, each with its spaces as one.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Whether a line of the text begins with each of these.
#[track_caller]
pub fn has(text: &str, wanted: &[&str]) {
    let lines = lines(text);
    for wanted in wanted {
        assert!(lines.iter().any(|line| line.starts_with(wanted)), "{wanted}:\n{text}");
    }
}
