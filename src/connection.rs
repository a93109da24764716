//! One socket's life: request head, WebSocket, closing, gone. Bytes in, events and frames out: has no socket, clock or shard, so
//! that the loop and a simulator run the same code.

mod closing;
mod counters;
mod encrypted;
mod heard;
mod hold;
mod outgoing;
mod phase;
pub mod pulse;
mod pulses;
mod share;
mod special;
mod unread;

use selvedge_protocol::websocket::{Deflate, Event, Inflater, Limits, MessageKind, Read, Reader, Role};
use selvedge_shards::{Frame, Now};

use crate::admission::Admission;
use crate::close::Goodbye;
use crate::endpoints::Upgrade;
use crate::limits::{Meter, Reception, Ticket};
use closing::queue_close;
pub use counters::{Closed, ConnectionCounters};
pub use heard::{Ending, Heard};
pub use hold::Hold;
use hold::Holds;
use outgoing::Outgoing;
pub use outgoing::Sent;
pub use phase::{Phase, Route};
use pulse::{Dialect, Pulse, Stamp};
pub use pulses::{Looked, PulseCounters, Pulses, Qualities};
pub use share::{Share, Turn};
use special::Special;
use unread::Unread;

/// Bytes that may wait unread at one connection that is held back. The driver is told to receive no more at once, so that only what it
/// had collected before comes on top of the rest of one receive; a connection with more than this is closed as too fast.
pub const UNREAD_BYTES_MAX: usize = 4 << 20;

// Whatever a driver has collected in one turn (a few hundred buffers) must fit, or a hold would punish the innocent.
const _: () = assert!(UNREAD_BYTES_MAX >= 512 * crate::driver::RECEIVE_BYTES_MAX);

/// One connection. An open, idle one is these few bytes and nothing else.
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    /// Invariant: absent where everything in it would be empty.
    pending: Option<Box<Pending>>,
    /// What it is held to, and what stands between it and its socket: mostly nothing.
    special: Special,
    /// Its place among those of its address; none where it was refused one.
    ticket: Option<Ticket>,
    pulse: Pulse,
    /// What it has sent of late, once it is open.
    meter: Meter,
    phase: Phase,
    route: Route,
    outgoing: Outgoing,
    holds: Holds,
    /// A ping was sent, and nothing has arrived since.
    probed: bool,
    /// The peer has ended its side; what it sent before may still wait unread.
    ended: bool,
    /// What it may come to.
    reception: Reception,
    /// The driver was told to receive for it.
    receiving: bool,
    /// What it has had of its core's turn.
    share: Share,
}

// A million idle connections hold a million of these.
const _: () = assert!(size_of::<Connection>() <= 64);

/// What a connection has only for a while.
#[derive(Debug, Default)]
struct Pending {
    /// The head of the request so far; later what arrived while the connection was held back.
    unread: Unread,
    /// Frames and answers that wait for the one in flight.
    queue: outgoing::Queue,
    /// What was asked for, while the socket is being released for the way to another core.
    upgrade: Option<Upgrade>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.queue.is_empty() && self.upgrade.is_none()
    }
}

impl Connection {
    /// A connection of which nothing has been received.
    #[must_use]
    pub fn new() -> Self {
        Self {
            reader: Reader::new(Role::Server),
            pending: None,
            special: Special::default(),
            ticket: None,
            meter: Meter::starting(0),
            pulse: Pulse::new(Now(0)),
            phase: Phase::Head,
            route: Route::Session,
            outgoing: Outgoing::default(),
            holds: Holds::default(),
            probed: false,
            ended: false,
            reception: Reception::Welcome,
            receiving: false,
            share: Share::default(),
        }
    }

    /// A connection that was received like this, with its place among those of its address.
    #[must_use]
    pub fn received(reception: Reception, ticket: Option<Ticket>) -> Self {
        Self { reception, ticket, ..Self::new() }
    }

    /// What it may come to.
    #[must_use]
    pub fn reception(&self) -> Reception {
        self.reception
    }

    /// It is known now for whom it speaks.
    pub fn receive_as(&mut self, reception: Reception, ticket: Option<Ticket>) {
        self.reception = reception;
        self.ticket = ticket;
    }

    /// Its place among those of its address.
    #[must_use]
    pub fn ticket(&self) -> Option<&Ticket> {
        self.ticket.as_ref()
    }

    /// Takes its place, to go with the socket.
    pub fn take_ticket(&mut self) -> Option<Ticket> {
        self.ticket.take()
    }

    /// What it has sent of late.
    pub fn meter_mut(&mut self) -> &mut Meter {
        &mut self.meter
    }

    /// A message or a frame has come in part.
    #[must_use]
    pub fn is_inside_message(&self) -> bool {
        self.reader.memory_bytes() > 0
    }

    /// Where in its life it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What it is for, once it is open.
    #[must_use]
    pub fn route(&self) -> Route {
        self.route
    }

    /// Somebody is behind it: from here on it may send messages as large as any.
    pub fn prove(&mut self) {
        match &mut self.route {
            Route::Hocuspocus { proven } => *proven = true,
            Route::Session | Route::Echo => {}
        }
    }

    /// What it is held to, where that is anything.
    #[must_use]
    pub fn admission(&self) -> Option<&Admission> {
        self.special.admission()
    }

    /// Adds a piece of the request's head, and gives all of it so far.
    pub fn gather_head(&mut self, data: &[u8]) -> &[u8] {
        assert_eq!(self.phase, Phase::Head, "only the head is gathered");
        let unread = &mut self.pending_mut().unread;
        unread.append(data);
        unread.bytes()
    }

    /// The head is read: what follows it, `from` this place in what was gathered, stays as the first bytes of the WebSocket.
    pub fn finish_head(&mut self, from: usize) {
        if let Some(pending) = &mut self.pending {
            pending.unread.advance(from);
        }
        self.tidy();
    }

    /// The request goes to another core: until the socket is released nothing is to be done.
    pub fn leave(&mut self, upgrade: Upgrade) {
        self.phase = Phase::Leaving;
        self.pending_mut().upgrade = Some(upgrade);
    }

    /// The socket is released: what has to travel with it.
    pub fn take_upgrade(&mut self) -> Option<(Upgrade, Vec<u8>)> {
        let mut pending = self.pending.take()?;
        Some((pending.upgrade.take()?, pending.unread.take()))
    }

    /// The request is granted: queues the answer and speaks WebSocket from here on.
    pub fn open(&mut self, route: Route, response: Vec<u8>, admission: Option<Admission>) {
        self.phase = Phase::Open;
        self.special.set_admission(admission);
        self.route = route;
        self.pending_mut().queue.opening(response);
    }

    /// How messages are compressed, both ways. To be said before anything is heard.
    pub fn agree_on(&mut self, deflate: Option<Deflate>) {
        if let Some(deflate) = deflate {
            self.reader = Reader::with_deflate(Role::Server, deflate);
        }
    }

    /// How messages are compressed, where they are.
    #[must_use]
    pub fn deflate(&self) -> Option<Deflate> {
        self.reader.deflate()
    }

    /// What is heard next is a step on the way to a large compressed message.
    #[must_use]
    pub fn is_inflating(&self) -> bool {
        self.reader.is_inflating()
    }

    /// Takes the next thing out of `data`, which continues what was received before: see [`Reader::next_inflated`]. To be called until it
    /// gives `None`, as long as the connection is open and not held back; the rest belongs to [`Connection::keep`].
    pub fn hear<'a>(
        &'a mut self,
        data: &'a mut [u8],
        consumed: &mut usize,
        limits: &Limits,
        inflater: &'a mut Inflater,
    ) -> Option<Heard<'a>> {
        assert_eq!(self.phase, Phase::Open, "only an open connection has messages");
        // Field by field, because a message borrows the reader to its end.
        let Self { reader, pending, phase, route, .. } = self;
        match reader.next_inflated(data, consumed, limits, inflater) {
            Ok(None) => None,
            Ok(Some(Read::Inflating)) => Some(Heard::Inflating),
            Ok(Some(Read::Event(Event::Message { kind: MessageKind::Text, .. }))) if *route != Route::Echo => {
                *phase = Phase::Closing { peer_done: false };
                queue_close(pending, Some(&Goodbye::text()));
                Some(Heard::Closing(Ending::Text))
            }
            Ok(Some(Read::Event(Event::Message { kind, payload }))) => Some(Heard::Message { kind, payload }),
            Ok(Some(Read::Event(Event::Ping(payload)))) => {
                pending_of(pending).queue.pong(payload);
                Some(Heard::Control)
            }
            Ok(Some(Read::Event(Event::Pong(payload)))) => Some(Heard::Pong { stamp: payload.try_into().ok() }),
            Ok(Some(Read::Event(Event::Close(frame)))) => {
                *phase = Phase::Closing { peer_done: true };
                let code = frame.as_ref().map(|frame| frame.code);
                queue_close(pending, frame.map(|frame| Goodbye { code: frame.code, reason: "".into() }).as_ref());
                Some(Heard::Closing(Ending::Peer(code)))
            }
            Err(violation) => {
                *phase = Phase::Closing { peer_done: false };
                queue_close(pending, Some(&Goodbye::violation(violation)));
                Some(Heard::Closing(Ending::Violation(violation)))
            }
        }
    }

    /// Memory that holds what has arrived and is not whole, or not looked at.
    #[must_use]
    pub fn unfinished_bytes(&self) -> usize {
        let encrypted = self.special.tls().map_or(0, |tls| tls.unfinished_bytes());
        encrypted
            + self.reader.memory_bytes()
            + self.pending.as_ref().map_or(0, |pending| pending.unread.memory_bytes())
    }

    /// What the peer takes for a sign of life.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.route {
            Route::Session => Dialect::YWebsocket,
            Route::Hocuspocus { .. } => Dialect::Hocuspocus,
            Route::Echo => Dialect::Plain,
        }
    }

    /// From here on it is to be looked at by [`Pulses::look`].
    pub fn begin_pulse(&mut self, now: Now) {
        self.pulse = Pulse::new(now);
    }

    /// Something arrived: says whether it answers a probe.
    pub fn is_alive(&mut self) -> bool {
        self.pulse.heard();
        std::mem::take(&mut self.probed)
    }

    /// Queues a ping. Says `false` where the answer could not be heard, because the connection is held back: whoever asks then has
    /// to take it as alive.
    pub fn probe(&mut self, stamp: Stamp) -> bool {
        if self.phase != Phase::Open || self.is_held() {
            return false;
        }
        self.probed = true;
        self.pending_mut().queue.ping(stamp);
        true
    }

    /// Queues a ping whose answer will tell how long it took.
    fn ask(&mut self, stamp: Stamp, now: Now) {
        self.pulse.asked(self.dialect(), now);
        self.pending_mut().queue.ping(stamp);
    }

    /// Queues a message that says nothing.
    fn beat(&mut self, frame: Frame, now: Now) {
        self.pulse.sent(now);
        self.pending_mut().queue.beat(frame);
    }

    /// What [`Connection::poll_send`] gave goes to the socket now.
    pub fn count_sent(&mut self, now: Now) {
        if self.outgoing == Outgoing::Data {
            self.pulse.sent(now);
        }
    }

    /// The peer will send nothing more.
    pub fn end(&mut self) {
        self.ended = true;
        self.receiving = false;
    }

    /// The peer has ended its side.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Holds messages back for this reason. Says whether the connection was free before, so that receiving has to be paused.
    pub fn hold(&mut self, hold: Hold) -> bool {
        // An answer would wait unread, and seem to have taken so long.
        self.pulse.cannot_answer();
        self.holds.insert(hold)
    }

    /// Ends one reason to hold back. Says whether it was the last.
    pub fn unhold(&mut self, hold: Hold) -> bool {
        self.holds.remove(hold)
    }

    /// It may have more of this turn.
    #[must_use]
    pub fn has_share(&self, turn: Turn) -> bool {
        self.share.is_left(turn)
    }

    /// A message of so many bytes was taken from it, or a control frame.
    pub fn take_share(&mut self, turn: Turn, bytes: usize) {
        self.share.take(turn, bytes);
    }

    /// Holds messages back until the next turn. Says whether they were not before.
    pub fn wait_for_turn(&mut self) -> bool {
        let news = !self.holds.contains(Hold::Turn);
        self.hold(Hold::Turn);
        news
    }

    /// Messages must wait.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.holds.any()
    }

    /// Keeps received bytes for later. Says `false` if that is too much.
    #[must_use]
    pub fn keep(&mut self, data: &[u8]) -> bool {
        if data.is_empty() {
            return true;
        }
        let unread = &mut self.pending_mut().unread;
        if unread.bytes().len() + data.len() > UNREAD_BYTES_MAX {
            return false;
        }
        unread.append(data);
        true
    }

    /// Bytes wait that nobody has looked at.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.unread.is_empty())
    }

    /// Takes what waits unread out, to be read; [`Connection::put_back`] what is left.
    pub fn take_unread(&mut self) -> Unread {
        let unread = self.pending.as_mut().map_or_else(Unread::default, |pending| std::mem::take(&mut pending.unread));
        self.tidy();
        unread
    }

    /// Puts back what [`Connection::take_unread`] gave and what could not be read yet.
    pub fn put_back(&mut self, unread: Unread) {
        if !unread.is_empty() {
            self.pending_mut().unread = unread;
        }
    }

    /// Queues a frame. Never while another one waits or is in flight: that one's [`Sent::Data`] comes first.
    pub fn send(&mut self, frame: Frame) {
        if self.phase == Phase::Open {
            self.pending_mut().queue.data(frame);
        }
    }

    /// The next thing to send, if nothing is in flight.
    pub fn poll_send(&mut self) -> Option<Frame> {
        if self.special.tls().is_some() { self.poll_encrypted() } else { self.poll_plain() }
    }

    fn poll_plain(&mut self) -> Option<Frame> {
        let frame = self.outgoing.poll(&mut self.pending.as_mut()?.queue);
        self.tidy();
        frame
    }

    /// What was in flight is in the kernel's hands.
    pub fn sent(&mut self) -> Sent {
        let is_whole = self.special.tls_mut().is_none_or(|tls| tls.sent());
        if is_whole { self.outgoing.sent() } else { Sent::Part }
    }

    /// A send is in flight, or waits for one.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.outgoing.in_flight() || self.pending.as_ref().is_some_and(|pending| !pending.queue.is_empty())
    }

    /// Whether the driver has to be told to receive (`true`) or to pause (`false`).
    pub fn poll_receiving(&mut self) -> Option<bool> {
        let wanted = match self.phase {
            Phase::Open => !self.is_held() && !self.has_unread() && !self.ended,
            // What is dropped takes time as well.
            Phase::Closing { peer_done: false } => !self.ended && !self.holds.contains(Hold::Turn),
            // The head is received piece by piece; and what ends soon is left as it is.
            Phase::Head | Phase::Leaving | Phase::Closing { peer_done: true } | Phase::Gone => self.receiving,
        };
        (self.receiving != wanted).then(|| {
            self.receiving = wanted;
            wanted
        })
    }

    fn pending_mut(&mut self) -> &mut Pending {
        pending_of(&mut self.pending)
    }

    fn tidy(&mut self) {
        if self.pending.as_ref().is_some_and(|pending| pending.is_empty()) {
            self.pending = None;
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

/// Borrows one field only, for where the reader is borrowed too.
fn pending_of(pending: &mut Option<Box<Pending>>) -> &mut Pending {
    pending.get_or_insert_default()
}

#[cfg(test)]
mod tests;
