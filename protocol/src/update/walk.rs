//! Walks an update from its first struct to its last delete range, each on the stack: nothing is stored.

use super::delete_set::walk_delete_set;
use super::limits::{Limit, Limits};
use super::structs::{STRUCT_BYTES_MIN, Struct, read_struct};
use super::{Refused, Result};
use crate::lib0::Reader;

/// The fewest bytes that a client section takes: three numbers and a struct.
const SECTION_BYTES_MIN: usize = 3 + STRUCT_BYTES_MIN;

/// A reader at the first byte of an update that is not too large.
#[inline]
pub(super) fn open<'a>(update: &'a [u8], limits: &Limits) -> Result<Reader<'a>> {
    let allowed = limits.update_bytes_max.min(Limits::UNLIMITED.update_bytes_max);
    within(update.len(), allowed, Limit::UpdateBytes)?;
    Ok(Reader::new(update))
}

/// Refuses bytes after the delete set.
#[inline]
pub(super) fn close(r: &Reader<'_>) -> Result<()> {
    if r.left() == 0 { Ok(()) } else { Err(Refused::TrailingBytes) }
}

#[inline]
pub(super) fn within(count: usize, allowed: usize, limit: Limit) -> Result<()> {
    if count > allowed { Err(Refused::OverLimit { limit, allowed }) } else { Ok(()) }
}

/// Visits every struct, and leaves the reader before the delete set.
///
/// Sections must descend by client. Yjs has always written them so; its delete sets it has not.
#[inline]
pub(super) fn walk<'a>(
    r: &mut Reader<'a>,
    limits: &Limits,
    mut visit: impl FnMut(&Struct<'a>) -> Result<()>,
) -> Result<()> {
    let sections = r.count(SECTION_BYTES_MIN)?;
    within(sections, limits.clients_max, Limit::Clients)?;
    let mut structs_left = limits.structs_max;
    let mut last_client = None;
    for _ in 0..sections {
        let structs = r.count(STRUCT_BYTES_MIN)?;
        if structs == 0 {
            return Err(Refused::Empty);
        }
        within(structs, structs_left, Limit::Structs)
            .map_err(|_| Refused::OverLimit { limit: Limit::Structs, allowed: limits.structs_max })?;
        structs_left -= structs;
        let client = r.uint()?;
        if last_client.is_some_and(|last| last <= client) {
            return Err(Refused::ClientOrder);
        }
        last_client = Some(client);
        let mut clock = r.clock()?;
        for _ in 0..structs {
            let s = read_struct(r, client, clock, limits.depth_max)?;
            visit(&s)?;
            clock = s.end;
        }
    }
    Ok(())
}

/// Reads an update and says how many structs it has: the cost of looking at every byte once.
pub fn check(update: &[u8], limits: &Limits) -> Result<usize> {
    let mut r = open(update, limits)?;
    let mut structs = 0;
    walk(&mut r, limits, |_| {
        structs += 1;
        Ok(())
    })?;
    walk_delete_set(&mut r, limits, |_| {})?;
    close(&r)?;
    Ok(structs)
}
