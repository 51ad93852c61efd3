use polars::prelude::PolarsError;

use crate::analysis::AnalysisError;
use crate::store::StoreError;

/// Why tables or figures cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ResultsError {
    /// What they are made from cannot be read, or they cannot be written.
    Store(#[from] StoreError),
    Json(#[from] serde_json::Error),
    Table(#[from] PolarsError),
    Analysis(#[from] AnalysisError),
}
