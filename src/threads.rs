//! Threads that the system does not start, for a user or a container may have only so many. Of libraries all that can be
//! known is how they panic.

use std::any::Any;

pub const REFUSED: &str = "the system starts no further thread";
pub const WHAT_TO_DO: &str = "raise the limit of processes (`ulimit -u`, or the container's), or run fewer with --jobs";

/// What a panic says.
pub fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message")
}

/// Whether it is for want of a thread, as the standard library, rayon and polars say it. Whoever comes later to a pool of
/// threads that could not be made hears that it was poisoned.
pub fn are_refused(panic: &(dyn Any + Send)) -> bool {
    const WORDS: [&str; 4] =
        ["failed to spawn thread", "ThreadPoolBuildError", "could not spawn thread", "has previously been poisoned"];
    WORDS.iter().any(|known| words(panic).contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_does_not_start_is_the_systems_fault() {
        for (text, refused) in [
            ("failed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"…\" }", true),
            ("The global thread pool has not been initialized.: ThreadPoolBuildError { kind: IOError(…) }", true),
            ("could not spawn threads: …", true),
            ("LazyLock instance has previously been poisoned", true),
            ("row 3 is odd", false),
        ] {
            assert_eq!((are_refused(&text), are_refused(&text.to_owned())), (refused, refused), "{text}");
        }
        assert_eq!(words(&7), "no message");
    }
}
