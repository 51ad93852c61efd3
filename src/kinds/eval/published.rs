//! The table of an evaluation that others made: `logs` a file a model, or one `table` with a row a run.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::{logs, table};
use crate::kinds::room::{Spec, boxed};
use crate::study::words::Seeds;
use crate::study::{Checker, Diagnostic, Text};

/// Either makes an evaluation a published one.
pub const KEYS: &[&str] = &["logs", "table"];

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
    let raw: RawPublished = checker.table(value)?;
    match (raw.logs, raw.table) {
        (Some(logs), None) => {
            let spans = [("blake3", raw.blake3.map(|it| it.span())), ("columns", raw.columns.map(|it| it.span()))];
            misplaced(&spans, "belongs to a `table`, and these are `logs`", checker);
            let (folder, file, data, by) = (raw.folder, raw.file, raw.data, raw.by);
            boxed(logs::check(
                logs::Keys { logs, folder, file, data, by, metrics: raw.metrics, seeds: raw.seeds },
                checker,
            ))
        }
        (None, Some(table)) => {
            let spans = [
                ("folder", raw.folder.map(|it| it.span())),
                ("file", raw.file.map(|it| it.span())),
                ("data", raw.data.map(|it| it.span())),
                ("by", raw.by.map(|it| it.span())),
            ];
            misplaced(&spans, "belongs to `logs`, and this is a `table`", checker);
            let (blake3, format, model, columns) = (raw.blake3, raw.format, raw.model, raw.columns);
            boxed(table::check(table::Keys { table, blake3, format, model, columns, seeds: raw.seeds }, checker))
        }
        (logs, table) => {
            let span = table.or(logs).map_or(0..0, |text| text.span());
            checker.fail(Diagnostic::new("an imported evaluation has either `logs` or a `table`", span))
        }
    }
}

fn misplaced(keys: &[(&str, Option<std::ops::Range<usize>>)], why: &str, checker: &mut Checker) {
    for (key, span) in keys {
        if let Some(span) = span {
            checker.fail::<()>(Diagnostic::new(format!("`{key}` {why}"), span.clone()));
        }
    }
}
