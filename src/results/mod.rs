//! Tables and figures where a person looks: `results/<experiment>/`, made from the cache whenever it is asked. It holds
//! what the experiment gives and nothing else; its index says what that is.

mod figures;
mod gathered;
mod index;
mod not_drawn;
mod origin;
mod put;
mod told;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use put::{alone, put};

pub use figures::numbers_of_figure;
pub use not_drawn::NotDrawn;
pub use origin::Origin;

use crate::engine::{Graph, Kind, Plan, StageError};
use crate::fingerprint::{Digest, Key};
use crate::git::Tree;
use crate::kinds::expect::{Expectation, expectations};
use crate::kinds::finished::Finished;
use crate::kinds::plot::Params;
use crate::kinds::stages::Experiment;
use crate::kinds::{ROOMS, made, place};
use crate::store::{Store, remove_leftovers};
use crate::tables::TableError;
pub use gathered::Gathered;
pub use index::Index;
use index::{File, Steps};

/// Where the results of an experiment go, and what they are made from.
pub struct Place {
    pub folder: PathBuf,
    origin: Origin,
}

impl Place {
    /// Makes the folder: what stands in its way shows before the work and not after it.
    ///
    /// # Errors
    /// It cannot be made, or belongs to another experiment of that name.
    pub fn new(experiment: &Experiment, set: &[String], results: &Path) -> Result<Self, PlaceError> {
        let folder = results.join(&experiment.name);
        std::fs::create_dir_all(&folder).map_err(|error| {
            let message = format!("cannot write results to `{}`: {error}", folder.display());
            PlaceError::Folder(StageError::new(message).help("choose another folder with --results-dir"))
        })?;
        let earlier = Index::read(&folder).map(|index| index.experiment);
        let origin = Origin::new(experiment, set, &folder, earlier.as_ref()).map_err(PlaceError::Taken)?;
        Ok(Self { folder, origin })
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether an earlier run wrote a file of this name, and it is still there.
    pub fn has(&self, name: &str) -> bool {
        let known = Index::read(&self.folder).is_some_and(|index| index.files.contains_key(name));
        known && self.folder.join(name).is_file()
    }
}

impl Place {
    /// The commit of the experiment's files.
    pub fn git(&self) -> Option<&Tree> {
        self.origin.git.as_ref()
    }
}

/// Why there is no place for results.
pub enum PlaceError {
    Folder(StageError),
    /// By another experiment file with the same name.
    Taken(StageError),
}

/// What was written, and what could not be.
pub struct Written {
    pub finished: usize,
    pub not_drawn: Vec<NotDrawn>,
    /// Files of an earlier run that somebody has changed; they are not ours any more.
    pub left: Vec<String>,
    /// Figures that there are.
    pub figures: usize,
    /// Of clusterings, in words.
    pub told: Vec<String>,
    /// What was to come out, and did or did not.
    pub expectations: Vec<Expectation>,
}

/// Everything that is finished, as the files that it will be.
///
/// # Errors
/// Something in the cache is damaged.
pub fn gather(graph: &Graph, plan: &Plan, store: &Store) -> Result<Gathered, TableError> {
    let finished = Finished::new(graph, plan, store);
    let (told, expectations) = (told::clusterings(&finished)?, expectations(&finished)?);
    let mut gathered = Gathered { told, expectations, ..Gathered::default() };
    if let Some(models) = made::tables(&finished)? {
        let keys = models.keys()?;
        let stages = ROOMS.iter().flat_map(|room| stages_of(&finished, room.kind, &keys)).collect();
        gathered.add_table(models, stages)?;
    }
    for room in ROOMS {
        for table in (room.rows)(&finished)? {
            let stages = stages_of(&finished, room.kind, &table.keys()?);
            gathered.add_table(table, stages)?;
        }
        (room.files)(&finished, &mut |path, bytes, keys| {
            gathered.add(path, bytes, stages_of(&finished, room.kind, &keys));
            Ok(())
        })?;
    }
    figures::gather(&finished, &mut gathered)?;
    gathered.figures = finished.steps::<Params>().count();
    gathered.not_drawn = not_drawn::not_drawn(graph, plan);
    Ok(gathered)
}

/// Writes what was gathered, and removes what earlier runs wrote and this experiment does not give any more. `failed`:
/// steps that were tried.
///
/// # Errors
/// A file cannot be written.
pub fn write(
    gathered: Gathered,
    graph: &Graph,
    plan: &Plan,
    to: &Place,
    failed: &[usize],
) -> Result<Written, TableError> {
    let folder = &to.folder;
    let Gathered { files, figures, not_drawn, told, expectations, .. } = gathered;
    let keys = plan.last_keys(graph);
    let mut index = Index::new(to.origin.clone(), Steps { finished: keys.len(), all: graph.steps.len() });
    index.keys = keys;
    index.without = graph.without.clone();
    index.not_drawn = not_drawn.iter().map(|one| (one.stage.clone(), one.why(graph, failed))).collect();
    for (path, bytes, stages) in &files {
        let file = File { blake3: Digest::of(bytes), stages: stages.clone() };
        index.files.insert(path.display().to_string(), file);
    }
    // Two runs at once would each remove what the other one writes.
    let _alone = alone(folder);
    let earlier = Index::read(folder);
    let known = earlier.as_ref().is_some_and(|earlier| index.files.keys().all(|name| earlier.files.contains_key(name)));
    if let Some(earlier) = earlier.as_ref().filter(|_| !known) {
        index.announce(earlier, folder)?;
    }
    for (path, bytes, _) in &files {
        put(&folder.join(path), bytes)?;
    }
    let left = earlier.map_or(Ok(Vec::new()), |earlier| index.remove_rest_of(&earlier, folder))?;
    index.write(folder)?;
    remove_leftovers(folder, 1);
    Ok(Written { finished: index.steps.finished, not_drawn, left, figures, told, expectations })
}

/// The stages of a kind that steps with these keys belong to.
fn stages_of(finished: &Finished<'_>, kind: Kind, keys: &BTreeSet<Key>) -> BTreeSet<String> {
    let ours = finished.all().filter(|done| done.step.stage.kind == kind && keys.contains(&done.key()));
    ours.map(|done| done.step.stage.to_string()).collect()
}

/// The tables as text for a terminal. They follow one another as the first stages of their kinds do in the file.
///
/// # Errors
/// Something in the cache is damaged.
pub fn render(experiment: &Experiment, graph: &Graph, plan: &Plan, store: &Store) -> Result<String, TableError> {
    let finished = Finished::new(graph, plan, store);
    let count = plan.states.iter().filter(|state| state.finished().is_some()).count();
    let mut text = format!("{}: {count} of {} steps finished\n", graph.experiment, graph.steps.len());
    let mut rooms = ROOMS;
    let first = |kind| experiment.stages.iter().position(|stage| stage.id.kind == kind);
    rooms.sort_by_key(|room| (first(room.kind).unwrap_or(usize::MAX), place(room.kind)));
    for room in rooms {
        text.push_str(&(room.show)(&finished)?);
    }
    Ok(text)
}
