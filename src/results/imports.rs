//! Rows of what was published elsewhere: one step holds all pairs, models or planes of a stage.

use super::ResultsError;
use super::rows::{Pair, Rows, Sharp, output};
use crate::store::{Manifest, Store};

impl Rows {
    pub(super) fn add_imported(&mut self, stage: &str, store: &Store, manifest: &Manifest) -> Result<(), ResultsError> {
        let mut outputs: Vec<(&str, Vec<&str>, &String)> = Vec::new();
        for name in manifest.outputs.keys() {
            if let Some((what, models)) = name.split_once(':') {
                outputs.push((what, models.split(',').collect(), name));
            }
        }
        // By number: 2 before 10.
        outputs.sort_by_key(|(_, models, _)| models.iter().map(|model| model.parse::<u64>().ok()).collect::<Vec<_>>());
        for (what, models, name) in outputs {
            match (what, models.as_slice()) {
                ("metrics", [model]) => {
                    self.add_metrics(stage, model, &output(store, manifest, name)?, manifest.key);
                }
                ("line", [first, second]) => self.pairs.push(Pair {
                    stage: stage.to_owned(),
                    first: (*first).to_owned(),
                    second: (*second).to_owned(),
                    line: output(store, manifest, name)?,
                    key: manifest.key,
                }),
                ("sharpness", [model]) => self.sharpness.push(Sharp {
                    stage: stage.to_owned(),
                    model: (*model).to_owned(),
                    measured: output(store, manifest, name)?,
                    key: manifest.key,
                }),
                ("plane", models) => {
                    self.add_plane(stage, &models.join(","), &output(store, manifest, name)?, manifest.key);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
