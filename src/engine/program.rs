//! The file that workers are started from: this very program, even if its file was replaced or removed meanwhile.

use std::io;
use std::path::PathBuf;
use std::process::Command;

/// A command that runs this program.
pub fn this_program() -> io::Result<Command> {
    let path = std::env::current_exe()?;
    let mut command = Command::new(running_file(&path));
    #[cfg(unix)]
    std::os::unix::process::CommandExt::arg0(&mut command, &path);
    Ok(command)
}

/// `path` as long as it is the file that runs, for it is the name that a list of processes shows.
#[cfg(target_os = "linux")]
fn running_file(path: &std::path::Path) -> PathBuf {
    use std::os::unix::fs::MetadataExt;
    const RUNNING: &str = "/proc/self/exe";
    let place = |path: &std::path::Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    match (place(path), place(RUNNING.as_ref())) {
        (Ok(file), Ok(running)) if file == running => path.to_owned(),
        (_, Ok(_)) => RUNNING.into(),
        _ => path.to_owned(),
    }
}

#[cfg(not(target_os = "linux"))]
fn running_file(path: &std::path::Path) -> PathBuf {
    path.to_owned()
}
