//! The events of late, numbered, for those who read them one after the other, each at its own pace. Who is too slow is skipped ahead, and
//! told how many it missed. Does not know who reads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use super::{Event, Told};

/// Events that are kept.
const EVENTS_MAX: usize = 8_192;

/// Bytes that are kept, as far as events vary in size.
const BYTES_MAX: usize = 4 << 20;

/// One for the process.
#[derive(Debug)]
pub struct Feed {
    /// In front of every number, so that events of another life of the server have other names: when this one began, in milliseconds.
    life: u64,
    kept: Mutex<Kept>,
    /// The number of the next event, for those who wait; nothing once no event comes any more.
    next: watch::Sender<Option<u64>>,
}

#[derive(Debug)]
struct Kept {
    events: VecDeque<Arc<Told>>,
    bytes: usize,
    next: u64,
}

/// Where somebody is who reads.
#[derive(Debug)]
pub struct Reading {
    next: u64,
    changes: watch::Receiver<Option<u64>>,
}

/// What has come since somebody read last.
#[derive(Debug, Default)]
pub struct News {
    /// So many were gone before they were read.
    pub missed: u64,
    /// In order.
    pub events: Vec<Arc<Told>>,
}

impl Feed {
    pub(super) fn new(started: SystemTime) -> Self {
        let life = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        Self {
            life: u64::try_from(life).unwrap_or(u64::MAX),
            kept: Mutex::new(Kept { events: VecDeque::new(), bytes: 0, next: 1 }),
            next: watch::Sender::new(Some(1)),
        }
    }

    /// The next events. Gives them with their numbers.
    pub(super) fn push(&self, events: impl Iterator<Item = (SystemTime, Event)>) -> Vec<Arc<Told>> {
        let mut kept = self.kept();
        let mut told = Vec::new();
        for (at, event) in events {
            let number = kept.next;
            kept.next += 1;
            kept.bytes += event.text_bytes();
            let id = format!("{:x}-{number}", self.life).into();
            let event = Arc::new(Told { number, id, at, event });
            told.push(Arc::clone(&event));
            kept.events.push_back(event);
            while kept.events.len() > EVENTS_MAX || kept.bytes > BYTES_MAX {
                let Some(first) = kept.events.pop_front() else { break };
                kept.bytes -= first.event.text_bytes();
            }
        }
        let next = kept.next;
        drop(kept);
        self.next.send_if_modified(|before| {
            let is_news = before.is_some_and(|before| before != next);
            if is_news {
                *before = Some(next);
            }
            is_news
        });
        told
    }

    /// No event comes any more: who reads is at the end.
    pub fn close(&self) {
        self.next.send_replace(None);
    }

    /// Reads what comes from here on; or, where somebody has read up to an event of this life before, what came after it.
    #[must_use]
    pub fn read(&self, after: Option<&str>) -> Reading {
        let next = self.kept().next;
        let after = after
            .and_then(|id| id.strip_prefix(&format!("{:x}-", self.life)))
            .and_then(|number| number.parse::<u64>().ok());
        let next = after.map_or(next, |after| after.saturating_add(1).min(next));
        Reading { next, changes: self.next.subscribe() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// Up to so many of the next events that are there already.
    pub fn take(&mut self, feed: &Feed, count: usize) -> News {
        let kept = feed.kept();
        let first = kept.next - kept.events.len() as u64;
        let missed = first.saturating_sub(self.next);
        let from = self.next.max(first);
        // Both are numbers of events that are kept, of which there are few.
        let events: Vec<_> = kept.events.iter().skip((from - first) as usize).take(count).cloned().collect();
        self.next = from + events.len() as u64;
        News { missed, events }
    }

    /// Waits until there is something to take. `false`: nothing comes any more.
    pub async fn wait(&mut self) -> bool {
        let next = self.next;
        let came = self.changes.wait_for(|last| last.is_none_or(|last| last > next)).await;
        came.is_ok_and(|last| last.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(count: usize) -> impl Iterator<Item = (SystemTime, Event)> {
        (0..count).map(|_| (SystemTime::UNIX_EPOCH, Event::Lost { count: 1 }))
    }

    fn numbers(news: &News) -> Vec<u64> {
        news.events.iter().map(|told| told.number).collect()
    }

    #[test]
    fn each_reads_at_its_own_pace_and_goes_on_where_it_was() {
        let feed = Feed::new(SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(255));
        let mut early = feed.read(None);
        feed.push(lost(3));
        let mut late = feed.read(None);
        assert_eq!(numbers(&early.take(&feed, 2)), [1, 2]);
        assert_eq!(numbers(&early.take(&feed, 2)), [3]);
        assert!(late.take(&feed, 2).events.is_empty());
        assert_eq!(numbers(&feed.read(Some("ff-2")).take(&feed, 9)), [3]);
        // Of another life, of no life, or not yet: from here on.
        for unknown in ["fe-1", "1", "", "ff-", "ff-x", "ff-900", "ff-18446744073709551615"] {
            assert!(feed.read(Some(unknown)).take(&feed, 9).events.is_empty(), "{unknown}");
        }
    }

    #[test]
    fn who_is_too_slow_is_told_how_much_it_missed() {
        let feed = Feed::new(SystemTime::UNIX_EPOCH);
        let mut slow = feed.read(None);
        feed.push(lost(EVENTS_MAX + 5));
        let news = slow.take(&feed, 1);
        assert_eq!((news.missed, numbers(&news)), (5, vec![6]));
        assert_eq!(slow.take(&feed, 1).missed, 0);
        let large = Event::Stateless {
            document: None,
            session: None,
            subject: None,
            bytes: 0,
            payload: Some("x".repeat(BYTES_MAX / 4).into()),
        };
        feed.push((0..8).map(|_| (SystemTime::UNIX_EPOCH, large.clone())));
        assert_eq!(slow.take(&feed, 9).events.len(), 3, "bytes are bounded as well");
    }
}
