//! Sentences of the built-in grammar.

use serde::{Deserialize, Serialize};

use super::data::store;
use crate::data::Grammar;
use crate::engine::{Context, Outputs, StageEnd, StepKind};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub generator: String,
    pub split: String,
    pub seed: u64,
    pub examples: usize,
    pub passive: f64,
    pub contrast: f64,
    pub adjective: f64,
    pub adverb: f64,
}

impl StepKind for Params {
    const KIND: &'static str = "generate";
    /// The grammar's own: its sentences are results too.
    const VERSION: u32 = 1;

    fn run(&self, _: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let grammar = Grammar {
            examples: self.examples,
            seed: self.seed,
            passive: self.passive,
            contrast: self.contrast,
            adjective: self.adjective,
            adverb: self.adverb,
        };
        Ok(store(&grammar.generate(&self.split)?)?)
    }

    fn look(&self, context: &mut Context<'_>) -> Result<Option<Outputs>, StageEnd> {
        self.run(context).map(Some)
    }
}
