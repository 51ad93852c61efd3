//! A table as the page has it: its first rows as plain HTML for readers without scripts and for paper, and all of them as
//! compact JSON, from which the script shows, sorts and filters them.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::say::for_markup;
use crate::tables::brief::{NOTHING, number};
use crate::units::{duration, size};

/// Rows that stand in the page without its script.
const PLAIN: usize = 20;
/// Values of one table; beyond them its first rows are shown, and the file is named that has all.
const MOST_VALUES: usize = 2_000_000;
/// Columns that paper has room for.
const WIDEST: usize = 12;
/// Digits of a number, and those behind the point where it is larger than 1: more than are shown.
const DIGITS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Number,
    Count,
    /// Seconds.
    Time,
    /// Bytes.
    Size,
    /// The number of a step.
    Step,
}

impl Form {
    /// For the script.
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Count => "count",
            Self::Time => "time",
            Self::Size => "size",
            Self::Step => "step",
        }
    }
}

pub struct Field {
    pub name: String,
    pub form: Form,
    pub unit: String,
    /// What it means.
    pub what: String,
    pub values: Vec<Value>,
}

impl Field {
    pub fn new(name: &str, form: Form, values: Vec<Value>) -> Self {
        Self { name: name.to_owned(), form, unit: String::new(), what: String::new(), values }
    }

    fn is_empty(&self) -> bool {
        self.values.iter().all(Value::is_null)
    }

    /// The same in all of several rows.
    fn constant(&self) -> Option<&Value> {
        let (first, rest) = self.values.split_first()?;
        (self.form != Form::Step && !rest.is_empty() && rest.iter().all(|value| value == first)).then_some(first)
    }
}

/// A number with as many digits as the page has of it.
pub fn rounded(value: f64) -> Value {
    let text = if value.abs() < 1.0 { format!("{value:.*e}", DIGITS - 1) } else { format!("{value:.DIGITS$}") };
    let short: f64 = text.parse().unwrap_or(value);
    // What is no number is a word.
    serde_json::Number::from_f64(short).map_or_else(|| value.to_string().into(), Value::Number)
}

pub struct Sheet {
    pub id: String,
    pub title: String,
    /// Said above it, as HTML.
    pub about: String,
    pub fields: Vec<Field>,
    /// Of the results, with all rows and digits; nothing where the page is all there is.
    pub file: Option<String>,
}

impl Sheet {
    /// As HTML, and for the script. `step` says what the step of a row is called.
    pub fn parts(mut self, step: &dyn Fn(usize) -> String) -> (String, (String, Value)) {
        let all = self.fields.first().map_or(0, |field| field.values.len());
        self.fields.retain(|field| !field.is_empty());
        let rows = all.min(MOST_VALUES / self.fields.len().max(1));
        for field in &mut self.fields {
            field.values.truncate(rows);
        }
        let (constant, fields): (Vec<Field>, Vec<Field>) =
            self.fields.drain(..).partition(|field| field.constant().is_some());
        let is_wide = fields.len() > WIDEST;
        let mut html = String::new();
        let (id, title) = (for_markup(&self.id), for_markup(&self.title));
        let count = if all == 1 { "1 row".to_owned() } else { format!("{all} rows") };
        writeln!(
            html,
            "<div class=\"sheet\" id=\"sheet-{id}\"><h3 id=\"title-{id}\">{title} <small>{count}</small></h3>"
        )
        .ok();
        if !self.about.is_empty() {
            writeln!(html, "<p>{}</p>", self.about).ok();
        }
        if !constant.is_empty() {
            let said: Vec<String> = constant.iter().map(|field| named(field, &field.values[0])).collect();
            writeln!(html, "<p class=\"same\">In all rows: {}.</p>", said.join(", ")).ok();
        }
        html += &format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"title-{id}\"><table{}><thead><tr>",
            if is_wide { " class=\"wide\"" } else { "" }
        );
        for field in &fields {
            html += &heading(field);
        }
        html += "</tr></thead><tbody>\n";
        for row in 0..rows.min(PLAIN) {
            html += "<tr>";
            for (at, field) in fields.iter().enumerate() {
                let shown = for_markup(&shown(field.form, &field.values[row], step));
                let name = match is_wide {
                    true => format!(" data-name=\"{}\"", for_markup(&field.name.replace('_', " "))),
                    false => String::new(),
                };
                html += &match (at, is_numeric(field.form)) {
                    (0, false) => format!("<th scope=\"row\"{name}>{shown}</th>"),
                    (_, false) => format!("<td{name}>{shown}</td>"),
                    (_, true) => format!("<td class=\"n\"{name}>{shown}</td>"),
                };
            }
            html += "</tr>\n";
        }
        html += "</tbody></table></div>\n";
        let file = self.file.as_ref().map_or(String::new(), |file| format!(", see <code>{}</code>", for_markup(file)));
        if rows > PLAIN {
            writeln!(html, "<p class=\"more\">… and {} more rows{file}</p>", all - PLAIN).ok();
        }
        if rows < all {
            writeln!(html, "<p>The first {rows} of {all} rows are in this page{file}.</p>").ok();
        }
        html += "</div>\n";
        let fields: Vec<Value> = (fields.iter())
            .map(|field| json!({"name": &field.name, "form": field.form.word(), "values": packed(&field.values)}))
            .collect();
        (html, (self.id, json!({"rows": rows, "fields": fields})))
    }
}

fn is_numeric(form: Form) -> bool {
    !matches!(form, Form::Text | Form::Step)
}

fn heading(field: &Field) -> String {
    let name = for_markup(&field.name.replace('_', " "));
    let unit = match field.unit.is_empty() {
        true => String::new(),
        false => format!(" <small>{}</small>", for_markup(&field.unit)),
    };
    let what = match field.what.is_empty() {
        true => String::new(),
        false => format!(" title=\"{}\"", for_markup(&field.what)),
    };
    let class = if is_numeric(field.form) { " class=\"n\"" } else { "" };
    format!("<th scope=\"col\"{class}{what}>{name}{unit}</th>")
}

fn named(field: &Field, value: &Value) -> String {
    let name = for_markup(&field.name.replace('_', " "));
    format!("{name} <b>{}</b>", for_markup(&shown(field.form, value, &|_| String::new())))
}

/// As the script shows it.
fn shown(form: Form, value: &Value, step: &dyn Fn(usize) -> String) -> String {
    match (form, value.as_f64()) {
        (_, None) if value.is_null() => NOTHING.to_owned(),
        (Form::Number, Some(value)) => number(value),
        (Form::Time, Some(value)) => duration(value),
        (Form::Size, Some(value)) => size(value as u64),
        (Form::Step, Some(value)) => step(value as usize),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// In the least room: `{"c": value}` where all are equal, `{"p": count, "of": a column}` where so many come again and again, `{"v": values}`;
/// or by their places among the different ones, `{"d": values, "v": places}`, or `{"d": values, "r": places, each with how
/// often it follows itself}`.
pub fn packed(values: &[Value]) -> Value {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut different: Vec<&Value> = Vec::new();
    let places: Vec<usize> = (values.iter())
        .map(|value| {
            *known.entry(value.to_string()).or_insert_with(|| {
                different.push(value);
                different.len() - 1
            })
        })
        .collect();
    match (different.as_slice(), period(&places)) {
        ([only], _) => return json!({"c": only}),
        (_, Some(period)) => return json!({"p": period, "of": packed(&values[..period])}),
        _ => {}
    }
    let mut runs: Vec<usize> = Vec::new();
    for run in places.chunk_by(|one, next| one == next) {
        runs.extend([run[0], run.len()]);
    }
    let ways = [json!({"v": values}), json!({"d": &different, "v": &places}), json!({"d": &different, "r": runs})];
    ways.into_iter().min_by_key(|way| way.to_string().len()).unwrap_or_default()
}

/// After how many values they begin again, if they do so to the end.
fn period(places: &[usize]) -> Option<usize> {
    /// Repetitions that come close are as many as there are metrics or points.
    const TRIED: usize = 64;
    let again = places.iter().enumerate().skip(1).filter(|(_, place)| **place == places[0]);
    let fits = |period: usize| places.iter().enumerate().all(|(at, place)| *place == places[at % period]);
    again.map(|(at, _)| at).take_while(|period| period * 2 <= places.len()).take(TRIED).find(|period| fits(*period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_takes_as_little_room_as_it_can() {
        let texts = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>();
        assert_eq!(packed(&texts(&["loss", "loss"])), json!({"c": "loss"}));
        assert_eq!(
            packed(&texts(&["agents/7", "agents/8", "agents/7"])),
            json!({"v": ["agents/7", "agents/8", "agents/7"]})
        );
        let three = ["agents/7", "agents/8", "agents/7", "agents/9"];
        let many: Vec<&str> = (0..40).map(|at| three[at * at % 3]).collect();
        assert_eq!(packed(&texts(&many)), json!({"p": 3, "of": {"v": ["agents/7", "agents/8", "agents/8"]}}));
        let digits = "3141592653589793238462643383279502884197";
        let other: Vec<&str> = digits.bytes().map(|digit| three[digit as usize % 4]).collect();
        assert_eq!(packed(&texts(&other))["d"], json!(["agents/9", "agents/8", "agents/7"]));
        let runs: Vec<&str> = (0..40).map(|at| three[at / 10]).collect();
        assert_eq!(
            packed(&texts(&runs)),
            json!({"d": ["agents/7", "agents/8", "agents/9"], "r": [0, 10, 1, 10, 0, 10, 2, 10]})
        );
        assert_eq!(packed(&[]), json!({"v": []}));
        assert_eq!(packed(&[rounded(0.123_456_789), rounded(2.0), Value::Null]), json!({"v": [0.12345679, 2.0, null]}));
        assert_eq!((rounded(f64::NAN), rounded(1.0 / 3e7)), (json!("NaN"), json!(3.3333333e-8)));
    }

    #[test]
    fn the_first_rows_are_plain_html_and_what_is_the_same_in_all_is_said_once() {
        let rows = 23;
        let sheet = Sheet {
            id: "things".to_owned(),
            title: "things <&>".to_owned(),
            about: String::new(),
            fields: vec![
                Field::new("name", Form::Text, (0..rows).map(|row| format!("<b>{row}\u{202e}").into()).collect()),
                Field::new("metric", Form::Text, vec!["loss".into(); rows]),
                Field::new("value", Form::Number, (0..rows).map(|row| rounded(row as f64 / 1e4)).collect()),
                Field::new("nothing", Form::Count, vec![Value::Null; rows]),
            ],
            file: Some("things.csv".to_owned()),
        };
        let (html, (id, data)) = sheet.parts(&|_| String::new());
        assert!(html.contains("things &lt;&amp;&gt; <small>23 rows</small>"), "{html}");
        assert!(html.contains("<p class=\"same\">In all rows: metric <b>loss</b>.</p>"), "{html}");
        assert!(html.contains("<th scope=\"row\">&lt;b&gt;1\\u{202e}</th><td class=\"n\">1.0e-4</td>"), "{html}");
        assert!(html.contains("… and 3 more rows, see <code>things.csv</code>"), "{html}");
        assert_eq!(html.matches("<tr>").count(), 21);
        assert_eq!(
            (id.as_str(), data["rows"].as_u64(), data["fields"].as_array().unwrap().len()),
            ("things", Some(23), 2)
        );
    }

    #[test]
    fn a_table_that_is_too_long_for_a_page_says_so() {
        let rows = MOST_VALUES / 2 + 1;
        let field = |name: &str| Field::new(name, Form::Count, (0..rows).map(Value::from).collect());
        let sheet = Sheet {
            id: "x".to_owned(),
            title: "x".to_owned(),
            about: String::new(),
            fields: vec![field("a"), field("b")],
            file: Some("x.csv".to_owned()),
        };
        let (html, (_, data)) = sheet.parts(&|_| String::new());
        assert!(html.contains("The first 1000000 of 1000001 rows are in this page, see <code>x.csv</code>."));
        assert_eq!(data["rows"].as_u64(), Some(1_000_000));
    }
}
