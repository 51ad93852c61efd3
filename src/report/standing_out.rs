//! Seeds whose numbers stand out among those of their stage, and by which rule.

use std::collections::BTreeMap;

use polars::prelude::{DataFrame, DataType};
use serde_json::Value;

use super::sheet::{Field, Form, Sheet, rounded};
use super::subject::Report;
use crate::analysis::outliers::{FEWEST, STANDS_OUT, median, robust_scores};
use crate::kinds::made;
use crate::say::for_markup;
use crate::tables::{Table, TableError};

/// Where more than this share of the models would be listed, they are another group and no exceptions.
const MOST: f64 = 0.25;

/// One column of a table over the models of a stage.
type Measured = BTreeMap<String, Vec<(String, f64)>>;

struct StandsOut {
    model: String,
    table: &'static str,
    what: String,
    value: f64,
    median: f64,
    /// Nothing where the value is no number.
    score: Option<f64>,
    among: usize,
}

pub fn seeds(of: &Report<'_>, sheets: &mut Vec<(String, Value)>) -> Result<String, TableError> {
    let (mut found, mut looked_at, mut apart) = (Vec::new(), 0, Vec::new());
    for (table, _) in &of.gathered.tables {
        for (what, models) in measured(table)? {
            if let Some(out) = standing_out(table.name, &what, &models) {
                looked_at += 1;
                match out.len() as f64 > MOST * models.len() as f64 {
                    true => apart.push(format!("{} ({what})", table.name)),
                    false => found.extend(out),
                }
            }
        }
    }
    if looked_at == 0 {
        return Ok(String::new());
    }
    let size = |one: &StandsOut| one.score.map_or(f64::INFINITY, f64::abs);
    found.sort_by(|one, other| size(other).total_cmp(&size(one)));
    let rule = format!(
        "<p>A model is listed where one of its numbers lies more than {STANDS_OUT} standard deviations from the median of the \
         models of its stage. The standard deviation is taken from the median of all deviations, so that what stands out does \
         not hide itself (Iglewicz and Hoaglin, 1993); of normal numbers one in 2,000 would be listed. Looked at were {looked_at} \
         columns over at least {FEWEST} models each.</p>\n"
    );
    let rule = match apart.is_empty() {
        true => rule,
        false => format!(
            "{rule}<p>Where more than a quarter would be listed, the models fall into groups, and none is: {}.</p>\n",
            for_markup(&apart.join("; "))
        ),
    };
    if found.is_empty() {
        return Ok(format!("{rule}<p>None stands out.</p>\n"));
    }
    let column = |name: &str, form, value: &dyn Fn(&StandsOut) -> Value| {
        Field::new(name, form, found.iter().map(value).collect())
    };
    let sheet = Sheet {
        id: "standing-out".to_owned(),
        title: "Standing out".to_owned(),
        about: String::new(),
        fields: vec![
            column("model", Form::Text, &|one| one.model.as_str().into()),
            column("table", Form::Text, &|one| one.table.into()),
            column("what", Form::Text, &|one| one.what.as_str().into()),
            column("value", Form::Number, &|one| rounded(one.value)),
            column("median", Form::Number, &|one| rounded(one.median)),
            column("deviations", Form::Number, &|one| one.score.map_or(Value::Null, rounded)),
            column("models", Form::Count, &|one| one.among.into()),
        ],
        file: None,
    };
    let (html, data) = sheet.parts(&|_| String::new());
    sheets.push(data);
    Ok(rule + &html)
}

/// Nothing where there are too few to say so.
fn standing_out(table: &'static str, what: &str, models: &[(String, f64)]) -> Option<Vec<StandsOut>> {
    let (finite, not): (Vec<_>, Vec<_>) = models.iter().partition(|(_, value)| value.is_finite());
    let values: Vec<f64> = finite.iter().map(|(_, value)| *value).collect();
    let scores = robust_scores(&values).ok()?;
    let (median, among) = (median(values), models.len());
    let out = |model: &str, value: f64, score: Option<f64>| StandsOut {
        model: model.to_owned(),
        table,
        what: what.to_owned(),
        value,
        median,
        score,
        among,
    };
    let far = finite.iter().zip(scores).filter(|(_, score)| score.abs() > STANDS_OUT);
    let far = far.map(|((model, value), score)| out(model, *value, Some(score)));
    Some(far.chain(not.iter().map(|(model, value)| out(model, *value, None))).collect())
}

/// The numbers of a table that are about one model each, by what they are and of which stage the models are.
fn measured(table: &Table) -> Result<Measured, TableError> {
    let (mut found, frame) = (Measured::new(), &table.frame);
    let Ok(models) = frame.column("model").and_then(|column| column.str()) else { return Ok(found) };
    let is = |wanted: DataType| frame.columns().iter().filter(move |column| *column.dtype() == wanted);
    // Of the table of models, all else is what was asked for and not what came out.
    let is_models = table.name == made::NAME;
    let texts: Vec<_> = is(DataType::String)
        .map(|column| column.name().as_str())
        .filter(|name| !["model", "key"].contains(name))
        .collect();
    for column in is(DataType::Float64).filter(|column| !is_models || column.name() == "final_loss") {
        let (name, values) = (column.name().as_str(), column.f64()?);
        for row in 0..frame.height() {
            let (Some(model), Some(value)) = (models.get(row), values.get(row)) else { continue };
            let mut what = if is_models { Vec::new() } else { said(frame, &texts, row)? };
            if name != "value" {
                what.push(name.replace('_', " "));
            }
            found.entry(format!("{} of {}", what.join(", "), like(model))).or_default().push((model.to_owned(), value));
        }
    }
    Ok(found)
}

fn said(frame: &DataFrame, texts: &[&str], row: usize) -> Result<Vec<String>, TableError> {
    let mut said = Vec::new();
    for name in texts {
        said.extend(frame.column(name)?.str()?.get(row).filter(|text| !text.is_empty()).map(str::to_owned));
    }
    Ok(said)
}

/// What a model has in common with those that it is compared with: `agents/7@15000` is one of `agents@15000`.
fn like(model: &str) -> String {
    let (run, checkpoint) = match model.split_once('@') {
        Some((run, checkpoint)) => (run, format!("@{checkpoint}")),
        None => (model, String::new()),
    };
    format!("{}{checkpoint}", run.rsplit_once('/').map_or(run, |(stage, _)| stage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{numbers, table, texts};

    #[test]
    fn a_seed_is_compared_with_the_others_of_its_stage_and_metric() {
        // Nine of each of two stages, whose numbers are far apart; the last of the first stage is like the second's.
        let rows: Vec<(&str, usize, &str, f64)> = (0..9)
            .flat_map(|seed| {
                let value = seed as f64 / 100.0;
                [
                    ("a", seed, "loss", if seed == 8 { 5.0 } else { value }),
                    ("b", seed, "loss", 5.0 + value),
                    ("a", seed, "f1", value),
                ]
            })
            .collect();
        let columns = vec![
            texts("eval", &rows, |_| "passive".to_owned()),
            texts("model", &rows, |row| format!("{}/{}", row.0, row.1)),
            texts("metric", &rows, |row| row.2.to_owned()),
            numbers("value", &rows, |row| row.3),
            texts("key", &rows, |_| "k".to_owned()),
        ];
        let measured = measured(&table("metrics", columns).unwrap()).unwrap();
        assert_eq!(
            measured.keys().map(String::as_str).collect::<Vec<_>>(),
            ["passive, f1 of a", "passive, loss of a", "passive, loss of b"]
        );
        let out: Vec<StandsOut> =
            measured.iter().flat_map(|(what, models)| standing_out("metrics", what, models).unwrap()).collect();
        assert_eq!(
            out.iter().map(|one| (one.model.as_str(), one.what.as_str())).collect::<Vec<_>>(),
            [("a/8", "passive, loss of a")]
        );
        assert_eq!(
            (like("agents/7@15000"), like("agents/h0o3"), like("bert")),
            ("agents@15000".into(), "agents".into(), "bert".into())
        );
    }

    #[test]
    fn a_model_that_diverged_stands_out_and_few_models_do_not() {
        let models: Vec<(String, f64)> =
            (0..6).map(|seed| (format!("a/{seed}"), if seed == 2 { f64::NAN } else { 1.0 })).collect();
        let out = standing_out("metrics", "loss", &models).unwrap();
        assert_eq!((out.len(), out[0].model.as_str(), out[0].score), (1, "a/2", None));
        assert!(standing_out("metrics", "loss", &models[3..]).is_none());
    }
}
