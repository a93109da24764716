//! What happens in the server, told to those outside who listen. Cores gather in plain memory and lay out at their ticks, as with what they
//! count; a thread of its own collects four times a second, numbers, and hands on. While nobody listens nothing is gathered, and nobody is
//! ever waited for. Does not know who listens.

mod collector;
mod event;
mod feed;
mod gatherer;
mod growth;
mod tray;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

pub use collector::Collector;
pub use event::{Dialect, Event, Kind, KindSet, SessionAt, Told};
pub use feed::{Feed, News, Reading};
pub use gatherer::{Gatherer, Who};

use tray::Tray;

/// Gathering goes on for so long after the last stream has ended, so that who comes back finds what happened meanwhile.
const LINGER: Duration = Duration::from_secs(60);

/// One for the process. Cheap to ask, from wherever something happens.
#[derive(Debug)]
pub struct Events {
    /// Somebody listens.
    wanted: AtomicBool,
    listeners: Mutex<Listeners>,
    /// By core, and one for everybody else.
    trays: Box<[Tray]>,
    /// Events that found no room, so far.
    lost: AtomicU64,
    feed: Feed,
}

#[derive(Debug, Default)]
struct Listeners {
    count: usize,
    /// When the last one went.
    since: Option<Instant>,
}

/// As long as there is one of these, events are gathered.
#[derive(Debug)]
pub struct Listening(Arc<Events>);

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self.0.listeners();
        listeners.count -= 1;
        listeners.since = Some(Instant::now());
    }
}

impl Events {
    /// Of a server with so many cores, to which nobody listens.
    #[must_use]
    pub fn new(cores: u16) -> Self {
        Self {
            wanted: AtomicBool::new(false),
            listeners: Mutex::default(),
            trays: (0..=cores).map(|_| Tray::default()).collect(),
            lost: AtomicU64::new(0),
            feed: Feed::new(SystemTime::now()),
        }
    }

    /// Somebody listens from here on.
    #[must_use]
    pub fn listen(self: &Arc<Self>) -> Listening {
        let mut listeners = self.listeners();
        listeners.count += 1;
        self.wanted.store(true, Ordering::Relaxed);
        drop(listeners);
        Listening(Arc::clone(self))
    }

    /// What a core tells through.
    #[must_use]
    pub fn gatherer(self: &Arc<Self>, core: u16) -> Gatherer {
        Gatherer::new(Arc::clone(self), core)
    }

    /// Something happened beside the cores. Never waits for those who listen: what finds no room is counted.
    pub fn tell(&self, event: Event) {
        if self.is_wanted() {
            self.trays[self.trays.len() - 1].put(SystemTime::now(), event);
        }
    }

    /// What was told of late, and what is told next.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Events that nobody was told of, because they found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Stops gathering where nobody has listened for a while.
    fn rest(&self, now: Instant) {
        let listeners = self.listeners();
        let is_over = listeners.since.is_some_and(|since| now.saturating_duration_since(since) >= LINGER);
        if listeners.count == 0 && is_over {
            self.wanted.store(false, Ordering::Relaxed);
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is handed every event, besides the feed. Called by the collecting thread, which it must not keep.
pub type Offer = Box<dyn Fn(&Arc<Told>) + Send>;

/// Starts the thread that collects.
///
/// # Errors
///
/// The system has none to give.
pub fn collect(events: &Arc<Events>, offer: Offer) -> io::Result<Collector> {
    Collector::spawn(Arc::clone(events), offer)
}

#[cfg(test)]
mod tests;
