//! A library's panic on a file that makes no sense to it is that file's fault, and an error like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` gives, or the words it panicked with. Whatever it was working on must not be used after that.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        format!("it is damaged in a way that the library cannot report ({})", text.unwrap_or("no message"))
    })
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn panics_become_text() {
        assert_eq!(guarded(|| 7), Ok(7));
        let error = guarded(|| panic!("row {} is odd", 3)).map(|(): ()| ()).unwrap_err();
        assert!(error.ends_with("(row 3 is odd)"), "{error}");
    }
}
