//! `println!` and its like for streams that may be gone or full, where the library's own panic.

/// To standard output, which is what was asked for: without it the command has failed.
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write;
        $crate::say::or_end(writeln!(std::io::stdout(), $($text)*));
    }};
}

macro_rules! print {
    ($($text:tt)*) => {{
        use std::io::Write;
        let mut out = std::io::stdout();
        $crate::say::or_end(write!(out, $($text)*).and_then(|()| out.flush()));
    }};
}

/// To standard error, which only tells: work goes on without a listener.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write;
        writeln!(std::io::stderr(), $($text)*).ok();
    }};
}

macro_rules! eprint {
    ($($text:tt)*) => {{
        use std::io::Write;
        write!(std::io::stderr(), $($text)*).ok();
    }};
}

/// What a terminal shows as it is: names and values from files may hold marks that move the cursor, or worse.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Ends the program where its output cannot be written. A reader that has seen enough is no error.
pub fn or_end(written: std::io::Result<()>) {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("error: failed to write the output: {error}");
            std::process::exit(1);
        }
        Err(_) => std::process::exit(0),
        Ok(()) => {}
    }
}
