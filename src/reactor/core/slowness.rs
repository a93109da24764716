//! What took too long on a core, and why, as far as the core knows. Called for what is slow only.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use selvedge_shards::{DocumentId, Moment};

use super::Core;
use crate::inbox::Note;
use crate::instruments::Timed;
use crate::slow::{Cause, Log, Slow};

/// What a core needs to say why.
#[derive(Debug, Default)]
pub(super) struct Slowness {
    log: Arc<Log>,
    core: usize,
    /// Writes fail.
    stalled: bool,
    /// When they last worked again.
    stall_over: Option<Moment>,
}

impl Slowness {
    pub(super) fn new(log: Arc<Log>, core: usize) -> Self {
        Self { log, core, ..Self::default() }
    }

    pub(super) fn is_slow(&self, timed: Timed, us: u64) -> bool {
        self.log.is_slow(timed, us)
    }

    pub(super) fn record(&self, timed: Timed, document: Option<DocumentId>, us: u64, cause: Cause) {
        let (at, took) = (SystemTime::now(), Duration::from_micros(us));
        self.log.record_of_core(self.core, Slow { at, timed, document, took, cause });
    }

    /// An update that came then is durable only now.
    pub(super) fn acknowledged(&self, document: DocumentId, since: Moment, us: u64) {
        let stalled = self.stalled || self.stall_over.is_some_and(|over| since <= over);
        let cause = if stalled { Cause::Stalled } else { Cause::Commit };
        self.record(Timed::Acknowledge, Some(document), us, cause);
    }

    /// How writing goes.
    pub(super) fn heard(&mut self, note: &Note, moment: Moment) {
        match note {
            Note::CommitFailed(_) => self.stalled = true,
            Note::Committed(_) => {
                if std::mem::take(&mut self.stalled) {
                    self.stall_over = Some(moment);
                }
            }
            Note::Loaded { .. }
            | Note::CaughtUp { .. }
            | Note::Prepared { .. }
            | Note::SnapshotTaken { .. }
            | Note::Deleted(_)
            | Note::Authority(_)
            | Note::Rules(_)
            | Note::Farewell(_)
            | Note::Errand(_) => {}
        }
    }
}

impl Core {
    /// What makes deliveries late, where it is known.
    pub(super) fn cause_of_delay(&self) -> Cause {
        if self.mesh.is_congested() { Cause::Mesh } else { Cause::Unknown }
    }
}
