//! One stage held against what is known of the data and models that it names, before anything computes. Each kind says
//! in its own [`super::room::Spec::preflight`] what must fit; what is not known yet is not asked about.

use std::collections::BTreeMap;
use std::rc::Rc;

use toml::Spanned;

use super::known::{Blueprint, Known, Longer};
use super::models::Model;
use crate::data::{DataError, Dataset};
use crate::engine::StageId;
use crate::fingerprint::Digest;
use crate::study::words::{Checkpoint, Coordinates, DataRef, ModelRef};
use crate::study::{Diagnostic, Places};

/// So many texts are cut into tokens to see how long they are, those with the most bytes first.
const TEXTS: usize = 4096;
/// A token stands for a byte or more, and a text has so many beside its own.
const SPECIAL: usize = 8;

pub struct Preflight<'p, 'a> {
    known: &'p mut Known<'a>,
    stage: &'p StageId,
    places: &'p Places,
    /// Those that its models have in common, where a key has a list of them.
    values: Coordinates,
    errors: Vec<Diagnostic>,
    notes: Vec<String>,
}

impl<'p, 'a> Preflight<'p, 'a> {
    pub fn new(known: &'p mut Known<'a>, stage: &'p StageId, places: &'p Places) -> Self {
        Self { known, stage, places, values: Coordinates::default(), errors: Vec::new(), notes: Vec::new() }
    }

    /// Holds the stage against everything once more, as it is with these values, which stand at places of their own.
    pub fn with(&mut self, values: &Coordinates, places: &Places, hold: impl FnOnce(&mut Preflight<'_, 'a>)) {
        let (known, values) = (&mut *self.known, values.clone());
        let mut one = Preflight { known, stage: self.stage, places, values, errors: Vec::new(), notes: Vec::new() };
        hold(&mut one);
        let (errors, notes) = one.into_findings();
        self.errors.extend(errors.into_iter().filter(|error| !self.errors.contains(error)).collect::<Vec<_>>());
        self.notes.extend(notes);
    }

    /// What does not fit, and what the user should know.
    pub fn into_findings(self) -> (Vec<Diagnostic>, Vec<String>) {
        (self.errors, self.notes)
    }

    /// Notes what does not fit a value of the table: `where.heuristic`. `help` says what to write instead.
    pub fn fail(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let help = Some(help.into()).filter(|help| !help.is_empty());
        self.errors.push(Diagnostic { message: message.into(), span: Some(self.places.at(path)), help });
    }

    pub fn is_sound(&self) -> bool {
        self.errors.is_empty()
    }

    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    pub fn stage(&self) -> &StageId {
        self.stage
    }

    /// Whether a value stands in the table, and is not left to its default.
    pub fn is_written(&self, path: &str) -> bool {
        self.places.has(path)
    }

    /// A value as it is written, without quotes.
    pub fn written(&self, path: &str) -> Option<&str> {
        self.places.text(path)
    }

    /// The path of a value inside another one, by its text.
    pub fn within(&self, outer: &str, text: &str) -> String {
        self.places.within(outer, text)
    }

    /// Looks at what the stage fetches. `place` says which value an error is about.
    pub fn look(&mut self, place: impl Fn(&str) -> &'static str) {
        let mut said: Vec<String> = Vec::new();
        for error in self.known.look_at(self.stage).err().into_iter().flatten() {
            let key = place(&error.message);
            let mut named = error.message.split('`').skip(1).step_by(2).map(|text| self.places.within(key, text));
            let path = named.find(|inner| inner != key).unwrap_or_else(|| key.to_owned());
            // What is wrong with one split is most often wrong with all.
            if !said.contains(&path) {
                self.fail(&path, error.message, error.help.unwrap_or_default());
                said.push(path);
            }
        }
    }

    /// The rows of a split that the stage reads; nothing where they are not known, or not there.
    pub fn rows(&mut self, data: &DataRef) -> Option<Rc<Dataset>> {
        let split = self.known.split(data)?;
        let Some(range) = &data.rows else { return Some(split) };
        let (name, rows) = (format!("{}.{}", data.dataset, data.split), split.len());
        if range.end > rows {
            let message = format!("`{name}` has {rows} rows, and rows {}..{} are asked for", range.start, range.end);
            let help = match range.start < rows {
                true => format!("write {name}[{}..{rows}]", range.start),
                false => format!("rows count from 0: write for example {name}[0..{rows}]"),
            };
            self.fail("data", message, help);
            return None;
        }
        split.slice(range.clone()).ok().map(Rc::new)
    }

    /// What was made of something of this name before, or what is made of it now.
    pub fn chosen(&mut self, name: String, choose: impl FnOnce(&mut Self) -> Option<Dataset>) -> Option<Rc<Dataset>> {
        if let Some(known) = self.known.chosen.get(&name) {
            return Some(known.clone());
        }
        let found = Rc::new(choose(self)?);
        self.known.chosen.insert(name, found.clone());
        Some(found)
    }

    /// A kept column, or `label`, that `path` names; `dataset` is where it would be kept.
    pub fn column(&mut self, data: &Dataset, name: &str, path: &str, dataset: &str) {
        let known: Vec<&str> = data.columns.iter().map(|(name, _)| name.as_str()).collect();
        let (message, help) = match name {
            "label" if data.label.is_some() => return,
            _ if known.contains(&name) => return,
            "label" => {
                let message = "the data has no column `label`: it has no labels".to_owned();
                (message, format!("name their column with `label` in [fetch.{dataset}]"))
            }
            _ => {
                let mut kept: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
                kept.push(format!("\"{name}\""));
                let message =
                    format!("the data has no column `{name}`; it has {}", [known, vec!["label"]].concat().join(", "));
                (message, format!("write keep = [{}] in [fetch.{dataset}]", kept.join(", ")))
            }
        };
        self.fail(path, message, help);
    }

    /// All models that the references mean, in their order, with what is known of each.
    pub fn models(&mut self, references: &[Spanned<ModelRef>]) -> Vec<(Model, Option<Blueprint>)> {
        self.known.models(references)
    }

    /// How one model of a stage is addressed, with the axis on which it stands at a value that another one has not:
    /// `bert[model=b]` and the same for the other.
    pub fn apart(&self, one: &Model, other: &Model) -> Option<[String; 2]> {
        let stage = self.known.stage(one);
        let (first, second) = (self.known.coordinates(one)?, self.known.coordinates(other)?);
        let mut keys = first.keys().filter(|key| first.value(key) != second.value(key));
        let key = (stage == self.known.stage(other)).then(|| keys.next()).flatten()?;
        let address = |own: &Coordinates, model: &Model| {
            let at = match model.checkpoint {
                Checkpoint::Last => String::new(),
                Checkpoint::Step(step) => format!("@{step}"),
            };
            Some(format!("{}{at}[{key}={}]", stage.name, own.value(key)?))
        };
        Some([address(first, one)?, address(second, other)?])
    }

    /// The same without what is known.
    pub fn models_of(&self, references: &[Spanned<ModelRef>]) -> Vec<Model> {
        self.known.resolve(references)
    }

    /// What the models of this stage will be.
    pub fn will_be(&mut self, blueprint: &Blueprint) {
        self.known.will_be(self.stage, &self.values, blueprint);
    }

    /// Tokens, where the stage of the model says how long its texts are.
    pub fn max_length_of(&self, model: &Model) -> Option<usize> {
        self.known.max_length_of(model)
    }

    /// Whether some text has more than `limit` tokens.
    pub fn is_longer(&self, dataset: &Dataset, model: &Blueprint, limit: usize) -> bool {
        matches!(longer(dataset, model, limit, &mut BTreeMap::new()), Ok(Some(_)))
    }

    /// Holds a length against the model's positions, and the texts against both. A length that cuts texts is noted;
    /// one that is `asked` for, and not only a default, must not be more than there is.
    pub fn length(&mut self, name: &str, dataset: &Dataset, model: &Blueprint, max_length: usize, asked: bool) {
        let positions = model.config.max_tokens();
        if max_length > positions && asked {
            let message = format!("`max_length` is {max_length}, and the model has {positions} positions");
            return self.fail("max_length", message, format!("write max_length = {positions}, or less"));
        }
        let pair = dataset.text_pair.as_ref().and_then(|pairs| pairs.first());
        let first = dataset.text.first().map(|text| model.tokenizer.encode(text, pair.map(String::as_str), max_length));
        if let Some(Err(error @ DataError::MaxLength { .. })) = first {
            return self.fail("max_length", error.to_string(), "");
        }
        let limit = max_length.min(positions);
        let Ok(Some(long)) = longer(dataset, model, limit, &mut self.known.lengths) else { return };
        let (rows, longest) = (dataset.len(), long.longest);
        let several = if long.texts == 1 { "has" } else { "have" };
        let count =
            format!("{}{} of {rows} texts of `{name}` {several}", if long.all { "" } else { "at least " }, long.texts);
        if max_length > positions {
            let message =
                format!("{count} more tokens than the model has positions ({positions}); the longest has {longest}");
            let help = format!("write max_length = {positions} in [{}]: what is longer is then cut", self.stage);
            return self.fail("max_length", message, help);
        }
        self.note(format!(
            "{count} more tokens than max_length = {limit} and {} cut; the longest has {longest}",
            if long.texts == 1 { "is" } else { "are" }
        ));
    }
}

/// Texts with more than `limit` tokens; nothing where there are none.
fn longer(
    dataset: &Dataset,
    model: &Blueprint,
    limit: usize,
    known: &mut BTreeMap<Digest, Option<Longer>>,
) -> Result<Option<Longer>, DataError> {
    let rows = most_bytes(dataset, limit);
    let all = rows.len() <= TEXTS;
    let some = dataset.rows(&rows[..rows.len().min(TEXTS)])?;
    let asked = serde_json::to_vec(&(&model.words, limit, all, &some.text, &some.text_pair)).unwrap_or_default();
    let asked = Digest::of(&asked);
    if let Some(found) = known.get(&asked) {
        return Ok(found.clone());
    }
    let encoded = model.tokenizer.encode_all(&some.text, some.text_pair.as_deref(), usize::MAX)?;
    let lengths: Vec<usize> =
        encoded.iter().map(|text| text.input_ids.len()).filter(|length| *length > limit).collect();
    let found = lengths.iter().max().map(|longest| Longer { texts: lengths.len(), longest: *longest, all });
    known.insert(asked, found.clone());
    Ok(found)
}

/// Rows that may have more than `limit` tokens, those with the most bytes first.
fn most_bytes(dataset: &Dataset, limit: usize) -> Vec<usize> {
    let pairs = dataset.text_pair.as_ref();
    let bytes = |row: &usize| dataset.text[*row].len() + pairs.map_or(0, |pairs| pairs[*row].len());
    let mut rows: Vec<usize> = (0..dataset.len()).filter(|row| bytes(row) + SPECIAL > limit).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(bytes(row)));
    rows
}
