//! How long things take on a core, and how many come together. What has begun is noted with the time of its turn; what has ended waits for
//! the end of the turn, so that no message costs a look at the clock.

use super::Core;
use crate::instruments::{Batches, Timings};

/// What a core measures.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    timings: Timings,
    batches: Batches,
}

impl Core {
    /// How long things have taken.
    pub(in super::super) fn timings(&self) -> Timings {
        self.measuring.timings
    }

    /// How much has come together.
    pub(in super::super) fn batches(&self) -> Batches {
        self.measuring.batches
    }
}
