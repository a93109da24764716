//! What is done while memory is short: nobody new is let in, catch-ups wait, and those who hold most are closed. Does not measure.

use std::cmp::Reverse;

use selvedge_shards::reading::CatchUpFrom;

use super::{Core, session_of};
use crate::audit::Reason;
use crate::close::Goodbye;
use crate::connection::Phase;
use crate::driver::ConnectionKey;
use crate::limits::Stage;
use crate::reader::{Job, Task};

/// Connections closed in one step while memory is short; then it is looked whether that was enough. There are four steps in a second.
const SHED_CONNECTIONS_MAX: usize = 64;

/// Catch-ups asked for in one tick, once memory is no longer short.
const CATCH_UPS_PER_TICK_MAX: usize = 256;

impl Core {
    /// Whether memory is too short for another document on a connection that is open.
    pub(super) fn refuses_join(&mut self, key: ConnectionKey) -> bool {
        match self.limiting.limits.pressure.stage() {
            Stage::Plenty => false,
            Stage::RefuseJoins | Stage::DelayCatchUps | Stage::Close => {
                self.limiting.counters.memory_joins_refused += 1;
                if let Some(address) = self.address_of(key) {
                    self.limiting.refuse(address, Reason::Memory);
                }
                true
            }
        }
    }

    /// Asks for a catch-up, now or when there is memory for it: who joins has waited long enough, and who is behind has something already.
    pub(super) fn catch_up(&mut self, job: Job) {
        let may_wait = match &job.task {
            Task::CatchUp { from: CatchUpFrom::Sequence(_), .. } => true,
            Task::CatchUp { from: CatchUpFrom::StateVector(_), .. } | Task::Load { .. } | Task::Snapshot { .. } => {
                false
            }
        };
        if may_wait && self.limiting.limits.pressure.stage() >= Stage::DelayCatchUps {
            self.limiting.counters.memory_catch_ups_postponed += 1;
            // Bounded: there is one for each session that is behind, and they are closed when it takes them too long.
            self.limiting.postponed.push_back(job);
        } else {
            self.reader.submit(job);
        }
    }

    /// Does what the memory that is left asks for. To be called every tick.
    pub(super) fn look_at_memory(&mut self) {
        let stage = self.limiting.limits.pressure.stage();
        if stage < Stage::DelayCatchUps {
            let count = self.limiting.postponed.len().min(CATCH_UPS_PER_TICK_MAX);
            for job in self.limiting.postponed.drain(..count) {
                self.reader.submit(job);
            }
        }
        let measurements = self.limiting.limits.pressure.measurements();
        if stage == Stage::Close && measurements >= self.limiting.sheds_from {
            self.limiting.sheds_from = measurements + 2;
            self.shed();
        }
    }

    /// Closes some of the open connections, those that hold most first, until this core's share of what is too much is given back.
    fn shed(&mut self) {
        let mut held: Vec<(usize, ConnectionKey)> = Vec::new();
        for key in self.table.keys() {
            if let Some(connection) = self.table.get(key)
                && connection.phase() == Phase::Open
            {
                let documents = self.many.get(&key).into_iter().flat_map(|many| many.sessions());
                let sessions = documents.chain([session_of(key)]);
                let outbox_bytes: usize = sessions.map(|session| self.shard.outbox_bytes(session)).sum();
                let bytes = self.unfinished_bytes(key) + outbox_bytes;
                // Who holds nothing has nothing to give back, however long the others' memory takes to be seen free.
                if bytes > 0 {
                    held.push((bytes, key));
                }
            }
        }
        let count = held.len().min(SHED_CONNECTIONS_MAX);
        if count < held.len() {
            held.select_nth_unstable_by_key(count, |&(bytes, _)| Reverse(bytes));
        }
        let largest = &mut held[..count];
        largest.sort_unstable_by_key(|&(bytes, _)| Reverse(bytes));
        let wanted = self.limiting.limits.pressure.excess_bytes() / usize::from(self.cores);
        let mut given_back = 0;
        for &(bytes, key) in &*largest {
            if given_back > wanted {
                return;
            }
            given_back += bytes;
            self.limiting.counters.memory_closed += 1;
            self.limit_closes_connection(key, Reason::Memory);
            self.send_away(key, &Goodbye::memory_short());
        }
    }
}
