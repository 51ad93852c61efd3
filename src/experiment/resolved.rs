//! A study with every default written out: nothing in it is left to this version of the program.

use std::fmt::Write;

use crate::kinds::stages::Experiment;

/// The text of a file that is the same study, in the same order. What it extends is in it.
pub fn resolved(experiment: &Experiment) -> String {
    let mut text = String::new();
    for (name, keys) in &experiment.tables {
        table(&mut text, name, keys, &[]);
    }
    for stage in &experiment.stages {
        table(&mut text, &stage.id.to_string(), &stage.written, &stage.spec.defaults());
    }
    text
}

/// Once they are written they ask for so many; left out, they take what is there.
const OR_WHAT_IS_THERE: [&str; 1] = ["examples"];

fn table(text: &mut String, name: &str, written: &[(String, String)], defaults: &[(&str, toml::Value)]) {
    let line = if text.is_empty() { "" } else { "\n" };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}[{name}]");
    for (key, value) in written {
        let _ = writeln!(text, "{key} = {value}");
    }
    let left = defaults.iter().filter(|(key, _)| written.iter().all(|(known, _)| known != key));
    let (marked, plain): (Vec<_>, Vec<_>) = left.partition(|(key, _)| OR_WHAT_IS_THERE.contains(key));
    for (mark, (key, value)) in plain.into_iter().map(|one| ("", one)).chain(marked.into_iter().map(|one| ("# ", one)))
    {
        let _ = writeln!(text, "{mark}{key} = {value}");
    }
}
