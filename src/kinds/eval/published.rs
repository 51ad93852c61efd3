//! The table of an evaluation that others made: `logs` a file a model, or one `table` with a row a run.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::{logs, table};
use crate::kinds::room::{Spec, boxed};
use crate::study::words::Seeds;
use crate::study::{Checker, Diagnostic, Form, Text, has_key};

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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPublished {
    logs: Option<Text>,
    folder: Option<Text>,
    file: Option<Text>,
    data: Option<Text>,
    by: Option<Spanned<Vec<String>>>,
    metrics: Option<Vec<Text>>,
    table: Option<Text>,
    blake3: Option<Text>,
    format: Option<Text>,
    model: Option<String>,
    columns: Option<Spanned<BTreeMap<String, String>>>,
    seeds: Spanned<Seeds>,
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
