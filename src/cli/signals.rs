//! Ctrl-C, SIGTERM and SIGHUP, all of which ask for an end.

use super::exit::Failure;

/// Runs `handler` at every such signal. What was started with `nohup` goes on ignoring SIGHUP.
pub(super) fn on_signal(handler: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    let hangups_were_ignored = ignore_hangups();
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::cannot_start(format!("failed to listen for signals: {error}")))?;
    if hangups_were_ignored {
        ignore_hangups();
    }
    Ok(())
}

/// Whether they were ignored before.
#[cfg(unix)]
fn ignore_hangups() -> bool {
    const SIGHUP: i32 = 1;
    const SIG_IGN: usize = 1;
    unsafe extern "C" {
        fn signal(number: i32, handler: usize) -> usize;
    }
    // SAFETY: signal(2) with two of its own constants; no handler of ours is called.
    unsafe { signal(SIGHUP, SIG_IGN) == SIG_IGN }
}

#[cfg(not(unix))]
fn ignore_hangups() -> bool {
    false
}
