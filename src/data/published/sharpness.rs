//! Logs of ε-sharpness, a line a model: `ɛ-sharpness of models/bert_07 is 0.0123`. Other lines are passed over.

use super::{LogFile, PublishedError, lines, number};
use crate::plain;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Sharpnesses {
    /// By the model's number. It can be negative.
    pub by_model: BTreeMap<u64, f64>,
    /// Names of files that tell no sharpness.
    pub without: Vec<String>,
}

pub fn read_sharpness(files: &[LogFile]) -> Result<Sharpnesses, PublishedError> {
    let mut found: BTreeMap<u64, (f64, String)> = BTreeMap::new();
    let mut without = Vec::new();
    for file in files {
        let mut any = false;
        let bytes = plain::read(&file.path).map_err(|source| PublishedError::Io { path: file.path.clone(), source })?;
        for (at, line) in lines(&String::from_utf8_lossy(&bytes)) {
            let Some((_, rest)) = line.split_once("-sharpness of ") else { continue };
            any = true;
            let parsed = rest.rsplit_once(" is ").and_then(|(name, value)| {
                let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite())?;
                Some((number(name)?, value))
            });
            let Some((model, value)) = parsed else {
                let what = "names no model by number with its sharpness".to_owned();
                return Err(PublishedError::Line { file: file.name.clone(), line: at, what });
            };
            let place = format!("{} line {}", file.name, at);
            match found.get(&model) {
                Some((known, first)) if *known != value => {
                    let what = format!("the sharpness of {model}");
                    return Err(PublishedError::Conflict { what, first: first.clone(), second: place });
                }
                _ => drop(found.insert(model, (value, place))),
            }
        }
        if !any {
            without.push(file.name.clone());
        }
    }
    Ok(Sharpnesses { by_model: found.into_iter().map(|(model, (value, _))| (model, value)).collect(), without })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Sharpnesses, PublishedError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        std::fs::write(&path, text).unwrap();
        read_sharpness(&[LogFile { name: "a.log".into(), path }])
    }

    #[test]
    fn sharpness_is_read_by_model() {
        let text = "loading\nɛ-sharpness of ../berts/bert_07 is 0.125\nε-sharpness of bert-100 is -1e-3\n";
        assert_eq!(read(text).unwrap().by_model, BTreeMap::from([(7, 0.125), (100, -0.001)]));
        let merged = "ɛ-sharpness of 3 is 0.5\r100%|██|\rɛ-sharpness of 4 is 0.25\r\n";
        assert_eq!(read(merged).unwrap().by_model, BTreeMap::from([(3, 0.5), (4, 0.25)]));
        assert_eq!(read("Traceback\n").unwrap().without, ["a.log"]);
        let wrong = |text: &str| read(text).unwrap_err().to_string();
        assert!(wrong("\nɛ-sharpness of bert_07 is nan").starts_with("a.log: line 2 names no model"));
        assert!(wrong("ɛ-sharpness of bert is 1").contains("line 1"));
        let twice = "ɛ-sharpness of 7 is 1\nɛ-sharpness of 07 is 2\n";
        assert!(wrong(twice).contains("the sharpness of 7 is there twice"), "{}", wrong(twice));
    }
}
