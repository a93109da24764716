//! What follows when a send has ended.

use std::io;

use selvedge_shards::Input;

use super::{Core, session_of};
use crate::connection::{Hold, Phase, Route, Sent};
use crate::driver::ConnectionKey;

impl Core {
    pub(super) fn sent(&mut self, key: ConnectionKey, result: io::Result<()>) {
        self.sends -= 1;
        let Some(connection) = self.table.get(key) else { return };
        if connection.phase() == Phase::Gone {
            return;
        }
        if let Err(error) = result {
            tracing::debug!(%error, ?key, "a send failed");
            return self.abort(key);
        }
        // Something is sent to every connection often enough for its meter.
        connection.meter_mut().settle(self.now.0);
        match (connection.sent(), connection.route()) {
            (Sent::Control | Sent::Last, _) => {}
            (Sent::Part, _) => self.release_if_leaving(key),
            (Sent::Data, Route::Session) => {
                // A second frame may be on its way right now: the connection is tended to by the effect.
                self.handle(Input::Drained { session: session_of(key) });
            }
            (Sent::Data, Route::Hocuspocus { .. }) => self.sent_of_documents(key),
            (Sent::Data, Route::Echo) => self.unhold(key, Hold::Echo),
        }
        self.tend(key);
    }
}
