//! How long things take, and how much comes together. What begins and ends each is said at [`Timed`].

use std::fmt;

use super::Seen;
use super::page::{In, Page};
use crate::instruments::{Batch, Timed};

/// Of times, powers of two and one and a half of them, in microseconds: from 48 us to 50 s. At such values buckets of the histograms end, so that
/// nothing is counted on the wrong side.
pub(super) fn time_bounds() -> impl Iterator<Item = (f64, u64)> {
    let bounds = (5..=25).flat_map(|power| [3 << (power - 1), 2_u64 << power]);
    bounds.map(|bound| (bound as f64 * SECONDS_PER_MICROSECOND, bound))
}

/// The same where there is one for each of many things: from 1 ms to 17 s, each four times the one before.
pub(super) fn coarse_time_bounds() -> impl Iterator<Item = (f64, u64)> {
    (5..=12).map(|power| 1_u64 << (2 * power)).map(|bound| (bound as f64 * SECONDS_PER_MICROSECOND, bound))
}

/// Of counts: each bound of the histogram is the first value above the one on the page.
fn count_bounds() -> impl Iterator<Item = (f64, u64)> {
    let small = [1, 2, 4, 8];
    let large = (4..=13).map(|power| (1 << power) - 1);
    small.into_iter().chain(large).map(|bound| (bound as f64, bound + 1))
}

pub(super) const SECONDS_PER_MICROSECOND: f64 = 1e-6;

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let timings = seen.timings();
    for timed in Timed::ALL {
        let (name, help) = described(timed);
        page.histogram((name, In::Seconds, help), timings.of(timed), time_bounds(), SECONDS_PER_MICROSECOND)?;
    }
    let batches = seen.batches();
    for batch in Batch::ALL {
        let (name, help) = match batch {
            Batch::FanOut => {
                ("fan_out_updates", "Updates sent together in one fan-out of a document with several sessions.")
            }
            Batch::Commit => ("commit_records", "Records written together in one commit."),
        };
        page.histogram((name, In::Count, help), batches.of(batch), count_bounds(), 1.0)?;
    }
    Ok(())
}

fn described(timed: Timed) -> (&'static str, &'static str) {
    match timed {
        Timed::Opening => (
            "opening_duration",
            "From a socket accepted to the answer to its upgrade handed to the driver, of those granted.",
        ),
        Timed::Join => (
            "join_duration",
            "From a session attached to the first answer to its SyncStep1; loading the document, and how long the client takes to ask, are in it.",
        ),
        Timed::Message => ("message_duration", "Handling one message of a session: the first of one receive in 16."),
        Timed::Acknowledge => (
            "acknowledgement_latency",
            "Time to durable: from an update read to its commit told to those who wait for it. One for each update accepted.",
        ),
        Timed::Deliver => (
            "delivery_latency",
            "From an update read to the frame with it handed to the driver for those who wait for no commit. One for each update of a document with several sessions, on its core.",
        ),
        Timed::Load => ("document_load_duration", "Loading a document, waiting for a reader included."),
        Timed::CatchUp => ("catch_up_duration", "Making a catch-up, waiting for a reader included."),
        Timed::Snapshot => ("snapshot_duration", "Taking a snapshot, waiting for a reader included."),
        Timed::Commit => {
            ("commit_duration", "Writing one batch of records; its sync is in it where records are synced at once.")
        }
        Timed::Sync => ("sync_duration", "One sync of the log; that of a batch that is synced at once with its write."),
        Timed::Turn => {
            ("turn_duration", "One turn of a core's loop that had something to do, without the time it slept.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruments::Histogram;

    #[test]
    fn bounds_rise_and_a_quarter_of_a_second_is_near_one() {
        let bounds: Vec<u64> = time_bounds().map(|(_, bound)| bound).collect();
        assert!(bounds.windows(2).all(|two| two[0] < two[1]));
        assert_eq!((bounds.first(), bounds.last()), (Some(&48), Some(&67_108_864)));
        assert!(bounds.contains(&262_144));
        let coarse: Vec<u64> = coarse_time_bounds().map(|(_, bound)| bound).collect();
        assert!(coarse.iter().all(|bound| bounds.contains(bound)), "{coarse:?}");
        assert_eq!((coarse.first(), coarse.last()), (Some(&1_024), Some(&16_777_216)));
        let counts: Vec<u64> = count_bounds().map(|(_, bound)| bound).collect();
        assert_eq!(counts[..6], [2, 3, 5, 9, 16, 32]);
        // Each is where a bucket of the histogram ends.
        let mut histogram = Histogram::default();
        for bound in bounds.into_iter().chain(counts) {
            histogram.record(bound - 1);
            let below = histogram.below(bound);
            histogram.record(bound);
            assert_eq!(histogram.below(bound), below, "{bound}");
        }
    }
}
