//! Connections are looked at in turn: sent something when it is time, given up when nobody is there.

use super::Core;
use crate::connection::Looked;
use crate::driver::ConnectionKey;

impl Core {
    /// Looks at as many connections as are due by now, if any are.
    pub(super) fn look_at_connections(&mut self) {
        let count = self.round.due(self.now, self.table.places());
        if count == 0 {
            return;
        }
        let Self { table, pulses, now, round, .. } = self;
        let mut found: Vec<(ConnectionKey, bool)> = Vec::new();
        let next = table.look(round.next, count, |key, connection| match pulses.look(*now, key, connection) {
            Looked::Well => {}
            Looked::Beats => found.push((key, false)),
            Looked::Stale => found.push((key, true)),
        });
        if next.is_none() {
            pulses.round_ended();
        }
        round.next = next.unwrap_or(0);
        for (key, stale) in found {
            if stale {
                tracing::debug!(?key, "nothing was heard for too long");
                self.abort(key);
            } else {
                self.tend(key);
            }
        }
    }
}
