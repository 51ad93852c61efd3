//! What was to come out, and whether it did.

use std::fmt::Write;

use super::subject::Report;
use crate::kinds::expect::State;
use crate::say::for_markup;

pub fn expectations(of: &Report<'_>) -> String {
    let mut html = String::new();
    for one in &of.gathered.expectations {
        let (class, said) = match &one.state {
            State::Unknown => ("open", "open"),
            State::Known { holds: true, .. } => ("holds", "holds"),
            State::Known { holds: false, .. } => ("warning", "does not hold"),
        };
        writeln!(html, "<li class=\"{class}\"><b>{said}</b> {}</li>", for_markup(&one.told())).ok();
    }
    if html.is_empty() { html } else { format!("<ul class=\"expected\">\n{html}</ul>\n") }
}
