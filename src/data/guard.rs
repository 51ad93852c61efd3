//! A library's panic on a file that makes no sense to it is that file's fault, and an error like any other.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::threads;

/// What `work` gives, or the words it panicked with. Whatever it was working on must not be used after that. Want of a
/// thread is no file's fault, and goes on as it is.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        if threads::are_refused(panic.as_ref()) {
            resume_unwind(panic);
        }
        format!("it is damaged in a way that the library cannot report ({})", threads::words(panic.as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_text() {
        assert_eq!(guarded(|| 7), Ok(7));
        let error = guarded(|| panic!("row {} is odd", 3)).map(|(): ()| ()).unwrap_err();
        assert!(error.ends_with("(row 3 is odd)"), "{error}");
        let panic = catch_unwind(|| guarded(|| panic!("could not spawn threads"))).unwrap_err();
        assert!(threads::are_refused(panic.as_ref()));
    }
}
