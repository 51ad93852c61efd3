//! All tables of the results, in the order of the file.

use polars::prelude::{AnyValue, Column, DataType};
use serde_json::Value;

use super::meanings::{Meaning, meanings};
use super::sheet::{Field, Form, Sheet, rounded};
use super::steps::Steps;
use super::subject::Report;
use crate::kinds::made;
use crate::say::for_markup;
use crate::tables::{Table, TableError};

pub fn tables(of: &Report<'_>, steps: &Steps<'_>, sheets: &mut Vec<(String, Value)>) -> Result<String, TableError> {
    let place = |name: &str, stages: &std::collections::BTreeSet<String>| {
        let first = of.experiment.stages.iter().position(|stage| stages.contains(&stage.id.to_string()));
        if name == made::NAME { 0 } else { first.map_or(usize::MAX, |first| first + 1) }
    };
    let mut all: Vec<&(Table, _)> = of.gathered.tables.iter().collect();
    all.sort_by_key(|(table, stages)| place(table.name, stages));
    let (meanings, unknown) = (meanings(), Meaning::default());
    let mut html = String::new();
    for (table, _) in all {
        let meaning = meanings.get(table.name).unwrap_or(&unknown);
        let mut fields = Vec::new();
        for column in table.frame.columns() {
            fields.push(field(column, meaning, steps)?);
        }
        let sheet = Sheet {
            id: table.name.to_owned(),
            title: table.name.replace('_', " "),
            about: for_markup(&meaning.about),
            fields,
            file: Some(format!("{}.csv", table.name)),
        };
        let (part, data) = sheet.parts(&|step| steps.short_key(step));
        html += &part;
        sheets.push(data);
    }
    Ok(html)
}

fn field(column: &Column, meaning: &Meaning, steps: &Steps<'_>) -> Result<Field, TableError> {
    let name = column.name().to_string();
    let is_key = name == "key";
    let form = match column.dtype() {
        _ if is_key => Form::Step,
        DataType::Float64 | DataType::Float32 => Form::Number,
        DataType::String | DataType::Boolean => Form::Text,
        _ => Form::Count,
    };
    let values = (0..column.len())
        .map(|row| {
            let value = column.get(row)?;
            Ok(if is_key { steps.of_key(value.get_str().unwrap_or_default()) } else { json(&value) })
        })
        .collect::<Result<Vec<Value>, TableError>>()?;
    let (unit, what) = meaning.columns.get(&name).cloned().unwrap_or_default();
    Ok(Field { unit, what, ..Field::new(&name, form, values) })
}

/// A value of a table; nothing where it has none.
pub fn json(value: &AnyValue<'_>) -> Value {
    /// A larger number is another one in JavaScript.
    const LARGEST: u64 = 1 << 53;
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Float64(value) => rounded(*value),
        AnyValue::UInt64(value) if *value <= LARGEST => (*value).into(),
        AnyValue::UInt32(value) => (*value).into(),
        AnyValue::Int32(value) => (*value).into(),
        AnyValue::Int64(value) if value.unsigned_abs() <= LARGEST => (*value).into(),
        other => match other.get_str() {
            Some("") => Value::Null,
            Some(text) => text.into(),
            None => other.to_string().into(),
        },
    }
}
