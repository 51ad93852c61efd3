//! A list where a value stands: a stage that makes models is then so many, one for each value, with one name. Every
//! value is read as if it stood alone, so steps have the keys that they have without a list.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::expand::Expander;
use super::offers::{Models, Offers};
use super::preflight::Preflight;
use super::references::References;
use super::room::{ReadTable, Spec};
use super::written::Written;
use crate::engine::StageId;
use crate::study::words::{Axis, Coordinates, MOST_MODELS, ModelRef, Value, values};
use crate::study::{Checker, Diagnostic, Key, Places, Shape};

/// How lists go together: `cross` or `zip`.
const KEY: &str = "sweep";
/// Whoever has read so many errors looks for what they have in common.
const MOST_ERRORS: usize = 100;

/// A stage with lists.
#[derive(Debug)]
struct Swept {
    variants: Vec<Variant>,
}

/// The stage as it is with one value of each list.
#[derive(Debug)]
struct Variant {
    values: Coordinates,
    places: Places,
    spec: Box<dyn Spec>,
}

/// A key with a list.
struct List<'v> {
    key: String,
    at: Range<usize>,
    values: Vec<(Value, Spanned<DeValue<'v>>)>,
}

/// The same for the reference: keys that may have lists, and how these go together.
pub fn written(mut written: Written, swept: &[&str]) -> Written {
    for key in written.keys.iter_mut().filter(|key| swept.contains(&key.name)) {
        let one = key.shape.clone();
        key.shape = Shape::Either(vec![one.clone(), Shape::List(Box::new(one), None)]);
    }
    written.keys.push(Key {
        name: KEY,
        about: "How lists of values go together: each value with each, or the first with the first, the second with the \
                second [default: cross].",
        shape: Shape::words(&["cross", "zip"]),
        required: false,
    });
    written
}

/// Reads a table some of whose keys, `swept`, may have a list of values.
pub fn read(
    swept: &[&str],
    mut value: Spanned<DeValue<'_>>,
    at: Range<usize>,
    checker: &mut Checker,
    read: ReadTable,
) -> Option<Box<dyn Spec>> {
    let how = take(&mut value, KEY);
    let lists = lists(swept, &value, checker)?;
    checker.lists = Some(format!("lists of values can stand at {}", swept.join(", ")));
    let found = match (lists.as_slice(), &how) {
        ([], Some(how)) => {
            let message = format!("`{KEY}` says how lists of values go together, and there is none");
            checker.fail(Diagnostic::new(message, how.span()).help("for example learning_rate = [5e-5, 2e-4]"))
        }
        ([], None) => read(value, at, checker),
        (lists, how) => all(lists, how.as_ref(), at.clone(), checker)
            .and_then(|all| variants(lists, all, (&value, at), checker, read))
            .map(|variants| Box::new(Swept { variants }) as Box<dyn Spec>),
    };
    checker.lists = None;
    found
}

fn take<'v>(value: &mut Spanned<DeValue<'v>>, key: &str) -> Option<Spanned<DeValue<'v>>> {
    let DeValue::Table(table) = value.get_mut() else { return None };
    table.remove(key)
}

/// In the order of `swept`, so that it does not matter which line of a table comes first.
fn lists<'v>(swept: &[&str], table: &Spanned<DeValue<'v>>, checker: &mut Checker) -> Option<Vec<List<'v>>> {
    let mut lists = Vec::new();
    let table = table.get_ref().as_table();
    let written = swept.iter().filter_map(|key| Some((*key, table?.get(*key)?)));
    let mut sound = true;
    for (key, value) in written {
        match list(key, value) {
            Ok(list) => lists.extend(list),
            Err(error) => {
                checker.fail::<()>(error);
                sound = false;
            }
        }
    }
    sound.then_some(lists)
}

/// The values of a key; nothing where it is one that needs no list.
fn list<'v>(key: &str, value: &Spanned<DeValue<'v>>) -> Result<Option<List<'v>>, Diagnostic> {
    let items: Vec<&Spanned<DeValue<'v>>> = match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![value],
    };
    let is_list = value.get_ref().as_array().is_some();
    if items.is_empty() {
        let diagnostic = Diagnostic::new(format!("`{key}` is an empty list"), value.span());
        return Err(diagnostic.help("write one value, several in a list, or leave it out"));
    }
    let mut all: Vec<(Value, Spanned<DeValue<'v>>)> = Vec::new();
    for item in items {
        let one = |value: Value| vec![(value, item.clone())];
        let read = match item.get_ref() {
            DeValue::String(text) => match values(key, text) {
                Ok(values) if values.len() == 1 => one(values[0].clone()),
                Ok(values) => {
                    let text = |value: Value| {
                        let text = DeValue::String(value.as_str().to_owned().into());
                        (value, Spanned::new(item.span(), text))
                    };
                    values.into_iter().map(text).collect()
                }
                // What is wrong with a value alone is said where it is read.
                Err(_) if !is_list => return Ok(None),
                Err(message) => return Err(Diagnostic::new(message, item.span())),
            },
            DeValue::Integer(digits) => {
                let whole = i128::from_str_radix(digits.as_str(), digits.radix()).map(|whole| whole.to_string());
                one(Value::read(&whole.unwrap_or_default()))
            }
            DeValue::Float(digits) => one(Value::read(digits.as_str())),
            DeValue::Boolean(flag) => one(Value::read(&flag.to_string())),
            DeValue::Table(_) | DeValue::Array(_) | DeValue::Datetime(_) if is_list => {
                let message = format!("`{key}` is a list of values, each of which must be a number or a word");
                return Err(Diagnostic::new(message, item.span()));
            }
            DeValue::Table(_) | DeValue::Array(_) | DeValue::Datetime(_) => return Ok(None),
        };
        for (value, item) in read {
            if all.iter().any(|(known, _)| *known == value) {
                let message = format!("`{key}` has the value {value} twice");
                return Err(Diagnostic::new(message, item.span()).help("leave one of them out"));
            }
            all.push((value, item));
        }
        if all.len() > MOST_MODELS {
            let message = format!("`{key}` has more than {MOST_MODELS} values");
            return Err(Diagnostic::new(message, value.span()));
        }
    }
    let needed = is_list || all.len() > 1;
    Ok(needed.then(|| List { key: key.to_owned(), at: value.span(), values: all }))
}

/// Which values go together.
fn all(
    lists: &[List<'_>],
    how: Option<&Spanned<DeValue<'_>>>,
    at: Range<usize>,
    checker: &mut Checker,
) -> Option<Vec<Coordinates>> {
    let values = |list: &List<'_>| list.values.iter().map(|(value, _)| value.clone()).collect();
    let axes: Vec<(Axis, Vec<Value>)> = lists.iter().map(|list| (Axis::of_key(&list.key), values(list))).collect();
    match how.map(|how| how.get_ref().as_str().unwrap_or_default()) {
        None | Some("cross") => match Coordinates::cross(&axes) {
            Ok(all) => Some(all),
            Err(message) => checker.fail(Diagnostic::new(message, at)),
        },
        Some("zip") => {
            let first = &lists[0];
            let Some(other) = lists.iter().find(|list| list.values.len() != first.values.len()) else {
                return Some(Coordinates::zip(&axes));
            };
            let message = format!(
                "`{}` has {} and `{}` {}: lists that are zipped are equally long",
                first.key,
                count(first.values.len()),
                other.key,
                other.values.len()
            );
            checker.fail(Diagnostic::new(message, other.at.clone()))
        }
        Some(word) => {
            let how = how.map_or(at, Spanned::span);
            let message = format!("`{KEY}` is \"cross\", every value of a list with all of the others, or \"zip\"");
            checker.fail(Diagnostic::new(message, how).suggest(word, ["cross", "zip"]))
        }
    }
}

fn count(values: usize) -> String {
    if values == 1 { "1 value".to_owned() } else { format!("{values} values") }
}

fn variants<'v>(
    lists: &[List<'v>],
    all: Vec<Coordinates>,
    (table, at): (&Spanned<DeValue<'v>>, Range<usize>),
    checker: &mut Checker,
    read: ReadTable,
) -> Option<Vec<Variant>> {
    let (mut variants, mut models) = (Vec::with_capacity(all.len()), 0);
    let (before, count) = (checker.errors(), all.len());
    let mut rest = table.clone();
    let DeValue::Table(without) = rest.get_mut() else { return None };
    let keys: Vec<_> =
        lists.iter().filter_map(|list| Some((without.remove_entry(list.key.as_str())?.0, list))).collect();
    for values in all {
        let mut alone = rest.clone();
        if let DeValue::Table(table) = alone.get_mut() {
            let one = |(key, list): &(_, &List<'v>)| Some((Clone::clone(key), list.item(&values)?));
            table.extend(keys.iter().filter_map(one));
        }
        let places = Places::of(at.clone(), &alone);
        if let Some(spec) = read(alone, at.clone(), checker) {
            let members = spec.models().map_or(Vec::new(), |made| made.members);
            models += members.len();
            if let Some(both) = values.axes().find(|axis| members.iter().any(|own| own.value(axis.name()).is_some())) {
                let list = lists.iter().find(|list| list.key == both.name());
                let message = format!("`{both}` and `{both}_seeds` would both be called `{both}`", both = both.name());
                let error = Diagnostic::new(message, list.map_or(at, |list| list.at.clone()));
                return checker.fail(error.help(format!("write a stage for each `{}`", both.name())));
            }
            variants.push(Variant { values, places, spec });
        }
        if checker.errors() >= before + MOST_ERRORS {
            return None;
        }
        if models > MOST_MODELS {
            let message = format!("lists and seeds make more than {MOST_MODELS} models");
            return checker.fail(Diagnostic::new(message, at));
        }
    }
    (variants.len() == count && checker.errors() == before).then_some(variants)
}

impl<'v> List<'v> {
    /// The value as it is written.
    fn item(&self, values: &Coordinates) -> Option<Spanned<DeValue<'v>>> {
        let value = values.value(&self.key)?;
        self.values.iter().find(|(own, _)| own == value).map(|(_, item)| item.clone())
    }
}

impl Offers for Swept {
    fn models(&self) -> Option<Models<'_>> {
        let (mut members, mut all) = (Vec::new(), None);
        for variant in &self.variants {
            let made = variant.spec.models()?;
            members.extend(made.members.iter().map(|own| variant.values.and(own)));
            all = Some(made);
        }
        Some(Models { members, ..all? })
    }

    fn starts_from(&self) -> Vec<&Spanned<ModelRef>> {
        let mut all: Vec<&Spanned<ModelRef>> = Vec::new();
        for start in self.variants.iter().flat_map(|variant| variant.spec.starts_from()) {
            if all.last().is_none_or(|last| last.get_ref() != start.get_ref()) {
                all.push(start);
            }
        }
        all
    }
}

impl Spec for Swept {
    fn references(&self, to: &mut References<'_>) {
        for variant in &self.variants {
            variant.spec.references(to);
            if to.has_enough() {
                break;
            }
        }
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let variants = self.variants.iter().map(|variant| (&variant.values, &variant.spec));
        to.each(stage, variants, |spec, to| spec.steps(stage, to))
    }

    /// Where a default follows from a value in a list there is none for all.
    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        let mut all = self.variants.iter().map(|variant| variant.spec.defaults());
        let first = all.next().unwrap_or_default();
        all.fold(first, |first, other| first.into_iter().filter(|default| other.contains(default)).collect())
    }

    fn variant(&self, instance: &str) -> Option<(&dyn Spec, &Places)> {
        let is_it = |variant: &&Variant| {
            let rest = instance.strip_prefix(&variant.values.instance());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        };
        self.variants.iter().find(is_it).map(|variant| (&*variant.spec, &variant.places))
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        for variant in &self.variants {
            to.with(&variant.values, &variant.places, |to| variant.spec.preflight(to));
        }
    }
}
