use std::path::PathBuf;
use std::time::Instant;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn lock(&self) -> PathBuf {
        self.0.path().join("step.lock")
    }

    /// A lock file as another process left it.
    fn left_by(&self, holder: &Holder) -> String {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).read(true).open(self.lock()).unwrap();
        holder.write(&mut file).unwrap();
        content(&mut file).unwrap()
    }
}

fn no_flock(_: &File) -> io::Result<Flock> {
    Ok(Flock::Unsupported)
}

#[track_caller]
fn held(attempt: Attempt) -> StepLock {
    match attempt {
        Attempt::Held(lock) => lock,
        Attempt::Busy(holder) => panic!("busy: {holder:?}"),
    }
}

fn is_busy(attempt: &Attempt) -> bool {
    matches!(attempt, Attempt::Busy(_))
}

/// A record of this process, changed.
fn holder(change: &[(&str, &str)], flock: bool) -> Holder {
    let mut value = serde_json::to_value(Holder::me("x", flock)).unwrap();
    for (field, to) in change {
        value[*field] = to.parse::<u64>().map_or_else(|_| (*to).into(), Into::into);
    }
    serde_json::from_value(value).unwrap()
}

const ELSEWHERE: &[(&str, &str)] = &[("host", "node7"), ("boot", "other"), ("pid", "12")];

#[test]
fn one_holds_a_lock_and_gives_it_back_without_a_trace() {
    for flock in [flock, no_flock] {
        let folder = Folder::new();
        let try_it = || acquire_with(&folder.lock(), "finetune.x[3]", None, flock).unwrap();
        let first = held(try_it());
        assert!(first.taken_over.is_none());
        let Attempt::Busy(Some(holder)) = try_it() else { panic!("held twice") };
        assert_eq!((holder.pid, holder.step.as_str()), (std::process::id(), "finetune.x[3]"));
        drop(first);
        assert!(!folder.lock().exists());
        assert!(held(try_it()).taken_over.is_none());
    }
}

#[test]
fn what_a_dead_process_left_is_taken_over_and_said() {
    for (change, flock, file_locks) in [
        (&[("started", "1")][..], true, true),
        (&[("started", "1")], false, false),
        (&[("pid", "4194305")], false, false),
        // The machine has started again.
        (&[("boot", "before")], true, true),
        (&[("boot", "before")], false, false),
        // Another container on this machine, which had the operating system's lock and has it no more.
        (&[("host", "container"), ("namespace", "pid:[1]"), ("machine", "other")], true, true),
    ] {
        let folder = Folder::new();
        let left = holder(change, flock);
        folder.left_by(&left);
        let kind = if file_locks { super::flock } else { no_flock };
        let lock = held(acquire_with(&folder.lock(), "x", None, kind).unwrap());
        assert_eq!(lock.taken_over.as_ref(), Some(&left), "{change:?}");
        drop(lock);
        assert!(!folder.lock().exists());
    }
}

fn everybody(_: &File) -> io::Result<Flock> {
    Ok(Flock::Taken)
}

#[test]
fn a_lock_that_everybody_gets_overrules_no_living_process() {
    let folder = Folder::new();
    let try_it = || acquire_with(&folder.lock(), "x", None, everybody).unwrap();
    let first = held(try_it());
    let Attempt::Busy(Some(holder)) = try_it() else { panic!("held twice") };
    assert_eq!(holder.pid, std::process::id());
    drop(first);
    assert!(held(try_it()).taken_over.is_none());
    folder.left_by(&holder_of(&[("started", "1")]));
    assert!(held(try_it()).taken_over.is_some());
    folder.left_by(&holder_of(ELSEWHERE));
    assert!(is_busy(&try_it()));
}

fn holder_of(change: &[(&str, &str)]) -> Holder {
    holder(change, true)
}

#[test]
fn locks_are_tried_out() {
    let folder = Folder::new();
    assert!(try_out(folder.0.path()) && !lie());
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 0);
}

#[test]
fn a_holder_elsewhere_counts_until_it_has_stood_still() {
    for flock in [flock, no_flock] {
        let folder = Folder::new();
        let left = holder(ELSEWHERE, true);
        let text = folder.left_by(&left);
        assert!(is_busy(&acquire_with(&folder.lock(), "x", None, flock).unwrap()));
        // It was seen to stand still, and has counted on since.
        folder.left_by(&left.beaten());
        assert!(is_busy(&acquire_with(&folder.lock(), "x", Some(&text), flock).unwrap()));
        folder.left_by(&left);
        let lock = held(acquire_with(&folder.lock(), "x", Some(&text), flock).unwrap());
        assert_eq!(lock.taken_over.as_ref(), Some(&left));
        assert_eq!(left.to_string(), "pid 12 on node7");
    }
}

#[test]
fn a_watch_goes_by_its_own_clock() {
    let folder = Folder::new();
    let start = Instant::now();
    let at = |seconds| start + std::time::Duration::from_secs(seconds);
    let mut watch = Watch::new(start);
    assert!(watch.may_be_free(&folder.lock(), at(0)), "there is no such file");
    let mut left = holder(ELSEWHERE, true);
    // It lives for five minutes, then stands still.
    for second in 0..=300 {
        if second % 10 == 0 {
            left = left.beaten();
            folder.left_by(&left);
        }
        assert!(!watch.may_be_free(&folder.lock(), at(second)), "{second}");
    }
    assert!(!watch.may_be_free(&folder.lock(), at(359)) && watch.dead(at(359)).is_none());
    assert!(watch.may_be_free(&folder.lock(), at(360)));
    let dead = watch.dead(at(360)).unwrap().to_owned();
    assert!(held(acquire(&folder.lock(), "x", Some(&dead)).unwrap()).taken_over.is_some());
    watch.start_again(at(361));
    folder.left_by(&left);
    assert!(!watch.may_be_free(&folder.lock(), at(400)));
    // On this machine nothing need be waited for.
    folder.left_by(&holder(&[("started", "1")], true));
    assert!(watch.may_be_free(&folder.lock(), at(401)));
    folder.left_by(&holder(&[("namespace", "pid:[1]")], true));
    assert!(watch.may_be_free(&folder.lock(), at(402)));
    std::fs::remove_file(folder.lock()).unwrap();
    let lock = held(acquire(&folder.lock(), "x", None).unwrap());
    assert!(!watch.may_be_free(&folder.lock(), at(403)));
    drop(lock);
    assert!(watch.may_be_free(&folder.lock(), at(404)));
}

#[test]
fn a_heartbeat_counts_and_sees_that_the_lock_went() {
    let folder = Folder::new();
    let lock = held(acquire(&folder.lock(), "x", None).unwrap());
    let read = || content(&mut File::open(folder.lock()).unwrap()).unwrap();
    let before = read();
    lock.beating.beat();
    assert_ne!(read(), before);
    assert!(Holder::parse(&read()).unwrap().is(&Holder::parse(&before).unwrap()));
    assert!(!lock.is_lost());
    let other = folder.left_by(&holder(ELSEWHERE, true));
    lock.beating.beat();
    assert!(lock.is_lost());
    drop(lock);
    assert_eq!(read(), other, "another's lock was removed or overwritten");
}

#[test]
fn files_that_are_no_records() {
    for text in ["12 on node7\n", "", "{\"host\":", "\0\0\0"] {
        let folder = Folder::new();
        std::fs::write(folder.lock(), text).unwrap();
        let without = acquire_with(&folder.lock(), "x", None, no_flock).unwrap();
        assert_eq!(is_busy(&without), !text.is_empty(), "{text:?}");
        drop(without);
        assert!(held(acquire(&folder.lock(), "x", None).unwrap()).taken_over.is_none(), "{text:?}");
    }
    // A link out of the cache is not written through.
    let folder = Folder::new();
    let target = folder.0.path().join("target");
    std::fs::write(&target, "mine").unwrap();
    std::os::unix::fs::symlink(&target, folder.lock()).unwrap();
    assert!(acquire(&folder.lock(), "x", None).is_err());
    assert_eq!(std::fs::read_to_string(target).unwrap(), "mine");
}

/// Many at once, with and without the operating system's locks: never two at a time, and all get their turn.
#[test]
fn a_lock_is_held_by_one_at_a_time() {
    let folder = Folder::new();
    let (inside, done) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut left = 6;
                while left > 0 {
                    if let Attempt::Held(_lock) = acquire(&folder.lock(), "x", None).unwrap() {
                        assert_eq!(inside.fetch_add(1, order), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, order);
                        done.fetch_add(1, order);
                        left -= 1;
                    }
                }
            });
        }
    });
    assert_eq!(done.into_inner(), 18);
}
