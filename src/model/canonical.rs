//! The names that parameters have in here, whatever file they come from.

/// Whether a tensor of this name, in whatever spelling, belongs to a model's parameters.
pub(super) fn is_parameter(name: &str) -> bool {
    canonical(name).is_some()
}

/// What is no parameter of its own: constants, and tied decoders, whose weights are the word embeddings and whose biases
/// are there under another name.
const NOT_PARAMETERS: [&str; 6] = [
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    "cls.predictions.decoder.",
    "lm_head.decoder.",
    "vocab_projector.weight",
    "generator_lm_head.weight",
];

/// The canonical name, or `None` for what is not a parameter.
pub(super) fn canonical(name: &str) -> Option<String> {
    let (_, rest) = name.split_once('.').unwrap_or_default();
    if NOT_PARAMETERS.iter().any(|start| name.starts_with(start) || rest.starts_with(start)) {
        return None;
    }
    Some(match name.rsplit_once('.') {
        Some((stem, "gamma")) => format!("{stem}.weight"),
        Some((stem, "beta")) => format!("{stem}.bias"),
        _ => name.to_owned(),
    })
}
