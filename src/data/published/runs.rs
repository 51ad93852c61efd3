//! Tables with a row for each run, such as the accuracies that McCoy et al. publish of their 100 runs.

use super::{PublishedError, number};
use crate::data::read::read_columns;
use crate::data::{Format, Reading};
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers by run.
#[derive(Debug, Default, PartialEq)]
pub struct Runs {
    /// By the run's number, in the order of the columns that were asked for.
    pub rows: BTreeMap<u64, Vec<f64>>,
    /// Rows whose run has no number, such as means.
    pub skipped: usize,
}

/// The columns `wanted` of a table, by the number in the column `model`.
pub fn read_runs(path: &Path, format: Format, model: &str, wanted: &[String]) -> Result<Runs, PublishedError> {
    let names: Vec<String> = std::iter::once(model.to_owned()).chain(wanted.iter().cloned()).collect();
    let mut distinct: Vec<String> = Vec::new();
    for name in &names {
        if !distinct.contains(name) {
            distinct.push(name.clone());
        }
    }
    let table = read_columns(path, format, Reading::default(), &distinct)?;
    let column = |name: &String| distinct.iter().position(|known| known == name).unwrap_or_default();
    let cell = |name: &String, row: usize| table.columns[column(name)][row].as_deref().unwrap_or_default();
    let mut runs = Runs::default();
    let mut places = BTreeMap::new();
    for (row, place) in table.places.iter().enumerate() {
        let Some(run) = number(cell(&names[0], row)) else {
            runs.skipped += 1;
            continue;
        };
        let value = |name: &String| {
            let text = cell(name, row).trim();
            text.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| PublishedError::File {
                file: path.display().to_string(),
                what: format!("{place} has `{}` in column `{name}`, which is no number", text.escape_debug()),
            })
        };
        let values = wanted.iter().map(value).collect::<Result<Vec<f64>, _>>()?;
        if let Some(known) = runs.rows.get(&run)
            && *known != values
        {
            let (first, second) = (format!("{}", places[&run]), format!("{place} of {}", path.display()));
            return Err(PublishedError::Conflict { what: format!("run {run}"), first, second });
        }
        places.insert(run, *place);
        runs.rows.insert(run, values);
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, wanted: &[&str]) -> Result<Runs, PublishedError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        std::fs::write(&path, text).unwrap();
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        read_runs(&path, Format::Csv, "Run", &wanted)
    }

    #[test]
    fn runs_go_by_number_and_means_are_left_out() {
        let text = "\u{feff}Run,a,b\nRun 0,0.5,1\nRun 12,.25,0\n,,\nMean,0.375,0.5\nRun 0,0.50,1\n";
        let runs = read(text, &["b", "a"]).unwrap();
        assert_eq!(runs.rows, BTreeMap::from([(0, vec![1.0, 0.5]), (12, vec![0.0, 0.25])]));
        assert_eq!(runs.skipped, 2);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let message = |text: &str| read(text, &["a"]).unwrap_err().to_string();
        assert!(message("Run,a\n1,x\n").contains("line 2 has `x` in column `a`, which is no number"));
        assert!(message("Run,a\n1,\n").contains("line 2 has `` in column `a`"));
        assert!(
            message("Run,a\n1,2\n01,3\n")
                .contains("run 1 is there twice with different numbers, in line 2 and in line 3")
        );
        assert!(message("Run,b\n1,2\n").contains("no column `a`"));
    }
}
