//! How much comes together where things are gathered. The larger a batch, the less each part of it costs.

use std::fmt;

use super::Histogram;

/// Something that is gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Batch {
    /// Updates in one fan-out of a document with several sessions.
    FanOut,
    /// Records in one commit.
    Commit,
}

impl Batch {
    /// All, in order.
    pub const ALL: [Self; 2] = [Self::FanOut, Self::Commit];

    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FanOut => "fan_out",
            Self::Commit => "commit",
        }
    }
}

/// A histogram of counts for each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Batches([Histogram; Batch::ALL.len()]);

impl Batches {
    /// So much came together.
    pub fn record(&mut self, batch: Batch, count: u64) {
        self.0[batch as usize].record(count);
    }

    /// What was counted of one.
    #[must_use]
    pub fn of(&self, batch: Batch) -> &Histogram {
        &self.0[batch as usize]
    }

    /// Adds what others have counted.
    pub fn merge(&mut self, other: &Self) {
        for (histogram, more) in self.0.iter_mut().zip(&other.0) {
            histogram.merge(more);
        }
    }

    /// What was counted since an earlier copy.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (histogram, before) in since.0.iter_mut().zip(&earlier.0) {
            *histogram = histogram.since(before);
        }
        since
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Batch::ALL.map(|batch| (batch, self.of(batch)))).finish()
    }
}
