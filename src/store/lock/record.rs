//! What a lock file says: who holds it, and a number that grows while he lives.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::fingerprint::Digest;

/// Records are padded to one length, so that writing one over another leaves nothing of the old one.
pub(super) const LENGTH: usize = 512;
const LONGEST_NAME: usize = 64;
pub(super) const NO_FILE: &str = "it is no plain file";

/// A process that runs a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    /// Tells machines with one host name apart.
    machine: String,
    /// Changes with every start of the machine.
    boot: String,
    /// Containers number their processes apart.
    namespace: String,
    pub pid: u32,
    /// When the process started, in the kernel's own count: numbers of processes come again.
    started: u64,
    /// Grows every few seconds.
    beat: u64,
    /// Whether the holder has the operating system's own lock on the file too.
    flock: bool,
    pub step: String,
}

impl Holder {
    /// This process.
    pub fn me(step: &str, flock: bool) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let id = read("/etc/machine-id");
        let id = if id.is_empty() { String::new() } else { Digest::of(id.as_bytes()).to_string()[..16].to_owned() };
        Self {
            host: shortened(&read("/proc/sys/kernel/hostname")),
            machine: id,
            boot: shortened(&read("/proc/sys/kernel/random/boot_id")),
            namespace: shortened(&link.to_string_lossy()),
            pid: std::process::id(),
            started: started(std::process::id()).unwrap_or_default(),
            beat: 0,
            flock,
            step: shortened(step),
        }
    }

    pub(super) fn beaten(&self) -> Self {
        Self { beat: self.beat.wrapping_add(1), ..self.clone() }
    }

    /// The same process, whatever its counter says.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.host, &self.machine, &self.boot, &self.namespace)
            == (&other.host, &other.machine, &other.boot, &other.namespace)
            && (self.pid, self.started) == (other.pid, other.started)
    }

    pub(super) fn shares_kernel_with(&self, me: &Self) -> bool {
        !self.boot.is_empty() && self.boot == me.boot
    }

    pub(super) fn has_flock(&self) -> bool {
        self.flock
    }

    /// Whether the process is known to have ended; false where that cannot be known from here.
    pub fn is_gone(&self, me: &Self) -> bool {
        if self.shares_kernel_with(me) {
            let visible = !me.namespace.is_empty() && self.namespace == me.namespace;
            return visible && started(self.pid) != Some(self.started);
        }
        let same_machine = (&self.host, &self.machine) == (&me.host, &me.machine);
        same_machine
            && !self.host.is_empty()
            && !self.machine.is_empty()
            && !self.boot.is_empty()
            && !me.boot.is_empty()
    }

    /// Whether the process is known to live on this machine.
    pub(super) fn lives(&self, me: &Self) -> bool {
        let visible = !me.namespace.is_empty() && self.namespace == me.namespace;
        self.shares_kernel_with(me) && visible && started(self.pid) == Some(self.started)
    }

    /// Who holds a lock, from its file; `None` where that holds no whole record.
    pub fn read(path: &Path) -> Option<Self> {
        Self::parse(&content(&mut open(path).ok()?).ok()?)
    }

    /// `None` for anything but a whole record.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text.trim_end()).ok()
    }

    pub(super) fn write(&self, file: &mut File) -> io::Result<()> {
        let mut text = serde_json::to_string(self)?;
        if text.len() < LENGTH {
            text.push_str(&" ".repeat(LENGTH - 1 - text.len()));
        }
        text.push('\n');
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
        // Other machines see what has reached the server.
        file.sync_data()
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = if self.host.is_empty() { "this machine" } else { &self.host };
        write!(f, "pid {} on {host}", self.pid)
    }
}

/// A lock file for reading. Whatever else may stand in its place could be waited for without end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path)?.is_file() { File::open(path) } else { Err(io::Error::other(NO_FILE)) }
}

/// What a lock file holds, as far as it can be a record.
pub(super) fn content(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(8 * LENGTH as u64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

/// When a process started, in ticks since the machine did; `None` where there is no such process or it has ended and
/// waits to be collected. See proc_pid_stat(5), fields 3 and 22.
pub fn started(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which can hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_gone_when_its_process_or_its_machine_is() {
        let me = Holder::me("x", true);
        assert!(me.started > 0 && !me.boot.is_empty() && !me.namespace.is_empty(), "{me:?}");
        let other = |change: fn(&mut Holder)| {
            let mut other = me.clone();
            change(&mut other);
            other.is_gone(&me)
        };
        assert!(!other(|_| {}));
        assert!(!other(|holder| holder.beat = 7));
        assert!(other(|holder| holder.started += 1));
        // Above the largest number that Linux gives.
        assert!(other(|holder| holder.pid = 4_194_305));
        assert!(other(|holder| holder.boot = "before".to_owned()));
        // Nothing can be known of another machine, of one with the same name, or of another container.
        assert!(!other(|holder| (holder.boot, holder.host) = ("other".to_owned(), "node7".to_owned())));
        assert!(!other(|holder| (holder.boot, holder.machine) = ("other".to_owned(), "other".to_owned())));
        assert!(!other(|holder| (holder.pid, holder.namespace) = (4_194_305, "pid:[1]".to_owned())));
    }

    #[test]
    fn a_child_that_has_ended_is_gone_before_it_is_collected() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let since = std::time::Instant::now();
        while started(child.id()).is_some() {
            assert!(since.elapsed().as_secs() < 300);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.wait().unwrap();
    }

    #[test]
    fn records_replace_each_other_whole() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[b'x'; 2000]).unwrap();
        let long = Holder::me(&"ä\n\"".repeat(1000), true);
        for holder in [long.clone(), Holder::me("", false), long] {
            holder.write(&mut file).unwrap();
            assert_eq!(Holder::parse(&content(&mut file).unwrap()), Some(holder));
        }
        for text in ["", "12 on node7\n", "{}", "{\"host\":1}", "\0"] {
            assert_eq!(Holder::parse(text), None);
        }
    }
}
