//! Signals that ask for an end: Ctrl-C, and those that shells, batch systems and the kernel send before they kill.

use super::exit::Failure;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// An end. Batch systems say so several times, to every process, and by different signals.
    End,
    /// A person has pressed Ctrl-C: the second time because an end takes too long.
    CtrlC,
}

/// Runs `handler` at every such signal. What was started with `nohup` goes on ignoring SIGHUP.
pub(super) fn on_signal(mut handler: impl FnMut(Asked) + Send + 'static) -> Result<(), Failure> {
    // Until the handler is there they end the program, as they would without any of this.
    let hangups_were_ignored = others::send_on(false);
    ctrlc::set_handler(move || handler(if others::came() { Asked::End } else { Asked::CtrlC }))
        .map_err(|error| Failure::cannot_start(format!("failed to listen for signals: {error}")))?;
    // The library has taken some of them for itself.
    others::send_on(hangups_were_ignored);
    Ok(())
}

/// All but Ctrl-C: they are counted, and sent on as one.
#[cfg(unix)]
mod others {
    use std::sync::atomic::{AtomicUsize, Ordering};

    const SIGINT: i32 = 2;
    const SIGUSR1: i32 = if cfg!(target_os = "linux") { 10 } else { 30 };
    const SIGUSR2: i32 = if cfg!(target_os = "linux") { 12 } else { 31 };
    const SIGHUP: i32 = 1;
    /// QUIT, TERM and XCPU; what a batch system warns with is one of them or of the two that are free for use.
    const OTHERS: [i32; 5] = [3, 15, 24, SIGUSR1, SIGUSR2];
    const SIG_IGN: usize = 1;

    static CAME: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" {
        fn signal(number: i32, handler: usize) -> usize;
        fn raise(number: i32) -> i32;
    }

    extern "C" fn on(_: i32) {
        CAME.fetch_add(1, Ordering::Relaxed);
        // SAFETY: raise(2) may be called in a handler.
        unsafe { raise(SIGINT) };
    }

    /// Whether the signal that is told of now is one of them.
    pub fn came() -> bool {
        CAME.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |came| came.checked_sub(1)).is_ok()
    }

    /// Does so, but for hangups where those are ignored; says whether they were.
    pub fn send_on(ignore_hangups: bool) -> bool {
        // SAFETY: signal(2) with its own constants, and with `on`, which does nothing but what a handler may.
        let set = |number, handler| unsafe { signal(number, handler) };
        // Shells start what is in the background with QUIT ignored, which is not what they are asked for.
        for number in OTHERS {
            set(number, on as extern "C" fn(i32) as usize);
        }
        let ignored = set(SIGHUP, on as extern "C" fn(i32) as usize) == SIG_IGN || ignore_hangups;
        if ignored {
            set(SIGHUP, SIG_IGN);
        }
        ignored
    }
}

#[cfg(not(unix))]
mod others {
    pub fn came() -> bool {
        false
    }

    pub fn send_on(_: bool) -> bool {
        false
    }
}
