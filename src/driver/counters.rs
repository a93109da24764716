//! What a driver has done since it was opened: numbers that only grow, from which a turn's cost can be seen without a profiler.

use std::ops::AddAssign;

/// What a driver has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times that the kernel was entered to start, wait and collect. Of the portable driver, which cannot see them: turns.
    pub enters: u64,
    /// Requests that the kernel took. Of the portable driver: watches that were begun.
    pub submissions: u64,
    /// What came of them, later and in whatever number. Of the portable driver: watches that were over.
    pub completions: u64,
    /// Receives that brought data.
    pub receives: u64,
    /// The bytes of that data.
    pub received_bytes: u64,
    /// Receives that were put off to the next turn, because all buffers of the core were taken.
    pub receives_put_off: u64,
    /// Frames whose sending has ended, be it with an error.
    pub sends: u64,
    /// Bytes of frames that the kernel has taken.
    pub sent_bytes: u64,
    /// Times that the kernel took only a part of a frame, and the rest was sent by another request.
    pub short_sends: u64,
    /// Signals to other cores; a wake that finds one on its way sends none.
    pub wakes_sent: u64,
    /// Signals of other threads that ended a turn, or came while none waited.
    pub wakes_received: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        let Self {
            enters,
            submissions,
            completions,
            receives,
            received_bytes,
            receives_put_off,
            sends,
            sent_bytes,
            short_sends,
            wakes_sent,
            wakes_received,
        } = other;
        self.enters += enters;
        self.submissions += submissions;
        self.completions += completions;
        self.receives += receives;
        self.received_bytes += received_bytes;
        self.receives_put_off += receives_put_off;
        self.sends += sends;
        self.sent_bytes += sent_bytes;
        self.short_sends += short_sends;
        self.wakes_sent += wakes_sent;
        self.wakes_received += wakes_received;
    }
}
