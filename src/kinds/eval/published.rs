//! The table of an evaluation that others made: `logs` a file a model, or one `table` with a row a run.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::{logs, table};
use crate::data::Format;
use crate::kinds::room::{Spec, boxed};
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::words::{Metric, Seeds};
use crate::study::{Checker, Diagnostic, Form, OneOf, Text, has_key};

/// Either makes an evaluation a published one.
pub const KEYS: &[&str] = &["logs", "table"];

const LOGS: Form = Form {
    what: "`logs`",
    this: "these are `logs`",
    keys: &["logs", "folder", "file", "data", "by", "metrics", "seeds"],
};
const TABLE: Form = Form {
    what: "a `table`",
    this: "this is a `table`",
    keys: &["table", "blake3", "format", "model", "columns", "seeds"],
};

table! {
    struct RawPublished {
        /// Where evaluations of single models are, a JSON file each: `hf:REPO`, `hf:REPO_{0..99}` or `path:FOLDER`.
        logs: Option<Text>,
        /// Of the repository or folder; all of it where this is left out.
        folder: Option<Text>,
        /// Their names, with `{}` for the model's number.
        file: Option<Text>,
        /// The split that was evaluated, in which `by` finds its columns, by the sentence.
        data: Option<Text>,
        /// Columns of `data`, or `label`: the metrics of each combination of their values are told too.
        by: Option<Spanned<Vec<String>>>,
        /// What is computed of the predictions.
        metrics: Option<Vec<OneOf<Metric>>>,
        /// A table with a row for each run: `path:FILE`, or `https://…` with its `blake3`.
        table: Option<Text>,
        /// The digest of what an address leads to, in hexadecimal digits.
        blake3: Option<Text>,
        /// Of the file [default: by its name].
        format: Option<OneOf<Format>>,
        /// The column with the run's number.
        model: Option<String>,
        /// A column for each metric: `{ accuracy = "Accuracy" }`, or of a group of the examples,
        /// `{ "accuracy[lexical_overlap,non-entailment]" = "…" }`.
        columns: Option<Spanned<BTreeMap<String, String>>>,
        /// The models that are expected, by number.
        seeds: Spanned<Seeds>,
    }
}

pub fn written() -> [Written; 2] {
    let logs = Written::new::<RawPublished>(
        "evaluations that others published",
        "A JSON file a model takes the place of an evaluation.",
        "[eval.hans]\nlogs = \"hf:connectivity/feather_berts_{0..99}\"\nfile = \"hans_eval_bert_{}.json\"\nseeds = \"0..100\"\n",
    );
    let table = Written::new::<RawPublished>(
        "a table that others published",
        "A table with a row a run takes the place of an evaluation.",
        "[eval.runs]\ntable = \"path:accuracies_by_run.csv\"\nmodel = \"Run\"\nseeds = \"0..100\"\ncolumns = { accuracy = \"Accuracy\" }\n",
    );
    [logs.only(LOGS.keys).needing(&["logs", "file"]), table.only(TABLE.keys).needing(&["table", "model", "columns"])]
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Box<dyn Spec>> {
    match (has_key(&value, &["logs"]), has_key(&value, &["table"])) {
        (true, false) => checker.form(&value, &LOGS, &[&TABLE]),
        (false, true) => checker.form(&value, &TABLE, &[&LOGS]),
        _ => {}
    }
    let raw: RawPublished = checker.table(value)?;
    match (raw.logs, raw.table) {
        (Some(logs), None) => {
            let (folder, file, data, by) = (raw.folder, raw.file, raw.data, raw.by);
            boxed(logs::check(
                logs::Keys { logs, folder, file, data, by, metrics: raw.metrics, seeds: raw.seeds },
                checker,
            ))
        }
        (None, Some(table)) => {
            let (blake3, format, model, columns) = (raw.blake3, raw.format, raw.model, raw.columns);
            boxed(table::check(table::Keys { table, blake3, format, model, columns, seeds: raw.seeds }, checker))
        }
        (logs, table) => {
            let span = table.or(logs).map_or(0..0, |text| text.span());
            checker.fail(Diagnostic::new("an imported evaluation has either `logs` or a `table`", span))
        }
    }
}
