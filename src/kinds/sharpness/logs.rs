//! Sharpness that others published as text logs.

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use super::sharpened::{SHARPNESS, Sharpened, Sharpness};
use crate::data::published::{is_line_log, read_sharpness};
use crate::engine::{Context, Outputs, StageEnd, StageError, StageId, StepKind};
use crate::kinds::expand::Expander;
use crate::kinds::models::Member;
use crate::kinds::offers::Offers;
use crate::kinds::published::{self, Logs, LogsSpec, first_missing, note_skipped};
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::words::Seeds;
use crate::study::{Checker, Diagnostic, Text};

table! {
    struct RawSharpness {
        /// Text logs: `hf:REPO` or `path:FOLDER`.
        logs: Text,
        /// Of the repository or folder; all of it where this is left out.
        folder: Option<Text>,
        /// The models that are expected, by number.
        seeds: Spanned<Seeds>,
    }
}

#[derive(Debug)]
pub struct PublishedSharpness {
    logs: LogsSpec,
    seeds: Vec<u64>,
}

pub fn written() -> Written {
    Written::new::<RawSharpness>(
        "sharpness that others published",
        "Text logs take the place of the ascent.",
        "[sharpness.sharp]\nlogs = \"path:sharpness\"\nseeds = \"0..100\"\n",
    )
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<PublishedSharpness> {
    let raw: RawSharpness = checker.table(value)?;
    let seeds = published::check_seeds(&raw.seeds, checker)?;
    Some(PublishedSharpness { logs: LogsSpec::check(&raw.logs, raw.folder, checker)?, seeds })
}

impl Offers for PublishedSharpness {}

impl Spec for PublishedSharpness {
    fn references(&self, _: &mut References<'_>) {}

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let (logs, location) = self.logs.resolve(&is_line_log, to)?;
        let params = Params { logs, models: self.seeds.clone() };
        let step = to.push_at(location, stage, "", params, vec![]);
        let one = |seed: &u64| (Member::Published(seed.to_string()), step, SHARPNESS.of(seed));
        to.about(step, &Member::published(&self.seeds));
        to.publish(stage, Sharpened(self.seeds.iter().map(one).collect()));
        Ok(())
    }
}

/// The artifacts are `sharpness:7`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub logs: Logs,
    pub models: Vec<u64>,
}

impl StepKind for Params {
    const KIND: &'static str = "import-sharpness";
    const VERSION: u32 = published::VERSION;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let files = self.logs.files(&is_line_log, context)?;
        let mut read = read_sharpness(&files)?;
        note_skipped("without a sharpness", &read.without, context);
        let mut outputs = Outputs::default();
        let mut missing = Vec::new();
        for model in &self.models {
            match read.by_model.remove(model) {
                Some(sharpness) => {
                    let published = Sharpness { examples: 0, before: None, after: None, sharpness };
                    outputs.json(&SHARPNESS.of(model), &published)?;
                }
                None => missing.push(model.to_string()),
            }
        }
        if !missing.is_empty() {
            let (count, shown) = (missing.len(), first_missing(&missing, ", "));
            let all = self.models.len();
            return Err(StageError::new(format!("the sharpness of {count} of {all} models is missing: {shown}"))
                .help("leave those models out of `seeds`")
                .into());
        }
        if !read.by_model.is_empty() {
            context.note(&format!("left out the sharpness of {} other models", read.by_model.len()));
        }
        self.logs.unchanged(&is_line_log, context)?;
        Ok(outputs)
    }
}
