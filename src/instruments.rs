//! What the server measures of itself: how long things take and how many come together, as histograms of plain numbers. Each has one
//! writer; readers get copies. Does not know who measures, or who looks.

mod batches;
mod histogram;
mod timings;

pub use batches::{Batch, Batches};
pub use histogram::{HISTOGRAM_BUCKETS, HISTOGRAM_VALUE_MAX, Histogram};
pub use timings::{Timed, Timings};
