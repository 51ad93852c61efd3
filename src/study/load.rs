//! Text → one merged table: the file, what it `extends`, and `--set` on top, all with their positions kept.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, ExperimentError, SET, Sources};

/// The texts of an experiment; later layers override earlier ones. Each is padded to its place in `sources`.
#[derive(Debug)]
pub struct Loaded {
    pub sources: Sources,
    pub directory: PathBuf,
    layers: Vec<String>,
}

impl Loaded {
    /// One table out of all layers; values keep the positions where they were written.
    pub fn merged(&self) -> Result<DeTable<'_>, Diagnostic> {
        let mut merged = DeTable::new();
        for layer in &self.layers {
            let mut table = parse(layer)?;
            table.remove("extends");
            merge(&mut merged, table);
        }
        Ok(merged)
    }
}

const MOST_LAYERS: usize = 64;

/// Where the text of an experiment file comes from: the disk, or an earlier revision.
pub type ReadText<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Reads `path`, the files it extends, and the `--set` overrides.
pub fn load(path: &Path, overrides: &[String], read: ReadText<'_>) -> Result<Loaded, ExperimentError> {
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut loaded = Loaded { sources: Sources::default(), directory, layers: Vec::new() };
    let result = loaded
        .file(path, None, &mut Vec::new(), read)
        .and_then(|()| overrides.iter().try_for_each(|text| loaded.set(text)));
    match result {
        Ok(()) => Ok(loaded),
        Err(diagnostic) => Err(ExperimentError { sources: loaded.sources, diagnostics: vec![diagnostic] }),
    }
}

pub fn from_disk(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

impl Loaded {
    fn file(
        &mut self,
        path: &Path,
        named_at: Option<Range<usize>>,
        open: &mut Vec<PathBuf>,
        read: ReadText<'_>,
    ) -> Result<(), Diagnostic> {
        let fail = |message| Diagnostic { message, span: named_at.clone(), help: None };
        let text = read(path)
            .map_err(|error| fail(format!("failed to read experiment file `{}`: {error}", path.display())))?;
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // Files of an earlier revision need not be there to be found equal.
        if open.contains(&canonical) || open.len() >= MOST_LAYERS {
            return Err(fail(format!("`extends` goes in a circle: it comes back to `{}`", path.display())));
        }
        open.push(canonical);
        let layer = self.sources.add(&path.display().to_string(), &text);
        if let Some(extends) = parse(&layer)?.get("extends") {
            let Some(base) = extends.get_ref().as_str() else {
                return Err(Diagnostic::new("`extends` must be the path of a TOML file", extends.span()));
            };
            let base = path.parent().unwrap_or(Path::new("")).join(base);
            self.file(&base, Some(extends.span()), open, read)?;
        }
        open.pop();
        self.layers.push(layer);
        Ok(())
    }

    fn set(&mut self, text: &str) -> Result<(), Diagnostic> {
        let Some((key, value)) = text.split_once('=') else {
            let padded = self.sources.add(SET, text);
            return Err(Diagnostic::new("`--set` needs key=value", padded.len() - text.len()..padded.len())
                .help("for example --set finetune.bert.epochs=1"));
        };
        // A bare word is meant as a string: --set fetch.paws.dataset=path:paws.tsv needs no quotes inside quotes.
        let quoted = format!("{key} = {}", toml::Value::String(value.trim().to_owned()));
        let as_value = format!("{key} = {value}");
        let text = if DeTable::parse(&as_value).is_ok() { as_value } else { quoted };
        let layer = self.sources.add(SET, &text);
        parse(&layer)?;
        self.layers.push(layer);
        Ok(())
    }
}

fn parse(text: &str) -> Result<DeTable<'_>, Diagnostic> {
    match DeTable::parse(text) {
        Ok(table) => Ok(table.into_inner()),
        Err(error) => {
            Err(Diagnostic { message: format!("invalid TOML: {}", error.message()), span: error.span(), help: None })
        }
    }
}

fn merge<'a>(base: &mut DeTable<'a>, over: DeTable<'a>) {
    for (key, value) in over {
        match base.get_mut(key.get_ref().as_ref()) {
            Some(old) if old.get_ref().is_table() && value.get_ref().is_table() => {
                if let (DeValue::Table(old), DeValue::Table(new)) = (old.get_mut(), value.into_inner()) {
                    merge(old, new);
                }
            }
            _ => {
                base.remove(key.get_ref().as_ref());
                base.insert(key, value);
            }
        }
    }
}

/// The entries of a table in the order in which they were written.
pub fn in_written_order(table: DeTable<'_>) -> Vec<(Spanned<String>, Spanned<DeValue<'_>>)> {
    let by_position: BTreeMap<_, _> = table
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            ((span.start, span.end), (Spanned::new(span, key.into_inner().into_owned()), value))
        })
        .collect();
    by_position.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_override_in_order() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("base.toml"), "[a.b]\nx = 1\ny = 1\nz = 1\n").unwrap();
        std::fs::write(folder.path().join("main.toml"), "extends = \"base.toml\"\n[a.b]\ny = 2\nz = 2\n").unwrap();
        let loaded =
            load(&folder.path().join("main.toml"), &["a.b.z=3".into(), "a.b.w=path:x.tsv".into()], &from_disk).unwrap();
        let merged = loaded.merged().unwrap();
        let b = merged["a"].get_ref().as_table().unwrap()["b"].get_ref().as_table().unwrap();
        let integer = |key: &str| b[key].get_ref().as_integer().unwrap().as_str().to_owned();
        assert_eq!((integer("x"), integer("y"), integer("z")), ("1".into(), "2".into(), "3".into()));
        assert_eq!(b["w"].get_ref().as_str(), Some("path:x.tsv"));
    }

    #[test]
    fn a_circle_of_extends_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.toml"), "extends = \"b.toml\"\n").unwrap();
        std::fs::write(folder.path().join("b.toml"), "extends = \"a.toml\"\n").unwrap();
        let error = load(&folder.path().join("a.toml"), &[], &from_disk).unwrap_err().to_string();
        assert!(error.contains("`extends` goes in a circle"), "{error}");
    }
}
