//! Runs in the background, and holds on them: what a test does to a run happens where the program is held, never after
//! a while. The places are those of `src/hold.rs`.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::{Ended, Workspace};

/// Longer than anything takes on the slowest machine: what has not come by then hangs.
const HANGS: Duration = Duration::from_secs(600);

/// Polls until something is there.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < HANGS, "{what} never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether there was somebody to send it to.
pub fn signal(pid: u32, name: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([name, &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

/// The process that started `pid`.
pub fn parent(pid: u32) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(") ").unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The processes that `pid` started.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// Waits for the end of a process that is not ours to collect; one that nobody has collected yet counts as ended.
pub fn wait_until_gone(pid: u32) {
    wait_for("the end of a process", || matches!(state(pid), None | Some('Z' | 'X')).then_some(()));
}

/// As in `ps`: `T` is stopped, `Z` has ended.
fn state(pid: u32) -> Option<char> {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit_once(") ")?.1.chars().next()
}

/// A run of the program that goes on while the test does; it ends with the test at the latest.
pub struct Run {
    child: Child,
    out: File,
    err: File,
}

impl Run {
    /// `pipeline run study.toml --backend cpu …`
    pub fn start(workspace: &Workspace, more: &[&str]) -> Self {
        Self::of(workspace.command(&[&["run", "study.toml", "--backend", "cpu"], more].concat()))
    }

    pub fn of(mut command: Command) -> Self {
        // Not pipes: nobody reads while the program writes.
        let [out, err] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
        Self { child: command.spawn().unwrap(), out, err }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        let mut bytes = vec![0; self.err.metadata().unwrap().len() as usize];
        // Where it writes next does not change.
        let read = std::os::unix::fs::FileExt::read_at(&self.err, &mut bytes, 0).unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn wait(&mut self) {
        wait_for("the run's end", || self.has_ended().then_some(()));
    }

    pub fn signal(&self, name: &str) {
        assert!(signal(self.pid(), name), "the run has ended");
    }

    /// Stops all its threads; `-CONT` lets them go on.
    pub fn freeze(&self) {
        self.signal("-STOP");
        wait_for("the run to stand still", || (state(self.pid()) == Some('T')).then_some(()));
    }

    /// Kills the driver and waits for its workers, which outlive it by a moment.
    pub fn kill(mut self) -> Ended {
        let workers = children(self.pid());
        self.child.kill().unwrap();
        let ended = self.end();
        workers.into_iter().for_each(wait_until_gone);
        ended
    }

    /// What it gave back when it has ended by itself.
    pub fn end(mut self) -> Ended {
        self.wait();
        let status = self.child.wait().unwrap();
        let text = |file: &mut File| {
            let mut bytes = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut bytes)).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ended { code: status.code(), out: text(&mut self.out), err: text(&mut self.err) }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A place where every process of the program that comes there is held, until this is let go.
pub struct Hold {
    folder: PathBuf,
    place: String,
}

impl Workspace {
    /// Holds at a place, such as `finetune-500`.
    pub fn hold(&self, place: &str) -> Hold {
        self.hold_with(place, "")
    }

    /// Holds a process when it comes to a place for the `visit`-th time; the place may be `any`.
    pub fn hold_at_visit(&self, place: &str, visit: u64) -> Hold {
        self.hold_with(place, &visit.to_string())
    }

    fn hold_with(&self, place: &str, content: &str) -> Hold {
        let hold = Hold { folder: self.path("hold"), place: place.to_owned() };
        // Whole at once: a process may be looking.
        self.write("hold/.new", content);
        std::fs::rename(self.path("hold/.new"), hold.folder.join(place)).unwrap();
        hold
    }

    /// Starts a run of one worker, sends it a signal when it has come to a place, and lets it go on from there when its
    /// worker knows that it is to stop.
    pub fn stop_at(&self, place: &str, name: &str) -> Ended {
        let (here, told) = (self.hold(place), self.hold("stop-asked"));
        let run = Run::start(self, &["--jobs", "1"]);
        here.reached();
        run.signal(name);
        told.reached();
        told.let_go();
        here.let_go();
        run.end()
    }

    /// Starts a run of one worker and kills the driver when the worker has come to a place.
    pub fn kill_at(&self, place: &str) {
        let here = self.hold(place);
        let run = Run::start(self, &["--jobs", "1"]);
        here.reached();
        run.kill();
    }
}

impl Hold {
    /// Waits until a process is held here, and says which.
    #[track_caller]
    pub fn reached(&self) -> u32 {
        wait_for(&format!("a process at {}", self.place), || self.held().first().copied())
    }

    /// The same, or `None` if the run ends without coming here.
    #[track_caller]
    pub fn reached_or_ended(&self, run: &mut Run) -> Option<u32> {
        wait_for(&format!("a process at {}, or the run's end", self.place), || {
            let ended = run.has_ended();
            self.held().first().map(|pid| Some(*pid)).or(ended.then_some(None))
        })
    }

    fn held(&self) -> Vec<u32> {
        let names = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|file| file.file_name());
        let pid = |name: &str| name.strip_prefix(&self.place)?.strip_prefix('.')?.parse().ok();
        names.filter_map(|name| pid(name.to_str()?)).collect()
    }

    /// Nobody is held here any more.
    pub fn let_go(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        // First the hold itself: who is let go may come here again at once.
        std::fs::remove_file(self.folder.join(&self.place)).ok();
        for pid in self.held() {
            std::fs::remove_file(self.folder.join(format!("{}.{pid}", self.place))).ok();
        }
    }
}
