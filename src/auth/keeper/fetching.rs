//! When keys are fetched: from time to time, at once where a token names a key that is not known, and less and less often where it
//! fails. Knows nothing of what is fetched.

use std::io;
use std::sync::mpsc::{self, Sender, SyncSender};
use std::time::{Duration, Instant};

use super::super::fetcher;
use super::Command;

/// Least time from one fetch to the next that an unknown key leads to: whoever makes names up must not make us a burden to the issuer.
const APART: Duration = Duration::from_secs(5);

/// How long after a fetch that failed the next one begins; doubled with each that fails.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// What doubling ends at.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Names that wait for a fetch. Who asks for more is told to come again, and asks again.
const ASKED_MAX: usize = 64;

/// The plan, and what it is made from.
#[derive(Debug)]
pub(super) struct Fetching {
    /// Without its query, which may be somebody's.
    address: String,
    refresh: Duration,
    requests: Sender<()>,
    /// When the fetch began that is on its way.
    started: Option<Instant>,
    due: Instant,
    /// Not before this, whoever asks.
    not_before: Instant,
    failures: u32,
    /// Names that the next fetch may bring.
    asked: Vec<Box<str>>,
    /// Names that were asked for before the one that is on its way began.
    underway: Vec<Box<str>>,
}

impl Fetching {
    /// Starts the thread that fetches. The first fetch is due.
    pub(super) fn spawn(url: String, refresh: Duration, results: SyncSender<Command>) -> io::Result<Self> {
        let address = url.split('?').next().unwrap_or_default().to_owned();
        let (requests, requested) = mpsc::channel();
        fetcher::spawn(url, requested, results)?;
        let mut fetching = Self::new(address, refresh, requests, Instant::now());
        fetching.follow(Instant::now());
        Ok(fetching)
    }

    fn new(address: String, refresh: Duration, requests: Sender<()>, now: Instant) -> Self {
        let (asked, underway) = (Vec::new(), Vec::new());
        Self { address, refresh, requests, started: None, due: now, not_before: now, failures: 0, asked, underway }
    }

    /// For the log.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Begins a fetch that is due.
    pub(super) fn follow(&mut self, now: Instant) {
        if self.started.is_none() && now >= self.due {
            self.started = Some(now);
            self.underway = std::mem::take(&mut self.asked);
            self.requests.send(()).expect("who fetches lives as long as it is told to");
        }
    }

    /// A key of this name is asked for.
    pub(super) fn ask(&mut self, id: Box<str>) {
        let is_known = self.asked.contains(&id) || self.underway.contains(&id);
        if !is_known && self.asked.len() < ASKED_MAX {
            self.asked.push(id);
            self.due = self.due.min(self.not_before);
        }
    }

    /// The names that this fetch was to bring.
    pub(super) fn asked_for(&self) -> Vec<Box<str>> {
        self.underway.clone()
    }

    /// The fetch has ended, with keys or without.
    pub(super) fn ended(&mut self, taken: bool, now: Instant) {
        let started = self.started.take().unwrap_or(now);
        if taken {
            self.failures = 0;
            self.underway.clear();
            self.not_before = started + APART;
            self.due = now + self.refresh;
        } else {
            let retry = RETRY_MIN.saturating_mul(1 << self.failures.min(16)).min(RETRY_MAX);
            self.failures += 1;
            self.asked.append(&mut self.underway);
            self.asked.truncate(ASKED_MAX);
            self.not_before = now + retry;
            self.due = now + retry.min(self.refresh);
        }
        if !self.asked.is_empty() {
            self.due = self.due.min(self.not_before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFRESH: Duration = Duration::from_secs(300);

    #[test]
    fn an_unknown_key_hastens_a_fetch_and_a_flood_of_them_does_not() {
        let (requests, received) = mpsc::channel();
        let start = Instant::now();
        let mut fetching = Fetching::new(String::new(), REFRESH, requests, start);
        let fetches = || received.try_iter().count();
        fetching.follow(start);
        assert_eq!(fetches(), 1);
        fetching.ended(true, start);
        let mut begun = 0;
        for tick in 0..600_u32 {
            let now = start + Duration::from_millis(100) * tick;
            for number in 0..10 {
                fetching.ask(format!("made up {tick} {number}").into());
            }
            assert!(fetching.asked.len() <= ASKED_MAX);
            fetching.follow(now);
            if fetches() > 0 {
                begun += 1;
                assert!(fetching.asked_for().len() <= ASKED_MAX);
                fetching.ended(true, now);
            }
        }
        assert_eq!(begun, 11, "one in five seconds of a minute, and one for what was asked at its start");
    }

    #[test]
    fn failures_come_less_and_less_often_and_forget_nobody() {
        let (requests, received) = mpsc::channel();
        let start = Instant::now();
        let mut fetching = Fetching::new(String::new(), REFRESH, requests, start);
        fetching.ask("a".into());
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let before = now;
            while received.try_recv().is_err() {
                now += Duration::from_millis(250);
                fetching.follow(now);
            }
            waits.push((now - before).as_secs());
            assert_eq!(fetching.asked_for(), ["a".into()]);
            fetching.ended(false, now);
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30]);
    }
}
