//! How many large updates are held against their documents beside the core, and which of them wait. Does not know what is in them.

use std::collections::VecDeque;

use crate::id::DocumentId;

/// So many of one shard are prepared at once; others wait. Each may take what its document knows once more, and three times its bytes: as it came,
/// what is new in it, and the same as it is sent.
const AT_ONCE: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Preparing {
    under_way: u32,
    /// Of all of them, as they came.
    bytes: usize,
    /// In the order in which they came. Of a document that is deleted meanwhile, none are to be had any more.
    waiting: VecDeque<(DocumentId, u64)>,
}

impl Preparing {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn has_room(&self, bytes: usize, bytes_max: usize) -> bool {
        self.bytes + bytes <= bytes_max
    }

    /// One more, of so many bytes.
    pub(crate) fn takes(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Its document has it, or nobody has.
    pub(crate) fn gives_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }

    /// Says whether it may begin. Otherwise it is the [next](Preparing::next) some time.
    pub(crate) fn enter(&mut self, document: DocumentId, job: u64) -> bool {
        let may = self.under_way < AT_ONCE;
        if may {
            self.under_way += 1;
        } else {
            self.waiting.push_back((document, job));
        }
        may
    }

    /// One is done.
    pub(crate) fn leave(&mut self) {
        self.under_way -= 1;
    }

    /// The one that may begin, if one waits and may.
    pub(crate) fn next(&mut self) -> Option<(DocumentId, u64)> {
        let next = if self.under_way < AT_ONCE { self.waiting.pop_front() } else { None };
        self.under_way += u32::from(next.is_some());
        next
    }
}
