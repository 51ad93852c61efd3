//! What steps noted, each once with who said it, and what else somebody should know before he believes the rest.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::steps::Steps;
use super::subject::Report;
use crate::say::for_markup;

/// Characters of a note that is shown as a whole, and of the beginning of any other.
const LONGEST: usize = 400;
const BEGINNING: usize = 200;
/// Steps that are named one by one.
const NAMED: usize = 6;

pub fn notes(of: &Report<'_>, steps: &Steps<'_>) -> String {
    let mut items = Vec::new();
    for step in of.failed {
        items.push(format!(
            "<li class=\"warning\">{} failed in the last run</li>",
            for_markup(&of.graph.steps[*step].name())
        ));
    }
    for one in &of.gathered.not_drawn {
        let why = format!("{} is not drawn: {}", one.stage, one.why(of.graph, of.failed));
        items.push(format!("<li>{}</li>", for_markup(&why)));
    }
    if !of.graph.without.is_empty() {
        let names: Vec<&str> = of.graph.without.iter().map(String::as_str).collect();
        let said = format!("in part: {} models are left out: {}", names.len(), names.join(", "));
        items.push(format!("<li class=\"warning\">{}</li>", for_markup(&said)));
    }
    let mut noted: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (step, ran) in steps.ran.iter().enumerate() {
        let Some(note) = ran.as_ref().and_then(|ran| ran.facts.get("note")) else { continue };
        let place = *places.entry(note).or_insert_with(|| {
            noted.push((note, Vec::new()));
            noted.len() - 1
        });
        noted[place].1.push(step);
    }
    for (note, steps) in noted {
        let names: Vec<String> = steps.iter().take(NAMED).map(|step| of.graph.steps[*step].name()).collect();
        let more = match steps.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        items.push(format!("<li>{} <small>{}{more}</small></li>", folded(note), for_markup(&names.join(", "))));
    }
    let mut html = String::new();
    if !items.is_empty() {
        writeln!(html, "<ul class=\"notes\">\n{}\n</ul>", items.join("\n")).ok();
    }
    html
}

/// A note, of which all but the beginning can be opened where it is long.
fn folded(note: &str) -> String {
    match (note.chars().nth(LONGEST), note.char_indices().nth(BEGINNING)) {
        (Some(_), Some((end, _))) => {
            let (beginning, rest) = note.split_at(end);
            format!("<details><summary>{}…</summary>…{}</details>", for_markup(beginning), for_markup(rest))
        }
        _ => for_markup(note),
    }
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn long_notes_are_folded_between_letters() {
        assert_eq!(folded("a <b>"), "a &lt;b&gt;");
        let long = "é&".repeat(300);
        let shown = folded(&long);
        assert!(shown.starts_with("<details><summary>é&amp;é"), "{shown}");
        assert_eq!((shown.matches('é').count(), shown.matches("&amp;").count()), (300, 300));
    }
}
