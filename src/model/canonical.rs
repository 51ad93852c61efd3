//! The names that parameters have in here, whatever file they come from.

/// Whether a tensor of this name, in whatever spelling, belongs to a model's parameters.
pub(super) fn is_parameter(name: &str) -> bool {
    canonical(name).is_some()
}

/// The same, and a decoder that is tied to the word embeddings, where those are not there under their own name.
pub(super) fn is_wanted(name: &str, embedded: bool) -> bool {
    is_parameter(name) || (!embedded && is_tied(name))
}

/// Whether the word embeddings are among these names.
pub(super) fn has_embeddings<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.ends_with(EMBEDDINGS))
}

/// What wrappers put before every name: `DataParallel`, `torch.compile`, and modules that hold the model as theirs.
const WRAPPERS: [&str; 3] = ["module.", "_orig_mod.", "model."];

fn unwrapped(mut name: &str) -> &str {
    while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)) {
        name = rest;
    }
    name
}

/// A bare encoder's name for the word embeddings.
pub(super) const EMBEDDINGS: &str = "embeddings.word_embeddings.weight";

/// A decoder's matrix that is the word embeddings.
pub(super) fn is_tied(name: &str) -> bool {
    const TIED: [&str; 4] = [
        "cls.predictions.decoder.weight",
        "lm_head.decoder.weight",
        "vocab_projector.weight",
        "generator_lm_head.weight",
    ];
    TIED.contains(&unwrapped(name))
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
    let name = unwrapped(name);
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
