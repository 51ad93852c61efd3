//! Results that others published, in the place of a stage that measures: where their logs come from. One step reads all
//! of a stage, with an artifact for each pair, model or plane, in the form that the stage's own steps write.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::expand::Expander;
use super::files::{absolute, digest_of_file, hub, revision as revision_of, unchanged};
use crate::data::Source;
use crate::data::published::{LogFile, local_files};
use crate::engine::{Context, StageError};
use crate::fingerprint::Digest;
use crate::plain;
use crate::study::words::{Seeds, expand_braces};
use crate::study::{Checker, Diagnostic, Text};

/// Of the kinds of steps that read published results; one that has changed since has its own.
pub const VERSION: u32 = 1;

/// Where a table says that logs come from.
#[derive(Debug)]
pub struct LogsSpec {
    /// One folder on this machine, or hub repositories.
    sources: Vec<Spanned<Source>>,
    folder: Option<String>,
}

impl LogsSpec {
    pub fn check(written: &Text, folder: Option<Text>, checker: &mut Checker) -> Option<Self> {
        let names = match written.get_ref().contains('{') {
            true => match expand_braces(written.get_ref()) {
                Ok(names) => names.into_iter().map(|(_, name)| name).collect(),
                Err(message) => return checker.fail(Diagnostic::new(message, written.span())),
            },
            false => vec![written.get_ref().clone()],
        };
        let mut sources = Vec::with_capacity(names.len());
        for name in &names {
            let source = match name.parse::<Source>() {
                Ok(source) => source,
                Err(error) => return checker.fail(Diagnostic::new(error.to_string(), written.span())),
            };
            if !matches!(source, Source::Hub { .. }) && (names.len() > 1 || !matches!(source, Source::Path(_))) {
                let message = "logs come from `path:FOLDER`, `hf:REPO[@REVISION]` or several `hf:REPO-{0..99}`";
                return checker.fail(Diagnostic::new(message, written.span()));
            }
            sources.push(Spanned::new(written.span(), source));
        }
        let folder = folder.map(|folder| folder.into_inner().trim_matches('/').to_owned());
        Some(Self { sources, folder: folder.filter(|folder| !folder.is_empty()) })
    }

    pub fn span(&self) -> std::ops::Range<usize> {
        self.sources.first().map_or(0..0, Spanned::span)
    }

    /// As the key sees them, and the folder if they are on this machine. `wanted` files count, by their names.
    ///
    /// # Errors
    /// A folder that is not there or cannot be read.
    pub fn resolve(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        of: &Expander<'_>,
    ) -> Result<(Logs, Option<String>), Diagnostic> {
        if let [source] = self.sources.as_slice()
            && let Source::Path(path) = source.get_ref()
        {
            let path = of.directory().join(path);
            let path = self.folder.as_ref().map_or(path.clone(), |folder| path.join(folder));
            if !path.is_dir() {
                let message = format!("there is no folder `{}`", path.display());
                return Err(
                    Diagnostic::new(message, source.span()).help("relative paths start at the experiment's own folder")
                );
            }
            let digest = digest_of_logs(&path, wanted).map_err(|message| Diagnostic::new(message, source.span()))?;
            let found = Logs { sources: vec![format!("blake3:{digest}")], folder: None };
            return Ok((found, Some(absolute(&path))));
        }
        let sources = self.sources.iter().map(|source| source.get_ref().to_string()).collect();
        Ok((Logs { sources, folder: self.folder.clone() }, None))
    }
}

/// The models that are expected, by the number in the log.
pub fn check_seeds(raw: &Spanned<Seeds>, checker: &mut Checker) -> Option<Vec<u64>> {
    match raw.get_ref().numbers() {
        Ok(seeds) => Some(seeds),
        Err(message) => checker.fail(Diagnostic::new(message, raw.span())),
    }
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
    /// Whether the files that are `wanted` are as they were when the key was made, where they are on this machine.
    ///
    /// # Errors
    /// They are not.
    pub fn unchanged(&self, wanted: &dyn Fn(&str) -> bool, context: &Context<'_>) -> Result<(), StageError> {
        context.local().map_or(Ok(()), |path| unchanged(path, &self.sources.concat(), digest_of_logs(path, wanted)))
    }

    /// The files that are `wanted` by their names, downloaded if need be. What lies beside them is counted in a note.
    pub fn files(&self, wanted: &dyn Fn(&str) -> bool, context: &mut Context) -> Result<Vec<LogFile>, StageError> {
        let mut files = Vec::new();
        let mut others: Vec<String> = Vec::new();
        for source in &self.sources {
            match source.parse() {
                Ok(Source::Hub { repo, revision }) => {
                    // Asked for every file of the cache and again for every file of the hub.
                    let seen = RefCell::new(BTreeSet::new());
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
                    let revision = revision_of(source, revision, context);
                    let found = hub(context)?.files(&repo, revision.as_deref(), &pick)?;
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
pub fn note_skipped(why: &str, names: &[String], context: &mut Context) {
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
fn digest_of_logs(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Digest, String> {
    let mut hasher = blake3::Hasher::new();
    for file in local_files(folder).map_err(|error| error.to_string())?.iter().filter(|file| wanted(&file.name)) {
        hasher.update(&(file.name.len() as u64).to_le_bytes());
        hasher.update(file.name.as_bytes());
        hasher.update(digest_of_file(&file.path)?.as_bytes());
    }
    Ok(hasher.finalize().into())
}

pub fn read(file: &LogFile) -> Result<Vec<u8>, StageError> {
    plain::read(&file.path).map_err(|error| StageError::new(format!("failed to read {}: {error}", file.path.display())))
}

/// `3, 4, 7`: the first of what is missing.
pub fn first_missing(missing: &[String], between: &str) -> String {
    const SHOWN: usize = 10;
    let more = if missing.len() > SHOWN { format!("{between}…") } else { String::new() };
    format!("{}{more}", missing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(between))
}
