//! Labels as files write them, numbers or names, into label names.

use super::mapping::{proposed, toml_value, written};
use super::table::Table;
use super::{DataError, RowPlace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Above this a column is taken for identifiers or scores chosen by mistake, unless its classes are named.
const MOST_CLASSES: usize = 1000;
/// The same where so many different values have fewer rows each, on average.
const FEW_CLASSES: usize = 20;
const ROWS_A_CLASS: usize = 5;
/// Where no name of several is shorter, they are texts.
const WORDS_OF_A_CLASS: usize = 3;

/// What files write where annotators did not agree or nobody was asked. None of it becomes a class because it stands
/// there; who names his classes may call one so.
const NO_LABEL: [&str; 14] =
    ["", "-", "-1", "?", "nan", "NaN", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "None", "<NA>"];

/// What the values of a label column mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelWords {
    /// The classes in order; none: the values themselves.
    pub names: Vec<String>,
    /// For each of the names the values that mean it. None: the names themselves, or their places from 0.
    pub values: Vec<Vec<String>>,
    /// Rows with these values are left out; "" stands for no value.
    pub drop: Vec<String>,
}

/// The values of a label column, and where each stands; no value is "".
pub(super) struct LabelColumn<'a> {
    pub column: &'a str,
    pub values: Vec<(&'a Path, RowPlace, &'a str)>,
}

/// A label column as names.
#[derive(Debug, PartialEq)]
pub(super) struct Labels {
    /// For each row the place of its label among the names; none where the row is left out.
    pub rows: Vec<Option<usize>>,
    pub names: Vec<String>,
    /// How many rows are left out, by their value.
    pub dropped: BTreeMap<String, usize>,
}

/// One of the different values of a column.
struct Value<'a> {
    text: &'a str,
    rows: usize,
    path: &'a Path,
    first: RowPlace,
}

impl<'a> LabelColumn<'a> {
    pub fn gather(tables: &'a [Table], at: usize, column: &'a str) -> LabelColumn<'a> {
        let mut values = Vec::new();
        for table in tables {
            for (value, &place) in table.columns[at].iter().zip(&table.places) {
                values.push((table.path.as_path(), place, value.as_deref().unwrap_or_default()));
            }
        }
        LabelColumn { column, values }
    }

    /// With names given, a value is one of them, or all values are places among them, or what the words say; without,
    /// whole numbers become the names "0", "1", … up to the largest, and anything else the sorted set of values:
    /// splits that are read apart may then disagree, so give names.
    pub fn resolve(&self, words: &LabelWords) -> Result<Labels, DataError> {
        let mut dropped = BTreeMap::new();
        let mut different: BTreeMap<&str, Value> = BTreeMap::new();
        let drops: Vec<String> = words.drop.iter().map(|value| canonical(value)).collect();
        for &(path, first, text) in &self.values {
            if drops.contains(&canonical(text)) {
                *dropped.entry(text.to_string()).or_default() += 1;
                continue;
            }
            different.entry(text).or_insert(Value { text, rows: 0, path, first }).rows += 1;
        }
        // In the order of the file, so that the first is named first.
        let mut different: Vec<Value> = different.into_values().collect();
        different.sort_by_key(|value| (value.path, value.first));
        let (names, place): (Vec<String>, BTreeMap<&str, usize>) = match (&words.names, &words.values) {
            (names, values) if !values.is_empty() => (names.clone(), self.mapped(names, values, &different)?),
            (names, _) if !names.is_empty() => (names.clone(), self.named(names, &different)?),
            _ => self.derived(&different)?,
        };
        let row = |&(_, _, text): &(&Path, RowPlace, &str)| place.get(text).copied();
        Ok(Labels { rows: self.values.iter().map(row).collect(), names, dropped })
    }

    fn mapped<'v>(
        &self,
        names: &[String],
        values: &[Vec<String>],
        different: &[Value<'v>],
    ) -> Result<BTreeMap<&'v str, usize>, DataError> {
        let of =
            |text: &str| values.iter().position(|these| these.iter().any(|value| canonical(value) == canonical(text)));
        let wrong: Vec<&Value> = different.iter().filter(|value| of(value.text).is_none()).collect();
        match wrong.as_slice() {
            [] => Ok(different.iter().filter_map(|value| Some((value.text, of(value.text)?))).collect()),
            wrong => Err(self.outside(names, wrong, "to which `labels` maps no class", None)),
        }
    }

    fn named<'v>(&self, names: &[String], different: &[Value<'v>]) -> Result<BTreeMap<&'v str, usize>, DataError> {
        let all = |of: &dyn Fn(&str) -> Option<usize>| -> Option<BTreeMap<&'v str, usize>> {
            different.iter().map(|value| Some((value.text, of(value.text)?))).collect()
        };
        let name = |text: &str| names.iter().position(|name| name == text);
        if let Some(places) = all(&name) {
            return Ok(places);
        }
        // Of names that are numbers none is a place too.
        let names_are_numbers = names.iter().any(|name| whole(name).is_some());
        let place =
            |text: &str| whole(text).and_then(|number| usize::try_from(number).ok()).filter(|&at| at < names.len());
        let numbers = if names_are_numbers {
            all(&|text| names.iter().position(|name| whole(name).is_some() && whole(name) == whole(text)))
        } else {
            all(&place).filter(|places| !counts_from_one(places.values().copied()))
        };
        let flags = || all(&|text| truth(text).map(usize::from)).filter(|_| names.len() == 2 && !names_are_numbers);
        if let Some(places) = numbers.or_else(flags) {
            return Ok(places);
        }
        let marks: Vec<&Value> =
            different.iter().filter(|value| name(value.text).is_none() && is_no_label(value.text)).collect();
        if !marks.is_empty() {
            return Err(self.no_label(&marks));
        }
        let values: Vec<String> = different.iter().map(|value| canonical(value.text)).collect();
        let mapping = format!("labels = {}", proposed(names, &values, &[]));
        if all(&place).is_some() && !names_are_numbers {
            let from = |first: usize| {
                written(names.iter().enumerate().map(|(at, name)| (name, vec![(at + first).to_string()])))
            };
            let what = "which are places from 0, but no row has 0";
            let mapping = format!("labels = {} if they count from 1, labels = {} if not", from(1), from(0));
            return Err(self.outside(names, &different.iter().collect::<Vec<_>>(), what, Some(mapping)));
        }
        let wrong: Vec<&Value> = different.iter().filter(|value| name(value.text).is_none()).collect();
        let places = wrong.iter().filter(|value| place(value.text).is_none()).copied().collect::<Vec<_>>();
        let what = match names_are_numbers {
            true => "which are themselves numbers, so none of them is a place".to_string(),
            false if !places.is_empty() => format!("neither a name nor a place, 0 to {}", names.len() - 1),
            false => "where other rows have names".to_string(),
        };
        let wrong = if places.is_empty() || names_are_numbers { wrong } else { places };
        Err(self.outside(names, &wrong, &what, Some(mapping)))
    }

    fn derived<'v>(&self, different: &[Value<'v>]) -> Result<(Vec<String>, BTreeMap<&'v str, usize>), DataError> {
        let marks: Vec<&Value> = different.iter().filter(|value| is_no_label(value.text)).collect();
        if !marks.is_empty() {
            return Err(self.no_label(&marks));
        }
        let rows: usize = different.iter().map(|value| value.rows).sum();
        if different.len() > 2 && different.iter().all(|value| value.text.split_whitespace().count() > WORDS_OF_A_CLASS)
        {
            return Err(self.not_classes(format!("{rows} rows have {} different texts", different.len())));
        }
        let many =
            different.len() > MOST_CLASSES || different.len() > FEW_CLASSES && rows < different.len() * ROWS_A_CLASS;
        let fractions = different.iter().filter(|value| is_fraction(value.text)).count();
        if many || fractions > 0 {
            let what = match fractions {
                0 => String::new(),
                _ => format!(
                    ", such as {}",
                    different.iter().find(|value| is_fraction(value.text)).map_or("", |v| v.text)
                ),
            };
            return Err(self.not_classes(format!("{rows} rows have {} different values{what}", different.len())));
        }
        if let Some(flags) = different.iter().map(|value| Some((value.text, usize::from(truth(value.text)?)))).collect()
        {
            return Ok((vec!["false".to_string(), "true".to_string()], flags));
        }
        let numbers: Option<Vec<i64>> = different.iter().map(|value| whole(value.text)).collect();
        let Some(numbers) = numbers else {
            let mut names: Vec<&str> = different.iter().map(|value| value.text).collect();
            names.sort_unstable();
            let places = names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
            return Ok((names.into_iter().map(String::from).collect(), places));
        };
        let (least, largest) = (numbers.iter().min().copied().unwrap_or(0), numbers.iter().max().copied().unwrap_or(0));
        if largest >= MOST_CLASSES as i64 {
            return Err(self.not_classes(format!("its largest value is {largest}")));
        }
        if least != 0 {
            let values: Vec<String> = different.iter().map(|value| canonical(value.text)).collect();
            let mut names = values.clone();
            names.sort_by_key(|name| whole(name));
            return Err(DataError::FirstLabel {
                path: self.path(),
                column: self.column.to_string(),
                least,
                mapping: proposed(&names, &values, &[]),
            });
        }
        let places = different.iter().zip(&numbers).map(|(value, &number)| (value.text, number as usize)).collect();
        Ok(((0..=largest).map(|number| number.to_string()).collect(), places))
    }

    fn path(&self) -> PathBuf {
        self.values.first().map_or(Path::new("?"), |(path, _, _)| path).to_path_buf()
    }

    fn outside(&self, names: &[String], wrong: &[&Value], what: &str, mapping: Option<String>) -> DataError {
        let count = wrong.iter().map(|value| value.rows).sum();
        let labels = wrong.iter().map(|value| value.text.to_string()).collect();
        let (path, place) = wrong.first().map_or((self.path(), RowPlace::Row(0)), |v| (v.path.to_path_buf(), v.first));
        let (names, what, mapping) = (names.into(), what.into(), mapping.map(String::into_boxed_str));
        DataError::Label { path, labels, place, count, names, what, mapping }
    }

    fn no_label(&self, marks: &[&Value]) -> DataError {
        let first = marks.first().map_or((self.path(), RowPlace::Row(0)), |v| (v.path.to_path_buf(), v.first));
        DataError::NoGoldLabel {
            path: first.0,
            column: self.column.to_string(),
            place: first.1,
            count: marks.iter().map(|value| value.rows).sum(),
            marks: marks.iter().map(|value| toml_value(value.text)).collect(),
        }
    }

    fn not_classes(&self, what: String) -> DataError {
        DataError::NotClasses { path: self.path(), column: self.column.to_string(), what }
    }
}

pub(super) fn is_no_label(text: &str) -> bool {
    NO_LABEL.contains(&canonical(text).as_str())
}

/// Places 1, 2, … of which 0 is none: who counts so means others than stand there.
fn counts_from_one(places: impl Iterator<Item = usize>) -> bool {
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    places.dedup();
    places.len() > 1 && places.iter().enumerate().all(|(at, &place)| place == at + 1)
}

/// A whole number, also one that a missing neighbour made a fraction: `1.0`.
fn whole(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
    })
}

fn is_fraction(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|number| number.is_finite() && number.fract() != 0.0)
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// One spelling of what is the same value: `1` and `1.0`, `True` and `true`.
fn canonical(text: &str) -> String {
    whole(text)
        .map(|number| number.to_string())
        .or(truth(text).map(|flag| flag.to_string()))
        .unwrap_or(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Strings<'a> = &'a [&'a str];

    fn strings(all: Strings) -> Vec<String> {
        all.iter().map(|text| text.to_string()).collect()
    }

    fn resolve_with(values: Strings, words: &LabelWords) -> Result<Labels, DataError> {
        let path = Path::new("f.csv");
        let values = values.iter().enumerate().map(|(row, &value)| (path, RowPlace::Row(row), value)).collect();
        LabelColumn { column: "label", values }.resolve(words)
    }

    fn resolve(values: Strings, names: Strings) -> Result<Labels, DataError> {
        resolve_with(values, &LabelWords { names: strings(names), ..LabelWords::default() })
    }

    #[test]
    fn numbers_and_names_become_names() {
        let cases: [(Strings, Strings, Strings, Strings); 12] = [
            (&["1", "0"], &["no", "yes"], &["yes", "no"], &["no", "yes"]),
            (&["1.0", "0.0"], &["no", "yes"], &["yes", "no"], &["no", "yes"]),
            (&["True", "False"], &["no", "yes"], &["yes", "no"], &["no", "yes"]),
            (&["yes", "no"], &["no", "yes"], &["yes", "no"], &["no", "yes"]),
            // One class of several, as in a part of a data set.
            (&["1", "1"], &["no", "yes", "maybe"], &["yes", "yes"], &["no", "yes", "maybe"]),
            // Names that look like numbers are names.
            (&["1", "0"], &["1", "0"], &["1", "0"], &["1", "0"]),
            (&["3.0", "1"], &["1", "2", "3"], &["3", "1"], &["1", "2", "3"]),
            (&["2", "0"], &[], &["2", "0"], &["0", "1", "2"]),
            (&["1.0", "0.0"], &[], &["1", "0"], &["0", "1"]),
            (&["True", "False"], &[], &["true", "false"], &["false", "true"]),
            (&["b", "a", "b"], &[], &["b", "a", "b"], &["a", "b"]),
            (&["none", "a"], &[], &["none", "a"], &["a", "none"]),
        ];
        for (values, names, labels, all) in cases {
            let got = resolve(values, names).unwrap();
            let got_labels: Vec<_> = got.rows.iter().map(|place| got.names[place.unwrap()].as_str()).collect();
            assert_eq!(got_labels, labels);
            assert_eq!(got.names, all);
        }
    }

    #[test]
    fn a_mapping_says_what_the_files_values_mean() {
        let words = LabelWords {
            names: strings(&["neg", "pos"]),
            values: vec![strings(&["1", "2"]), strings(&["3", "yes"])],
            drop: Vec::new(),
        };
        let got = resolve_with(&["3", "1", "2.0", "yes"], &words).unwrap();
        assert_eq!(got.rows, [Some(1), Some(0), Some(0), Some(1)]);
        assert_eq!(
            resolve_with(&["3", "0", "4", "0"], &words).unwrap_err().to_string(),
            "3 rows of f.csv have labels outside [neg, pos]: 0, 4, to which `labels` maps no class, first in row 1"
        );
    }

    #[test]
    fn labels_that_mean_nothing_certain_are_refused_with_the_line_to_write() {
        let message = |values: Strings, names: Strings| resolve(values, names).unwrap_err().to_string();
        let cases: [(Strings, Strings, &str); 9] = [
            (
                &["1", "2", "3", "3"],
                &["neg", "neu", "pos"],
                "2 rows of f.csv have labels outside [neg, neu, pos]: 3, neither a name nor a place, 0 to 2, first in \
                 row 2: write labels = { neg = 1, neu = 2, pos = 3 }",
            ),
            (
                &["2", "1"],
                &["neg", "neu", "pos"],
                "2 rows of f.csv have labels outside [neg, neu, pos]: 2, 1, which are places from 0, but no row has 0, \
                 first in row 0: write labels = { neg = 1, neu = 2, pos = 3 } if they count from 1, labels = { neg = \
                 0, neu = 1, pos = 2 } if not",
            ),
            // The place 0 of these names would be what 1 names.
            (
                &["0", "1", "2"],
                &["1", "2", "3"],
                "1 row of f.csv has labels outside [1, 2, 3]: 0, which are themselves numbers, so none of them is a \
                 place, first in row 0: write labels = { 1 = 1, 2 = 2, 3 = 0 }",
            ),
            (
                &["NO", "YES"],
                &["no", "yes"],
                "2 rows of f.csv have labels outside [no, yes]: NO, YES, neither a name nor a place, 0 to 1, first in \
                 row 0: write labels = { no = \"NO\", yes = \"YES\" }",
            ),
            (
                &["no", "1"],
                &["no", "yes"],
                "1 row of f.csv has labels outside [no, yes]: 1, where other rows have names, first in row 1: write \
                 labels = { no = \"no\", yes = 1 }",
            ),
            (
                &["1", "2", "3"],
                &[],
                "the labels in column `label` of f.csv begin at 1, not at 0: say what they are, for example labels = { \
                 1 = 1, 2 = 2, 3 = 3 }",
            ),
            (
                &["a", "-", "b", "-1", "-"],
                &[],
                "3 rows of f.csv have no label in column `label` but \"-\", -1, first in row 1: leave such rows out with \
                 drop_labels = [\"-\", -1], or name all classes with `labels`",
            ),
            (
                &["0", "", "1"],
                &["no", "yes"],
                "1 row of f.csv has no label in column `label` but \"\", first in row 1: leave such rows out with \
                 drop_labels = [\"\"], or name all classes with `labels`",
            ),
            (
                &["0.25", "1", "2.5"],
                &[],
                "column `label` of f.csv holds identifiers or scores, not classes: 3 rows have 3 different values, such \
                 as 0.25; if they are classes, name all of them with `labels`",
            ),
        ];
        for (values, names, expected) in cases {
            assert_eq!(message(values, names), expected, "{values:?}");
        }
        let many: Vec<String> = (0..40).map(|row| format!("text {row}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(message(&many, &[]).contains("40 rows have 40 different values;"));
        assert!(resolve(&many.repeat(5), &[]).is_ok());
        let texts = ["the guest saw it", "a doctor knew the guest", "they drew each other"];
        assert!(message(&texts, &[]).contains("3 rows have 3 different texts; if they are"));
        assert!(message(&["0", "123456"], &[]).contains("its largest value is 123456"));
    }

    #[test]
    fn rows_without_a_label_are_left_out_where_that_is_said_and_counted() {
        let words = LabelWords { drop: strings(&["-", "-1", ""]), ..LabelWords::default() };
        let got = resolve_with(&["a", "-", "b", "-1.0", "", "-"], &words).unwrap();
        assert_eq!(got.rows, [Some(0), None, Some(1), None, None, None]);
        assert_eq!(got.names, ["a", "b"]);
        let dropped = [("", 1), ("-", 2), ("-1.0", 1)].map(|(text, rows)| (text.to_string(), rows));
        assert_eq!(got.dropped, BTreeMap::from(dropped));
    }
}
