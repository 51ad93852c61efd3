//! The page as a whole: its sections in the order in which somebody reads, its style, its script, and the numbers that the
//! script shows.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::steps::Steps;
use super::subject::Report;
use super::{expected, figures, head, notes, stages, standing_out, study, tables};
use crate::say::{for_json, for_markup};
use crate::tables::TableError;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A part of the page with a place in its contents.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub html: String,
}

/// # Errors
/// Something in the cache is damaged.
pub fn page(of: &Report<'_>) -> Result<Vec<u8>, TableError> {
    let steps = Steps::read(of)?;
    let mut sheets = Vec::new();
    let mut sections = vec![
        Section { id: "expected", title: "What was expected", html: expected::expectations(of) },
        Section { id: "figures", title: "Figures", html: figures::figures(of, &steps) },
        Section { id: "tables", title: "Tables", html: tables::tables(of, &steps, &mut sheets)? },
        Section { id: "seeds", title: "Seeds that stand out", html: standing_out::seeds(of, &mut sheets)? },
        Section { id: "stages", title: "Stages, times and costs", html: stages::stages(of, &steps, &mut sheets) },
        Section { id: "notes", title: "Notes and warnings", html: notes::notes(of, &steps) },
        Section { id: "steps", title: "Where everything comes from", html: steps.html(of) },
        Section { id: "study", title: "The study", html: study::study(of) },
    ];
    sections.retain(|section| !section.html.is_empty());
    let contents: String = (sections.iter())
        .map(|section| format!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title))
        .collect();
    let body: String = (sections.iter())
        .map(|Section { id, title, html }| {
            format!("<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n{html}</section>\n")
        })
        .collect();
    let sheets: BTreeMap<String, Value> = sheets.into_iter().collect();
    let texts: Vec<&str> = of.experiment.sources.texts().map(|(name, _)| name).collect();
    let data = json!({"sheets": sheets, "steps": steps.data(of), "texts": texts});
    let name = for_markup(&of.experiment.name);
    // Whatever else should come into the page, nothing but this script runs, and nothing is loaded.
    let digest = BASE64_STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'");
    let head = head::head(of, &steps);
    let data = in_script(&for_json(data));
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"{policy}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta \
         name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"pipeline {}\">\n<title>{name}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the results</a>\n{head}<nav \
         aria-label=\"Contents\"><ul>{contents}</ul></nav>\n<main id=\"main\">\n{body}</main>\n<script \
         type=\"application/json\" id=\"data\">{data}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
    );
    Ok(page.into_bytes())
}

/// JSON that no text in it can end: `<` is an escape there, and stands nowhere but in texts.
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_that_holds_it() {
        let value = json!({"</script><script>alert(1)</script>": "<!--<script>"});
        let text = in_script(&value);
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn style_and_script_stay_in_their_places() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        // Nothing is loaded from elsewhere, and no text becomes markup.
        for word in ["http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!SCRIPT.contains(word) && !STYLE.contains(word), "{word}");
        }
    }
}
