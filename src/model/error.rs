use super::formats::FormatError;

/// What can go wrong with a model, its files or the tokens given to it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("failed to read the model configuration: {0}")]
    ConfigSyntax(String),
    #[error("`{field}` in the model configuration is {value}: {expected}")]
    Config { field: &'static str, value: String, expected: String },
    #[error("failed to read the safetensors file: {0}; it may be truncated, fetch it again")]
    Safetensors(String),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("tensor `{name}` has type {dtype}, but only f32, f64, f16 and bf16 can be read")]
    Dtype { name: String, dtype: String },
    #[error("the file holds tensor `{0}` twice under two spellings of its name")]
    Duplicate(String),
    #[error("the weights lack {}; they do not fit the configuration", list(.0))]
    Missing(Vec<String>),
    #[error("the weights hold {}, which this model has no place for", list(.0))]
    Unexpected(Vec<String>),
    #[error("tensor `{name}` has shape {found:?}, but the configuration expects {expected:?}")]
    Shape { name: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("the weights do not fit the configuration: {0}")]
    Misfit(String),
    #[error("{0}")]
    Tokens(String),
    #[error("the models cannot be combined: {0}")]
    Mismatch(String),
    #[error("{0}")]
    Head(String),
}

/// The first few names of a list, and how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}
