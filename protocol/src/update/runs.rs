//! Runs: stretches of one client's structs without a gap, as ranges of bytes. They are what merge and diff move.

use super::Result;
use super::delete_set::DeleteSet;
use super::limits::Limits;
use super::state_vector::StateVector;
use super::structs::Body;
use super::walk::{close, open, walk};

/// 40 bytes, however many structs there are; a compacted state is one run for each client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) client: u64,
    pub(super) clock: u32,
    pub(super) end: u32,
    /// In which of several updates it lies, and where there.
    pub(super) update: u32,
    pub(super) at: u32,
    pub(super) at_end: u32,
    /// How many structs it has.
    pub(super) count: u32,
}

/// Adds the runs of an update to `runs`, and its deletions to `deletes`. Structs that end at or below `floor` are
/// checked and left out, so a run may start with a struct that has to be cut.
pub(super) fn read_runs(
    bytes: &[u8],
    update: u32,
    floor: &StateVector,
    runs: &mut Vec<Run>,
    deletes: &mut DeleteSet,
) -> Result<()> {
    let mut r = open(bytes, &Limits::UNLIMITED)?;
    let mut run: Option<Run> = None;
    let mut below = (u64::MAX, 0);
    walk(&mut r, &Limits::UNLIMITED, |s| {
        if below.0 != s.id.client {
            below = (s.id.client, floor.clock(s.id.client));
        }
        if s.end <= below.1 {
            return Ok(());
        }
        if let Body::Skip = s.body {
            runs.extend(run.take());
            return Ok(());
        }
        // Both fit: `open` refuses updates of more bytes.
        let (at, at_end) = (s.at as u32, s.at.wrapping_add(s.bytes.len()) as u32);
        match &mut run {
            Some(open) if open.client == s.id.client && open.end == s.id.clock => {
                open.end = s.end;
                open.at_end = at_end;
                open.count += 1;
            }
            Some(_) | None => {
                let next = Run { client: s.id.client, clock: s.id.clock, end: s.end, update, at, at_end, count: 1 };
                runs.extend(run.replace(next));
            }
        }
        Ok(())
    })?;
    runs.extend(run);
    deletes.read(&mut r, &Limits::UNLIMITED)?;
    close(&r)
}
