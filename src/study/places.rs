//! Where the values of a table stand, for what shows only after it was read.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

/// The values of one table by their path in it: `where.heuristic`, `checkpoints.1`.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The name of what the table is.
    name: Range<usize>,
    values: Vec<Place>,
}

#[derive(Debug, Clone)]
struct Place {
    path: String,
    /// As it is written, without quotes; nothing for lists and tables.
    text: Option<String>,
    at: Range<usize>,
}

impl Places {
    pub fn of(name: Range<usize>, table: &Spanned<DeValue<'_>>) -> Self {
        let mut places = Self { name, values: Vec::new() };
        places.add("", table);
        places
    }

    fn add(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let text = match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(digits) => Some(digits.as_str().to_owned()),
            DeValue::Float(digits) => Some(digits.as_str().to_owned()),
            DeValue::Boolean(flag) => Some(flag.to_string()),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        };
        if !path.is_empty() {
            self.values.push(Place { path: path.to_owned(), text, at: value.span() });
        }
        match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| self.add(&below(&at.to_string()), item))
            }
            DeValue::Table(table) => table.iter().for_each(|(key, value)| self.add(&below(key.get_ref()), value)),
            _ => {}
        }
    }

    fn find(&self, path: &str) -> Option<&Place> {
        self.values.iter().find(|place| place.path == path)
    }

    /// Whether it is written, and not left to its default.
    pub fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// A value as it is written, without quotes; nothing for lists and tables.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.find(path)?.text.as_deref()
    }

    /// Where a value stands, or what it is in; the table's name where nothing of it is written.
    pub fn at(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            match (self.find(path), path.rsplit_once('.')) {
                (Some(place), _) => return place.at.clone(),
                (None, Some((outer, _))) => path = outer,
                (None, None) => return self.name.clone(),
            }
        }
    }

    /// The path of a value within another one, by its text: `checkpoints.1`. The outer one's where there is none.
    pub fn within(&self, outer: &str, text: &str) -> String {
        let inside = |place: &&Place| {
            place.path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = self.values.iter().filter(inside).find(|place| place.text.as_deref() == Some(text));
        found.map_or_else(|| outer.to_owned(), |place| place.path.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    #[test]
    fn values_are_found_by_their_path_or_text_and_else_what_they_are_in() {
        let text = "a.where = { heuristic = \"x\" }\na.checkpoints = [2, 70, \"last\"]\na.by = \"label\"\n";
        let table = DeTable::parse(text).unwrap();
        let places = Places::of(900..901, &table.get_ref()["a"]);
        let shown = |path: &str| text[places.at(path)].to_owned();
        assert_eq!(
            (shown("where.heuristic"), shown("checkpoints.1"), shown("by")),
            ("\"x\"".into(), "70".into(), "\"label\"".into())
        );
        assert_eq!((shown("where.other"), shown("by.0")), ("{ heuristic = \"x\" }".into(), "\"label\"".into()));
        assert_eq!(places.at("examples"), 900..901);
        assert_eq!(
            (places.within("checkpoints", "70").as_str(), places.within("by", "label").as_str()),
            ("checkpoints.1", "by")
        );
        assert_eq!(places.within("checkpoints", "7"), "checkpoints");
        assert!(places.has("where.heuristic") && !places.has("where.other") && !places.has("where.heuri"));
    }
}
