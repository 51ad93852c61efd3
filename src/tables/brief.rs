//! A table of the results as a terminal shows it: without keys and empty columns, and cut where it is long.

use std::fmt::Write;

use polars::prelude::{AnyValue, DataFrame};

use super::{Table, TableError};

/// Rows of one table.
const SHOWN: usize = 20;

/// Columns that only readers of the file need.
const LEFT_OUT: [&str; 3] = ["key", "permutations", "exact"];

/// Stands where there is no value.
pub const NOTHING: &str = "-";

/// The header and the rows of a table.
pub fn cells(frame: &DataFrame) -> Result<Vec<Vec<String>>, TableError> {
    let mut cells = vec![Vec::new(); frame.height() + 1];
    for column in frame.columns().iter().filter(|column| !LEFT_OUT.contains(&column.name().as_str())) {
        cells[0].push(column.name().replace('_', " "));
        for row in 0..frame.height() {
            cells[row + 1].push(cell(&column.get(row)?));
        }
    }
    leave_out_empty_columns(&mut cells);
    Ok(cells)
}

pub fn leave_out_empty_columns(cells: &mut [Vec<String>]) {
    let columns = cells.first().map_or(0, Vec::len);
    for column in (0..columns).rev() {
        if cells[1..].iter().all(|row| row[column] == NOTHING) {
            cells.iter_mut().for_each(|row| drop(row.remove(column)));
        }
    }
}

/// One value.
pub fn cell(value: &AnyValue<'_>) -> String {
    match (value, value.get_str()) {
        (AnyValue::Null, _) | (_, Some("")) => NOTHING.to_owned(),
        (AnyValue::Float64(value), _) => number(*value),
        (_, Some(text)) => text.to_owned(),
        (other, _) => other.to_string(),
    }
}

/// Four decimals, or the order of magnitude of what would be lost in them.
pub fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:.1e}") } else { format!("{value:.4}") }
}

/// Columns as wide as their widest cell that is shown; the first row is the header. `what` are the rows, and `file`
/// holds all of them.
pub fn write(title: &str, cells: &[Vec<String>], what: &str, file: &str, text: &mut String) {
    let shown = &cells[..cells.len().min(SHOWN + 1)];
    let width = |column: usize| shown.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..cells[0].len()).map(width).collect();
    writeln!(text, "\n{title}").ok();
    for row in shown {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "  {}", line.join("  ").trim_end()).ok();
    }
    if shown.len() < cells.len() {
        writeln!(text, "  … and {} more {what}, see {file}.csv", cells.len() - shown.len()).ok();
    }
}

/// All columns of a table under its own name.
pub fn plain(table: &Table, text: &mut String) -> Result<(), TableError> {
    write(&table.name.replace('_', " "), &cells(&table.frame)?, "rows", table.name, text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::column;

    #[test]
    fn long_tables_are_cut_and_empty_columns_left_out() {
        let rows: Vec<u64> = (0..23).collect();
        let values: Vec<f64> = rows.iter().map(|row| *row as f64 / 1e4).collect();
        let columns = vec![
            column("row", rows),
            column("some_value", values),
            column("problem", vec![String::new(); 23]),
            column("nothing", vec![None::<f64>; 23]),
            column("key", vec!["k".to_owned(); 23]),
        ];
        let cells = cells(&DataFrame::new_infer_height(columns).unwrap()).unwrap();
        let mut text = String::new();
        write("things", &cells, "rows", "things", &mut text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..5], ["", "things", "  row  some value", "  0    0.0000", "  1    1.0e-4"]);
        assert_eq!(lines[21..], ["  18   0.0018", "  19   0.0019", "  … and 3 more rows, see things.csv"]);
    }
}
