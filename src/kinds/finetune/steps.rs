//! A step a seed.

use super::overrides;
use super::run::Params;
use super::spec::Finetune;
use crate::engine::StageId;
use crate::kinds::expand::Expander;
use crate::kinds::inputs::data_inputs;
use crate::kinds::measure::Chosen;
use crate::kinds::models::{MODEL, Made};
use crate::kinds::offers::{Models, NoCheckpoint, Offers};
use crate::kinds::preflight::Preflight;
use crate::kinds::references::References;
use crate::kinds::room::{Spec, whole};
use crate::study::Diagnostic;
use crate::study::words::{Checkpoint, ModelRef};
use toml::Spanned;

impl Offers for Finetune {
    fn models(&self) -> Option<Models<'_>> {
        Some(Models {
            members: self.runs.iter().map(|run| run.coordinates.clone()).collect(),
            checkpoints: &self.checkpoints,
            no_checkpoint: NoCheckpoint::Kept,
        })
    }

    fn starts_from(&self) -> Vec<&Spanned<ModelRef>> {
        vec![&self.model]
    }
}

impl Spec for Finetune {
    fn references(&self, to: &mut References<'_>) {
        to.model(&self.model, true);
        to.data(&self.data);
    }

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        // What a training does not read is not in its key.
        let reads_columns = self.filter.keys().any(|name| name != "label");
        let data = if reads_columns { to.split(&self.data)? } else { to.bare_split(&self.data)? };
        let Some(start) = to.models(std::slice::from_ref(&self.model)).into_iter().next() else {
            // The stage that makes it has failed already, and said so.
            return Ok(());
        };
        let checkpoints: Vec<usize> = self
            .checkpoints
            .iter()
            .filter_map(|checkpoint| match checkpoint {
                Checkpoint::Step(step) => Some(*step),
                Checkpoint::Last => None,
            })
            .collect();
        let mut made = Vec::new();
        for run in &self.runs {
            let params = Params {
                rows: self.data.get_ref().rows.clone(),
                filter: self.filter.clone(),
                permute: self.permute,
                examples: self.examples,
                recipe: self.recipe.clone(),
                head_seed: run.head_seed,
                order_seed: run.order_seed,
                dropout_seed: run.dropout_seed,
                checkpoints: checkpoints.clone(),
                keep_last: self.checkpoints.contains(&Checkpoint::Last),
                precision: to.precision(),
            };
            let mut inputs = data_inputs(data);
            inputs.extend(start.inputs(&MODEL));
            let step = to.push(stage, run.coordinates.instance(), params, inputs);
            let max_length = Some(self.recipe.max_length);
            made.push(Made { coordinates: run.coordinates.clone(), step, max_length });
        }
        to.make(stage, made);
        Ok(())
    }

    fn defaults(&self) -> Vec<(&'static str, toml::Value)> {
        let checkpoint = |checkpoint: &Checkpoint| match checkpoint {
            Checkpoint::Step(step) => whole(*step),
            Checkpoint::Last => "last".into(),
        };
        let checkpoints: Vec<toml::Value> = self.checkpoints.iter().map(checkpoint).collect();
        let mut defaults = vec![("checkpoints", toml::Value::Array(checkpoints))];
        defaults.extend(overrides::written(&self.recipe));
        defaults
    }

    fn preflight(&self, to: &mut Preflight<'_, '_>) {
        let start = to.models(std::slice::from_ref(&self.model)).into_iter().find_map(|(_, known)| known);
        let (filter, permute, examples) = (&self.filter, self.permute, self.examples);
        let chosen = Chosen { rows: &None, filter, permute, examples };
        let Some(data) = chosen.preflight(self.data.get_ref(), &[], to) else { return };
        let name = format!("{}.{}", self.data.get_ref().dataset, self.data.get_ref().split);
        if data.label.is_none() {
            let help = format!("name their column with `label` in [fetch.{}]", self.data.get_ref().dataset);
            return to.fail("data", format!("`{name}` has no labels, and a fine-tune learns them"), help);
        }
        if data.label_names.len() < 2 {
            let labels = data.label_names.join(", ");
            let help = format!("name all labels with `labels` in [fetch.{}]", self.data.get_ref().dataset);
            return to.fail("data", format!("`{name}` has one label, [{labels}], and a classifier needs two"), help);
        }
        self.steps_of_training(data.len(), to);
        if let Some(start) = start {
            to.length(&name, &data, &start, self.recipe.max_length, self.own_length);
            // What builds on a mistake need not complain too.
            if to.is_sound() {
                to.will_be(&start.with_labels(&data.label_names));
            }
        }
    }
}

impl Finetune {
    /// Checkpoints must be among the training steps.
    fn steps_of_training(&self, rows: usize, to: &mut Preflight<'_, '_>) {
        let (batch, epochs) = (self.recipe.batch_size, self.recipe.epochs);
        let total = self.recipe.total_steps(rows);
        if total == 0 {
            let message = format!("{rows} rows in batches of {batch} for {epochs} epochs make no training step");
            return to.fail("batch_size", message, format!("write batch_size = {rows}, or less"));
        }
        let beyond = self.checkpoints.iter().find_map(|checkpoint| match checkpoint {
            Checkpoint::Step(step) if *step > total => Some(step),
            Checkpoint::Step(_) | Checkpoint::Last => None,
        });
        if let Some(step) = beyond {
            let fits = |checkpoint: &&Checkpoint| !matches!(checkpoint, Checkpoint::Step(step) if *step > total);
            let mut kept: Vec<String> = self.checkpoints.iter().filter(fits).map(|kept| kept.written()).collect();
            if kept.is_empty() {
                kept.push(Checkpoint::Last.written());
            }
            let path = to.within("checkpoints", &step.to_string());
            let message = format!(
                "there is no checkpoint {step}: {rows} rows in batches of {batch} for {epochs} epochs are {total} training steps"
            );
            to.fail(&path, message, format!("write checkpoints = [{}]", kept.join(", ")));
        }
    }
}
