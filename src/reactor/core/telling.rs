//! What the core tells those outside of its sessions: from where it is known whose they are. Where nobody listens it costs a look at a flag.

use std::borrow::Cow;
use std::sync::Arc;

use selvedge_shards::SessionId;

use super::{Core, key_of};
use crate::close::Goodbye;
use crate::connection::{Connection, Ending};
use crate::driver::ConnectionKey;
use crate::events::{Dialect, Gatherer, Who};

/// Why a session is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why<'a> {
    /// It was told to go.
    Told(&'a Goodbye),
    /// Its connection began to close.
    Ended(Ending),
    /// It has left its document, or may not have it any more.
    Left(&'a str),
    /// Its socket is of no more use.
    Gone,
}

impl Why<'_> {
    fn words(self) -> Cow<'static, str> {
        match self {
            Self::Told(goodbye) => goodbye.reason.clone(),
            Self::Ended(ending) => ending.to_string().into(),
            Self::Left(reason) => reason.to_owned().into(),
            Self::Gone => "the socket ended".into(),
        }
    }
}

impl Core {
    /// What is gathered for those outside.
    pub(super) fn events(&mut self) -> &mut Gatherer {
        &mut self.limiting.events
    }

    /// Lays out what was gathered.
    pub(in super::super) fn lay_out_events(&mut self) {
        let now = self.now;
        self.events().lay_out(now);
    }

    /// A session begins on a connection.
    pub(super) fn tell_opened(
        &mut self,
        key: ConnectionKey,
        session: SessionId,
        document: &Arc<str>,
        dialect: Dialect,
    ) {
        if self.events().is_wanted() {
            let (who, now) = (self.who(key, session, dialect), self.now);
            self.events().opened(session, document, who, now);
        }
    }

    /// A session is over. To be told while the core still knows it.
    pub(super) fn tell_closed(&mut self, key: ConnectionKey, session: SessionId, dialect: Dialect, why: Why<'_>) {
        if !self.events().is_wanted() {
            return;
        }
        if self.events().has_seen(session) {
            let now = self.now;
            return self.events().closed(session, why.words(), now);
        }
        // One that was not let in never was a session.
        if self.shard.is_attached(session) {
            let who = self.who(key, session, dialect);
            let document = self.shard.document_name(session).cloned();
            self.events().closed_unseen(session, document, who, why.words());
        }
    }

    /// A client has sent a stateless message.
    pub(super) fn tell_stateless(&mut self, session: SessionId, payload: Box<str>) {
        if self.events().is_wanted() {
            let document = self.shard.document_name(session).cloned();
            self.events().stateless(session, document, payload);
        }
    }

    fn who(&mut self, key: ConnectionKey, session: SessionId, dialect: Dialect) -> Who {
        let address = self.address_of(key);
        let subject = match dialect {
            Dialect::YWebsocket => {
                let admission =
                    self.table.get(key_of(session)).and_then(|connection| Connection::admission(connection));
                admission.and_then(|admission| admission.grant.subject.clone())
            }
            Dialect::Hocuspocus => self.table.held(session).and_then(|held| held.grant.subject.clone()),
        };
        Who { subject, address, dialect }
    }
}
