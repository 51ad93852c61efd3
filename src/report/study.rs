//! The study as it is written, line by line, so that what comes from a line can lead to it; and as it is resolved.

use std::fmt::Write;

use super::subject::Report;
use crate::data::secrets::masked;
use crate::experiment::resolved;
use crate::say::for_markup;
use crate::study::SET;

pub fn study(of: &Report<'_>) -> String {
    let mut html = String::new();
    for (number, (name, text)) in of.experiment.sources.texts().enumerate() {
        writeln!(html, "<details open><summary>{}</summary>\n<pre class=\"lines\">", for_markup(name)).ok();
        for (at, line) in text.lines().enumerate() {
            writeln!(html, "<span id=\"{}\">{}</span>", anchor(number, at + 1), for_markup(&masked(line))).ok();
        }
        html += "</pre></details>\n";
    }
    html += "<details><summary>As resolved, with every default and every value of its recipes</summary>\n<pre>";
    for line in resolved(of.experiment).lines() {
        writeln!(html, "{}", for_markup(&masked(line))).ok();
    }
    html + "</pre></details>\n"
}

fn anchor(text: usize, line: usize) -> String {
    format!("text{text}-{line}")
}

/// `study.toml:12` as a link to that line; any other origin as it is.
pub fn link(of: &Report<'_>, place: &str) -> String {
    let texts = || of.experiment.sources.texts().enumerate();
    let found = place.rsplit_once(':').and_then(|(name, line)| {
        let (number, _) = texts().find(|(_, (known, _))| *known == name && name != SET)?;
        Some(anchor(number, line.parse().ok()?))
    });
    match found {
        Some(anchor) => format!("<a href=\"#{anchor}\">{}</a>", for_markup(place)),
        None => for_markup(place),
    }
}
