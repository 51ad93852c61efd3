use std::path::PathBuf;

/// Why a file in another program's format is not read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("failed to read {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("failed to read the {format} file: {what}; it may be truncated, fetch it again")]
    Damaged { format: &'static str, what: String },
    #[error("the {format} file cannot be read: {what}")]
    Unsupported { format: &'static str, what: String },
    #[error(
        "the pickle asks for {what} (byte {offset}), which neither a state dict nor a surface needs: it is refused, and nothing in it was run"
    )]
    Refused { what: String, offset: usize },
    #[error("this is a Git LFS pointer and not the weights that it stands for: run `git lfs pull` where it was cloned")]
    LfsPointer,
}
