//! The threads that hold large updates against their documents: each takes as long as it likes, and they overtake each other.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_shards::{DocumentId, Input, Large};

use crate::agenda::Event;
use crate::stage::Stage;

#[derive(Default)]
pub(crate) struct Preparers {
    /// What is under way, by number.
    jobs: BTreeMap<u64, (usize, DocumentId, u64, Box<Large>)>,
    begun: u64,
    /// What each core has wanted so far.
    seen: BTreeSet<(usize, u64)>,
}

impl Preparers {
    /// Says whether the core wants it for the first time.
    pub(crate) fn begin(
        &mut self,
        core: usize,
        document: DocumentId,
        job: u64,
        large: Box<Large>,
        life: u32,
        stage: &mut Stage,
    ) -> bool {
        self.begun += 1;
        self.jobs.insert(self.begun, (core, document, job, large));
        let takes_ms = stage.random.wait(stage.plan.prepare_ms);
        stage.agenda.after(takes_ms, Event::Prepared { life, number: self.begun });
        self.seen.insert((core, job))
    }

    /// For which core what comes of it is.
    pub(crate) fn done(&mut self, number: u64) -> (usize, Input<'static>) {
        let (core, document, job, large) = self.jobs.remove(&number).expect("it was begun");
        (core, Input::Prepared { document, job, judged: Box::new(large.judge()) })
    }

    /// What is under way of a core's.
    pub(crate) fn of(&self, core: usize) -> usize {
        self.jobs.values().filter(|(of, ..)| *of == core).count()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }
}
