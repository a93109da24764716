//! What all who act in the world share: the time, chance, the network, the disk, and the books that are kept. Decides nothing.

use std::fmt;

use selvedge_shards::Answer;

use crate::agenda::Agenda;
use crate::checks::Checks;
use crate::committed::Committed;
use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::network::Network;
use crate::operator::Operator;
use crate::plan::Plan;
use crate::random::Random;
use crate::trace::Trace;

pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) agenda: Agenda,
    pub(crate) random: Random,
    pub(crate) network: Network,
    pub(crate) disk: Disk,
    pub(crate) checks: Checks,
    pub(crate) committed: Committed,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Trace,
    /// How far the server's clock has jumped.
    pub(crate) clock_ahead_ms: u64,
    pub(crate) operator: Operator,
}

impl Stage {
    /// What came of an errand.
    pub(crate) fn answered(&mut self, job: u64, answer: Answer) {
        self.trace(format_args!("job {job} is answered: {answer:?}"));
        let Self { operator, checks, coverage, .. } = self;
        operator.answered(job, &answer, checks, coverage);
    }

    pub(crate) fn trace(&mut self, line: fmt::Arguments<'_>) {
        self.trace.line(self.agenda.now, line);
    }
}
