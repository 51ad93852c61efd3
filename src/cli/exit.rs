//! What the program ends with: a number for scripts, and words.

use crate::data::DataError;
use crate::engine::{PlanError, RunError, STOPPED, StageError};
use crate::experiment::{SelectionError, StepError};
use crate::export::{ExportError, FolderError};
use crate::kinds::expect::Expectation;
use crate::remote::RemoteError;
use crate::results::Written;
use crate::store::{ArchiveError, StoreError};
use crate::study::ExperimentError;
use crate::tables::TableError;

/// The exit codes, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Done = 0,
    /// A step or an upload failed, a selected step lacks what it needs, the cache is damaged, or a file could not be
    /// read or written.
    Failed = 1,
    /// The command line or the experiment file is wrong.
    WrongInput = 2,
    /// It could not start: no device, no worker, no cache that can be used, or nothing in it; no room for an export.
    CannotStart = 3,
    /// Its time was up. What is finished stays finished, and it can go on.
    TimeIsUp = 4,
    /// All is done, and something that the file expects or its lock says did not come out.
    NotAsExpected = 5,
    /// What is finished stays finished. A worker that was asked to stop ends with it too.
    Interrupted = STOPPED,
}

impl Exit {
    /// Ends the process here and now.
    pub(super) fn now(self) -> ! {
        std::process::exit(i32::from(self as u8))
    }
}

/// The end of what went well.
pub(super) fn as_expected(written: &Written) -> Exit {
    match written.expectations.iter().any(Expectation::fails) {
        true => Exit::NotAsExpected,
        false => Exit::Done,
    }
}

/// An error on its way to the user.
#[derive(Debug)]
pub(super) enum Failure {
    Input(String),
    /// Something that it needs is not there.
    Start(String),
    Store(StoreError),
    Plan(PlanError),
    Run(RunError),
    Results(TableError),
    /// As the results, when all steps are done: with what to do.
    ResultsOfRun(TableError),
    Archive(ArchiveError),
    Export(ExportError),
    Folder(FolderError),
    Upload(Box<DataError>),
    Remote(RemoteError),
}

impl Failure {
    pub(super) fn wrong_input(error: impl std::fmt::Display) -> Self {
        Self::Input(error.to_string())
    }

    pub(super) fn cannot_start(error: impl std::fmt::Display) -> Self {
        Self::Start(error.to_string())
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Input(_) => Exit::WrongInput,
            Self::Start(_) => Exit::CannotStart,
            Self::Store(error)
            | Self::Archive(ArchiveError::Store(error))
            | Self::Export(ExportError::Store(error))
            | Self::Folder(FolderError::Store(error)) => of_store(error),
            Self::Plan(error) | Self::Run(RunError::Plan(error)) => match error {
                PlanError::Store(error) => of_store(error),
                PlanError::NoArtifact { .. } => Exit::Failed,
            },
            Self::Run(RunError::Worker(_)) => Exit::CannotStart,
            Self::Run(RunError::Refused(_)) => Exit::WrongInput,
            Self::Results(error) | Self::ResultsOfRun(error) => match error {
                TableError::Store(error) => of_store(error),
                TableError::Json(_) | TableError::Table(_) | TableError::Data(_) | TableError::Analysis(_) => {
                    Exit::Failed
                }
            },
            Self::Archive(ArchiveError::Io { .. }) => Exit::Failed,
            Self::Archive(
                ArchiveError::Exists(_)
                | ArchiveError::Foreign { .. }
                | ArchiveError::Newer { .. }
                | ArchiveError::Refused { .. },
            ) => Exit::WrongInput,
            Self::Export(ExportError::Model(_)) => Exit::CannotStart,
            Self::Folder(FolderError::Io { .. }) => Exit::Failed,
            Self::Folder(
                FolderError::Earlier(_)
                | FolderError::Foreign(_)
                | FolderError::Extra { .. }
                | FolderError::NotAFolder(_),
            ) => Exit::CannotStart,
            Self::Upload(_) => Exit::Failed,
            Self::Remote(RemoteError::Store(error)) => of_store(error),
            Self::Remote(RemoteError::Data(error)) => match **error {
                DataError::NoS3Credentials | DataError::S3Credentials { .. } => Exit::CannotStart,
                _ => Exit::Failed,
            },
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Input(text) | Self::Start(text) | Self::Run(RunError::Refused(text)) => text.clone(),
            Self::Store(error) => error.to_string(),
            Self::Plan(error) | Self::Run(RunError::Plan(error)) => error.to_string(),
            Self::Run(RunError::Worker(error)) | Self::Export(ExportError::Model(error)) => with_help(error),
            Self::Results(error) => error.to_string(),
            Self::ResultsOfRun(error) => {
                let help = "finished steps are in the cache; `pipeline results` writes their tables and figures again";
                format!("{error}\n  = help: {help}")
            }
            Self::Archive(error) => error.to_string(),
            Self::Export(ExportError::Store(error)) => error.to_string(),
            Self::Folder(error) => error.to_string(),
            Self::Upload(error) => error.to_string(),
            Self::Remote(error) => error.to_string(),
        }
    }
}

fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Unwritable { .. } | StoreError::Newer { .. } => Exit::CannotStart,
        StoreError::Read { .. }
        | StoreError::Write { .. }
        | StoreError::Remove { .. }
        | StoreError::Foreign { .. }
        | StoreError::Damaged { .. }
        | StoreError::Unsteady { .. } => Exit::Failed,
    }
}

pub(super) fn with_help(error: &StageError) -> String {
    let help = error.help.as_ref().map_or(String::new(), |help| format!("\n  = help: {help}"));
    format!("{}{help}", error.message)
}

/// `?` on what has one meaning wherever it happens.
macro_rules! failures {
    ($($error:ty => $make:expr,)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                $make(error)
            }
        })*
    };
}

failures! {
    StoreError => Failure::Store,
    PlanError => Failure::Plan,
    RunError => Failure::Run,
    TableError => Failure::Results,
    ArchiveError => Failure::Archive,
    ExportError => Failure::Export,
    FolderError => Failure::Folder,
    RemoteError => Failure::Remote,
    ExperimentError => Failure::wrong_input,
    SelectionError => Failure::wrong_input,
    StepError => Failure::wrong_input,
}
