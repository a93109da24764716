//! One thing to read, and the shape of its answer. Does not know how it is done.

use std::sync::Arc;
use std::time::Instant;

use selvedge_shards::reading::{CatchUpFrom, ReadFailed};
use selvedge_shards::{DocumentId, Sequence};

use crate::inbox::Note;
use crate::instruments::Timed;

/// A task of a core.
#[derive(Clone, Debug)]
pub struct Job {
    /// Who gets the answer.
    pub core: usize,
    /// The document.
    pub document: DocumentId,
    /// What to do.
    pub task: Task,
}

/// What a core wants done with a document.
#[derive(Clone, Debug)]
pub enum Task {
    /// As [`selvedge_shards::Effect::Load`].
    Load {
        /// To be compared with the stored one.
        name: Arc<str>,
    },
    /// As [`selvedge_shards::Effect::CatchUp`].
    CatchUp {
        /// Comes back with the answer.
        job: u64,
        /// What they have.
        from: CatchUpFrom,
        /// Committed: so are all records before, and so is whatever any earlier job names here.
        through: Sequence,
    },
    /// As [`selvedge_shards::Effect::Snapshot`].
    Snapshot {
        /// Committed.
        through: Sequence,
    },
}

/// A job, and when it was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) job: Job,
    pub(super) since: Instant,
}

impl Job {
    /// Somebody waits for the answer: goes before what nobody waits for.
    pub(super) fn is_urgent(&self) -> bool {
        match self.task {
            Task::Load { .. } | Task::CatchUp { .. } => true,
            Task::Snapshot { .. } => false,
        }
    }

    /// What it is timed as.
    pub(super) fn timed(&self) -> Timed {
        match self.task {
            Task::Load { .. } => Timed::Load,
            Task::CatchUp { .. } => Timed::CatchUp,
            Task::Snapshot { .. } => Timed::Snapshot,
        }
    }

    /// The answer that there is none.
    pub(super) fn refused(self, why: ReadFailed) -> (usize, Note) {
        let Self { core, document, task } = self;
        let note = match task {
            Task::Load { .. } => Note::Loaded { document, result: Err(why) },
            Task::CatchUp { job, .. } => Note::CaughtUp { document, job, result: Err(why) },
            Task::Snapshot { .. } => Note::SnapshotTaken { document, result: Err(why) },
        };
        (core, note)
    }
}
