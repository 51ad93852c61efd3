//! Published results in the place of stages that measure: one step reads all of a stage, with an artifact for each pair,
//! model or plane, in the form that [`interpolate`](super::interpolate), [`eval`](super::eval),
//! [`surface`](super::surface) and [`sharpness`](super::sharpness) write.

mod evaluations;
mod lines;
mod runs;
mod sharpness;
mod surfaces;

pub use evaluations::{evaluations, needs_data};
pub use lines::lines;
pub use runs::runs;
pub use sharpness::sharpness;
pub use surfaces::{plane_name, surfaces};

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::published::{LogFile, local_files};
use crate::data::{Format, Hub, Source};
use crate::engine::{Context, StageError};
use crate::fingerprint::Digest;
use crate::stages::fetch::digest_of_file;

pub const VERSION: u32 = 1;

/// Text logs of lines, as `path:` or `hf:` folders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinesParams {
    pub logs: Logs,
    /// The models by number; the outputs `line:7,22` are between their labels.
    pub models: Vec<u64>,
    /// Places in `models` of both ends; all pairs without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Vec<[usize; 2]>>,
    pub metrics: Vec<String>,
}

/// Evaluations as JSON, a file a model; the outputs are `metrics:7`, `examples:7` and
/// `sentences:7`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvaluationsParams {
    pub logs: Logs,
    /// Names of files, with `{}` for the model's number.
    pub file: String,
    pub models: Vec<u64>,
    pub metrics: Vec<String>,
    /// Columns of the input `data`, or `label`.
    pub by: Vec<String>,
}

/// A table with a row a run; the outputs are `metrics:7`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunsParams {
    /// `blake3:…` of the file.
    pub source: String,
    pub format: Format,
    /// The column that holds the run's number.
    pub model: String,
    pub models: Vec<u64>,
    /// Metric, with its group in brackets, → column.
    pub columns: BTreeMap<String, String>,
}

/// Surfaces as Python pickles, a file for each plane and metric; the outputs are `plane:7,22,31` and
/// `surface:7,22,31`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SurfacesParams {
    pub logs: Logs,
    /// Metric → names of files, with `{}` three times for the models' numbers or without.
    pub files: BTreeMap<String, String>,
    /// The models `w0`, `w1` and `w2` of each plane.
    pub planes: Vec<[u64; 3]>,
}

/// Text logs of sharpness; the outputs are `sharpness:7`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SharpnessParams {
    pub logs: Logs,
    pub models: Vec<u64>,
}

/// Where logs come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logs {
    /// `hf:REPO[@REVISION]`, one or several, or `blake3:…` of a local folder's logs.
    pub sources: Vec<String>,
    /// The folder of the repository that is read.
    pub folder: Option<String>,
}

impl Logs {
    /// The files that are `wanted` by their names, downloaded if need be. What lies beside them is counted in a note.
    fn files(&self, wanted: &dyn Fn(&str) -> bool, context: &mut Context) -> Result<Vec<LogFile>, StageError> {
        let mut files = Vec::new();
        let mut others: Vec<String> = Vec::new();
        for source in &self.sources {
            match source.parse() {
                Ok(Source::Hub { repo, revision }) => {
                    // Asked for every file of the cache and again for every file of the hub.
                    let seen = RefCell::new(std::collections::BTreeSet::new());
                    let pick = |name: &str| {
                        let inside = self.folder.as_ref().is_none_or(|folder| {
                            name.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
                        });
                        let chosen = inside && wanted(name);
                        if inside && !chosen {
                            seen.borrow_mut().insert(name.to_owned());
                        }
                        chosen
                    };
                    let found = Hub::from_env()?.files(&repo, revision.as_deref(), &pick)?;
                    let fact = if self.sources.len() == 1 { "revision".to_owned() } else { format!("revision {repo}") };
                    context.fact(&fact, &found.commit);
                    found.note.iter().for_each(|note| context.note(note));
                    others.extend(seen.into_inner());
                    files.extend(found.files.into_iter().map(|(name, path)| LogFile { name, path }));
                }
                _ => {
                    let folder = PathBuf::from(context.location().unwrap_or_default());
                    context.fact("path", folder.display().to_string());
                    let (chosen, rest): (Vec<_>, Vec<_>) =
                        local_files(&folder)?.into_iter().partition(|file| wanted(&file.name));
                    files.extend(chosen);
                    others.extend(rest.into_iter().map(|file| file.name));
                }
            }
        }
        if files.is_empty() {
            let place = context.location().map_or_else(|| self.sources.join(", "), str::to_owned);
            return Err(StageError::new(format!("there are no logs in {place}")).help(match others.as_slice() {
                [] => "check the name, and `folder`".to_owned(),
                [first, ..] => {
                    format!("there are {} other files, such as `{first}`: check `folder` and `file`", others.len())
                }
            }));
        }
        note_skipped("beside the logs", &others, context);
        Ok(files)
    }
}

/// `skipped 3 files beside the logs: a.err, b.err, c.pkl`
fn note_skipped(why: &str, names: &[String], context: &mut Context) {
    const SHOWN: usize = 3;
    if names.is_empty() {
        return;
    }
    let files = if names.len() == 1 { "file" } else { "files" };
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    context.note(&format!("skipped {} {files} {why}: {shown}{more}", names.len()));
}

/// Of those files of a folder that are `wanted`, by name and content.
pub fn digest_of_logs(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Digest, String> {
    let mut hasher = blake3::Hasher::new();
    for file in local_files(folder).map_err(|error| error.to_string())?.iter().filter(|file| wanted(&file.name)) {
        hasher.update(&(file.name.len() as u64).to_le_bytes());
        hasher.update(file.name.as_bytes());
        hasher.update(digest_of_file(&file.path)?.as_bytes());
    }
    Ok(hasher.finalize().into())
}

fn read(file: &LogFile) -> Result<Vec<u8>, StageError> {
    std::fs::read(&file.path)
        .map_err(|error| StageError::new(format!("failed to read {}: {error}", file.path.display())))
}
