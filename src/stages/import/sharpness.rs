//! Logs of sharpness → a sharpness a model.

use super::{SharpnessParams, note_skipped};
use crate::data::published::{is_line_log, read_sharpness};
use crate::engine::{Context, Outputs, StageError};
use crate::stages::sharpness::Sharpness;

pub fn sharpness(params: &SharpnessParams, context: &mut Context) -> Result<Outputs, StageError> {
    let files = params.logs.files(&is_line_log, context)?;
    let mut read = read_sharpness(&files)?;
    note_skipped("without a sharpness", &read.without, context);
    let mut outputs = Outputs::default();
    let mut missing = Vec::new();
    for model in &params.models {
        match read.by_model.remove(model) {
            Some(sharpness) => {
                let published = Sharpness { examples: 0, before: None, after: None, sharpness };
                outputs.json(&format!("sharpness:{model}"), &published)?;
            }
            None => missing.push(model.to_string()),
        }
    }
    if !missing.is_empty() {
        let (count, shown) = (missing.len(), missing.iter().take(10).cloned().collect::<Vec<_>>().join(", "));
        let more = if count > 10 { ", …" } else { "" };
        let all = params.models.len();
        return Err(StageError::new(format!("the sharpness of {count} of {all} models is missing: {shown}{more}"))
            .help("leave those models out of `seeds`"));
    }
    if !read.by_model.is_empty() {
        context.note(&format!("left out the sharpness of {} other models", read.by_model.len()));
    }
    Ok(outputs)
}
