//! The text of the study: every line says what it is for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::columns::{Guess, SplitColumn};
use crate::data::look::SeenColumn;
use crate::data::{Dataset, Format, Reading};

/// Small enough for a laptop, and in every hub cache of whoever searches texts.
const MODEL: &str = "hf:sentence-transformers/all-MiniLM-L6-v2";
/// Rows that a first study takes: some minutes a model on a laptop.
const MOST_TRAINED: usize = 8000;
const MOST_HELD_OUT: usize = 2000;
/// Rows at each point of a line, where there are so many.
const ON_LINES: usize = 256;
/// Of one model, so that it learns something from few rows.
const STEPS: usize = 120;
const BATCH: usize = 32;
const MODELS: usize = 6;

/// What of the data models are trained on, and what they are asked about.
#[derive(Debug, Clone)]
pub enum Division {
    Splits {
        train: String,
        held_out: String,
    },
    Column(SplitColumn),
    /// Rows of one split, the last of which are held out.
    Rows {
        split: String,
        rows: usize,
    },
}

impl Division {
    fn held_out(rows: usize) -> usize {
        (rows / 5).clamp(1, MOST_HELD_OUT)
    }

    /// The classes of a file that is sorted by them are not on both sides.
    pub fn unbalanced(&self, dataset: &Dataset) -> Option<String> {
        let (Self::Rows { rows, .. }, Some(labels)) = (self, &dataset.label) else { return None };
        let at = rows - Self::held_out(*rows);
        let missing = dataset.label_names.iter().find(|name| {
            let there = |part: &[String]| part.iter().any(|label| label == *name);
            there(labels) && !(there(&labels[..at]) && there(&labels[at..]))
        })?;
        Some(format!(
            "the rows seem to be sorted by their class: `{missing}` is not both among the first {at} rows and among the \
             others, which are held out; put them into a random order first"
        ))
    }
}

pub struct Proposal<'a> {
    pub name: String,
    pub file: String,
    pub source: String,
    /// What the data are called in the study.
    pub stage: String,
    pub config: Option<String>,
    pub format: Option<Format>,
    pub model: Option<String>,
    pub reading: Reading,
    pub dataset: &'a Dataset,
    pub columns: &'a [SeenColumn],
    pub guess: &'a Guess,
    pub division: Division,
}

impl Proposal<'_> {
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let Self { name, file, stage, guess, .. } = self;
        let columns: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        writeln!(to, "# A first study of {}, written by `pipeline init`.", one_line(&self.source))?;
        writeln!(to, "# Its columns: {}.\n#", one_line(&columns.join(", ")))?;
        writeln!(to, "#     pipeline check {file}      reads it and everything that it names")?;
        writeln!(
            to,
            "#     pipeline run {file}        trains, measures and draws; tables and figures are in results/{name}/"
        )?;
        writeln!(
            to,
            "#\n# What else can stand here: docs/reference.md, or `pipeline schema > schema.json` for an editor.\n"
        )?;
        writeln!(to, "[experiment]\nname = \"{name}\"\n")?;

        let model = self.model.as_deref().unwrap_or(MODEL);
        writeln!(to, "[fetch.model]")?;
        writeln!(
            to,
            "model = {}      # hf:REPO or path:FOLDER; any BERT, RoBERTa, DistilBERT or ELECTRA\n",
            quoted(model)
        )?;
        self.write_data(to)?;

        let rows = self.rows();
        let (trained, held_out) = match &self.division {
            Division::Splits { train, held_out } => {
                let most = if rows > MOST_TRAINED { format!("[0..{MOST_TRAINED}]") } else { String::new() };
                (
                    format!("data = {}", quoted(&format!("{stage}.{train}{most}"))),
                    quoted(&format!("{stage}.{held_out}")),
                )
            }
            Division::Rows { split, rows } => {
                let at = rows - Division::held_out(*rows);
                (
                    format!(
                        "data = {}      # the last fifth is held out",
                        quoted(&format!("{stage}.{split}[0..{}]", at.min(MOST_TRAINED)))
                    ),
                    quoted(&format!("{stage}.{split}[{at}..{rows}]")),
                )
            }
            Division::Column(split) => {
                let all = quoted(&format!("{stage}.{}", self.only_split()));
                let with = |value: &str| format!("where = {{ {} = {} }}", key(&split.column), quoted(value));
                (format!("data = {all}\n{}", with(&split.train)), format!("{all}\n{}", with(&split.held_out)))
            }
        };
        if guess.label.is_none() {
            writeln!(
                to,
                "# No column looks like a class, so there is nothing to fine-tune for. Name one, as `label = \"COLUMN\"` above,"
            )?;
            writeln!(to, "# and models can be trained; {file} would be another with `pipeline init --label COLUMN`.")?;
            return Ok(());
        }
        let epochs = (STEPS * BATCH).div_ceil(rows.max(1)).clamp(2, 20);
        writeln!(to, "[finetune.{name}]\nmodel = \"model\"\n{trained}")?;
        writeln!(to, "seeds = \"0..{MODELS}\"                # a model each; they differ in head, order and dropout")?;
        writeln!(
            to,
            "epochs = {epochs}\nbatch_size = {BATCH}\nlearning_rate = 1e-4            # 2e-5 for a model of BERT's size"
        )?;
        writeln!(to, "max_length = {}                # tokens; what is longer is cut\n", self.tokens())?;
        let metrics = if self.dataset.label_names.len() == 2 { "f1" } else { "macro_f1" };
        writeln!(
            to,
            "[eval.held_out]\nmodels = \"{name}\"\ndata = {held_out}\nmetrics = [\"loss\", \"accuracy\", \"{metrics}\"]\n"
        )?;
        writeln!(to, "# The loss on the straight line between every two models.")?;
        let examples = if self.held_out_rows() < ON_LINES { "" } else { &format!("examples = {ON_LINES}\n") };
        writeln!(to, "[interpolate.lines]\nmodels = \"{name}\"\ndata = {held_out}\n{examples}")?;
        writeln!(
            to,
            "[plot.lines]\nkind = \"matrix\"                 # every line beside its distance\nof = \"lines\"\n"
        )?;
        writeln!(to, "[plot.training]\nkind = \"training\"\nof = \"{name}\"\n")?;
        writeln!(
            to,
            "# With some ten seeds and more, and lines that rise between some models: who is in a basin with whom.\n#"
        )?;
        for line in [
            "[cluster.basins]",
            "of = \"lines\"",
            "",
            "[plot.basins]",
            "kind = \"heatmap\"",
            "of = \"basins\"",
            &format!("order_by = \"eval.held_out:{metrics}\""),
        ] {
            writeln!(to, "{}", format!("# {line}").trim_end())?;
        }
        Ok(())
    }

    fn write_data(&self, to: &mut String) -> std::fmt::Result {
        let Self { guess, reading, .. } = self;
        writeln!(to, "[fetch.{}]\ndataset = {}", self.stage, quoted(&self.source))?;
        if let Some(config) = &self.config {
            writeln!(to, "config = {}", quoted(config))?;
        }
        if let Some(format) = self.format {
            writeln!(to, "format = \"{}\"", format!("{format:?}").to_lowercase())?;
        }
        if let Some(separator) = reading.separator {
            writeln!(to, "separator = {}", quoted(&separator.to_string()))?;
        }
        if !reading.header {
            writeln!(to, "header = false                  # columns are called \"0\", \"1\" and so on")?;
        }
        if reading.skip_bad_rows {
            writeln!(to, "skip_bad_rows = true            # rows that cannot be read are left out and counted")?;
        }
        let others = |names: &[String], what: &str| match names {
            [] => String::new(),
            names => format!("      # {what}: {}", one_line(&names.join(", "))),
        };
        writeln!(to, "text = {}{}", list(&guess.text), others(&guess.other_texts, "texts too"))?;
        if let Some(label) = &guess.label {
            writeln!(to, "label = {}{}", quoted(&label.column), others(&guess.other_labels, "could be classes too"))?;
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for label in self.dataset.label.iter().flatten() {
                *counts.entry(label).or_default() += 1;
            }
            let counts: Vec<String> =
                label.names.iter().map(|name| counts.get(name.as_str()).unwrap_or(&0).to_string()).collect();
            writeln!(to, "labels = {}      # in this order; {} rows", list(&label.names), counts.join(", "))?;
            if label.names.iter().all(|name| name.parse::<i64>().is_ok()) {
                writeln!(to, "# labels = {{ a_name = {}, … }} gives them names", label.names[0])?;
            }
            if !label.drop.is_empty() {
                writeln!(
                    to,
                    "drop_labels = {}      # rows without a class are left out and counted",
                    list(&label.drop)
                )?;
            }
        }
        if let Some(split) = &guess.split {
            writeln!(to, "keep = [{}]      # says which rows are for training", quoted(&split.column))?;
        }
        to.push('\n');
        Ok(())
    }

    /// That are trained on, as far as that is known.
    fn rows(&self) -> usize {
        match &self.division {
            Division::Rows { rows, .. } => (rows - Division::held_out(*rows)).min(MOST_TRAINED),
            Division::Splits { .. } => self.dataset.len(),
            Division::Column(split) => self.rows_with(split, &split.train),
        }
    }

    /// That models are asked about, as far as that is known.
    fn held_out_rows(&self) -> usize {
        match &self.division {
            Division::Rows { rows, .. } => Division::held_out(*rows).min(MOST_HELD_OUT),
            Division::Splits { .. } => 0,
            Division::Column(split) => self.rows_with(split, &split.held_out),
        }
    }

    fn rows_with(&self, split: &SplitColumn, wanted: &str) -> usize {
        let values = self.dataset.column(&split.column).unwrap_or_default();
        values.iter().filter(|value| *value == wanted).count()
    }

    fn only_split(&self) -> String {
        stem(Path::new(self.source.trim_start_matches("path:")))
    }

    /// Room for nearly all texts, by their words, and no more than is read quickly.
    fn tokens(&self) -> usize {
        let words = |text: &String| text.split_whitespace().count();
        let pairs = self.dataset.text_pair.iter().flatten().map(words).chain(std::iter::repeat(0));
        let mut all: Vec<usize> =
            self.dataset.text.iter().map(words).zip(pairs).map(|(first, second)| first + second).collect();
        all.sort_unstable();
        let most = all.get(all.len().saturating_sub(1) * 19 / 20).copied().unwrap_or(0);
        (most * 3 / 2 + 3).next_multiple_of(32).clamp(32, 256)
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Bare, where it may be.
fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { text.to_owned() } else { quoted(text) }
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// In a comment, which ends with its line.
fn one_line(text: &str) -> String {
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}

/// The name of a file without what says how it is written.
pub(super) fn stem(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Format::of_name(&name).map_or(name.clone(), |(stem, _)| stem.to_owned())
}
