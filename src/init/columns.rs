//! Which columns are meant, by their names and by what is in them.

use crate::data::look::SeenColumn;

/// What columns of texts are called that belong together.
const PAIRS: [(&str, &str); 10] = [
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "answer"),
    ("query", "passage"),
];
/// What columns of classes are called, the surest first.
const LABELS: [&str; 22] = [
    "label",
    "labels",
    "gold_label",
    "class",
    "target",
    "category",
    "sentiment",
    "intent",
    "topic",
    "polarity",
    "emotion",
    "is_duplicate",
    "duplicate",
    "stars",
    "rating",
    "score",
    "grade",
    "type",
    "tag",
    "y",
    "answer",
    "result",
];
const SPLITS: [&str; 5] = ["split", "set", "fold", "subset", "partition"];
/// A text has so many words on average, and is mostly another in every row.
const WORDS_OF_A_TEXT: f64 = 2.5;
const MOST_CLASSES: usize = 50;
const ROWS_A_CLASS: usize = 5;

#[derive(Debug, Clone, Default)]
pub struct Guess {
    pub text: Vec<String>,
    /// Other columns that are texts.
    pub other_texts: Vec<String>,
    pub label: Option<Label>,
    /// Other columns that could be classes.
    pub other_labels: Vec<String>,
    pub split: Option<SplitColumn>,
}

#[derive(Debug, Clone)]
pub struct Label {
    pub column: String,
    pub names: Vec<String>,
    /// Values that say that there is none.
    pub drop: Vec<String>,
}

/// A column that says for each row what it is for.
#[derive(Debug, Clone)]
pub struct SplitColumn {
    pub column: String,
    pub train: String,
    pub held_out: String,
}

impl Guess {
    /// `text` and `label` are what is known already.
    pub fn of(columns: &[SeenColumn], text: &[String], label: Option<&str>) -> Self {
        let mut texts: Vec<&SeenColumn> = columns.iter().filter(|column| is_text(column)).collect();
        // The longest first; of several the one that comes first.
        texts.sort_by(|a, b| mean(b, words).total_cmp(&mean(a, words)));
        let text = if text.is_empty() { chosen_texts(columns, &texts) } else { text.to_vec() };
        let split = columns.iter().filter(|column| !text.contains(&column.name)).find_map(split_column);
        let mut labels: Vec<&SeenColumn> = columns
            .iter()
            .filter(|column| !text.contains(&column.name) && is_label(column))
            .filter(|column| split.as_ref().is_none_or(|split| split.column != column.name))
            .collect();
        // By their names; of those with other names the last, where most files have it.
        labels.reverse();
        labels.sort_by_key(|column| place(&column.name, &LABELS));
        let label = match label {
            Some(name) => columns.iter().find(|column| column.name == name),
            None => labels.first().copied(),
        };
        let others = |all: &[&SeenColumn], taken: &[String]| {
            let all = all.iter().map(|column| column.name.clone());
            all.filter(|name| !taken.contains(name)).collect::<Vec<_>>()
        };
        let taken: Vec<String> = label.iter().map(|label| label.name.clone()).collect();
        Self {
            other_texts: others(&texts, &[text.clone(), taken.clone()].concat()),
            other_labels: others(&labels, &taken),
            label: label.map(|column| Label {
                column: column.name.clone(),
                names: column.classes().into_iter().map(str::to_owned).collect(),
                drop: column.marks().into_iter().map(str::to_owned).collect(),
            }),
            text,
            split,
        }
    }
}

/// Whether the first row of what was read without a line of names is a row like the others: a text, a number where
/// numbers are, a class that comes again, or what no two columns are called.
pub fn looks_like_data(columns: &[SeenColumn]) -> bool {
    let first = |column: &SeenColumn| column.values.first().cloned().unwrap_or_default();
    let names: Vec<String> = columns.iter().map(first).collect();
    let repeated = names.iter().any(|name| names.iter().filter(|other| *other == name).count() > 1);
    let like_others = columns.iter().any(|column| {
        let name = first(column);
        let again = !name.is_empty() && column.values[1..].iter().filter(|value| **value == name).count() > 0;
        words(&name) > 5.0 || again || name.trim().parse::<f64>().is_ok()
    });
    columns.first().is_some_and(|column| column.values.len() > 1) && (repeated || like_others)
}

fn chosen_texts(columns: &[SeenColumn], texts: &[&SeenColumn]) -> Vec<String> {
    let named = |name: &str| texts.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    let of_pair =
        PAIRS.iter().find_map(|(first, second)| Some([named(first)?.name.clone(), named(second)?.name.clone()]));
    // `body1` and `body2`, `left_a` and `left_b`.
    let twins = || {
        let twin = |name: &str| {
            let (stem, last) = name.split_at_checked(name.len().checked_sub(1)?)?;
            let next = match last {
                "1" => "2",
                "a" => "b",
                "A" => "B",
                _ => return None,
            };
            named(&format!("{stem}{next}")).map(|other| other.name.clone())
        };
        texts.iter().find_map(|column| Some([column.name.clone(), twin(&column.name)?]))
    };
    if let Some(pair) = of_pair.or_else(twins) {
        return pair.to_vec();
    }
    // Where nothing has so many words, the column with the longest values that are no numbers.
    let longest = || {
        let words_in = columns.iter().filter(|column| numbers(column) < 0.5 && column.classes().len() > MOST_CLASSES);
        words_in.max_by(|a, b| mean(a, letters).total_cmp(&mean(b, letters)))
    };
    texts.first().copied().or_else(longest).into_iter().map(|column| column.name.clone()).collect()
}

fn is_text(column: &SeenColumn) -> bool {
    let different = column.classes().len();
    mean(column, words) >= WORDS_OF_A_TEXT && (different > MOST_CLASSES || 2 * different > column.values.len())
}

fn is_label(column: &SeenColumn) -> bool {
    let classes = column.classes();
    let few = (2..=MOST_CLASSES).contains(&classes.len()) && classes.len() * ROWS_A_CLASS <= column.values.len();
    few && classes.iter().all(|class| class.len() <= 100)
}

fn split_column(column: &SeenColumn) -> Option<SplitColumn> {
    let named = SPLITS.iter().any(|name| column.name.eq_ignore_ascii_case(name));
    let classes = column.classes();
    let value = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| classes.iter().find(|class| class.eq_ignore_ascii_case(name)))
            .map(|it| (*it).to_owned())
    };
    let train = value(&["train", "training"]).filter(|_| named)?;
    let held_out = value(&["validation", "valid", "dev", "val", "eval", "test"])?;
    Some(SplitColumn { column: column.name.clone(), train, held_out })
}

/// Where a name stands in a list; after all of it where it does not.
fn place(name: &str, names: &[&str]) -> usize {
    let lower = name.to_lowercase();
    let within = || names.iter().take(2).any(|known| lower.contains(known)).then_some(names.len());
    names.iter().position(|known| *known == lower).or_else(within).unwrap_or(names.len() + 1)
}

fn words(text: &str) -> f64 {
    text.split_whitespace().count() as f64
}

fn letters(text: &str) -> f64 {
    text.chars().count() as f64
}

fn numbers(column: &SeenColumn) -> f64 {
    mean(column, |value| f64::from(u8::from(value.trim().parse::<f64>().is_ok())))
}

/// Over the values that are there.
fn mean(column: &SeenColumn, of: impl Fn(&str) -> f64) -> f64 {
    let there: Vec<f64> =
        column.values.iter().filter(|value| !value.trim().is_empty()).map(|value| of(value)).collect();
    if there.is_empty() { 0.0 } else { there.iter().sum::<f64>() / there.len() as f64 }
}
