//! The end of a turn: what it brought becomes a record, and goes to everybody but its authors.

use std::sync::Arc;

use super::{Document, Turn, Uncommitted};
use crate::core::Core;
use crate::effect::Effect;
use crate::envelope::Envelope;
use crate::fan_out::{squash, update_frame};
use crate::frame::Frame;
use crate::id::{Now, SessionRef, ShardId};
use crate::measured::Arrivals;
use crate::prepared::Part;
use crate::window::GATHERED_BYTES_MAX;

impl Document {
    pub(crate) fn turn_ended(&mut self, core: &mut Core) {
        for session in self.flow.release(core.now) {
            core.resume(session);
        }
        self.updates_due = self.end_turn_of_updates(core);
        self.awareness_due = self.end_turn_of_awareness(core);
    }

    /// Sends what the turn brought, if nothing was sent for the time of a window, and stores it sooner: the authors wait for a small part
    /// of the window at most. Says when what still gathers is due.
    fn end_turn_of_updates(&mut self, core: &mut Core) -> Option<Now> {
        if self.turn.updates.is_empty() && !self.fan_out.has_unsent() {
            return None;
        }
        let due = self.fan_out_due(core);
        let is_due = due <= core.now;
        let listens = self.somebody_else_listens(core);
        let may_record = self.uncommitted.is_empty() && self.record_due(core) <= core.now;
        if !self.turn.updates.is_empty() && (may_record || (is_due && listens)) {
            self.publish(is_due, core);
        } else if is_due && self.fan_out.has_unsent() {
            self.fan_out.send(&mut core.sessions, &mut core.effects);
            for &shard in self.remotes.keys() {
                core.effects
                    .push_back(Effect::Envelope { to: shard, envelope: Envelope::FanOut { document: self.id } });
            }
            self.fanned_out(core);
        }
        let fan_out_due = (!is_due && (listens || self.fan_out.has_unsent())).then_some(due);
        // What is not recorded by then waits for a commit, which records it.
        let record_due = (!self.turn.updates.is_empty()).then(|| self.record_due(core)).filter(|&due| due > core.now);
        [fan_out_due, record_due].into_iter().flatten().min()
    }

    /// When the next record may be made.
    pub(super) fn record_due(&self, core: &Core) -> Now {
        self.recorded.map_or(core.now, |last| Now(last.0 + core.record_window_ms(self.takers())))
    }

    /// When the document may send updates again.
    fn fan_out_due(&self, core: &Core) -> Now {
        let gathered = self.fan_out.unsent_bytes() + self.turn.bytes;
        match self.fanned_out {
            // One session sees nothing but its own, after the commit.
            Some(last) if gathered < GATHERED_BYTES_MAX && self.sessions_len() > 1 => {
                Now(last.0 + core.fan_out_window_ms(self.takers()))
            }
            Some(_) | None => core.now,
        }
    }

    fn fanned_out(&mut self, core: &mut Core) {
        self.fanned_out = Some(core.now);
        let updates = std::mem::take(&mut self.unsent_updates);
        let arrivals = std::mem::take(&mut self.unsent_arrivals);
        if self.sessions_len() > 1 {
            core.delivered(self.id, &arrivals, updates);
            // Other cores send to theirs.
            core.spared.gathered(updates, self.fan_out.takers());
            let window_ms = core.fan_out_window_ms(self.takers());
            let counters = &mut core.counters;
            counters.fan_outs += 1;
            counters.fan_out_updates += updates;
            counters.fan_outs_delayed += u64::from(self.updates_due.is_some());
            counters.fan_out_window_ms += window_ms;
            counters.fan_out_window_last_ms = window_ms;
            counters.fan_out_window_widest_ms = counters.fan_out_window_widest_ms.max(window_ms);
        }
    }

    /// Is there a session that did not write in this turn? Only it would see the turn now. Authors get it after its commit, and while
    /// an earlier record is on its way to the disk the next one may gather by itself: fewer and larger records.
    fn somebody_else_listens(&self, core: &Core) -> bool {
        let authors = self.turn.authors.iter().filter(|&&author| self.access(author, core).is_some()).count();
        self.sessions_len() > authors
    }

    /// Something was accepted, and waits for the commit of an earlier record or the end of a window; or something large has come that may be.
    pub(crate) fn is_gathering(&self) -> bool {
        !self.turn.updates.is_empty() || self.fan_out.has_unsent() || self.large.is_some()
    }

    /// Makes a record of what was gathered. It is sent at once, or with the next fan-out.
    pub(super) fn publish(&mut self, at_once: bool, core: &mut Core) {
        let Turn { mut updates, authors, bytes, arrivals } = std::mem::take(&mut self.turn);
        let count = updates.len();
        let update = match count {
            1 => updates.pop().expect("there is one"),
            _ => squash(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        };
        let frame = update_frame(&update);
        self.record(update, (frame, count as u64), &authors, (bytes, arrivals), core, at_once);
    }

    /// The next record is so many updates, taken as so many bytes.
    fn record(
        &mut self,
        update: Vec<u8>,
        shown: (Frame, u64),
        authors: &[SessionRef],
        (bytes, arrivals): (usize, Arrivals),
        core: &mut Core,
        at_once: bool,
    ) {
        self.unsent_arrivals.append(&arrivals);
        self.uncommitted.push_back(Uncommitted { sequence: self.sequence.next(), bytes, arrivals });
        self.append(update, Vec::new(), core);
        self.show(shown, authors, at_once, core);
        if at_once {
            self.fan_out.send(&mut core.sessions, &mut core.effects);
            self.fanned_out(core);
        }
    }

    /// Makes a record of what a session has written and was held against the document beside its core. By itself and at once: nothing of it is looked
    /// at here again, as it would be if it were joined with anything.
    pub(super) fn publish_alone(
        &mut self,
        author: SessionRef,
        part: Part,
        (worth, arrivals): (u32, Arrivals),
        core: &mut Core,
    ) {
        if !self.turn.updates.is_empty() {
            self.publish(true, core);
        }
        self.written_by(author, worth, part.len(), core);
        self.greeting = None;
        self.nothing_new = None;
        let bytes = part.len();
        let (update, frame) = part.into_record();
        self.record(update, (frame, 1), &[author], (bytes, arrivals), core, true);
    }

    /// Makes a record of each of these, which no session has written and which belong together. They are sent one by one: together they could be
    /// larger than any record or message.
    pub(super) fn publish_together(&mut self, parts: Vec<Part>, core: &mut Core) {
        if !self.turn.updates.is_empty() {
            self.publish(true, core);
        }
        self.greeting = None;
        self.nothing_new = None;
        let bytes = parts.iter().map(Part::len).sum();
        core.accepted_from_outside(bytes);
        let (mut updates, frames): (Vec<_>, Vec<_>) = parts.into_iter().map(Part::into_record).unzip();
        let more = updates.split_off(1);
        let first = updates.pop().expect("there is one at least");
        self.append(first, more, core);
        for frame in frames {
            self.show((frame, 1), &[], true, core);
            self.fan_out.send(&mut core.sessions, &mut core.effects);
        }
        self.fanned_out(core);
        self.uncommitted.push_back(Uncommitted { sequence: self.sequence, bytes, arrivals: Arrivals::default() });
    }

    /// Hands the next records to the disk.
    fn append(&mut self, update: Vec<u8>, more: Vec<Vec<u8>>, core: &mut Core) {
        let bytes = (update.len() + more.iter().map(Vec::len).sum::<usize>()) as u64;
        self.bytes += bytes;
        self.log_bytes += bytes;
        self.recorded = Some(core.now);
        core.counters.records += 1 + more.len() as u64;
        core.counters.record_bytes += bytes;
        let (document, name, sequence) = (self.id, Arc::clone(&self.name), self.sequence.next());
        core.effects.push_back(Effect::Append { document, name, sequence, update, more });
    }

    /// Numbers the next record, of so many updates, for all who have the document open.
    fn show(&mut self, (frame, updates): (Frame, u64), authors: &[SessionRef], at_once: bool, core: &mut Core) {
        self.sequence = self.sequence.next();
        let sequence = self.sequence;
        self.unsent_updates += updates;
        let on =
            |shard: ShardId| authors.iter().filter(move |author| author.shard == shard).map(|author| author.session);
        self.fan_out.publish(sequence, (frame.clone(), updates), on(core.config.shard), &mut core.sessions);
        for &shard in self.remotes.keys() {
            let (document, frame, authors) = (self.id, frame.clone(), on(shard).collect());
            let publish = Envelope::Publish { document, sequence, frame, updates, authors, at_once };
            core.effects.push_back(Effect::Envelope { to: shard, envelope: publish });
        }
    }
}
