//! The figures, as they lie among the results: on paper that is white in the dark too, since their colours are values.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::steps::Steps;
use super::study::link;
use super::subject::Report;
use crate::experiment::Origins;
use crate::kinds::plot;
use crate::say::{escaped, for_markup};

/// Points of a figure that stands in one column.
const COLUMN: f64 = 300.0;

pub fn figures(of: &Report<'_>, steps: &Steps<'_>) -> String {
    let mut html = String::new();
    let plots = of.experiment.stages.iter().filter(|stage| stage.id.kind == plot::KIND);
    for (number, stage) in plots.enumerate() {
        let Some(step) = of.graph.steps.iter().position(|step| step.stage == stage.id) else { continue };
        let name = &stage.id.name;
        let picture = match (file(of, name, "svg"), file(of, name, "png")) {
            (Some(svg), _) => Some(own_names(&escaped(&String::from_utf8_lossy(svg)), name, number)),
            (None, Some(png)) => Some(format!(
                "<img alt=\"{}\" src=\"data:image/png;base64,{}\">",
                for_markup(name),
                BASE64_STANDARD.encode(png)
            )),
            (None, None) => None,
        };
        let missing = of.gathered.not_drawn.iter().find(|one| one.stage == *name);
        let class = match picture.as_deref().and_then(points) {
            Some(width) if width > COLUMN => " class=\"wide\"",
            _ => "",
        };
        let said = match (&picture, missing) {
            (Some(_), _) => String::new(),
            (None, Some(missing)) => format!(" is not drawn: {}", for_markup(&missing.why(of.graph, of.failed))),
            (None, None) => " is written as PDF alone".to_owned(),
        };
        let from = Origins::of(of.experiment, &of.graph.steps[step]).table().unwrap_or_default();
        let note = steps.ran[step].as_ref().and_then(|ran| ran.facts.get("note"));
        let note =
            note.map_or(String::new(), |note| format!("<br><span class=\"note\">note: {}</span>", for_markup(note)));
        let (paper, name) =
            (picture.map_or(String::new(), |one| format!("<div class=\"paper\">{one}</div>")), for_markup(name));
        writeln!(
            html,
            "<figure id=\"figure-{name}\"{class}>{paper}<figcaption><b>{name}</b>{said} <small>{}</small>{note}</figcaption></figure>",
            link(of, &from)
        )
        .ok();
    }
    if html.is_empty() { html } else { format!("<div class=\"figures\">\n{html}</div>\n") }
}

fn file<'a>(of: &'a Report<'_>, stage: &str, format: &str) -> Option<&'a [u8]> {
    let name = format!("{stage}.{format}");
    let found = of.gathered.files.iter().find(|(path, ..)| path == Path::new(&name));
    found.map(|(_, bytes, _)| bytes.as_slice())
}

/// How wide it is.
fn points(svg: &str) -> Option<f64> {
    svg.split_once(" width=\"")?.1.split_once("pt\"")?.0.parse().ok()
}

/// The picture with names in it that no other picture of the page has. In texts there are no quotes.
fn own_names(svg: &str, stage: &str, number: usize) -> String {
    let svg = svg.split_once("<svg").map_or(svg, |(_, rest)| rest);
    format!("<svg role=\"img\" aria-label=\"{}\"{svg}", for_markup(stage))
        .replace(" id=\"", &format!(" id=\"p{number}-"))
        .replace("href=\"#", &format!("href=\"#p{number}-"))
        .replace("url(#", &format!("url(#p{number}-"))
}

#[cfg(test)]
mod tests {
    use super::own_names;

    #[test]
    fn names_within_a_picture_are_its_own() {
        let svg = "<?xml?>\n<svg><path id=\"r3\" d=\"\"/><use xlink:href=\"#r3\"/><text>id=&quot;r3&quot;</text></svg>";
        assert_eq!(
            own_names(svg, "map", 2),
            "<svg role=\"img\" aria-label=\"map\"><path id=\"p2-r3\" d=\"\"/><use xlink:href=\"#p2-r3\"/><text>id=&quot;r3&quot;</text></svg>"
        );
    }
}
