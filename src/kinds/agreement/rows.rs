//! A row for every two models.

use polars::prelude::SortMultipleOptions;

use super::run::{AGREEMENT, Divergence, Params};
use crate::kinds::finished::Finished;
use crate::tables::{Table, TableError, brief, column, counts, numbers, table, texts};

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let mut rows = Vec::new();
    for done in finished.steps::<Params>() {
        let agreement = done.json(&AGREEMENT)?;
        for (i, first) in done.subjects().iter().enumerate() {
            for (j, second) in done.subjects().iter().enumerate().skip(i + 1) {
                let (equal, apart) = (agreement.agreement[i][j], agreement.divergence[i][j]);
                let (examples, measure) = (agreement.examples, agreement.measure);
                rows.push((done.stage(), first.clone(), second.clone(), examples, equal, apart, measure, done.key()));
            }
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let only = |measure| rows.iter().map(move |row| (row.6 == measure).then_some(row.5));
    let columns = vec![
        texts("stage", &rows, |row| row.0.to_owned()),
        texts("first", &rows, |row| row.1.clone()),
        texts("second", &rows, |row| row.2.clone()),
        counts("examples", &rows, |row| row.3),
        numbers("agreement", &rows, |row| row.4),
        column("divergence", only(Divergence::JensenShannon).collect::<Vec<_>>()),
        column("distance", only(Divergence::JensenShannonDistance).collect::<Vec<_>>()),
        texts("key", &rows, |row| row.7.to_string()),
    ];
    Ok(vec![table("agreement", columns)?])
}

pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    for table in tables(finished)? {
        let least_first = SortMultipleOptions::default().with_maintain_order(true);
        let cells = brief::cells(&table.frame.sort(["agreement"], least_first)?)?;
        brief::write("agreement, least first", &cells, "rows", table.name, &mut text);
    }
    Ok(text)
}
