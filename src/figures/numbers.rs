//! The numbers of a figure, for the CSV beside it.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The numbers of a figure as columns of equal length, for the CSV beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Names and values.
    pub columns: Vec<(String, Column)>,
}

/// Values of one column. A number that is not finite is an empty cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    Text(Vec<String>),
    /// Names of models, as the figure has them; several with commas between.
    Models(Vec<String>),
    Number(Vec<f64>),
    Whole(Vec<i64>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Column::Text(values) | Column::Models(values) => values.len(),
            Column::Number(values) => values.len(),
            Column::Whole(values) => values.len(),
        }
    }

    /// A cell; empty where the column is shorter.
    fn cell(&self, row: usize) -> String {
        let cell = match self {
            Column::Text(values) | Column::Models(values) => values.get(row).map(|text| quoted(text)),
            Column::Number(values) => values.get(row).filter(|value| value.is_finite()).map(|value| value.to_string()),
            Column::Whole(values) => values.get(row).map(|value| value.to_string()),
        };
        cell.unwrap_or_default()
    }
}

impl Numbers {
    /// With the names that the tables have for the models; a column of one model has its name.
    pub fn with_names(mut self, names: &BTreeMap<String, String>) -> Numbers {
        let rename = |name: &mut String| {
            let whole = |part| names.get(part).map_or(part, String::as_str);
            *name = name.split(',').map(whole).collect::<Vec<_>>().join(",");
        };
        for (name, column) in &mut self.columns {
            match column {
                Column::Models(values) => values.iter_mut().for_each(rename),
                Column::Number(_) if names.contains_key(name) => rename(name),
                Column::Number(_) => {}
                Column::Text(_) | Column::Whole(_) => {}
            }
        }
        self
    }

    /// CSV (RFC 4180, with `\n`) below a first line that is `#` and the provenance. Numbers are written with as many
    /// digits as bring back the same f64.
    pub fn csv(&self, provenance: &str) -> String {
        let mut csv = format!("# {}\n", provenance.replace(char::is_control, " "));
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        csv += &names.join(",");
        csv.push('\n');
        for row in 0..self.columns.iter().map(|(_, column)| column.len()).max().unwrap_or(0) {
            for (number, (_, column)) in self.columns.iter().enumerate() {
                let comma = if number == 0 { "" } else { "," };
                // Writing to a String cannot fail.
                let _ = write!(csv, "{comma}{}", column.cell(row));
            }
            csv.push('\n');
        }
        csv
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with('#') {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_the_names_of_the_tables() {
        let names = BTreeMap::from([("7".to_owned(), "agents/7".to_owned())]);
        let numbers = Numbers {
            columns: vec![
                ("model".to_owned(), Column::Models(vec!["7".to_owned(), "7,low/8".to_owned()])),
                ("7".to_owned(), Column::Number(vec![7.0, 0.0])),
                ("group".to_owned(), Column::Text(vec!["7".to_owned(), "7".to_owned()])),
            ],
        };
        assert_eq!(
            numbers.with_names(&names).csv("x"),
            "# x\nmodel,agents/7,group\nagents/7,7,7\n\"agents/7,low/8\",0,7\n"
        );
    }

    #[test]
    fn cells_are_quoted_and_numbers_come_back() {
        let numbers = Numbers {
            columns: vec![
                ("model".to_owned(), Column::Text(vec!["7,22".to_owned(), "a \"b\"".to_owned(), "#".to_owned()])),
                ("f1, on paws".to_owned(), Column::Number(vec![0.1 + 0.2, f64::NAN, 1e-300])),
                ("cluster".to_owned(), Column::Whole(vec![0, -1])),
            ],
        };
        let csv = numbers.csv("pipeline from\nkey 12ab");
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[..2], ["# pipeline from key 12ab", "model,\"f1, on paws\",cluster"]);
        assert_eq!(lines[2..4], ["\"7,22\",0.30000000000000004,0", "\"a \"\"b\"\"\",,-1"]);
        let last: Vec<&str> = lines[4].split(',').collect();
        assert_eq!((last[0], last[1].parse::<f64>(), last[2]), ("\"#\"", Ok(1e-300), ""));
        assert_eq!(lines.len(), 5);
    }
}
