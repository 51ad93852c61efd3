//! Files that others name or leave: only regular ones are opened, and no more is read than they say that they hold. A
//! pipe has nothing until somebody writes, a device has no end, and what `/proc` makes up says that it is empty.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// A regular file and its size. Looked at before it is opened, because opening alone can wait for ever.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    let what = fs::metadata(path)?;
    if what.is_dir() {
        return Err(io::Error::other("it is a folder, not a file"));
    }
    if !what.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// The size that it says, and as much to be read of it.
pub fn reader(path: &Path) -> io::Result<(impl Read + use<>, u64)> {
    let (file, size) = open(path)?;
    Ok((file.take(size), size))
}

/// All of it.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_up_to(path, u64::MAX)
}

/// All of it, where that is at most so much.
pub fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (mut from, size) = reader(path)?;
    if size > most {
        return Err(io::Error::other(format!("it has {size} bytes, and at most {most} are taken")));
    }
    let mut bytes = Vec::new();
    let room = usize::try_from(size).ok().filter(|size| bytes.try_reserve_exact(*size).is_ok());
    room.ok_or_else(|| io::Error::other(format!("it has {size} bytes, and there is no memory for them")))?;
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text.
pub fn text_up_to(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_up_to(path, most)?).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_are_read_and_no_more_than_they_say() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::write(at("bytes"), b"\xff").unwrap();
        File::create(at("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        for (target, link) in [("/dev/zero", "zero"), ("pipe", "to-pipe"), ("file", "to-file")] {
            symlink(target, at(link)).unwrap();
        }
        let wrong = |name: &str| text_up_to(&at(name), 1 << 60).unwrap_err().to_string();
        for name in ["pipe", "zero", "to-pipe"] {
            assert_eq!(wrong(name), "it is not a regular file", "{name}");
        }
        assert_eq!(wrong(""), "it is a folder, not a file");
        assert_eq!(wrong("bytes"), "it is not UTF-8 text");
        let sparse = read_up_to(&at("sparse"), 1 << 20).unwrap_err().to_string();
        assert_eq!(sparse, "it has 1099511627776 bytes, and at most 1048576 are taken");
        assert_eq!(text_up_to(&at("to-file"), 4).unwrap(), "text");
        assert_eq!(text_up_to(&at("file"), 3).unwrap_err().to_string(), "it has 4 bytes, and at most 3 are taken");
        // Files of the system have no size, and some of them no end.
        assert_eq!(read(Path::new("/proc/self/environ")).unwrap(), b"");
    }
}
