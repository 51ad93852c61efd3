//! A first study of data that somebody has: looks at the columns and proposes what is text and what is a class.

mod columns;
mod study;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use columns::{Guess, looks_like_data};
use study::{Division, Proposal, stem};

use crate::data::look::{self, SeenColumn};
use crate::data::{Columns, DataError, Format, Hub, LabelWords, Reading, Source, read_tables};

/// The study in miniature that the program ships.
const QUICKSTART: &str = include_str!("../../experiments/quickstart.toml");

/// What is known beforehand.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Of the repository's or folder's data sets.
    pub config: Option<String>,
    /// Columns, where they are not to be guessed.
    pub text: Vec<String>,
    pub label: Option<String>,
    pub model: Option<String>,
}

/// A study, and what its reader should know.
#[derive(Debug)]
pub struct Written {
    pub text: String,
    pub notes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{0}")]
    Data(Box<DataError>),
    #[error("{0}")]
    Source(String),
    #[error("no column of {place} holds texts: {columns}; name it with --text COLUMN")]
    NoText { place: String, columns: String },
    #[error("{place} has no column `{column}`; it has {columns}")]
    NoColumn { place: String, column: String, columns: String },
}

impl From<DataError> for InitError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

/// What a study is made from.
#[derive(Debug, Clone)]
pub enum Origin {
    Quickstart,
    /// A file or a folder.
    Local(PathBuf),
    Hub {
        repo: String,
        revision: Option<String>,
    },
}

impl Origin {
    /// `quickstart`, `hf:REPO[@REVISION]`, or a path with `path:` in front or without.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "quickstart" {
            return Ok(Self::Quickstart);
        }
        match text.parse::<Source>() {
            Ok(Source::Hub { repo, revision }) => Ok(Self::Hub { repo, revision }),
            Ok(Source::Path(path)) => Ok(Self::Local(path)),
            Ok(Source::Https(_)) => Err("download it first, and name the file".to_owned()),
            Ok(Source::Builtin(_)) => Err("write quickstart for the study with built-in data".to_owned()),
            Err(_) if !text.contains(':') || Path::new(text).exists() => Ok(Self::Local(text.into())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What a study of it is called, if nobody says.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Quickstart => "quickstart".to_owned(),
            Self::Local(path) => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Format::of_name(&name).map_or(name.clone(), |(stem, _)| stem.to_owned())
            }
            Self::Hub { repo, .. } => repo.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        stage_name(&name)
    }
}

/// Letters, digits, `_` and `-`.
fn stage_name(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = text.chars().take(60).map(fits).collect();
    if name.chars().all(|c| c == '_') { "data".to_owned() } else { name }
}

/// The text of a study that lies at `to`.
///
/// # Errors
/// Data that cannot be read, or in which no texts are seen.
pub fn study(from: &Origin, to: &Path, asked: &Asked) -> Result<Written, InitError> {
    let (source, splits) = match from {
        Origin::Quickstart => {
            let text =
                QUICKSTART.lines().skip_while(|line| line.starts_with("#:schema")).collect::<Vec<_>>().join("\n");
            return Ok(Written { text: text + "\n", notes: Vec::new() });
        }
        Origin::Local(path) => {
            std::fs::metadata(path)
                .map_err(|error| InitError::Source(format!("failed to read {}: {error}", path.display())))?;
            (format!("path:{}", beside(path, to)), look::splits_of_folder(path, asked.config.as_deref())?)
        }
        Origin::Hub { repo, revision } => {
            let revision = revision.as_deref();
            let at = revision.map_or(String::new(), |revision| format!("@{revision}"));
            let splits = look::splits_of_repository(&Hub::from_env()?, repo, revision, asked.config.as_deref())?;
            (format!("hf:{repo}{at}"), splits)
        }
    };
    let (train, held_out) = roles(&splits);
    let files = |split: &str| -> Result<Vec<PathBuf>, DataError> {
        match from {
            Origin::Hub { repo, revision } => {
                let config = asked.config.as_deref();
                Ok(Hub::from_env()?.dataset_files(repo, revision.as_deref(), config, split)?.files)
            }
            Origin::Local(path) => crate::data::local_split(path, asked.config.as_deref(), split),
            Origin::Quickstart => Ok(Vec::new()),
        }
    };
    let of_train = files(train.as_deref().unwrap_or_default())?;
    let place = of_train.first().map_or(String::new(), |file| file.display().to_string());
    let format = look::format_of(&of_train)?;
    let first = of_train.first().cloned().unwrap_or_default();
    let (reading, mut notes) = reading(&first, format)?;
    let columns = look::columns(&first, format, reading)?;
    let mut guess = guess(&columns, asked, &place)?;
    if let Some(label) = &mut guess.label {
        let numbers = label.names.iter().map(|name| name.parse::<usize>()).collect::<Result<Vec<_>, _>>();
        let told = look::class_names(&first, &label.column);
        let told = told.filter(|told| numbers.is_ok_and(|numbers| numbers.iter().all(|number| *number < told.len())));
        label.names = told.unwrap_or_else(|| std::mem::take(&mut label.names));
    }

    // The program reads it as the study will.
    let spec = |label: bool| Columns {
        text: guess.text.clone(),
        label: guess.label.as_ref().filter(|_| label).map(|label| label.column.clone()),
        labels: LabelWords {
            names: guess.label.iter().flat_map(|label| label.names.clone()).collect(),
            values: Vec::new(),
            drop: guess.label.iter().flat_map(|label| label.drop.clone()).collect(),
        },
        keep: guess.split.iter().map(|split| split.column.clone()).collect(),
        reading,
    };
    let read = read_tables(&of_train, format, &spec(true))?;
    notes.extend(read.notes);
    let rows = read.dataset.len();
    let division = match (&train, &held_out, &guess.split) {
        (Some(train), Some(held_out), _) => Division::Splits { train: train.clone(), held_out: held_out.clone() },
        (_, _, Some(split)) => Division::Column(split.clone()),
        (train, _, None) => {
            let split = train.clone().unwrap_or_else(|| stem(&first));
            Division::Rows { split, rows }
        }
    };
    notes.extend(division.unbalanced(&read.dataset));
    let name = to.file_stem().map_or_else(|| from.name(), |stem| stage_name(&stem.to_string_lossy()));
    let proposal = Proposal {
        name,
        file: to.display().to_string(),
        source,
        stage: from.name(),
        config: asked.config.clone(),
        format: Format::of(&first).is_err().then_some(format),
        model: asked.model.clone(),
        reading,
        dataset: &read.dataset,
        columns: &columns,
        guess: &guess,
        division,
    };
    Ok(Written { text: proposal.text(), notes })
}

/// Which split models are trained on, and which they are asked about.
fn roles(splits: &[String]) -> (Option<String>, Option<String>) {
    let first =
        |names: &[&str]| names.iter().find_map(|name| splits.iter().find(|split| split.starts_with(name))).cloned();
    let train = first(&["train"]).or_else(|| splits.first().cloned());
    let held_out =
        first(&["validation", "valid", "dev", "val", "eval", "test"]).filter(|split| Some(split) != train.as_ref());
    (train, held_out)
}

/// How the file is to be read, where that is not as its ending says: what separates fields, whether there is a line of
/// names, and whether some rows are broken.
fn reading(file: &Path, format: Format) -> Result<(Reading, Vec<String>), InitError> {
    let (mut reading, mut notes) = (Reading::default(), Vec::new());
    if matches!(format, Format::Csv | Format::Tsv) {
        if let Err(DataError::Separator { separator, .. }) = look::columns(file, format, reading) {
            reading.separator = Some(separator);
        }
        if let Err(DataError::BadRows { broken, rows, .. }) = look::columns(file, format, reading)
            && broken * 20 <= rows
        {
            reading.skip_bad_rows = true;
            notes.push(format!("{broken} of {rows} rows cannot be read and are left out"));
        }
        let bare = Reading { header: false, ..reading };
        if look::columns(file, format, bare).is_ok_and(|columns| looks_like_data(&columns)) {
            reading = bare;
            notes.push("the first row looks like data, so columns are called 0, 1 and so on".to_owned());
        }
    }
    Ok((reading, notes))
}

fn guess(columns: &[SeenColumn], asked: &Asked, place: &str) -> Result<Guess, InitError> {
    let names = || columns.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ");
    for column in asked.text.iter().chain(&asked.label) {
        if columns.iter().all(|there| there.name != *column) {
            let (place, column) = (place.to_owned(), column.clone());
            return Err(InitError::NoColumn { place, column, columns: names() });
        }
    }
    let guess = Guess::of(columns, &asked.text, asked.label.as_deref());
    match guess.text.is_empty() {
        true => Err(InitError::NoText { place: place.to_owned(), columns: names() }),
        false => Ok(guess),
    }
}

/// A path as a study writes it that lies at `to`: from its folder, where both are relative.
fn beside(path: &Path, to: &Path) -> String {
    let above = to.parent().unwrap_or(Path::new("")).components().filter(|part| *part != std::path::Component::CurDir);
    let above: Vec<_> = above.collect();
    let plain = above.iter().all(|part| matches!(part, std::path::Component::Normal(_)));
    let way = match (path.is_absolute(), plain) {
        (true, _) => path.to_owned(),
        (false, true) => above.iter().map(|_| Path::new("..")).collect::<PathBuf>().join(path),
        (false, false) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    };
    way.display().to_string()
}
