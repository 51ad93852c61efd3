//! Labels as files write them, numbers or names, into label names.

use super::table::Table;
use super::{DataError, RowPlace};
use std::collections::BTreeSet;
use std::path::Path;

/// Above this a label column is taken for identifiers or scores chosen by mistake.
const MOST_CLASSES: usize = 10_000;

/// The values of a label column, and where each stands.
pub(super) struct LabelColumn<'a> {
    pub column: &'a str,
    pub values: Vec<(&'a Path, RowPlace, &'a str)>,
}

impl<'a> LabelColumn<'a> {
    pub fn gather(tables: &'a [Table], at: usize, column: &'a str) -> Result<LabelColumn<'a>, DataError> {
        let mut values = Vec::new();
        for table in tables {
            for (value, &place) in table.columns[at].iter().zip(&table.places) {
                let value = value.as_deref().filter(|value| !value.is_empty());
                values.push((table.path.as_path(), place, value.ok_or_else(|| table.null(column, place))?));
            }
        }
        Ok(LabelColumn { column, values })
    }

    /// One name a row, and all names in order. With `names` given, a value that is one of them is that name, and a
    /// whole number `i` is `names[i]`. Without, whole numbers become the names "0", "1", … up to the largest, and
    /// anything else the sorted set of values: splits that are read apart may then disagree, so give names.
    pub fn resolve(&self, names: &[String]) -> Result<(Vec<String>, Vec<String>), DataError> {
        let derived;
        let names = match names.is_empty() {
            true => {
                derived = self.derive()?;
                &derived
            }
            false => names,
        };
        let mut labels = Vec::with_capacity(self.values.len());
        for &(path, place, value) in &self.values {
            let named = names.iter().find(|name| *name == value);
            let numbered = || value.parse::<usize>().ok().and_then(|number| names.get(number));
            let name = named.or_else(numbered).ok_or_else(|| DataError::Label {
                path: path.to_path_buf(),
                label: value.to_string(),
                place,
                names: names.to_vec(),
            })?;
            labels.push(name.clone());
        }
        Ok((labels, names.to_vec()))
    }

    fn derive(&self) -> Result<Vec<String>, DataError> {
        let numbers: Option<Vec<i64>> = self.values.iter().map(|(_, _, value)| value.parse().ok()).collect();
        let Some(numbers) = numbers else {
            let distinct: BTreeSet<&str> = self.values.iter().map(|(_, _, value)| *value).collect();
            if distinct.len() > MOST_CLASSES {
                return Err(self.not_classes(format!("it has {} different values", distinct.len())));
            }
            return Ok(distinct.into_iter().map(String::from).collect());
        };
        let largest = numbers.iter().copied().max().unwrap_or(0).max(0);
        if largest >= MOST_CLASSES as i64 {
            return Err(self.not_classes(format!("its largest value is {largest}")));
        }
        Ok((0..=largest).map(|number| number.to_string()).collect())
    }

    fn not_classes(&self, what: String) -> DataError {
        let path = self.values.first().map_or(Path::new("?"), |(path, _, _)| path).to_path_buf();
        DataError::NotClasses { path, column: self.column.to_string(), what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(values: &[&str], names: &[&str]) -> Result<(Vec<String>, Vec<String>), DataError> {
        let path = Path::new("f.parquet");
        let values = values.iter().enumerate().map(|(row, &value)| (path, RowPlace::Row(row), value)).collect();
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        LabelColumn { column: "label", values }.resolve(&names)
    }

    #[test]
    fn numbers_and_names_become_names() {
        type Strings<'a> = &'a [&'a str];
        let cases: [(Strings, Strings, Strings, Strings); 5] = [
            (&["1", "0"], &["no", "yes"], &["yes", "no"], &["no", "yes"]),
            (&["yes", "no"], &["no", "yes"], &["yes", "no"], &["no", "yes"]),
            // Names that look like numbers are names first.
            (&["1", "0"], &["1", "0"], &["1", "0"], &["1", "0"]),
            (&["10", "2"], &[], &["10", "2"], &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]),
            (&["b", "a", "b"], &[], &["b", "a", "b"], &["a", "b"]),
        ];
        for (values, names, labels, all) in cases {
            let (got, order) = resolve(values, names).unwrap();
            assert_eq!(got, labels);
            assert_eq!(order, all);
        }
    }

    #[test]
    fn a_label_outside_the_set_is_named_with_its_row() {
        let message = |values: &[&str], names: &[&str]| resolve(values, names).unwrap_err().to_string();
        assert_eq!(
            message(&["0", "3"], &["no", "yes"]),
            "label 3 in row 1 of f.parquet is outside the label set [no, yes]"
        );
        assert!(message(&["-1"], &["no", "yes"]).contains("label -1 in row 0"));
        assert!(message(&["1", "-1"], &[]).contains("label -1 in row 1"));
        assert!(message(&["maybe"], &["no", "yes"]).contains("label maybe"));
        assert!(message(&["123456789"], &[]).contains("looks like an identifier"));
    }
}
