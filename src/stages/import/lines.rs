//! Logs of lines → a line a pair.

use std::collections::BTreeMap;

use super::{LinesParams, note_skipped};
use crate::data::published::{LineLogs, is_line_log};
use crate::engine::{Context, Outputs, StageError};
use crate::stages::interpolate::Line;

pub fn lines(params: &LinesParams, context: &mut Context) -> Result<Outputs, StageError> {
    let files = params.logs.files(&is_line_log, context)?;
    let logs = LineLogs::read(&files)?;
    note_skipped("in which no line begins", &logs.without, context);
    let models = &params.models;
    let pairs: Vec<(u64, u64)> = match &params.pairs {
        Some(pairs) => pairs.iter().map(|[i, j]| (models[*i], models[*j])).collect(),
        None => (0..models.len()).flat_map(|i| (i + 1..models.len()).map(move |j| (models[i], models[j]))).collect(),
    };
    let found = logs.of(&pairs).map_err(|error| {
        StageError::new(error.to_string()).help("leave models out of `seeds`, or name the `pairs` that there are")
    })?;
    let others = logs.others(models);
    if others > 0 {
        context.note(&format!("left out {others} lines between other models"));
    }
    let mut outputs = Outputs::default();
    for ((first, second), published) in pairs.into_iter().zip(found) {
        let metric = |name: &String| Ok((name.clone(), published.metric(name)?.to_vec()));
        let last = published.points - 1;
        let line = Line {
            examples: 0,
            distance: published.distance,
            coefficients: (0..published.points).map(|point| point as f64 / last as f64).collect(),
            metrics: params.metrics.iter().map(metric).collect::<Result<BTreeMap<_, _>, StageError>>()?,
        };
        outputs.json(&format!("line:{first},{second}"), &line)?;
    }
    Ok(outputs)
}
