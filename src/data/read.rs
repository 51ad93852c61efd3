//! Data files of four formats into a [`Dataset`].

use super::encoding::unpacked;
use super::error::rows;
use super::labels::{LabelColumn, LabelWords, Labels};
use super::table::{Format, Reading, Table};
use super::{DataError, Dataset, RowPlace, delimited, jsonl, parquet};
use crate::plain;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// How many of the rows that something is to be said of are named.
const ROWS_NAMED: usize = 3;

/// Bytes of a text: some hundred thousand words, and no model reads a hundredth of them.
const LONGEST_TEXT: usize = 1 << 20;
/// Bytes of a label, which is a name.
const LONGEST_LABEL: usize = 1000;

/// Which columns of a file make the data set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// One text column, or two.
    pub text: Vec<String>,
    pub label: Option<String>,
    /// What the labels of the file mean.
    pub labels: LabelWords,
    /// Columns kept as they are.
    pub keep: Vec<String>,
    pub reading: Reading,
}

/// What was read, and what of it is not as one would expect.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadTables {
    pub dataset: Dataset,
    /// Rows that are not in it.
    pub left_out: usize,
    pub notes: Vec<String>,
}

/// One file. See [`read_tables`].
pub fn read_table(path: &Path, format: Format, spec: &Columns) -> Result<Dataset, DataError> {
    Ok(read_tables(&[path.to_path_buf()], format, spec)?.dataset)
}

/// A split that may be spread over several files, in their order. Label names are settled over all of them.
///
/// Fails on a column that is not there, on rows that cannot be read, on a label outside the label set or none, and on
/// files without any row. A text that is missing is an empty one in every format, since CSV cannot tell them apart.
pub fn read_tables(paths: &[PathBuf], format: Format, spec: &Columns) -> Result<ReadTables, DataError> {
    if !(1..=2).contains(&spec.text.len()) {
        return Err(DataError::TextColumns(spec.text.len()));
    }
    check_kept(&spec.keep)?;
    let mut wanted: Vec<String> = Vec::new();
    for name in spec.text.iter().chain(&spec.label).chain(&spec.keep) {
        if !wanted.contains(name) {
            wanted.push(name.clone());
        }
    }
    let mut tables = Vec::with_capacity(paths.len());
    for path in paths {
        tables.push(read_columns(path, format, spec.reading, &wanted)?);
    }
    assemble(&tables, &wanted, spec)
}

/// The columns `wanted` of one file, each of them once, as text.
pub(super) fn read_columns(
    path: &Path,
    format: Format,
    reading: Reading,
    wanted: &[String],
) -> Result<Table, DataError> {
    let failed = |source| DataError::Io { action: "read", path: path.to_path_buf(), source };
    let bytes = unpacked(path, plain::read(path).map_err(failed)?)?;
    let table = match format {
        Format::Parquet => parquet::read(path, &bytes, wanted),
        Format::Csv | Format::Tsv => delimited::read(path, &bytes, format, reading, wanted),
        Format::Jsonl => jsonl::read(path, &bytes, wanted),
    }?;
    if !reading.skip_bad_rows && !table.broken.is_empty() {
        let (broken, rows) = (table.broken.len(), table.places.len() + table.broken.len());
        return Err(DataError::BadRows { path: path.to_path_buf(), broken, rows, first: first_broken(&table.broken) });
    }
    Ok(table)
}

fn first_broken(broken: &[(RowPlace, String)]) -> String {
    let named: Vec<String> =
        broken.iter().take(ROWS_NAMED).map(|(place, what)| format!("{place} has {what}")).collect();
    format!("{}{}", named.join(", "), if broken.len() > ROWS_NAMED { ", …" } else { "" })
}

fn assemble(tables: &[Table], wanted: &[String], spec: &Columns) -> Result<ReadTables, DataError> {
    let at = |name: &String| wanted.iter().position(|wanted| wanted == name).unwrap_or_default();
    let mut lengths = vec![LONGEST_TEXT; wanted.len()];
    spec.label.iter().for_each(|name| lengths[at(name)] = LONGEST_LABEL);
    tables.iter().try_for_each(|table| table.check_lengths(wanted, &lengths))?;
    let mut notes = Vec::new();
    let places: Vec<(&Table, RowPlace)> =
        tables.iter().flat_map(|table| table.places.iter().map(move |&place| (table, place))).collect();
    let mut stays = vec![true; places.len()];

    let broken: Vec<_> = tables.iter().flat_map(|table| table.broken.iter().cloned()).collect();
    if !broken.is_empty() {
        notes.push(format!("{} could not be read and left out: {}", rows(broken.len()), first_broken(&broken)));
    }
    let values = |name: &String| -> Vec<&Option<String>> {
        let at = at(name);
        tables.iter().flat_map(|table| &table.columns[at]).collect()
    };
    for name in &spec.text {
        let empty: Vec<usize> = values(name)
            .into_iter()
            .enumerate()
            .filter(|(_, value)| value.as_deref().is_none_or(|text| text.trim().is_empty()))
            .map(|(row, _)| row)
            .collect();
        if let Some(&first) = empty.first() {
            let what = match spec.reading.skip_bad_rows {
                true => "left out",
                false => "read as empty (skip_bad_rows = true leaves them out)",
            };
            let (table, place) = places[first];
            let count = rows(empty.len());
            notes.push(format!("no `{name}` in {count}, first {place} of {}: {what}", table.path.display()));
            if spec.reading.skip_bad_rows {
                empty.iter().for_each(|&row| stays[row] = false);
            }
        }
    }
    let labels = match &spec.label {
        Some(name) => Some(LabelColumn::gather(tables, at(name), name).resolve(&spec.labels)?),
        None => None,
    };
    for (row, label) in labels.iter().flat_map(|labels| labels.rows.iter().enumerate()) {
        stays[row] &= label.is_some();
    }
    if let Some(labels) = &labels
        && !labels.dropped.is_empty()
    {
        notes.push(dropped(&labels.dropped));
    }

    let rows: Vec<usize> = (0..places.len()).filter(|&row| stays[row]).collect();
    if rows.is_empty() {
        return Err(DataError::Empty(tables.first().map_or(PathBuf::new(), |table| table.path.clone())));
    }
    let column = |name: &String| {
        let all = values(name);
        rows.iter().map(|&row| all[row].clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    let name = |labels: &Labels| {
        rows.iter().filter_map(|&row| labels.names.get(labels.rows[row]?).cloned()).collect::<Vec<_>>()
    };
    let dataset = Dataset {
        text: column(&spec.text[0]),
        text_pair: spec.text.get(1).map(column),
        label: labels.as_ref().map(name),
        label_names: labels.map_or_else(|| spec.labels.names.clone(), |labels| labels.names),
        columns: spec.keep.iter().map(|name| (name.clone(), column(name))).collect(),
    };
    Ok(ReadTables { left_out: places.len() + broken.len() - rows.len(), dataset, notes })
}

fn dropped(values: &BTreeMap<String, usize>) -> String {
    let all = values.values().sum();
    let of_each = |(value, count): (&String, &usize)| match value.as_str() {
        "" => format!("{count} without any"),
        value => format!("{count} with {value}"),
    };
    let each: Vec<String> = values.iter().map(of_each).collect();
    format!("{} without a label left out: {}", rows(all), each.join(", "))
}

fn check_kept(keep: &[String]) -> Result<(), DataError> {
    let mut seen = HashSet::from(["text", "text_pair", "label"]);
    match keep.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(DataError::KeptName(name.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &[&str], label: Option<&str>, labels: &[&str], keep: &[&str]) -> Columns {
        let strings = |all: &[&str]| all.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        Columns {
            text: strings(text),
            label: label.map(String::from),
            labels: LabelWords { names: strings(labels), ..LabelWords::default() },
            keep: strings(keep),
            reading: Reading::default(),
        }
    }

    fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn one_split_from_several_files_and_formats() {
        let folder = tempfile::tempdir().unwrap();
        let a = write(&folder, "a.tsv", "q1\tq2\ty\tid\nhow\twhy\tdup\t7\n");
        let b = write(&folder, "b.tsv", "id\ty\tq1\tq2\n\tother\twho\twhat\n");
        let spec = spec(&["q1", "q2"], Some("y"), &[], &["id"]);
        let data = read_tables(&[a, b], Format::Tsv, &spec).unwrap().dataset;
        assert_eq!(data.text, ["how", "who"]);
        assert_eq!(data.text_pair.unwrap(), ["why", "what"]);
        assert_eq!(data.label.unwrap(), ["dup", "other"]);
        assert_eq!(data.label_names, ["dup", "other"]);
        assert_eq!(data.columns, [("id".to_string(), vec!["7".to_string(), String::new()])]);
        let json = write(&folder, "c.jsonl", "{\"q1\": \"how\", \"q2\": \"why\", \"y\": \"dup\", \"id\": null}\n");
        let data = read_table(&json, Format::of(&json).unwrap(), &spec).unwrap();
        assert_eq!(data.columns[0].1, [""]);
    }

    #[test]
    fn no_text_and_no_label_is_longer_than_anybody_writes() {
        let folder = tempfile::tempdir().unwrap();
        let error = |text: &str, label: &str| {
            let path = write(&folder, "a.tsv", &format!("text\tlabel\nfine\tno\n{text}\t{label}\n"));
            let spec = spec(&["text"], Some("label"), &[], &[]);
            read_table(&path, Format::Tsv, &spec)
                .err()
                .map(|error| error.to_string().replace(path.to_str().unwrap(), "f"))
        };
        let (long, longest) = ("x".repeat(15_000_000), "x".repeat(LONGEST_TEXT));
        let what = "has a value of 15000000 bytes in line 3, and at most";
        assert_eq!(error(&long, "no"), Some(format!("f: column `text` {what} 1048576 are taken")));
        assert_eq!(error("fine", &long), Some(format!("f: column `label` {what} 1000 are taken")));
        assert_eq!(error(&longest, "no"), None);
    }

    #[test]
    fn a_file_that_may_be_no_table_shows_nothing_of_itself() {
        let folder = tempfile::tempdir().unwrap();
        for format in [Format::Tsv, Format::Csv] {
            let path = write(&folder, "token", "hf_SECRET\nmore\n");
            let error = read_table(&path, format, &spec(&["text"], None, &[], &[])).unwrap_err().to_string();
            assert!(error.ends_with("has no column `text`; it has one column, of another name"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "a.tsv", "sentence\tlabel\nfine\t1\nbad\t3\nempty\t\n");
        let message = |spec: &Columns| read_table(&path, Format::Tsv, spec).unwrap_err().to_string();
        let label = message(&spec(&["sentence"], Some("label"), &["no", "yes"], &[]));
        assert_eq!(
            label.replace(&path.display().to_string(), "a.tsv"),
            "1 row of a.tsv has no label in column `label` but \"\", first in line 4: leave such rows out with drop_labels \
             = [\"\"], or name all classes with `labels`"
        );
        let missing = message(&spec(&["sentense"], None, &[], &[]));
        assert!(missing.contains("did you mean `sentence`") && missing.contains("[sentence, label]"), "{missing}");
        assert!(message(&spec(&["sentence"], None, &[], &["label"])).contains("cannot be kept"));
        assert!(message(&spec(&[], None, &[], &[])).contains("one or two text columns"));
        for (name, text) in [("c.tsv", ""), ("d.tsv", "sentence\tlabel\n\n")] {
            let path = write(&folder, name, text);
            let error = read_table(&path, Format::Tsv, &spec(&["sentence"], None, &[], &[])).unwrap_err();
            assert!(matches!(error, DataError::Empty(_)), "{error}");
        }
        let absent = read_table(Path::new("/no/such.csv"), Format::Csv, &spec(&["a"], None, &[], &[])).unwrap_err();
        assert!(absent.to_string().starts_with("failed to read /no/such.csv"), "{absent}");
        assert!(Format::of(Path::new("a.dat")).is_err());
    }

    #[test]
    fn a_missing_text_is_an_empty_one_in_every_format_and_words_stay_words() {
        let folder = tempfile::tempdir().unwrap();
        let column = |texts: &[Option<&str>]| {
            let columns = vec![
                polars::prelude::Column::new("text".into(), texts),
                polars::prelude::Column::new("label".into(), [0i8, 1, 0, 1, 0, 1].map(i32::from)),
            ];
            crate::data::write_parquet(&mut polars::prelude::DataFrame::new(6, columns).unwrap()).unwrap()
        };
        let texts = [Some("NA"), None, Some("null"), Some(""), Some("nan"), Some("  ")];
        std::fs::write(folder.path().join("f.parquet"), column(&texts)).unwrap();
        write(&folder, "f.csv", "text,label\nNA,0\n,1\nnull,0\n,1\nnan,0\n  ,1\n");
        write(&folder, "f.tsv", "text\tlabel\nNA\t0\n\t1\nnull\t0\n\t1\nnan\t0\n  \t1\n");
        let json = |text: &str| format!("{{\"text\": {text}, \"label\": 0}}\n");
        let all = ["\"NA\"", "null", "\"null\"", "\"\"", "\"nan\"", "\"  \""].map(json).concat();
        write(&folder, "f.jsonl", &all);
        for (name, first) in [("f.parquet", "row 1"), ("f.csv", "line 3"), ("f.tsv", "line 3"), ("f.jsonl", "line 2")] {
            let path = folder.path().join(name);
            let mut spec = spec(&["text"], Some("label"), &["no", "yes"], &[]);
            let read = read_tables(std::slice::from_ref(&path), Format::of(&path).unwrap(), &spec).unwrap();
            assert_eq!(read.dataset.text, ["NA", "", "null", "", "nan", "  "], "{name}");
            let note = format!(
                "no `text` in 3 rows, first {first} of {}: read as empty (skip_bad_rows = true leaves them out)",
                path.display()
            );
            assert_eq!(read.notes, [note]);
            spec.reading.skip_bad_rows = true;
            let read = read_tables(std::slice::from_ref(&path), Format::of(&path).unwrap(), &spec).unwrap();
            assert_eq!(read.dataset.text, ["NA", "null", "nan"], "{name}");
            assert_eq!(read.left_out, 3);
        }
    }

    #[test]
    fn rows_that_cannot_be_read_are_all_counted_and_left_out_where_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let rows = |row: usize| if row % 100 == 3 { format!("{row}\n") } else { format!("{row}\tx\t1\n") };
        let path = write(&folder, "a.tsv", &format!("id\ttext\tlabel\n{}", (0..500).map(rows).collect::<String>()));
        let mut spec = spec(&["text"], Some("label"), &[], &["id"]);
        spec.labels.names = vec!["no".into(), "yes".into()];
        let error = read_tables(std::slice::from_ref(&path), Format::Tsv, &spec).unwrap_err().to_string();
        assert_eq!(
            error.replace(&path.display().to_string(), "a.tsv"),
            "5 of 500 rows of a.tsv cannot be read: line 5 has 1 fields instead of 3, line 105 has 1 fields instead of 3, \
             line 205 has 1 fields instead of 3, …: mend them, or leave them out with skip_bad_rows = true"
        );
        spec.reading.skip_bad_rows = true;
        let read = read_tables(&[path], Format::Tsv, &spec).unwrap();
        assert_eq!((read.dataset.len(), read.left_out), (495, 5));
        assert_eq!(read.dataset.columns[0].1[2..5], ["2", "4", "5"]);
        assert!(read.notes[0].starts_with("5 rows could not be read and left out: line 5 has 1 fields"));
    }

    #[test]
    fn rows_without_a_label_go_with_all_that_belongs_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "a.csv", "text,label,id\na,yes,1\nb,-,2\nc,no,3\nd,,4\n");
        let mut spec = spec(&["text"], Some("label"), &[], &["id"]);
        spec.labels.drop = vec!["-".into(), String::new()];
        let read = read_tables(&[path], Format::Csv, &spec).unwrap();
        assert_eq!(read.dataset.text, ["a", "c"]);
        assert_eq!(read.dataset.label.unwrap(), ["yes", "no"]);
        assert_eq!(read.dataset.columns[0].1, ["1", "3"]);
        assert_eq!(read.notes, ["2 rows without a label left out: 1 without any, 1 with -"]);
    }
}
