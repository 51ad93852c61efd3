//! Text → one merged table: the file, what it `extends`, and `--set` on top, all with their positions kept.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, ExperimentError, SET, Sources};
use crate::plain;

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
/// Of an experiment and all that it extends, in bytes; a hundred thousand stages are less.
const LARGEST: usize = 8 << 20;

/// Where the text of an experiment file comes from: the disk, or an earlier revision.
pub type ReadText<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Reads `path`, the files it extends, and the `--set` overrides. `tables` are the names that an experiment's tables have.
pub fn load(path: &Path, overrides: &[String], read: ReadText<'_>, tables: &[&str]) -> Result<Loaded, ExperimentError> {
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut loaded = Loaded { sources: Sources::default(), directory, layers: Vec::new() };
    let result = loaded
        .file(path, None, &mut Vec::new(), &Reader { read, tables })
        .and_then(|()| overrides.iter().try_for_each(|text| loaded.set(text)));
    match result {
        Ok(()) => Ok(loaded),
        Err(diagnostic) => Err(ExperimentError { sources: loaded.sources, diagnostics: vec![diagnostic] }),
    }
}

pub fn from_disk(path: &Path) -> std::io::Result<String> {
    text_of(&plain::read_up_to(path, LARGEST as u64)?).map_err(std::io::Error::other)
}

/// UTF-8, or what Windows calls Unicode: UTF-16 with its mark in front.
fn text_of(bytes: &[u8]) -> Result<String, String> {
    let utf16 = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| "it begins as UTF-16 and goes on otherwise: save it as UTF-8".to_owned())
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).map_err(|error| {
            let line = 1 + bytes[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            format!("line {line} is not UTF-8: save it as UTF-8")
        }),
    }
}

impl Loaded {
    fn file(
        &mut self,
        path: &Path,
        named_at: Option<Range<usize>>,
        open: &mut Vec<PathBuf>,
        reader: &Reader<'_>,
    ) -> Result<(), Diagnostic> {
        let fail = |message| Diagnostic { message, span: named_at.clone(), help: None };
        let text = (reader.read)(path)
            .map_err(|error| fail(format!("failed to read experiment file `{}`: {error}", path.display())))?;
        // The mark that some editors put in front of UTF-8 too.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if self.sources.end() + text.len() > LARGEST {
            let help = format!("an experiment and what it extends have at most {LARGEST} bytes");
            return Err(Diagnostic { help: Some(help), ..fail(format!("`{}` is too much text", path.display())) });
        }
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // Files of an earlier revision need not be there to be found equal.
        if open.contains(&canonical) || open.len() >= MOST_LAYERS {
            return Err(fail(format!("`extends` goes in a circle: it comes back to `{}`", path.display())));
        }
        open.push(canonical);
        if let Some(what) = reader.is_none(text) {
            let help = Some("start the file with [experiment] and name = \"…\"".to_owned());
            return Err(Diagnostic { help, ..fail(format!("`{}` is not an experiment: {what}", path.display())) });
        }
        let layer = self.sources.add(&path.display().to_string(), text);
        if let Some(extends) = parse(&layer)?.get("extends") {
            let Some(base) = extends.get_ref().as_str() else {
                return Err(Diagnostic::new("`extends` must be the path of a TOML file", extends.span()));
            };
            let base = path.parent().unwrap_or(Path::new("")).join(base);
            self.file(&base, Some(extends.span()), open, reader)?;
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
        let is_value = DeTable::parse(&as_value).is_ok();
        // What begins as a list, a table or a quoted text is none.
        let opens = value.trim_start().starts_with(['[', '{', '"', '\'']);
        let layer = self.sources.add(SET, if is_value || opens { &as_value } else { &quoted });
        if opens && !is_value {
            let error = parse(&layer).err().map_or_else(String::new, |error| error.message);
            let message = format!("`{}` is not a value: {}", value.trim(), error.trim_start_matches("invalid TOML: "));
            let at = layer.len() - value.len()..layer.len();
            return Err(Diagnostic::new(message, at).help(with_quotes(key.trim(), value.trim())));
        }
        self.known_stage(&layer)?;
        self.layers.push(layer);
        Ok(())
    }

    /// A key of a stage that nobody wrote is a name mistyped. A new stage can be given whole.
    fn known_stage(&self, layer: &str) -> Result<(), Diagnostic> {
        let merged = self.merged()?;
        for (kind, stages) in parse(layer)? {
            let known = merged.get(kind.get_ref().as_ref()).and_then(|known| known.get_ref().as_table());
            let (Some(known), DeValue::Table(stages)) = (known, stages.into_inner()) else { continue };
            for (name, value) in stages {
                // `eval.new = { … }` says where its table begins; `eval.new.data = …` does not.
                let whole = value.get_ref().as_table().is_none() || layer[value.span()].starts_with('{');
                let sections = known.values().any(|stage| stage.get_ref().is_table());
                if !whole && sections && !known.contains_key(name.get_ref().as_ref()) {
                    let message = format!("there is no stage [{}.{}]", kind.get_ref(), name.get_ref());
                    let names = known.keys().map(|name| name.get_ref().as_ref());
                    return Err(Diagnostic::new(message, name.span()).suggest(name.get_ref(), names));
                }
            }
        }
        Ok(())
    }
}

/// `write --set key='["a", "b"]'`: a list of bare words with quotes around them, where that is what was meant.
fn with_quotes(key: &str, value: &str) -> String {
    let Some(inside) = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return "texts stand in quotes, lists in [ ] and tables in { }".to_owned();
    };
    let quoted = |word: &str| {
        let word = word.trim();
        let plain = word.parse::<f64>().is_ok() || word.starts_with(['"', '\'']) || word.is_empty();
        if plain { word.to_owned() } else { format!("\"{word}\"") }
    };
    let words: Vec<String> = inside.split(',').map(quoted).collect();
    format!("write --set {key}='[{}]'", words.join(", "))
}

struct Reader<'a> {
    read: ReadText<'a>,
    tables: &'a [&'a str],
}

impl Reader<'_> {
    /// What shows that a text is no experiment, without a word of it: it may be anything, such as somebody's keys.
    fn is_none(&self, text: &str) -> Option<String> {
        match DeTable::parse(text) {
            Ok(table) if table.get_ref().keys().any(|key| self.tables.contains(&key.get_ref().as_ref())) => None,
            Ok(_) => Some("it has none of the tables of one".to_owned()),
            Err(_) if text.lines().any(|line| self.begins_table(line)) => None,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                Some(format!("line {} is not TOML", 1 + before.matches('\n').count()))
            }
        }
    }

    /// `[finetune.x]` or `extends =`.
    fn begins_table(&self, line: &str) -> bool {
        let line = line.trim_start();
        let (name, ends): (_, &[char]) = match line.strip_prefix('[') {
            Some(rest) => (rest.trim_start(), &['.', ']']),
            None => (line, &['.', '=']),
        };
        self.tables.iter().any(|table| name.strip_prefix(table).is_some_and(|rest| rest.trim_start().starts_with(ends)))
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

    const TABLES: &[&str] = &["extends", "experiment", "finetune", "a"];

    #[test]
    fn layers_override_in_order() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("base.toml"), "[a.b]\nx = 1\ny = 1\nz = 1\n").unwrap();
        std::fs::write(folder.path().join("main.toml"), "extends = \"base.toml\"\n[a.b]\ny = 2\nz = 2\n").unwrap();
        let loaded =
            load(&folder.path().join("main.toml"), &["a.b.z=3".into(), "a.b.w=path:x.tsv".into()], &from_disk, TABLES)
                .unwrap();
        let merged = loaded.merged().unwrap();
        let b = merged["a"].get_ref().as_table().unwrap()["b"].get_ref().as_table().unwrap();
        let integer = |key: &str| b[key].get_ref().as_integer().unwrap().as_str().to_owned();
        assert_eq!((integer("x"), integer("y"), integer("z")), ("1".into(), "2".into(), "3".into()));
        assert_eq!(b["w"].get_ref().as_str(), Some("path:x.tsv"));
    }

    #[test]
    fn a_file_may_begin_with_a_mark_or_be_what_windows_calls_unicode() {
        let folder = tempfile::tempdir().unwrap();
        let (base, main) = ("[a.b]\nx = \"é\"\n", "extends = \"base.toml\"\n[a.b]\ny = 2\n");
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| {
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect::<Vec<u8>>()
        };
        let marked = |text: &str| format!("\u{feff}{text}").into_bytes();
        for (base, main) in [
            (marked(base), marked(main)),
            (utf16(base, u16::to_le_bytes), main.as_bytes().to_vec()),
            (base.as_bytes().to_vec(), utf16(main, u16::to_be_bytes)),
        ] {
            std::fs::write(folder.path().join("base.toml"), base).unwrap();
            std::fs::write(folder.path().join("main.toml"), main).unwrap();
            let loaded = load(&folder.path().join("main.toml"), &[], &from_disk, TABLES).unwrap();
            let merged = loaded.merged().unwrap();
            let b = merged["a"].get_ref().as_table().unwrap()["b"].get_ref().as_table().unwrap();
            assert_eq!((b["x"].get_ref().as_str(), b.len()), (Some("é"), 2));
        }
        std::fs::write(folder.path().join("main.toml"), b"a = 1\nb = \"\xe9\"\n").unwrap();
        let error = load(&folder.path().join("main.toml"), &[], &from_disk, TABLES).unwrap_err().to_string();
        assert!(error.ends_with("main.toml`: line 2 is not UTF-8: save it as UTF-8"), "{error}");
    }

    #[test]
    fn what_is_set_is_a_value_or_a_word_and_never_silently_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("main.toml");
        std::fs::write(&file, "[a.b]\nx = 1\n[a.bright]\nx = 1\n").unwrap();
        let set = |text: &str| {
            load(&file, &[text.to_owned()], &from_disk, TABLES).map(|loaded| {
                let merged = loaded.merged().unwrap();
                format!(
                    "{:?}",
                    merged["a"].get_ref().as_table().unwrap()["b"].get_ref().as_table().unwrap()["x"].get_ref()
                )
            })
        };
        assert!(set("a.b.x=0..4").unwrap().contains("String(\"0..4\")"));
        assert!(set("a.b.x=path:[x].tsv").unwrap().contains("path:[x].tsv"));
        assert!(set("a.b.x=[\"a\", \"b\"]").unwrap().contains("Array"));
        assert!(set("a.new={ x = 1 }").is_ok());
        for (text, help) in [
            ("a.b.x=[a,b]", "write --set a.b.x='[\"a\", \"b\"]'"),
            ("a.b.x=[a, 1]", "write --set a.b.x='[\"a\", 1]'"),
            ("a.b.x=[0,1", "texts stand in quotes, lists in [ ] and tables in { }"),
            ("a.b.x={ y", "texts stand in quotes, lists in [ ] and tables in { }"),
            ("a.b.x=\"y", "texts stand in quotes, lists in [ ] and tables in { }"),
            ("a.brigt.x=1", "did you mean `bright`?"),
        ] {
            let error = set(text).unwrap_err().to_string();
            assert!(error.ends_with(&format!("help: {help}")), "{error}");
        }
    }

    #[test]
    fn a_circle_of_extends_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.toml"), "extends = \"b.toml\"\n").unwrap();
        std::fs::write(folder.path().join("b.toml"), "extends = \"a.toml\"\n").unwrap();
        let error = load(&folder.path().join("a.toml"), &[], &from_disk, TABLES).unwrap_err().to_string();
        assert!(error.contains("`extends` goes in a circle"), "{error}");
    }

    #[test]
    fn what_is_no_experiment_shows_nothing_of_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            load(&path, &[], &from_disk, TABLES).map(|_| ()).unwrap_err().to_string()
        };
        for (text, what) in [
            ("hf_SECRET", "line 1 is not TOML"),
            ("# mine\n\nKEY=SECRET\nexperiment of SECRET\n", " is not TOML"),
            ("[registry]\ntoken = \"SECRET\"\n", "it has none of the tables of one"),
            ("SECRET = 1", "it has none of the tables of one"),
            ("", "it has none of the tables of one"),
        ] {
            let error = error(text);
            assert!(error.contains(what) && !error.contains("SECRET"), "{text}: {error}");
        }
        for text in ["[experiment]\nname = \n", "x y\n [ finetune.a]", "finetune.x = {\n"] {
            let error = error(text);
            assert!(error.contains("invalid TOML") && error.contains(" | "), "{text}: {error}");
        }
        // Whoever has a whole experiment of text too much is told so.
        let error = error(&format!("[experiment]\nname = \"{}\"", "x".repeat(LARGEST)));
        assert!(error.contains("and at most 8388608 are taken"), "{error}");
    }
}
