use polars::prelude::PolarsError;

use crate::analysis::AnalysisError;
use crate::data::DataError;
use crate::store::StoreError;

/// Why tables or figures cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum TableError {
    /// What they are made from cannot be read, or they cannot be written.
    Store(#[from] StoreError),
    Json(#[from] serde_json::Error),
    Table(#[from] PolarsError),
    Data(Box<DataError>),
    Analysis(#[from] AnalysisError),
}

impl From<DataError> for TableError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}
