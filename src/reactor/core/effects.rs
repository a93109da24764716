//! Carries out what follows from an input: each effect becomes an operation, a job, a record or a parcel.

use selvedge_shards::{Effect, Sequence};

use super::super::drain::Step;
use super::{Core, key_of};
use crate::close::Goodbye;
use crate::connection::Hold;
use crate::encoder::Encoding;
use crate::mesh::Parcel;
use crate::persister::{Append, Deletion};
use crate::preparer;
use crate::reader::{Job, Task};

impl Core {
    pub(super) fn drain_effects(&mut self) {
        while let Some(effect) = self.shard.poll_effect() {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let core = usize::from(self.id.0);
        match effect {
            Effect::Send { session, frame } => {
                if let Some(member) = self.table.member(session) {
                    return self.send_of_document(member, session, frame);
                }
                let key = key_of(session);
                if let Some(connection) = self.table.get(key) {
                    let encoding = Encoding { address: b"", deflate: connection.deflate() };
                    connection.send(self.encoder.encode(frame, encoding));
                    self.tend(key);
                }
            }
            Effect::Close { session, reason } => self.end_session(session, &Goodbye::session(&reason)),
            Effect::Pause { session } => match self.table.member(session) {
                Some(member) => self.pause_document(member),
                None => self.hold(key_of(session), Hold::Shard),
            },
            Effect::Resume { session } => match self.table.member(session) {
                Some(member) => self.resume_document(member),
                None => self.unhold(key_of(session), Hold::Shard),
            },
            Effect::Stateless { document, session, payload } => {
                tracing::trace!(?document, ?session, bytes = payload.len(), "a stateless message came");
                self.tell_stateless(session, payload);
            }
            Effect::Probe { session } => {
                if let Some(member) = self.table.member(session) {
                    if !self.probe_document(member) {
                        self.alive.push(session);
                    }
                    return;
                }
                let key = key_of(session);
                if let Some(connection) = self.table.get(key) {
                    if connection.probe(self.pulses.stamp(self.now, key)) {
                        self.tend(key);
                    } else {
                        self.alive.push(session);
                    }
                }
            }
            Effect::Append { document, name, sequence, update, more } => {
                if self.step >= Step::Acknowledge {
                    // The persister has ended. Nobody was told that this is stored, so whoever wrote it will send it again.
                    tracing::warn!(?document, "an update came after the last commit");
                    return;
                }
                let append = Append { core, document, name, sequence, update, more };
                for (sequence, update) in append.records() {
                    self.events().appended(document, &append.name, sequence, update.len());
                }
                self.appender.append(append);
            }
            Effect::Load { document, name } => self.reader.submit(Job { core, document, task: Task::Load { name } }),
            Effect::CatchUp { document, job, from, through } => {
                self.catch_up(Job { core, document, task: Task::CatchUp { job, from, through } });
            }
            Effect::Prepare { document, job, large } => {
                self.preparer.submit(preparer::Job { core, document, job, large })
            }
            Effect::Snapshot { document, through } => {
                self.reader.submit(Job { core, document, task: Task::Snapshot { through } });
            }
            Effect::Delete { document, name, successor } => {
                // Nothing reads it now, so nothing of it comes back into the cache.
                self.reader.evict(document);
                if self.step < Step::Acknowledge {
                    self.events().deleting(document, &name);
                    for (sequence, update) in (1..).zip(&successor) {
                        self.events().appended(document, &name, Sequence(sequence), update.len());
                    }
                    self.appender.delete(Deletion { core, document, name, successor });
                }
            }
            Effect::Answer { job, answer } => self.give_answer(job, answer),
            Effect::Evicted { document } => self.reader.evict(document),
            Effect::Envelope { to, envelope } => self.mesh.push(to, Parcel::Envelope(envelope)),
        }
    }
}
