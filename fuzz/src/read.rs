//! One program for every target, chosen by name: linking it is what takes long. See `fuzz/README.md`.

#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use pipeline::hostile::TARGETS;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(
    init: {
        // The usual hook ends the process at every panic, also at those of libraries that are caught and reported.
        drop(std::panic::take_hook());
        TARGET.get_or_init(chosen);
    },
    |bytes: &[u8]| {
        let read = TARGET.get_or_init(chosen);
        if catch_unwind(AssertUnwindSafe(|| read(bytes))).is_err() {
            std::process::abort();
        }
    }
);

fn chosen() -> fn(&[u8]) {
    let name = std::env::var("PIPELINE_FUZZ_TARGET").unwrap_or_default();
    match TARGETS.iter().find(|(known, _)| *known == name) {
        Some((_, read)) => *read,
        None => {
            let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            eprintln!("set PIPELINE_FUZZ_TARGET to one of {}", known.join(", "));
            std::process::exit(2);
        }
    }
}
