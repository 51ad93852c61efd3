//! How a command ends.

use crate::engine::StageError;

/// | code | meaning |
/// |------|---------|
/// | 0    | done |
/// | 1    | a step or an upload failed, or the cache is damaged |
/// | 2    | the command line or the experiment file is wrong |
/// | 3    | could not start: no device, no cache, no selection |
/// | 130  | interrupted; what is finished stays finished |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    StepFailed = 1,
    WrongInput = 2,
    CannotStart = 3,
    Interrupted = 130,
}

/// An error on its way to the user, with the exit code that it means.
#[derive(Debug)]
pub(super) struct Failure {
    pub exit: Exit,
    pub text: String,
}

impl Failure {
    pub fn wrong_input(error: impl std::fmt::Display) -> Self {
        Self { exit: Exit::WrongInput, text: error.to_string() }
    }

    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self { exit: Exit::StepFailed, text: error.to_string() }
    }

    pub fn cannot_start(error: impl std::fmt::Display) -> Self {
        Self { exit: Exit::CannotStart, text: error.to_string() }
    }
}

pub(super) fn with_help(error: StageError) -> Failure {
    let help = error.help.map_or(String::new(), |help| format!("\n  = help: {help}"));
    Failure { exit: Exit::CannotStart, text: format!("{}{help}", error.message) }
}
