use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot write to the cache: `{}`: {source}; choose another folder with --cache-dir or PIPELINE_CACHE", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("failed to write `{}` ({size} bytes): {source}", path.display())]
    Write { path: PathBuf, size: u64, source: io::Error },
    #[error("failed to read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "`{}` holds how far another user's run came with this step, and cannot be read: let its owner share the cache with \
             `pipeline cache init --group NAME`, or remove it to begin the step anew", path.display()
    )]
    Foreign { path: PathBuf },
    #[error("`{}` was read differently twice: the disk or its cable is failing", path.display())]
    Unsteady { path: PathBuf },
    #[error("failed to remove `{}`: {source}", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("`{}` in the cache is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("`{}` was written by a newer version of pipeline ({format}); use that version, or another --cache-dir", path.display())]
    Newer { path: PathBuf, format: String },
}

impl StoreError {
    pub fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), source }
    }

    pub fn write(path: &Path, size: u64, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), size, source }
    }

    pub fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}

pub(super) fn damaged(path: &Path, what: impl Into<String>) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), what: what.into() }
}
