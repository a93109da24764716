//! What the allocator says of itself. Does not know what the memory is for.

use tikv_jemalloc_ctl::stats;

/// Bytes, as of the last time that the sampler asked, which is at most a second ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocator {
    /// In use.
    pub allocated: usize,
    /// Of pages with something in use.
    pub active: usize,
    /// Of pages that the kernel has given, those included that are only kept.
    pub resident: usize,
    /// What the allocator needs itself.
    pub metadata: usize,
    /// Address space that is kept, without memory behind it.
    pub retained: usize,
}

impl Allocator {
    /// The latest figures. None of them fails on Linux with jemalloc; one that is missing counts as nothing.
    #[must_use]
    pub fn latest() -> Self {
        Self {
            allocated: stats::allocated::read().unwrap_or(0),
            active: stats::active::read().unwrap_or(0),
            resident: stats::resident::read().unwrap_or(0),
            metadata: stats::metadata::read().unwrap_or(0),
            retained: stats::retained::read().unwrap_or(0),
        }
    }
}
