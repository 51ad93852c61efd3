//! A tokenizer from the hub or a folder, for a model that was saved without one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::model::{Named, digest_of_named};
use crate::data::{Assembled, Source, TokenizerFiles, tokenizer_files, walk};
use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::fingerprint::Digest;
use crate::kinds::files::{hub, revision as revision_of, unchanged};
use crate::kinds::models::TOKENIZER;
use crate::plain;

/// May name the tokenizer's class.
const CONFIG: &str = "config.json";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// `hf:REPO[@REVISION]`, or `blake3:…` of a local folder's files.
    pub source: String,
    /// The source's name says that its texts are cased, which decides where none of its files does.
    pub cased: bool,
}

impl StepKind for Params {
    const KIND: &'static str = "fetch-tokenizer";
    const VERSION: u32 = 1;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let files = match (self.source.parse(), context.local()) {
            (Ok(Source::Hub { repo, revision }), _) => {
                let revision = revision_of(&self.source, revision, context);
                let found = hub(context)?.tokenizer_files(&repo, revision.as_deref())?;
                context.fact("revision", &found.commit);
                found.note.iter().for_each(|note| context.note(note));
                found.files
            }
            (_, Some(folder)) => local_files(folder)?,
            (_, None) => return Err(StageError::new("the tokenizer has no place to come from").into()),
        };
        let mut read = BTreeMap::new();
        for (name, path) in files {
            let bytes = plain::read(&path)
                .map_err(|error| StageError::new(format!("failed to read `{}`: {error}", path.display())))?;
            read.insert(name, bytes);
        }
        let named = read.remove(CONFIG).map(|config| Named::of(&config)).unwrap_or_default();
        let files = TokenizerFiles {
            files: read,
            class: named.tokenizer_class,
            model_type: named.model_type,
            cased: self.cased,
        };
        let Assembled { tokenizer, notes, .. } = files.assemble()?;
        notes.iter().for_each(|note| context.note(note));
        if let Some(path) = context.local() {
            unchanged(path, &self.source, digest_of_folder(path))?;
        }
        let mut outputs = Outputs::default();
        outputs.bytes(&TOKENIZER, tokenizer.to_json()?.into_bytes());
        Ok(outputs)
    }

    fn look(&self, context: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd> {
        let here = match self.source.parse() {
            Ok(Source::Hub { repo, revision }) => hub(context)?.tokenizer_files(&repo, revision.as_deref()).is_ok(),
            _ => context.local().is_some(),
        };
        here.then(|| self.run(context)).transpose()
    }
}

/// The files of a folder that are its tokenizer.
fn local_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, StageError> {
    let names = walk::names(folder)
        .map_err(|error| StageError::new(format!("failed to read `{}`: {error}", folder.display())))?;
    let mut chosen = tokenizer_files(&names)
        .map_err(|lacking| StageError::new(format!("`{}` is no tokenizer: it has {lacking}", folder.display())))?;
    chosen.extend(names.into_iter().filter(|name| name == CONFIG));
    Ok(chosen.into_iter().map(|name| (name.clone(), folder.join(name))).collect())
}

/// Of exactly those files of a folder that are read, by name and content.
pub fn digest_of_folder(folder: &Path) -> Result<Digest, String> {
    digest_of_named(&local_files(folder).map_err(|error| error.message)?)
}
