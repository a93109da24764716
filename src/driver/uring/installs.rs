//! Connections that are to be released and wait for a descriptor of the process, of which none was free. Knows nothing of the ring.

use std::collections::VecDeque;
use std::time::Duration;

use crate::driver::ConnectionKey;
use crate::driver::rest::Rest;

/// Those that wait, in the order in which they were released. Not more than there are connections: each waits once.
#[derive(Default)]
pub(super) struct Installs {
    waiting: VecDeque<ConnectionKey>,
    rest: Rest,
}

impl Installs {
    /// There was no descriptor for it.
    pub(super) fn wait(&mut self, key: ConnectionKey) {
        self.waiting.push_back(key);
        self.rest.begin();
    }

    /// Those to try again now; some of them may have been closed since.
    pub(super) fn take_due(&mut self) -> VecDeque<ConnectionKey> {
        if self.waiting.is_empty() || self.rest.lasts() {
            return VecDeque::new();
        }
        self.rest.end();
        std::mem::take(&mut self.waiting)
    }

    /// How long a turn may wait.
    pub(super) fn limit(&self, timeout: Option<Duration>) -> Option<Duration> {
        self.rest.limit(timeout)
    }
}
