//! Who is there, as the sessions of a document say: taken in, and sent at the end of a turn.

use selvedge_protocol::awareness;

use super::Document;
use crate::config::Config;
use crate::core::Core;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::frame::Frame;
use crate::id::{Now, SessionRef};
use crate::presence::{Offered, Room};
use crate::window::awareness_window_ms;

impl Document {
    pub(super) fn awareness_came(&mut self, session: SessionRef, bytes: &[u8], core: &mut Core) {
        core.counters.awareness_received += 1;
        let update = match awareness::parse(bytes, &core.config.awareness) {
            Ok(update) => update,
            Err(malformed) => {
                self.end(session, CloseReason::AwarenessRefused(malformed), core);
                return;
            }
        };
        let room = Room {
            per_session: core.config.awareness_entries_per_session_max,
            in_all: core.config.awareness_entries_max,
            bytes: core.config.awareness_bytes_max,
        };
        for entry in update.entries() {
            match self.presence.offer(session, &entry, room, core.now) {
                Offered::Done => {}
                Offered::Contested { owner } => core.probe(owner),
                Offered::Ignored => core.counters.awareness_ignored += 1,
            }
        }
    }

    pub(super) fn send_awareness(&mut self, session: SessionRef, core: &mut Core) {
        let everyone = self.everyone();
        core.reply(session, everyone);
    }

    /// Whoever asks a thousand times gets a thousand references to one frame.
    pub(super) fn everyone(&mut self) -> Frame {
        let everyone = self.everyone.take().unwrap_or_else(|| Frame::new(self.presence.all()));
        self.everyone = Some(everyone.clone());
        everyone
    }

    /// Says when what is not sent yet is due.
    pub(super) fn end_turn_of_awareness(&mut self, core: &mut Core) -> Option<Now> {
        if !self.presence.has_news() {
            return None;
        }
        // So many clients do not fit at once: a session that announces and takes back one after the other must not fill the window.
        let gathers = self.presence.news() <= core.config.awareness_entries_max;
        if core.now < self.next_awareness && gathers {
            return Some(self.next_awareness);
        }
        self.publish_awareness(core);
        None
    }

    fn publish_awareness(&mut self, core: &mut Core) {
        let frame = Frame::new(self.presence.take_news());
        self.greeting = None;
        self.everyone = None;
        let Config { awareness_window_per_session_us, awareness_window_max_ms, .. } = core.config;
        let window_ms =
            awareness_window_ms(self.sessions_len(), awareness_window_per_session_us, awareness_window_max_ms);
        let counters = &mut core.counters;
        counters.awareness_published += 1;
        counters.awareness_delayed += u64::from(self.awareness_due.is_some());
        counters.awareness_window_ms += window_ms;
        counters.awareness_window_last_ms = window_ms;
        counters.awareness_window_widest_ms = counters.awareness_window_widest_ms.max(window_ms);
        self.next_awareness = Now(core.now.0 + window_ms);
        self.fan_out.awareness(&frame, &mut core.sessions, &mut core.effects);
        for &shard in self.remotes.keys() {
            let envelope = Envelope::Awareness { document: self.id, frame: frame.clone() };
            core.effects.push_back(Effect::Envelope { to: shard, envelope });
        }
    }
}
