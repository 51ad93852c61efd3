//! A data set in memory.

use super::DataError;
use std::ops::Range;

/// One split of a data set. All columns have the same number of rows; rows count from 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dataset {
    pub text: Vec<String>,
    pub text_pair: Option<Vec<String>>,
    /// Label *names*, one a row, each of them in `label_names`.
    pub label: Option<Vec<String>>,
    /// The labels there are, in the data set's own order.
    pub label_names: Vec<String>,
    /// Further columns that the experiment asked to keep, such as HANS's `heuristic`; a missing value is "".
    pub columns: Vec<(String, Vec<String>)>,
}

impl Dataset {
    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The rows of `range`, in order. Asking for rows that are not there is an error, never a shorter slice.
    pub fn slice(&self, range: Range<usize>) -> Result<Dataset, DataError> {
        if range.start > range.end || range.end > self.len() {
            return Err(DataError::Rows { start: range.start, end: range.end, rows: self.len() });
        }
        self.rows(&range.collect::<Vec<_>>())
    }

    /// The rows named, in the order named; a row may be named twice.
    pub fn rows(&self, rows: &[usize]) -> Result<Dataset, DataError> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.len()) {
            return Err(DataError::Rows { start: row, end: row + 1, rows: self.len() });
        }
        let take = |column: &Vec<String>| rows.iter().map(|&row| column[row].clone()).collect::<Vec<_>>();
        Ok(Dataset {
            text: take(&self.text),
            text_pair: self.text_pair.as_ref().map(take),
            label: self.label.as_ref().map(take),
            label_names: self.label_names.clone(),
            columns: self.columns.iter().map(|(name, column)| (name.clone(), take(column))).collect(),
        })
    }

    /// A kept column by its name.
    pub fn column(&self, name: &str) -> Option<&[String]> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, column)| column.as_slice())
    }

    /// Labels as numbers in `order`, which is usually the model's own label order.
    pub fn label_ids(&self, order: &[String]) -> Result<Vec<u32>, DataError> {
        let labels = self.label.as_ref().ok_or(DataError::NoLabels)?;
        let id = |label: &String| {
            let at = order.iter().position(|name| name == label);
            at.map(|at| at as u32).ok_or_else(|| DataError::LabelOrder { label: label.clone(), names: order.to_vec() })
        };
        labels.iter().map(id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Dataset {
        let strings = |all: &[&str]| all.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        Dataset {
            text: strings(&["a", "b", "c"]),
            text_pair: None,
            label: Some(strings(&["yes", "no", "yes"])),
            label_names: strings(&["no", "yes"]),
            columns: vec![("source".into(), strings(&["x", "y", "z"]))],
        }
    }

    #[test]
    fn slices_keep_every_column_and_refuse_rows_that_are_not_there() {
        let part = three().slice(1..3).unwrap();
        assert_eq!(part.text, ["b", "c"]);
        assert_eq!(part.label.as_deref().unwrap(), ["no", "yes"]);
        assert_eq!(part.column("source").unwrap(), ["y", "z"]);
        let error = three().slice(2..5).unwrap_err();
        assert_eq!(error.to_string(), "rows 2..5 were asked for, but there are rows 0..3");
        assert!(three().rows(&[3]).is_err());
    }

    #[test]
    fn labels_are_mapped_by_name_into_the_order_asked_for() {
        assert_eq!(three().label_ids(&["yes".into(), "no".into()]).unwrap(), [0, 1, 0]);
        assert!(three().label_ids(&["yes".into()]).is_err());
    }
}
