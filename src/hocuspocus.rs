//! A connection that carries many documents, in the dialect of Hocuspocus: which address is which session, what waits for a token, what
//! waits for the socket. Frames and answers in, steps and frames out: has no socket, clock, shard or keys.

mod document;
mod documents;
mod outgoing;

use std::sync::Arc;

use selvedge_protocol::hocuspocus::{self, Address, AddressError, Body, Incoming};
use selvedge_protocol::sync::Message;
use selvedge_shards::{Access, Frame, Input, Now, SessionId};

use crate::auth::Right;
use document::{Document, Queued, State};
use documents::Documents;
use outgoing::Outgoing;

/// What such a connection is held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Documents at once, those that wait for a token included. A further one is told so and forgotten, unless there is one that was denied or
    /// is over, which is forgotten for it.
    pub documents_max: usize,
    /// Bytes of messages that wait for a token, of all its documents.
    pub queued_bytes_max: usize,
    /// Messages that wait for a token.
    pub queued_messages_max: usize,
    /// How long a document may wait for its token, and the connection for its first.
    pub token_timeout_ms: u64,
    /// So long before a token expires, another is asked for; half the time that is left, where that is less.
    pub token_refresh_ms: u64,
}

/// What its documents have to say by themselves, and to whom.
#[derive(Debug)]
pub struct Hocuspocus {
    limits: Limits,
    documents: Documents,
    /// What waits for tokens, over all documents.
    queued: Queued,
    outgoing: Outgoing,
    /// When it came, until a token was good. After that nobody has to prove anything by any time.
    unproven_since: Option<Now>,
    /// Sessions that must not be heard. While there are any, nothing is: see [`Hocuspocus::pause`].
    paused: usize,
    /// For when its owner was asked to call [`Hocuspocus::look_at_clock`].
    armed: Option<Now>,
}

/// What a frame comes to.
#[derive(Debug)]
pub enum Step<'a> {
    /// Something that a session says to the shard.
    Said(Input<'a>),
    /// Something else.
    Matter(Matter),
}

/// What a frame comes to that says nothing to the shard.
#[derive(Debug, PartialEq, Eq)]
pub enum Matter {
    /// Nothing that others have to do with.
    Nothing,
    /// A token to be looked at; then [`Hocuspocus::admit`].
    Token {
        /// Of the document.
        place: u32,
        /// The document's name.
        document: Arc<str>,
        /// None, where the client has none.
        token: Option<Box<str>>,
    },
    /// The session is over here already.
    Left {
        /// Which.
        session: SessionId,
    },
}

/// Why a connection with many documents is ended as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fatal {
    /// A frame that is for no document.
    Address(AddressError),
    /// More was sent before the token than is kept.
    QueueFull,
    /// No token was good in time.
    Unproven,
}

/// What a good token gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What it allows on the document.
    pub right: Right,
    /// Until when, where that is ever over.
    pub expires: Option<Now>,
}

/// What an answer to [`Matter::Token`] leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The client was told; there is nothing to be done.
    Told,
    /// A session is to be made for the place: [`Hocuspocus::open`].
    Open(Admitted),
    /// The session goes on with other rights.
    Changed {
        /// Which.
        session: SessionId,
        /// Its rights.
        access: Access,
    },
    /// The session is over here already.
    Left {
        /// Which.
        session: SessionId,
    },
}

impl Hocuspocus {
    /// A connection without documents.
    #[must_use]
    pub fn new(limits: Limits, now: Now) -> Self {
        Self {
            limits,
            documents: Documents::default(),
            queued: Queued::default(),
            outgoing: Outgoing::default(),
            unproven_since: Some(now),
            paused: 0,
            armed: None,
        }
    }

    /// Takes one message of the client's.
    ///
    /// # Errors
    ///
    /// The connection has to end.
    pub fn hear<'a>(&mut self, frame: &'a [u8], now: Now) -> Result<Step<'a>, Fatal> {
        match hocuspocus::parse(frame).map_err(Fatal::Address)? {
            Incoming::Alive => Ok(Step::Matter(Matter::Nothing)),
            Incoming::Document { address, body } => match self.place_of(address, now) {
                Some(place) => self.hear_in(place, frame, body, now),
                None => {
                    let documents_max = self.limits.documents_max;
                    let reason = format!("the connection has {documents_max} documents, which is the limit");
                    self.outgoing.reply(|out| hocuspocus::put_close(out, address.encoded(), &reason));
                    Ok(Step::Matter(Matter::Nothing))
                }
            },
        }
    }

    /// The document with this address; a new one, if there is room.
    fn place_of(&mut self, address: Address<'_>, now: Now) -> Option<u32> {
        if let Some(place) = self.documents.find(address.encoded()) {
            return Some(place);
        }
        if self.documents.len() >= self.limits.documents_max {
            let over = self.documents.position(Document::is_over)?;
            self.forget(over);
        }
        Some(self.documents.insert(Document::new(address, now)))
    }

    fn hear_in<'a>(&mut self, place: u32, frame: &'a [u8], body: &'a [u8], now: Now) -> Result<Step<'a>, Fatal> {
        let document = self.documents.get_mut(place).expect("places that addresses have are taken");
        let session = document.session();
        let body = match hocuspocus::parse_body(body) {
            Ok(body) => body,
            Err(error) => return Ok(Step::Matter(self.end(place, &format!("message refused: {error}")))),
        };
        let matter = match (body, session) {
            (Body::Message(message), Some(open)) => {
                return Ok(Step::Said(Input::Message { session: open.id, message }));
            }
            (Body::SyncReply(message), Some(open)) => {
                return Ok(Step::Said(Input::Reply { session: open.id, message }));
            }
            (Body::Stateless { payload }, Some(open)) if open.right >= Right::Comment => {
                return Ok(Step::Said(Input::StatelessCame { session: open.id, payload }));
            }
            (Body::Stateless { .. }, Some(_)) => {
                let reason = "this connection may read the document, not comment on it";
                self.outgoing.reply(|out| hocuspocus::put_permission_denied(out, &document.address, reason));
                Matter::Nothing
            }
            (Body::Token { token }, _) => Matter::Token {
                place,
                document: Arc::clone(&document.name),
                token: (!token.is_empty()).then(|| token.into()),
            },
            (Body::Close, _) => {
                let matter = self.end(place, "the client has left");
                self.forget(place);
                matter
            }
            (Body::BroadcastStateless, _) => self.end(place, "message refused: only servers broadcast"),
            (Body::Unknown { .. }, _) => Matter::Nothing,
            // What was said to a document that is over is not said again under somebody else's token. A client that tries again sends what it
            // has when it is asked, but it may begin before its token is there.
            (
                Body::Message(
                    Message::SyncStep2 { .. }
                    | Message::Update { .. }
                    | Message::Awareness { .. }
                    | Message::PermissionDenied { .. },
                )
                | Body::SyncReply(_)
                | Body::Stateless { .. },
                None,
            ) if document.is_over() => Matter::Nothing,
            (Body::Message(_) | Body::SyncReply(_) | Body::Stateless { .. }, None) => {
                document.queue(frame, &mut self.queued, now);
                let Limits { queued_bytes_max, queued_messages_max, .. } = self.limits;
                if self.queued.bytes > queued_bytes_max || self.queued.messages > queued_messages_max {
                    if !document.is_over() {
                        return Err(Fatal::QueueFull);
                    }
                    // It was told. One that goes on all the same must not end the connection for the others.
                    document.drop_queue(&mut self.queued);
                }
                Matter::Nothing
            }
        };
        Ok(Step::Matter(matter))
    }

    /// The token of a document was looked at; `Err` says why it is not good.
    pub fn admit(&mut self, place: u32, result: Result<Admitted, &str>, now: Now) -> Admission {
        let Some(document) = self.documents.get_mut(place) else { return Admission::Told };
        match (result, &mut document.state) {
            (Err(reason), State::Waits { .. } | State::Over { .. }) => {
                self.outgoing.reply(|out| hocuspocus::put_permission_denied(out, &document.address, reason));
                self.retire(place);
                Admission::Told
            }
            (Err(reason), State::Open(_)) => match self.end(place, reason) {
                Matter::Left { session } => Admission::Left { session },
                Matter::Nothing | Matter::Token { .. } => Admission::Told,
            },
            (Ok(admitted), State::Waits { .. } | State::Over { .. }) => Admission::Open(admitted),
            (Ok(admitted), State::Open(open)) => {
                let before = open.right;
                open.renew(admitted, self.limits.token_refresh_ms, now);
                if before == admitted.right {
                    return Admission::Told;
                }
                let (session, access) = (open.id, admitted.right.access());
                let read_only = access == Access::ReadOnly;
                self.outgoing.reply(|out| hocuspocus::put_authenticated(out, &document.address, read_only));
                Admission::Changed { session, access }
            }
        }
    }

    /// The session is made: the client is told, before anything of the session itself. Gives the document's name.
    ///
    /// # Panics
    ///
    /// When the place is not one that waits.
    pub fn open(&mut self, place: u32, session: SessionId, admitted: Admitted, now: Now) -> Arc<str> {
        self.unproven_since = None;
        let document = self.documents.get_mut(place).expect("a place that was admitted is taken");
        document.open(session, admitted, self.limits.token_refresh_ms, now);
        let read_only = admitted.right.access() == Access::ReadOnly;
        self.outgoing.reply(|out| hocuspocus::put_authenticated(out, &document.address, read_only));
        Arc::clone(&document.name)
    }

    /// The next message that was waiting for its token, and may be heard now as any other.
    pub fn poll_queued(&mut self) -> Option<Box<[u8]>> {
        if self.queued.messages == 0 || self.paused > 0 {
            return None;
        }
        let queued = &mut self.queued;
        self.documents.iter_mut().find_map(|(_, document)| document.poll_queued(queued))
    }

    /// The session at the place, where there is one.
    #[must_use]
    pub fn session_at(&self, place: u32) -> Option<SessionId> {
        self.documents.get(place)?.session().map(|open| open.id)
    }

    /// The shard, or somebody else, has ended a session.
    pub fn closed(&mut self, place: u32, reason: &str) {
        self.end(place, reason);
    }

    /// Ends whatever is at the place, and says so to the client.
    fn end(&mut self, place: u32, reason: &str) -> Matter {
        let Some(document) = self.documents.get(place).filter(|document| !document.is_over()) else {
            return Matter::Nothing;
        };
        let session = document.session().map(|open| open.id);
        if let Some(session) = session {
            self.outgoing.disown(session);
        }
        self.outgoing.reply(|out| hocuspocus::put_close(out, &document.address, reason));
        self.retire(place);
        session.map_or(Matter::Nothing, |session| Matter::Left { session })
    }

    /// Whatever the document was, it is over; the client, who was told, may go on to say something about it before it sends another token.
    fn retire(&mut self, place: u32) {
        let Some(document) = self.documents.get_mut(place) else { return };
        document.drop_queue(&mut self.queued);
        if document.session().is_some_and(|open| open.paused) {
            self.paused -= 1;
        }
        document.state = State::Over { heard: None };
    }

    fn forget(&mut self, place: u32) {
        self.retire(place);
        self.documents.remove(place);
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.documents.iter().filter_map(|(_, document)| document.session().map(|open| open.id))
    }

    /// The bytes in front of a document's messages; none, where nobody is at the place.
    #[must_use]
    pub fn address(&self, place: u32) -> &[u8] {
        self.documents.get(place).map_or(&[], |document| &document.address)
    }

    /// A session must not be heard. Until it may be again nothing of the connection is, because what it says comes between what others
    /// say. That cannot last for ever: a session is paused until a read, a commit or the look into a large message ends, which happens without this connection, or
    /// until it has taken its answers, which are sent while nothing is heard, and which it is closed for if it does not take them.
    pub fn pause(&mut self, place: u32) {
        if let Some(open) = self.session_mut(place)
            && !std::mem::replace(&mut open.paused, true)
        {
            self.paused += 1;
        }
    }

    /// A session may be heard again.
    pub fn resume(&mut self, place: u32) {
        if let Some(open) = self.session_mut(place)
            && std::mem::take(&mut open.paused)
        {
            self.paused -= 1;
        }
    }

    /// Nothing may be heard.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused > 0
    }

    /// It is asked for whether the peer is there on behalf of this session.
    pub fn probe(&mut self, place: u32) {
        if let Some(open) = self.session_mut(place) {
            open.probed = true;
        }
    }

    /// The peer is there: on behalf of whom that was asked.
    pub fn take_probed(&mut self) -> Vec<SessionId> {
        let open = self.documents.iter_mut().filter_map(|(_, document)| document.session_mut());
        open.filter_map(|open| std::mem::take(&mut open.probed).then_some(open.id)).collect()
    }

    fn session_mut(&mut self, place: u32) -> Option<&mut document::Open> {
        self.documents.get_mut(place)?.session_mut()
    }

    /// What waits for tokens, in bytes.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued.bytes
    }

    // --- towards the socket ---

    /// A frame of a session's, with its address.
    pub fn send(&mut self, session: SessionId, frame: Frame) {
        self.outgoing.send(session, frame);
    }

    /// The next thing for the socket, which has nothing in flight.
    pub fn poll_send(&mut self) -> Option<Frame> {
        self.outgoing.poll()
    }

    /// The socket has taken what it had: whose frames those were. Some may be gone.
    pub fn sent(&mut self) -> Vec<SessionId> {
        self.outgoing.sent()
    }

    /// So many replies of its own wait that nothing more should be asked of it.
    #[must_use]
    pub fn is_glutted(&self) -> bool {
        self.outgoing.is_glutted()
    }

    // --- time ---

    /// When it has something to do by itself, if that is sooner than its owner knows.
    pub fn poll_alarm(&mut self) -> Option<Now> {
        let token_timeout_ms = self.limits.token_timeout_ms;
        let documents = self.documents.iter().filter_map(|(_, document)| document.due(token_timeout_ms));
        let unproven = self.unproven_since.map(|since| Now(since.0 + token_timeout_ms));
        let due = documents.chain(unproven).min()?;
        let is_news = self.armed.is_none_or(|armed| due < armed);
        is_news.then(|| {
            self.armed = Some(due);
            due
        })
    }

    /// Time has passed: tokens are asked for, and who has none any more is ended. Gives the sessions that are over.
    ///
    /// # Errors
    ///
    /// The connection has to end.
    pub fn look_at_clock(&mut self, now: Now) -> Result<Vec<SessionId>, Fatal> {
        self.armed = None;
        let token_timeout_ms = self.limits.token_timeout_ms;
        if self.unproven_since.is_some_and(|since| now.since(since) >= token_timeout_ms) {
            return Err(Fatal::Unproven);
        }
        let (mut over, mut ended) = (Vec::new(), Vec::new());
        for (place, document) in self.documents.iter_mut() {
            match document.look_at_clock(token_timeout_ms, now) {
                document::Due::Nothing => {}
                document::Due::Ask => {
                    self.outgoing.reply(|out| hocuspocus::put_token_request(out, &document.address));
                }
                document::Due::End(reason) => ended.push((place, reason)),
                document::Due::DropQueue => document.drop_queue(&mut self.queued),
            }
        }
        for (place, reason) in ended {
            if let Matter::Left { session } = self.end(place, reason) {
                over.push(session);
            }
        }
        Ok(over)
    }
}

#[cfg(test)]
mod tests;
