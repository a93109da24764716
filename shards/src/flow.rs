//! How fast the sessions of one document may say something. Decides who is not read from for a while; nothing that was read is lost, and
//! nobody is ended. Has no clock.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::id::{Now, SessionRef};

/// What may come at once after a pause: as much as in so much time, a second.
const BURST_NS: u64 = 1_000_000_000;

/// Who is not read from is so for this long at least: to stop and to begin again has its price, most of all between cores.
const PAUSE_MS_MIN: u64 = 10;

/// Meters that say nothing any more are looked for so often.
const FORGET_MS: u64 = 1_000;

const NS_PER_MS: u64 = 1_000_000;

/// How far apart things come at the rates that are allowed, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    document: u64,
    author: u64,
    awareness: u64,
}

impl Rates {
    pub(crate) fn new(config: &Config) -> Self {
        let apart = |per_second_max: u32| BURST_NS / u64::from(per_second_max.max(1));
        Self {
            document: apart(config.document_updates_per_second_max),
            author: apart(config.author_updates_per_second_max),
            awareness: apart(config.session_awareness_per_second_max),
        }
    }
}

/// When all that came so far would have come at the rate that is allowed, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Meter(u64);

impl Meter {
    /// One more has come. Says whether that is more than may come.
    fn count(&mut self, apart_ns: u64, now_ns: u64) -> bool {
        self.0 = self.0.max(now_ns) + apart_ns;
        self.is_over(now_ns)
    }

    fn is_over(self, now_ns: u64) -> bool {
        self.0 > now_ns + BURST_NS
    }

    /// Forgets what is beyond a burst.
    fn forgive(&mut self, now_ns: u64) {
        self.0 = self.0.min(now_ns + BURST_NS);
    }

    /// From when on more may come.
    fn free_at(self) -> Now {
        Now(self.0.saturating_sub(BURST_NS).div_ceil(NS_PER_MS))
    }
}

/// What one session has said of late.
#[derive(Clone, Copy, Debug, Default)]
struct Meters {
    updates: Meter,
    awareness: Meter,
}

/// What only a document has that is much spoken in.
#[derive(Debug, Default)]
struct Crowd {
    /// At most one for each session of the document.
    meters: BTreeMap<SessionRef, Meters>,
    /// Who is not read from, and when that is to be looked at.
    paused: BTreeMap<SessionRef, Now>,
    forget_at: Now,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// That of an author.
    AuthorUpdates,
    /// That of the document.
    DocumentUpdates,
    /// That of a session.
    Awareness,
}

#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Of all updates, by what the document may take.
    document: Meter,
    /// Of all updates, by what one author may send: while all of them are not too many for one, nobody has a meter of its own.
    as_of_one: Meter,
    /// The same of awareness.
    awareness_as_of_one: Meter,
    crowd: Option<Box<Crowd>>,
}

impl Flow {
    /// An update of a session has come. Where it is one too many, the session is not to be read from until [`Flow::release`].
    pub(crate) fn update_came(&mut self, session: SessionRef, rates: &Rates, now: Now) -> Option<Over> {
        let now_ns = now.0 * NS_PER_MS;
        let too_many = self.document.count(rates.document, now_ns);
        let too_many_for_one = self.as_of_one.count(rates.author, now_ns);
        self.as_of_one.forgive(now_ns);
        let mut over = too_many.then_some(Over::DocumentUpdates);
        if let Some(meters) = self.meters(session, too_many_for_one)
            && meters.updates.count(rates.author, now_ns)
        {
            over = Some(Over::AuthorUpdates);
        }
        self.pause(session, over?, now)
    }

    /// The same of awareness.
    pub(crate) fn awareness_came(&mut self, session: SessionRef, rates: &Rates, now: Now) -> Option<Over> {
        let now_ns = now.0 * NS_PER_MS;
        let too_many_for_one = self.awareness_as_of_one.count(rates.awareness, now_ns);
        self.awareness_as_of_one.forgive(now_ns);
        let meters = self.meters(session, too_many_for_one)?;
        if meters.awareness.count(rates.awareness, now_ns) { self.pause(session, Over::Awareness, now) } else { None }
    }

    /// Those of this session, if it has them or is to get them: one that had too much goes on being counted.
    fn meters(&mut self, session: SessionRef, wanted: bool) -> Option<&mut Meters> {
        if wanted {
            return Some(self.crowd.get_or_insert_default().meters.entry(session).or_default());
        }
        self.crowd.as_mut()?.meters.get_mut(&session)
    }

    /// Of one that is paused already, what was on its way still comes.
    fn pause(&mut self, session: SessionRef, over: Over, now: Now) -> Option<Over> {
        let paused = &mut self.crowd.get_or_insert_default().paused;
        if paused.contains_key(&session) {
            return None;
        }
        paused.insert(session, Now(now.0 + PAUSE_MS_MIN));
        Some(over)
    }

    /// Somebody waits for the rate to allow more.
    pub(crate) fn is_pausing(&self) -> bool {
        self.crowd.is_some()
    }

    /// When [`Flow::release`] has somebody to look at.
    pub(crate) fn due(&self) -> Option<Now> {
        self.crowd.as_ref()?.paused.values().min().copied()
    }

    /// Who may be read from again. All who wait for the document come at once, and each gets something in before it is full again.
    pub(crate) fn release(&mut self, now: Now) -> Vec<SessionRef> {
        let Some(crowd) = &mut self.crowd else { return Vec::new() };
        let now_ns = now.0 * NS_PER_MS;
        let document = self.document;
        let Crowd { meters, paused, forget_at } = &mut **crowd;
        let mut released = Vec::new();
        paused.retain(|&session, look_at| {
            if *look_at > now {
                return true;
            }
            let own = meters.get(&session).copied().unwrap_or_default();
            let free_at = [document, own.updates, own.awareness].map(Meter::free_at).into_iter().max();
            match free_at {
                Some(free_at) if free_at > now => {
                    *look_at = free_at;
                    true
                }
                Some(_) | None => {
                    released.push(session);
                    false
                }
            }
        });
        if now >= *forget_at {
            *forget_at = Now(now.0 + FORGET_MS);
            meters.retain(|_, own| own.updates.0.max(own.awareness.0) > now_ns);
            if meters.is_empty() && paused.is_empty() {
                self.crowd = None;
            }
        }
        released
    }

    /// A session has gone.
    pub(crate) fn forget(&mut self, session: SessionRef) {
        if let Some(crowd) = &mut self.crowd {
            crowd.meters.remove(&session);
            crowd.paused.remove(&session);
        }
    }
}
