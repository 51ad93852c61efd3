//! From the cache to the bucket: objects in any order, each step's manifest once all of its objects are there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{AT_A_TIME, Remote, RemoteError, There, object_name, step_name};
use crate::data::s3::{Bucket, Listed, Put};
use crate::fingerprint::{Digest, Key};
use crate::hold;
use crate::store::{Finished, LARGEST_MANIFEST, Manifest, Store, StoreError, in_parallel_on};

/// A name that has more bytes is asked about before they are sent.
const WORTH_A_QUESTION: u64 = 1 << 20;

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// So much is to be sent or fetched.
    All(u64),
    Moved(u64),
}

#[derive(Debug, Default)]
pub struct Pushed {
    pub steps: usize,
    /// Steps that were there already.
    pub known: usize,
    /// Those among them that have other results there, which stay.
    pub different: usize,
    pub objects: usize,
    pub bytes: u64,
    /// What was there under its name and wrong.
    pub mended: usize,
    /// Steps that could not be sent for what is wrong with them here, and what it is.
    pub damaged: Vec<(Key, String)>,
}

/// What is to be sent.
#[derive(Default)]
struct Plan<'a> {
    /// With `true` in the place of what is there.
    steps: Vec<(&'a Finished, bool)>,
    objects: BTreeMap<Digest, (u64, bool)>,
}

impl Remote {
    /// Sends finished steps. What is there is not sent again. What was done before an error is done, and stays.
    pub fn push(
        &self,
        store: &Store,
        steps: &[&Finished],
        told: &(dyn Fn(Told) + Sync),
    ) -> (Pushed, Result<(), RemoteError>) {
        let mut pushed = Pushed::default();
        let planned = self.look().and_then(|there| self.plan(steps, &there, &mut pushed));
        let done = planned.and_then(|plan| self.send(store, plan, &mut pushed, told));
        (pushed, done)
    }

    /// Sends one step that was finished just now.
    pub fn push_new(&self, store: &Store, step: &Finished) -> Result<Pushed, RemoteError> {
        let mut there = There::default();
        if let Some(theirs) = self.manifest(&step.key)? {
            there.steps.insert(step.key, Listed { bytes: 0, modified: 0 });
            for made in theirs.outputs().iter().filter(|made| !made.inline) {
                there.objects.insert(made.digest, Listed { bytes: made.size, modified: 0 });
            }
        }
        for made in step.outputs().iter().filter(|made| !made.inline && made.size > WORTH_A_QUESTION) {
            if let Some(bytes) = self.bucket.size(&object_name(&made.digest))? {
                there.objects.insert(made.digest, Listed { bytes, modified: 0 });
            }
        }
        let mut pushed = Pushed::default();
        let plan = self.plan(&[step], &there, &mut pushed)?;
        self.send(store, plan, &mut pushed, &|_| ())?;
        Ok(pushed)
    }

    fn plan<'a>(&self, steps: &[&'a Finished], there: &There, pushed: &mut Pushed) -> Result<Plan<'a>, RemoteError> {
        let has = |step: &Finished| {
            let mut objects = step.outputs().iter().filter(|made| !made.inline);
            objects.all(|made| there.objects.get(&made.digest).is_some_and(|listed| listed.bytes == made.size))
        };
        let (known, new): (Vec<&Finished>, Vec<&Finished>) =
            steps.iter().partition(|step| there.steps.contains_key(&step.key));
        let mut plan = Plan { steps: new.into_iter().map(|step| (step, false)).collect(), ..Plan::default() };
        // It may be another result, and something of it may be missing.
        let theirs = in_parallel_on(AT_A_TIME, &known, |step| self.manifest(&step.key));
        for (step, theirs) in known.into_iter().zip(theirs) {
            match theirs? {
                Some(theirs) if has(&theirs) => {
                    pushed.known += 1;
                    pushed.different += usize::from(step.is_remade(&theirs));
                }
                _ => {
                    pushed.mended += 1;
                    plan.steps.push((step, true));
                }
            }
        }
        for made in plan.steps.iter().flat_map(|(step, _)| step.outputs()).filter(|made| !made.inline) {
            match there.objects.get(&made.digest) {
                Some(listed) if listed.bytes == made.size => {}
                listed => drop(plan.objects.insert(made.digest, (made.size, listed.is_some()))),
            }
        }
        Ok(plan)
    }

    /// What is there of a step; `None` where it is nothing that can be used.
    fn manifest(&self, key: &Key) -> Result<Option<Finished>, RemoteError> {
        let Some(bytes) = self.bucket.read(&step_name(key), LARGEST_MANIFEST)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        match Manifest::foreign(&text, key) {
            Ok(manifest) => Ok(Some(Finished::of(&manifest))),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn send(
        &self,
        store: &Store,
        plan: Plan<'_>,
        pushed: &mut Pushed,
        told: &(dyn Fn(Told) + Sync),
    ) -> Result<(), RemoteError> {
        told(Told::All(plan.objects.values().map(|(size, _)| size).sum()));
        let work = Work::new(&plan, pushed);
        let threads: Vec<usize> = (0..AT_A_TIME.min(plan.objects.len() + plan.steps.len())).collect();
        in_parallel_on(threads.len(), &threads, |_| {
            while let Some(job) = work.next() {
                let done = match job {
                    Job::Object(digest, size, over) => {
                        self.send_object(store, &digest, size, over, told).map(Done::Sent)
                    }
                    Job::Step(at) => {
                        let (step, over) = plan.steps[at];
                        self.send_step(store, step, over)
                    }
                };
                hold::at(format_args!("sent"));
                work.done(&plan, job, done);
            }
        });
        work.end()
    }

    /// Says whether it is new there.
    fn send_object(
        &self,
        store: &Store,
        digest: &Digest,
        size: u64,
        over: bool,
        told: &(dyn Fn(Told) + Sync),
    ) -> Result<bool, RemoteError> {
        let name = object_name(digest);
        let Some(part) = Bucket::part_of(size) else {
            let put = self.bucket.put(&name, &store.get(digest)?, over)?;
            told(Told::Moved(size));
            return Ok(put == Put::New);
        };
        let mut file = store.reader(digest)?;
        let path = store.object_path(digest);
        let mut upload = self.bucket.upload(&name)?;
        let mut hasher = blake3::Hasher::new();
        let mut send = || -> Result<(), RemoteError> {
            let mut bytes = Vec::new();
            loop {
                bytes.clear();
                let read = (&mut file).take(part).read_to_end(&mut bytes);
                read.map_err(|error| StoreError::Read { path: path.clone(), source: error })?;
                if bytes.is_empty() {
                    return Ok(());
                }
                hasher.update(&bytes);
                upload.part(&bytes)?;
                told(Told::Moved(bytes.len() as u64));
            }
        };
        let sent = send();
        let found = Digest::from(hasher.finalize());
        if sent.is_ok() && found == *digest {
            return Ok(upload.finish(over)? == Put::New);
        }
        upload.abort();
        sent?;
        // Looks again, and moves it away.
        store.probe(digest)?;
        Err(StoreError::Unsteady { path }.into())
    }

    fn send_step(&self, store: &Store, step: &Finished, over: bool) -> Result<Done, RemoteError> {
        let text = store.whole(step)?.to_json();
        if self.bucket.put(&step_name(&step.key), text.as_bytes(), over)? == Put::New {
            return Ok(Done::New);
        }
        let different = self.manifest(&step.key)?.is_some_and(|theirs| step.is_remade(&theirs));
        Ok(Done::Known { different })
    }
}

#[derive(Clone, Copy)]
enum Job {
    Object(Digest, u64, bool),
    /// By its place in the plan.
    Step(usize),
}

enum Done {
    /// An object; whether it is new.
    Sent(bool),
    New,
    Known {
        different: bool,
    },
}

/// What threads share: objects still to be sent, and steps whose objects are there.
struct Work<'a> {
    state: Mutex<State<'a>>,
    changed: Condvar,
}

struct State<'a> {
    pushed: &'a mut Pushed,
    objects: Vec<(Digest, u64, bool)>,
    ready: Vec<usize>,
    /// How many objects each step lacks, and which steps lack each.
    lacks: Vec<usize>,
    lacking: BTreeMap<Digest, BTreeSet<usize>>,
    running: usize,
    error: Option<RemoteError>,
}

impl<'a> Work<'a> {
    fn new(plan: &Plan<'_>, pushed: &'a mut Pushed) -> Self {
        let mut lacking: BTreeMap<Digest, BTreeSet<usize>> = BTreeMap::new();
        for (at, (step, _)) in plan.steps.iter().enumerate() {
            for made in step.outputs().iter().filter(|made| plan.objects.contains_key(&made.digest)) {
                lacking.entry(made.digest).or_default().insert(at);
            }
        }
        let mut lacks = vec![0; plan.steps.len()];
        lacking.values().flatten().for_each(|at| lacks[*at] += 1);
        let ready = (0..lacks.len()).rev().filter(|at| lacks[*at] == 0).collect();
        // Taken from the end: those of the first steps, so that these are whole soon.
        let mut objects: Vec<(usize, (Digest, u64, bool))> = (plan.objects.iter())
            .map(|(digest, (size, over))| {
                let first = lacking.get(digest).and_then(|steps| steps.first()).copied().unwrap_or(0);
                (first, (*digest, *size, *over))
            })
            .collect();
        objects.sort_by_key(|(first, _)| std::cmp::Reverse(*first));
        let objects = objects.into_iter().map(|(_, object)| object).collect();
        let state = State { pushed, objects, ready, lacks, lacking, running: 0, error: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes next; waits for steps that others make ready. `None` where all is done, or something went wrong.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.error.is_some() {
                return None;
            }
            let next = match state.ready.pop() {
                Some(step) => Some(Job::Step(step)),
                None => state.objects.pop().map(|(digest, size, over)| Job::Object(digest, size, over)),
            };
            if next.is_some() {
                state.running += 1;
                return next;
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, plan: &Plan<'_>, job: Job, done: Result<Done, RemoteError>) {
        let mut state = self.state();
        state.running -= 1;
        match (job, done) {
            (Job::Object(digest, size, _), Ok(done)) => {
                if matches!(done, Done::Sent(true)) {
                    state.pushed.objects += 1;
                    state.pushed.bytes += size;
                }
                for step in state.lacking.remove(&digest).unwrap_or_default() {
                    state.lacks[step] -= 1;
                    if state.lacks[step] == 0 {
                        state.ready.push(step);
                    }
                }
            }
            (Job::Step(_), Ok(Done::Known { different })) => {
                state.pushed.known += 1;
                state.pushed.different += usize::from(different);
            }
            (Job::Step(_), Ok(_)) => state.pushed.steps += 1,
            // What is wrong here is wrong with these steps alone.
            (job, Err(RemoteError::Store(error @ (StoreError::Damaged { .. } | StoreError::Unsteady { .. })))) => {
                let steps = match job {
                    Job::Object(digest, ..) => state.lacking.remove(&digest).unwrap_or_default(),
                    Job::Step(step) => [step].into(),
                };
                let why = steps.into_iter().map(|step| (plan.steps[step].0.key, error.to_string()));
                state.pushed.damaged.extend(why);
            }
            (_, Err(error)) => drop(state.error.get_or_insert(error)),
        }
        self.changed.notify_all();
    }

    fn end(self) -> Result<(), RemoteError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.error.map_or(Ok(()), Err)
    }
}
