//! Connections of the made-up network: each an ordered stream of bytes in both directions, cut into pieces and late at will, that may
//! stop, break, or break at one end only. Knows nothing of what the bytes say.

use std::collections::VecDeque;

use crate::agenda::{Agenda, Event};
use crate::random::Random;

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// Who is at the other end of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Client(usize),
    Hostile(usize),
}

/// What arrives.
#[derive(Debug)]
pub(crate) enum Arrived {
    Bytes(Vec<u8>),
    /// The other side has ended the stream, or the link is broken.
    End,
}

/// One direction.
#[derive(Debug, Default)]
struct Stream {
    queue: VecDeque<u8>,
    /// The receiver takes nothing at present.
    stopped: bool,
    /// The sender sends nothing more; once the queue is empty, the receiver learns it.
    ended: bool,
    /// Nothing arrives any more.
    dead: bool,
    /// There is an event for the next piece.
    scheduled: bool,
    /// The sender waits until the queue fits into the kernel's buffer.
    sending: bool,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) who: Who,
    up: Stream,
    down: Stream,
    /// The client's end exists.
    client_here: bool,
    /// The server's end exists.
    server_here: bool,
    /// The socket of a slow reader, or one whose other end is gone without a word.
    pub(crate) stalled: bool,
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) links: Vec<Link>,
    /// Bytes that the kernel takes of one socket before it makes the sender wait.
    kernel_bytes: usize,
    delay_ms: u64,
    random: Random,
}

impl Network {
    pub(crate) fn new(kernel_bytes: usize, delay_ms: u64, random: Random) -> Self {
        Self { links: Vec::new(), kernel_bytes, delay_ms, random }
    }

    pub(crate) fn connect(&mut self, who: Who) -> usize {
        let (up, down) = (Stream::default(), Stream::default());
        self.links.push(Link { who, up, down, client_here: true, server_here: true, stalled: false });
        self.links.len() - 1
    }

    /// The side sends. The server's end must not send before what it sent was taken.
    pub(crate) fn send(&mut self, link: usize, from: Side, bytes: &[u8], agenda: &mut Agenda) {
        let stream = self.stream(link, to_other(from));
        assert!(!stream.sending, "one send at a time");
        if stream.ended || stream.dead {
            return;
        }
        stream.queue.extend(bytes);
        stream.sending = from == Side::Server;
        self.schedule(link, to_other(from), agenda);
    }

    /// What the server's end sent last is with the kernel. True once for each send.
    pub(crate) fn take_sent(&mut self, link: usize) -> bool {
        let kernel_bytes = self.kernel_bytes;
        let stream = &mut self.links[link].down;
        stream.sending && stream.queue.len() <= kernel_bytes && {
            stream.sending = false;
            true
        }
    }

    /// The side sends nothing more; what it sent still arrives.
    pub(crate) fn end(&mut self, link: usize, from: Side, agenda: &mut Agenda) {
        self.stream(link, to_other(from)).ended = true;
        self.leave(link, from);
        self.schedule(link, to_other(from), agenda);
    }

    /// The side is not there any more to take anything.
    pub(crate) fn leave(&mut self, link: usize, side: Side) {
        let stream = self.stream(link, side);
        stream.dead = true;
        stream.queue.clear();
        let link = &mut self.links[link];
        match side {
            Side::Server => link.server_here = false,
            Side::Client => link.client_here = false,
        }
    }

    /// The link breaks: some of what is under way is lost, and each end learns it in its own time.
    pub(crate) fn cut(&mut self, link: usize, learns_ms: [u64; 2], agenda: &mut Agenda) {
        for (side, ms) in [Side::Server, Side::Client].into_iter().zip(learns_ms) {
            let kept = self.random.below(self.links[link].up.queue.len().max(1));
            let stream = self.stream(link, side);
            stream.queue.truncate(kept);
            stream.ended = true;
            agenda.after(ms, Event::Broken { link, at: side });
        }
    }

    /// The client's end vanishes without a word. What is under way to the server still arrives.
    pub(crate) fn vanish(&mut self, link: usize, server_learns_ms: u64, agenda: &mut Agenda) {
        let link_at = &mut self.links[link];
        link_at.client_here = false;
        link_at.stalled = true;
        link_at.down.stopped = true;
        agenda.after(server_learns_ms, Event::Broken { link, at: Side::Server });
    }

    /// The end learns that the link is broken. False where it is gone already.
    pub(crate) fn broken(&mut self, link: usize, at: Side) -> bool {
        let here = self.is_here(link, at);
        if here {
            self.leave(link, at);
        }
        here
    }

    pub(crate) fn is_here(&self, link: usize, side: Side) -> bool {
        match side {
            Side::Server => self.links[link].server_here,
            Side::Client => self.links[link].client_here,
        }
    }

    /// The receiver takes nothing, or takes again.
    pub(crate) fn stop(&mut self, link: usize, side: Side, stopped: bool, agenda: &mut Agenda) {
        let stalled = side == Side::Client && self.links[link].stalled;
        self.stream(link, side).stopped = stopped || stalled;
        self.schedule(link, side, agenda);
    }

    /// The client's socket takes nothing for a while.
    pub(crate) fn stall(&mut self, link: usize) {
        self.links[link].stalled = true;
        self.links[link].down.stopped = true;
    }

    /// The end of [`Self::stall`].
    pub(crate) fn unstall(&mut self, link: usize, agenda: &mut Agenda) {
        if self.links[link].client_here {
            self.links[link].stalled = false;
            self.stop(link, Side::Client, false, agenda);
        }
    }

    /// The next piece for this end.
    pub(crate) fn arrive(&mut self, link: usize, at: Side, agenda: &mut Agenda) -> Option<Arrived> {
        let whole = self.random.percent(60);
        let len = self.stream(link, at).queue.len();
        let len = if whole || len == 0 { len } else { 1 + self.random.below(len) };
        let stream = self.stream(link, at);
        stream.scheduled = false;
        if stream.dead || stream.stopped {
            return None;
        }
        if stream.queue.is_empty() {
            if stream.ended {
                self.leave(link, at);
                return Some(Arrived::End);
            }
            return None;
        }
        let bytes = stream.queue.drain(..len).collect();
        self.schedule(link, at, agenda);
        Some(Arrived::Bytes(bytes))
    }

    fn schedule(&mut self, link: usize, at: Side, agenda: &mut Agenda) {
        let delay = self.random.wait(self.delay_ms);
        let stream = self.stream(link, at);
        let moves = !stream.queue.is_empty() || stream.ended;
        if moves && !stream.scheduled && !stream.stopped && !stream.dead {
            stream.scheduled = true;
            agenda.after(delay, Event::Arrive { link, at });
        }
    }

    fn stream(&mut self, link: usize, to: Side) -> &mut Stream {
        let link = &mut self.links[link];
        match to {
            Side::Server => &mut link.up,
            Side::Client => &mut link.down,
        }
    }
}

fn to_other(side: Side) -> Side {
    match side {
        Side::Server => Side::Client,
        Side::Client => Side::Server,
    }
}
