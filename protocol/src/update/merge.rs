//! Merge and diff: both are one sweep over sorted runs.

use std::cmp::Reverse;

use super::Result;
use super::delete_set::DeleteSet;
use super::limits::{Limit, Limits};
use super::runs::{Run, read_runs};
use super::state_vector::StateVector;
use super::structs::read_struct;
use super::walk::within;
use super::write::{SectionWriter, put_skip, put_tail};
use crate::lib0::Reader;

/// Several updates as one, in any order and overlapping at will, like `mergeUpdates` of Yjs: gaps become Skip structs,
/// what two updates both hold is written once, deletions are united.
pub fn merge(updates: &[impl AsRef<[u8]>]) -> Result<Vec<u8>> {
    merge_above(updates, &StateVector::default())
}

/// What a peer that knows `known` lacks, like `diffUpdate` of Yjs. All deletions stay, because a state vector says
/// nothing of them.
pub fn diff(update: &[u8], known: &StateVector) -> Result<Vec<u8>> {
    merge_above(&[update], known)
}

/// [`merge`], leaving out what a peer that knows `known` has.
pub fn merge_above(updates: &[impl AsRef<[u8]>], known: &StateVector) -> Result<Vec<u8>> {
    within(updates.len(), Limits::UNLIMITED.update_bytes_max, Limit::UpdateBytes)?;
    let mut runs = Vec::with_capacity(updates.len());
    let mut deletes = DeleteSet::default();
    for (at, update) in updates.iter().enumerate() {
        read_runs(update.as_ref(), at as u32, known, &mut runs, &mut deletes)?;
    }
    deletes.normalise();
    Ok(write_runs(updates, runs, known, &deletes))
}

/// The sweep. A run that starts where the last one ended is copied as bytes; one that overlaps is walked up to the cut.
///
/// Like Yjs it stays with a run to its end before it looks at the next, so where two updates split the same text
/// differently, the structs of the earlier run win and the later run is cut.
pub(super) fn write_runs(
    updates: &[impl AsRef<[u8]>],
    mut runs: Vec<Run>,
    known: &StateVector,
    deletes: &DeleteSet,
) -> Vec<u8> {
    sort(&mut runs);
    let by_client = || runs.chunk_by(|a, b| a.client == b.client);
    let bytes: usize = runs.iter().map(|run| (run.at_end - run.at) as usize).sum();
    let mut out = SectionWriter::new(by_client().count(), bytes + 16 + 8 * deletes.ranges().len());
    for of_client in by_client() {
        let client = of_client[0].client;
        let floor = known.clock(client);
        let bytes_of = |run: &Run| &updates[run.update as usize].as_ref()[..run.at_end as usize];
        if let [only] = of_client
            && only.clock >= floor
        {
            out.put_whole(client, only.clock, &bytes_of(only)[only.at as usize..], only.count);
            continue;
        }
        let start = of_client[0].clock.max(floor);
        let mut written = start;
        for run in of_client.iter().filter(|run| run.end > floor) {
            if run.end <= written {
                continue;
            }
            if run.clock > written {
                put_skip(&mut out.structs, run.clock - written);
                out.count += 1;
                written = run.clock;
            }
            let bytes = bytes_of(run);
            if run.clock == written {
                out.put_bytes(&bytes[run.at as usize..], run.count);
            } else {
                put_run_above(&mut out, bytes, run, written);
            }
            written = run.end;
        }
        out.close(client, start);
    }
    out.finish(deletes)
}

/// By client, descending, then by clock, then by update.
///
/// In two steps, because nearly always each client's runs come in order already: the first has few different keys, and the
/// second finds nothing to do. Both are stable, so of runs with one clock that of the earlier update stays first.
fn sort(runs: &mut [Run]) {
    runs.sort_by_key(|run| Reverse(run.client));
    for of_client in runs.chunk_by_mut(|a, b| a.client == b.client) {
        of_client.sort_by_key(|run| run.clock);
    }
}

/// The part of a run from clock `from` on, which lies inside it. `bytes` end with the run.
fn put_run_above(out: &mut SectionWriter, bytes: &[u8], run: &Run, from: u32) {
    let mut r = Reader::starting_at(bytes, run.at as usize);
    let (mut clock, mut left) = (run.clock, run.count);
    while clock < from {
        let s = read_struct(&mut r, run.client, clock, u8::MAX).expect("a run was read before");
        clock = s.end;
        left -= 1;
        if clock > from {
            put_tail(&mut out.structs, &s, from - s.id.clock);
            out.count += 1;
        }
    }
    out.put_bytes(&bytes[r.position()..], left);
}
