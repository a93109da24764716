//! The made-up time, and what is to happen when. Does not know what the events mean.

use std::collections::BTreeMap;

use crate::network::Side;

/// Something that happens at a moment.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Bytes may arrive at one side of a link.
    Arrive { link: usize, at: Side },
    /// A core of this life of the server does its turn.
    Turn { life: u32, core: usize },
    /// A core's timer.
    Tick { life: u32, core: usize },
    /// The persister looks what there is to do.
    Persist { life: u32 },
    /// What the persister was doing is done.
    Persisted { life: u32 },
    /// What a reader was doing is done.
    Read { life: u32, thread: usize },
    /// A large update is held against its document.
    Prepared { life: u32, number: u64 },
    /// A client's timer.
    Client { client: usize },
    /// Another tab of the same browser tells a client of an edit.
    Tab { client: usize, update: Vec<u8> },
    /// A hostile session does its next bad thing.
    Hostile { hostile: usize },
    /// Somebody who is no session wants something.
    Operator,
    /// A fault of the plan.
    Fault { number: usize },
    /// The server comes up again.
    Start,
    /// A socket takes what it is sent again.
    Unstall { link: usize },
    /// One end of a link learns that it is broken.
    Broken { link: usize, at: Side },
}

/// Events by time; those of one moment in the order in which they were planned.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    pub(crate) now: u64,
    events: BTreeMap<(u64, u64), Event>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now + ms, event);
    }

    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.planned += 1;
        self.events.insert((at.max(self.now), self.planned), event);
    }

    /// The next event; time moves on to it.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }

    /// When the next event is.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.events.first_key_value().map(|(&(at, _), _)| at)
    }
}
