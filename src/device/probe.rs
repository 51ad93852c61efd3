//! Trying what may panic, hang or not be there.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use burn::DispatchDevice;
use burn::tensor::Tensor;

use super::dispatch::B;

/// How long a device may take for its first sum, which includes compiling it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sum that is compiled, run and read back.
pub fn small_sum(device: &DispatchDevice) -> Result<(), String> {
    let ones = Tensor::<B, 1>::ones([64], device);
    let data = (ones.clone() + ones).try_into_data().map_err(|error| first_line(&format!("{error:?}")))?;
    match data.as_slice::<f32>() {
        Ok(values) if values == [2.0; 64] => Ok(()),
        _ => Err("1 + 1 did not come out as 2".into()),
    }
}

#[cfg(test)]
thread_local! {
    /// How often this thread has waited for a device.
    pub static TRIED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Runs `body` on a thread of its own, silently: a panic becomes its message, and so does taking too long.
pub fn guarded<T: Send + 'static>(body: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    #[cfg(test)]
    TRIED.set(TRIED.get() + 1);
    let _hook_is_ours = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (sender, receiver) = mpsc::channel();
    // Drivers' worker threads panic too, so the hook is silenced for all threads for this moment.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let thread = std::thread::Builder::new().name("device probe".into()).spawn(move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Err(first_line(text))
        });
        // The receiver is gone if this took too long.
        let _ = sender.send(outcome);
    });
    let outcome = match thread {
        Ok(_) => receiver
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| Err(format!("no answer within {} seconds", PATIENCE.as_secs()))),
        Err(error) => Err(error.to_string()),
    };
    panic::set_hook(hook);
    outcome
}

fn first_line(text: &str) -> String {
    const LONGEST: usize = 200;
    text.lines().next().unwrap_or_default().chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_messages() {
        let failed = guarded::<()>(|| panic!("no such device\nsecond line")).unwrap_err();
        assert_eq!(failed, "no such device");
        assert_eq!(guarded(|| Ok(7)), Ok(7));
    }
}
