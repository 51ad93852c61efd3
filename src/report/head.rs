//! What is said first: how far the study is, what came of it in words, and which state of which files it is.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::steps::Steps;
use super::subject::Report;
use crate::data::secrets::masked;
use crate::kinds::cost::StudyCosts;
use crate::progress::Estimate;
use crate::say::for_markup;
use crate::units::{duration, utc};

pub fn head(of: &Report<'_>, steps: &Steps<'_>) -> String {
    let name = for_markup(&of.experiment.name);
    let mut html = format!("<header>\n<h1>{name}</h1>\n");
    if let Some(text) = description(of) {
        writeln!(html, "<p class=\"description\">{}</p>", for_markup(&masked(&text))).ok();
    }
    let all = of.graph.steps.len();
    let open: BTreeSet<usize> = (0..all).filter(|step| steps.ran[*step].is_none()).collect();
    let mut said = Vec::new();
    if open.is_empty() {
        said.push(format!("All {all} steps are finished"));
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        said.push(format!("<b>In part: {} of {all} steps are finished</b> at {}", all - open.len(), utc(now)));
        let mut left = Estimate::new(Box::new(StudyCosts::new(of.store)));
        left.begin(of.graph, of.plan, &open);
        let left = left.left(1);
        said.push(if left.seconds > 0.0 { format!("{left} with one worker") } else { left.to_string() });
    }
    let ran = || steps.ran.iter().flatten();
    let end = |ran: &crate::store::Provenance| ran.started.saturating_add(ran.seconds as u64);
    if let (Some(first), Some(last)) = (ran().map(|ran| ran.started).min(), ran().map(end).max()) {
        let (first, last) = (utc(first), utc(last));
        said.push(if first == last { format!("ran {first}") } else { format!("ran {first} to {last}") });
        let hosts = ran().map(|ran| match ran.device.as_str() {
            "" => ran.host.clone(),
            device => format!("{device} of {}", ran.host),
        });
        let hosts: BTreeSet<String> = hosts.collect();
        let hosts: Vec<String> = hosts.into_iter().collect();
        said.push(match hosts.as_slice() {
            few if few.len() <= 3 => format!("on {}", for_markup(&few.join(", "))),
            many => format!("on {} devices", many.len()),
        });
    }
    writeln!(html, "<p>{}.</p>", said.join(", ")).ok();
    for run in of.going {
        let since = run.seconds.map_or(String::new(), |seconds| format!(", since {}", duration(seconds as f64)));
        let running: Vec<String> = (run.running.iter())
            .map(|step| format!("{}{}", step.step, step.how_far().map_or(String::new(), |far| format!(" ({far})"))))
            .collect();
        let running = if running.is_empty() { String::new() } else { format!(": {}", running.join(", ")) };
        writeln!(html, "<p>{}</p>", for_markup(&format!("Runs now, {}{since}{running}", run.who))).ok();
    }
    let origin = of.origin;
    let mut from = vec![format!("from <code>{}</code>", for_markup(&origin.files.join(", ")))];
    from.extend(origin.set.iter().map(|set| format!("<code>--set {}</code>", for_markup(set))));
    if let Some(git) = &origin.git {
        let state = if git.clean { "as committed" } else { "with changes that are not committed" };
        from.push(format!("at <code>{}</code>, {state}", for_markup(git.commit.get(..12).unwrap_or(&git.commit))));
    }
    writeln!(html, "<p class=\"from\">Made by pipeline {} {}.</p>", env!("CARGO_PKG_VERSION"), from.join(" ")).ok();
    let told = &of.gathered.told;
    if !told.is_empty() {
        html += "<ul class=\"told\">\n";
        for line in told {
            writeln!(
                html,
                "<li{}>{}</li>",
                if line.starts_with("warning") { " class=\"warning\"" } else { "" },
                for_markup(line)
            )
            .ok();
        }
        html += "</ul>\n";
    }
    html + "</header>\n"
}

/// Free text of the file for readers.
fn description(of: &Report<'_>) -> Option<String> {
    let (_, keys) = of.experiment.tables.iter().find(|(name, _)| name == "experiment")?;
    let (_, value) = keys.iter().find(|(key, _)| key == "description")?;
    let table: toml::Table = format!("text = {value}").parse().ok()?;
    Some(table.get("text")?.as_str()?.to_owned())
}
