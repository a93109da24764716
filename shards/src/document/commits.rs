//! What follows when records are durable, and when a snapshot is worth it.

use super::Document;
use crate::config::Config;
use crate::core::Core;
use crate::effect::Effect;
use crate::envelope::Envelope;
use crate::id::Sequence;
use crate::reading::ReadFailed;

impl Document {
    pub(crate) fn committed(&mut self, sequence: Sequence, core: &mut Core) {
        self.committed = self.committed.max(sequence);
        while let Some(record) = self.uncommitted.pop_front_if(|first| first.sequence <= self.committed) {
            core.acknowledged(self.id, &record.arrivals);
            core.committed(record.bytes);
        }
        self.authored.retain(|_, &mut authored| authored > sequence);
        for due in self.acknowledgements.commit(self.committed) {
            self.acknowledge(due.session, due.worth, core);
            if due.resumes {
                core.resume(due.session);
            }
        }
        self.fan_out.commit(self.committed, &mut core.sessions, &mut core.effects);
        for &shard in self.remotes.keys() {
            let envelope = Envelope::Committed { document: self.id, sequence: self.committed };
            core.effects.push_back(Effect::Envelope { to: shard, envelope });
        }
        self.give_answers(core);
        self.answer_edits(core);
        if self.uncommitted.is_empty() && !self.turn.updates.is_empty() && self.record_due(core) <= core.now {
            // Whether it is sent to others too is decided at the end of the turn.
            self.publish(false, core);
        }
        self.snapshot_if_due(core);
        self.settle(core.now);
        self.delete_if_at_rest(core);
    }

    /// Often enough that a load reads little, seldom enough that a large document is not written again for a few words.
    fn snapshot_if_due(&mut self, core: &mut Core) {
        let records = self.committed.0 - self.snapshot.0;
        let Config { snapshot_records, snapshot_bytes, .. } = core.config;
        let long = records >= snapshot_records || self.log_bytes >= snapshot_bytes;
        let worth_it = self.log_bytes >= self.bytes / 8 || records >= snapshot_records.saturating_mul(16);
        if long && worth_it && !self.snapshot_runs && !self.is_waiting() {
            self.snapshot_runs = true;
            core.effects.push_back(Effect::Snapshot { document: self.id, through: self.committed });
            // What is written from now on is the log after it.
            self.log_bytes = 0;
            self.snapshot = self.committed;
        }
    }

    pub(crate) fn snapshot_taken(&mut self, result: Result<(Sequence, u64), ReadFailed>, core: &mut Core) {
        self.snapshot_runs = false;
        match result {
            Ok((_, bytes)) => {
                core.counters.snapshots += 1;
                self.bytes = bytes + self.log_bytes;
            }
            // The log is longer than it should be, and nothing is lost: it is tried again when as much more has come.
            Err(_) => core.counters.snapshots_failed += 1,
        }
        self.settle(core.now);
        self.delete_if_at_rest(core);
    }
}
