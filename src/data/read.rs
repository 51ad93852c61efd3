//! Data files of four formats into a [`Dataset`].

use super::labels::LabelColumn;
use super::table::{Format, Table};
use super::{DataError, Dataset, delimited, jsonl, parquet};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Which columns of a file make the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// One text column, or two.
    pub text: Vec<String>,
    pub label: Option<String>,
    /// The label names in the order of the file's numbers; may be empty, see `label_names` of [`Dataset`].
    pub labels: Vec<String>,
    /// Columns kept as they are.
    pub keep: Vec<String>,
    /// Whether a CSV or TSV file begins with a line of names; if not, its columns are "0", "1", ….
    pub header: bool,
}

/// One file. See [`read_tables`].
pub fn read_table(path: &Path, format: Format, spec: &Columns) -> Result<Dataset, DataError> {
    read_tables(&[path.to_path_buf()], format, spec)
}

/// A split that may be spread over several files, in their order. Label names are settled over all of them.
///
/// Fails on a column that is not there, on a line of the wrong width, on text or labels without a value, on a label
/// outside the label set, and on files without any row.
pub fn read_tables(paths: &[PathBuf], format: Format, spec: &Columns) -> Result<Dataset, DataError> {
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
        tables.push(read_columns(path, format, spec.header, &wanted)?);
    }
    if tables.iter().all(|table| table.places.is_empty()) {
        return Err(DataError::Empty(paths.first().cloned().unwrap_or_default()));
    }
    assemble(tables, &wanted, spec)
}

/// The columns `wanted` of one file, each of them once, as text.
pub(super) fn read_columns(path: &Path, format: Format, header: bool, wanted: &[String]) -> Result<Table, DataError> {
    let failed = |source| DataError::Io { action: "read", path: path.to_path_buf(), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    match format {
        Format::Parquet => parquet::read(path, &bytes, wanted),
        Format::Csv | Format::Tsv => delimited::read(path, &bytes, format, header, wanted),
        Format::Jsonl => jsonl::read(path, &bytes, wanted),
    }
}

fn assemble(tables: Vec<Table>, wanted: &[String], spec: &Columns) -> Result<Dataset, DataError> {
    let at = |name: &String| wanted.iter().position(|wanted| wanted == name).unwrap_or_default();
    let (label, label_names) = match &spec.label {
        Some(name) => {
            let (labels, names) = LabelColumn::gather(&tables, at(name), name)?.resolve(&spec.labels)?;
            (Some(labels), names)
        }
        None => (None, spec.labels.clone()),
    };
    let text = |name: &String| {
        let mut all = Vec::new();
        for table in &tables {
            for (value, &place) in table.columns[at(name)].iter().zip(&table.places) {
                all.push(value.clone().ok_or_else(|| table.null(name, place))?);
            }
        }
        Ok::<_, DataError>(all)
    };
    let kept = |name: &String| {
        let values = tables.iter().flat_map(|table| &table.columns[at(name)]);
        (name.clone(), values.map(|value| value.clone().unwrap_or_default()).collect())
    };
    Ok(Dataset {
        text: text(&spec.text[0])?,
        text_pair: spec.text.get(1).map(text).transpose()?,
        label,
        label_names,
        columns: spec.keep.iter().map(kept).collect(),
    })
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
            labels: strings(labels),
            keep: strings(keep),
            header: true,
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
        let data = read_tables(&[a, b], Format::Tsv, &spec).unwrap();
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
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "a.tsv", "sentence\tlabel\nfine\t1\nbad\t3\nempty\t\n");
        let message = |spec: &Columns| read_table(&path, Format::Tsv, spec).unwrap_err().to_string();
        let label = message(&spec(&["sentence"], Some("label"), &["no", "yes"], &[]));
        assert!(label.contains("`label` is empty in line 4"), "{label}");
        let missing = message(&spec(&["sentense"], None, &[], &[]));
        assert!(missing.contains("did you mean `sentence`") && missing.contains("[sentence, label]"), "{missing}");
        assert!(message(&spec(&["sentence"], None, &[], &["label"])).contains("cannot be kept"));
        assert!(message(&spec(&[], None, &[], &[])).contains("one or two text columns"));
        let null = write(&folder, "b.jsonl", "{\"sentence\": \"a\"}\n{\"sentence\": null}\n");
        let error = read_table(&null, Format::Jsonl, &spec(&["sentence"], None, &[], &[])).unwrap_err().to_string();
        assert!(error.contains("`sentence` is empty in line 2"), "{error}");
        for (name, text) in [("c.tsv", ""), ("d.tsv", "sentence\tlabel\n\n")] {
            let path = write(&folder, name, text);
            let error = read_table(&path, Format::Tsv, &spec(&["sentence"], None, &[], &[])).unwrap_err();
            assert!(matches!(error, DataError::Empty(_)), "{error}");
        }
        let absent = read_table(Path::new("/no/such.csv"), Format::Csv, &spec(&["a"], None, &[], &[])).unwrap_err();
        assert!(absent.to_string().starts_with("failed to read /no/such.csv"), "{absent}");
        assert!(Format::of(Path::new("a.txt")).is_err());
    }
}
