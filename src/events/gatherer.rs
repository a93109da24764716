//! What one core has gathered since its last tick. Plain memory of that core: no lock is taken but once in a tick.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use selvedge_shards::{DocumentId, Now, Sequence, SessionId};

use super::event::PAYLOAD_BYTES_MAX;
use super::growth::Growths;
use super::tray::{Batch, Record};
use super::{Dialect, Event, Events, SessionAt};
use crate::audit::Address;

/// Sessions of which the core remembers since when they are there. Of any more it is told without that, when they end.
const SESSIONS_MAX: usize = 1 << 16;

/// What is remembered of a session.
#[derive(Debug)]
struct Opened {
    document: Arc<str>,
    who: Who,
    since: Now,
}

/// Whose session, from where, and what it speaks.
#[derive(Clone, Debug)]
pub struct Who {
    /// Nobody in particular where no tokens are asked for.
    pub subject: Option<Arc<str>>,
    /// From where.
    pub address: Option<Address>,
    /// What it speaks.
    pub dialect: Dialect,
}

/// One for each core.
#[derive(Debug)]
pub struct Gatherer {
    events: Arc<Events>,
    core: u16,
    batch: Batch,
    growths: Growths,
    sessions: HashMap<SessionId, Opened>,
}

impl Gatherer {
    pub(super) fn new(events: Arc<Events>, core: u16) -> Self {
        Self { events, core, batch: Batch::default(), growths: Growths::default(), sessions: HashMap::new() }
    }

    /// Somebody listens. Where nobody does, nothing has to be found out for an event.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.events.is_wanted()
    }

    /// Something happened.
    pub fn tell(&mut self, event: Event) {
        if self.is_wanted() {
            self.batch.push(Record { at: SystemTime::now(), event });
        }
    }

    /// A session has begun.
    pub fn opened(&mut self, session: SessionId, document: &Arc<str>, who: Who, now: Now) {
        if !self.is_wanted() {
            return;
        }
        if self.sessions.len() < SESSIONS_MAX {
            self.sessions.insert(session, Opened { document: Arc::clone(document), who: who.clone(), since: now });
        }
        let (session, document) = (SessionAt { core: self.core, session }, Arc::clone(document));
        let Who { subject, address, dialect } = who;
        self.tell(Event::Opened { session, document, subject, address, dialect });
    }

    /// Whether the beginning of a session was seen: who it is, and on which document, is known then.
    #[must_use]
    pub fn has_seen(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// A session whose beginning was seen is over.
    pub fn closed(&mut self, session: SessionId, reason: Cow<'static, str>, now: Now) {
        if let Some(Opened { document, who, since }) = self.sessions.remove(&session) {
            self.tell_closed(session, Some(document), who, Some(now.since(since)), reason);
        }
    }

    /// A session that began while nobody listened is over.
    pub fn closed_unseen(
        &mut self,
        session: SessionId,
        document: Option<Arc<str>>,
        who: Who,
        reason: Cow<'static, str>,
    ) {
        self.tell_closed(session, document, who, None, reason);
    }

    fn tell_closed(
        &mut self,
        session: SessionId,
        document: Option<Arc<str>>,
        who: Who,
        duration_ms: Option<u64>,
        reason: Cow<'static, str>,
    ) {
        let session = SessionAt { core: self.core, session };
        let Who { subject, address, dialect } = who;
        self.tell(Event::Closed { session, document, subject, address, dialect, duration_ms, reason });
    }

    /// A client has sent a stateless message. `document`, where it is known, in case that the beginning of its session was not seen.
    pub fn stateless(&mut self, session: SessionId, document: Option<Arc<str>>, payload: Box<str>) {
        if !self.is_wanted() {
            return;
        }
        let seen = self.sessions.get(&session);
        let document = seen.map(|opened| Arc::clone(&opened.document)).or(document);
        let subject = seen.and_then(|opened| opened.who.subject.clone());
        let (bytes, session) = (payload.len(), Some(SessionAt { core: self.core, session }));
        let payload = (bytes <= PAYLOAD_BYTES_MAX).then_some(payload);
        self.tell(Event::Stateless { document, session, subject, bytes, payload });
    }

    /// A record is on its way to the disk.
    pub fn appended(&mut self, document: DocumentId, name: &Arc<str>, sequence: Sequence, bytes: usize) {
        if self.is_wanted() && !self.growths.appended(document, name, sequence, bytes) {
            self.batch.dropped += 1;
        }
    }

    /// Records up to these are durable.
    pub fn committed(&mut self, commits: &[(DocumentId, Sequence)]) {
        if self.is_wanted() {
            for &(document, sequence) in commits {
                self.growths.committed(document, sequence);
            }
        }
    }

    /// The deletion of a document is on its way to the disk.
    pub fn deleting(&mut self, document: DocumentId, name: &Arc<str>) {
        if self.is_wanted() {
            let at = SystemTime::now();
            let Self { growths, batch, .. } = self;
            growths.deleting(document, name, |event| batch.push(Record { at, event }));
        }
    }

    /// These deletions are durable.
    pub fn deleted(&mut self, documents: &[DocumentId]) {
        if self.is_wanted() {
            let at = SystemTime::now();
            let Self { growths, batch, .. } = self;
            for &document in documents {
                growths.deleted(document, |event| batch.push(Record { at, event }));
            }
        }
    }

    /// Lays out what was gathered. To be called at each tick.
    pub fn lay_out(&mut self, now: Now) {
        if !self.is_wanted() {
            if !self.sessions.is_empty() {
                self.sessions = HashMap::new();
            }
            self.growths.clear();
            return;
        }
        let at = SystemTime::now();
        let Self { growths, batch, .. } = self;
        growths.tell(now, |event| batch.push(Record { at, event }));
        if !self.batch.is_empty() {
            self.events.trays[usize::from(self.core)].lay_out(&mut self.batch);
        }
    }
}
