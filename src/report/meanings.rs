//! What tables and their columns mean, out of TABLES.md, which a test holds against the program.

use std::collections::BTreeMap;

const TABLES: &str = include_str!("../../TABLES.md");

#[derive(Default)]
pub struct Meaning {
    /// What is said below its heading.
    pub about: String,
    /// Unit and meaning, by the name of the column.
    pub columns: BTreeMap<String, (String, String)>,
}

/// Of all tables, by their names.
pub fn meanings() -> BTreeMap<String, Meaning> {
    let mut found: BTreeMap<String, Meaning> = BTreeMap::new();
    for part in TABLES.split("\n## ").skip(1) {
        let (name, body) = part.split_once('\n').unwrap_or((part, ""));
        let mut meaning = Meaning::default();
        for line in body.lines() {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            match cells.as_slice() {
                [names, unit, what] if names.starts_with('`') => {
                    for name in names.split('`').skip(1).step_by(2) {
                        meaning.columns.insert(name.to_owned(), (plain(unit), plain(what)));
                    }
                }
                [text] if !text.is_empty() && meaning.columns.is_empty() && !line.starts_with('|') => {
                    meaning.about = format!("{} {}", meaning.about, plain(text)).trim().to_owned();
                }
                _ => {}
            }
        }
        found.insert(name.trim().to_owned(), meaning);
    }
    found
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::tables;

    #[test]
    fn every_table_has_a_meaning_and_so_have_its_columns() {
        let found = meanings();
        for table in tables() {
            let meaning = found.get(table).unwrap_or_else(|| panic!("{table} is not in TABLES.md"));
            assert!(meaning.columns.contains_key("key"), "{table}");
        }
        let (unit, what) = &found["clusterings"].columns["eigengap"];
        assert_eq!(
            (unit.as_str(), what.as_str()),
            ("0 to 2", "between the last eigenvalue of the clusters and the next")
        );
        assert!(found["models"].about.starts_with("One row a model"));
    }
}
