//! What all documents of a shard share: its sessions, its effects, the time, and the budget of what is not committed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::Config;
use crate::counters::Counters;
use crate::deletions::Deletions;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::errand::{Answer, ErrandFailed};
use crate::flow::Rates;
use crate::frame::Frame;
use crate::id::{Moment, Now, SessionId, SessionRef, ShardId};
use crate::measured::Measured;
use crate::preparing::Preparing;
use crate::session::Sessions;
use crate::window::{Load, Spared, fan_out_window_ms, record_window_ms};

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) rates: Rates,
    pub(crate) sessions: Sessions,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) now: Now,
    pub(crate) counters: Counters,
    /// What the core had to do of late.
    pub(crate) load: Load,
    /// What gathering has spared it.
    pub(crate) spared: Spared,
    /// Why nothing can be written, while that is so.
    pub(crate) stalled: Option<Arc<str>>,
    /// Bytes of what was accepted and is not committed.
    pub(crate) uncommitted_bytes: usize,
    /// Writers that are not read from until some of that is committed.
    paused_writers: Vec<SessionRef>,
    next_job: u64,
    /// Large updates.
    pub(crate) preparing: Preparing,
    pub(crate) deletions: Deletions,
    /// When the turn began, where somebody measures.
    pub(crate) moment: Option<Moment>,
    /// What has ended in this turn, where somebody measures.
    pub(crate) measured: Vec<Measured>,
}

impl Core {
    pub(crate) fn new(config: Config) -> Self {
        let sessions = Sessions::new(config.outbox_bytes_max);
        Self {
            rates: Rates::new(&config),
            config,
            sessions,
            effects: VecDeque::new(),
            now: Now(0),
            counters: Counters::default(),
            load: Load::NONE,
            spared: Spared::default(),
            stalled: None,
            uncommitted_bytes: 0,
            paused_writers: Vec::new(),
            next_job: 0,
            preparing: Preparing::default(),
            deletions: Deletions::default(),
            moment: None,
            measured: Vec::new(),
        }
    }

    /// Goes on with other limits.
    pub(crate) fn configure(&mut self, config: Config) {
        assert_eq!(
            (config.shard, config.shards),
            (self.config.shard, self.config.shards),
            "documents stay where they are"
        );
        self.rates = Rates::new(&config);
        self.sessions.set_outbox_bytes_max(config.outbox_bytes_max);
        self.config = config;
        // Those who were paused for what is allowed now.
        self.committed(0);
    }

    pub(crate) fn is_here(&self, session: SessionRef) -> bool {
        session.shard == self.config.shard
    }

    /// Milliseconds between two fan-outs of a document with so many sessions, as long as the load stays as it is.
    pub(crate) fn fan_out_window_ms(&self, sessions: usize) -> u64 {
        fan_out_window_ms(self.spared.on_top_of(self.load), sessions, self.config.fan_out_window_max_ms)
    }

    /// Milliseconds between two records of a document with so many sessions, unless it sends.
    pub(crate) fn record_window_ms(&self, sessions: usize) -> u64 {
        record_window_ms(self.fan_out_window_ms(sessions), sessions)
    }

    pub(crate) fn next_job(&mut self) -> u64 {
        self.next_job += 1;
        self.next_job
    }

    pub(crate) fn envelope(&mut self, to: ShardId, envelope: Envelope) {
        self.effects.push_back(Effect::Envelope { to, envelope });
    }

    pub(crate) fn reply(&mut self, to: SessionRef, frame: Frame) {
        if self.is_here(to) {
            self.sessions.reply(to.session, frame, &mut self.effects);
        } else {
            self.envelope(to.shard, Envelope::Send { session: to.session, frame });
        }
    }

    /// A stateless message for a session of this core. Who has no room does without, as with everything that nobody could send again.
    pub(crate) fn stateless(&mut self, session: SessionId, frame: &Frame) {
        if self.sessions.stateless(session, frame, &mut self.effects) {
            self.counters.stateless_sent += 1;
        } else {
            self.counters.stateless_dropped += 1;
        }
    }

    pub(crate) fn pause(&mut self, session: SessionRef) {
        if self.is_here(session) {
            self.sessions.pause(session.session, &mut self.effects);
        } else {
            self.envelope(session.shard, Envelope::Pause { session: session.session, paused: true });
        }
    }

    pub(crate) fn resume(&mut self, session: SessionRef) {
        if self.is_here(session) {
            self.sessions.resume(session.session, &mut self.effects);
        } else {
            self.envelope(session.shard, Envelope::Pause { session: session.session, paused: false });
        }
    }

    pub(crate) fn probe(&mut self, session: SessionRef) {
        if self.is_here(session) {
            self.effects.push_back(Effect::Probe { session: session.session });
        } else {
            self.envelope(session.shard, Envelope::Probe { session: session.session });
        }
    }

    /// Tells the connection of a session that is already detached.
    pub(crate) fn close(&mut self, session: SessionRef, reason: CloseReason) {
        if self.is_here(session) {
            self.effects.push_back(Effect::Close { session: session.session, reason });
        } else {
            self.envelope(session.shard, Envelope::Close { session: session.session, reason });
        }
    }

    /// Something was accepted. A slow disk is felt by those who write, and by nobody else.
    pub(crate) fn accepted(&mut self, bytes: usize, author: SessionRef) {
        self.uncommitted_bytes += bytes;
        if self.uncommitted_bytes > self.config.uncommitted_bytes_max && !self.paused_writers.contains(&author) {
            self.paused_writers.push(author);
            self.pause(author);
            self.counters.writers_paused += 1;
        }
    }

    /// The same of what no session wrote. Nobody is paused for it: see [`Core::has_room`].
    pub(crate) fn accepted_from_outside(&mut self, bytes: usize) {
        self.uncommitted_bytes += bytes;
    }

    /// More may be accepted from those who cannot be paused.
    pub(crate) fn has_room(&self) -> bool {
        self.uncommitted_bytes <= self.config.uncommitted_bytes_max
    }

    pub(crate) fn answer(&mut self, job: u64, answer: Answer) {
        if let Answer::Failed(failed) = &answer {
            self.count_limit(failed);
        }
        self.effects.push_back(Effect::Answer { job, answer });
    }

    fn count_limit(&mut self, failed: &ErrandFailed) {
        match failed {
            ErrandFailed::DocumentFull { .. } => self.counters.updates_too_large += 1,
            ErrandFailed::DocumentsFull { .. } => self.counters.documents_refused += 1,
            ErrandFailed::Refused(_)
            | ErrandFailed::Lacks { .. }
            | ErrandFailed::Changed { .. }
            | ErrandFailed::Outdated
            | ErrandFailed::Congested
            | ErrandFailed::Stalled(_)
            | ErrandFailed::Unreadable(_) => {}
        }
    }

    pub(crate) fn committed(&mut self, bytes: usize) {
        self.uncommitted_bytes -= bytes;
        if self.uncommitted_bytes <= self.config.uncommitted_bytes_max / 2 {
            for session in std::mem::take(&mut self.paused_writers) {
                self.resume(session);
            }
        }
    }
}
