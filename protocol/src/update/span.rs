//! Spans: which clocks of which clients an update is about. Does not keep them.

use super::Result;
use super::delete_set::walk_delete_set;
use super::limits::Limits;
use super::structs::Body;
use super::walk::{close, open, walk};

/// Units of one client that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Who wrote them.
    pub client: u64,
    /// The first of them.
    pub clock: u32,
    /// The clock behind the last of them.
    pub end: u32,
}

/// Shows every span of the update, those of one client in ascending order, and none that touches the one before. The whole update is
/// read, its delete set too.
///
/// # Errors
///
/// It is not an update. What was shown before that was found is of no use.
pub fn spans(update: &[u8], limits: &Limits, mut visit: impl FnMut(Span)) -> Result<()> {
    let mut r = open(update, limits)?;
    let mut last: Option<Span> = None;
    walk(&mut r, limits, |s| {
        if let Body::Skip = s.body {
            return Ok(());
        }
        match &mut last {
            Some(span) if span.client == s.id.client && span.end == s.id.clock => span.end = s.end,
            Some(_) | None => {
                let next = Span { client: s.id.client, clock: s.id.clock, end: s.end };
                if let Some(span) = last.replace(next) {
                    visit(span);
                }
            }
        }
        Ok(())
    })?;
    if let Some(span) = last {
        visit(span);
    }
    walk_delete_set(&mut r, limits, |_| {})?;
    close(&r)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(update: &[u8]) -> Result<Vec<(u64, u32, u32)>> {
        let mut found = Vec::new();
        spans(update, &Limits::default(), |span| found.push((span.client, span.clock, span.end)))?;
        Ok(found)
    }

    #[test]
    fn neighbours_are_one_span_and_a_skip_parts_them() {
        // Client 3: a Gc of 1, another of 2, a Skip of 10, 1 more. Client 1: from clock 4 on.
        let update = [2, 4, 3, 0, 0, 1, 0, 2, 10, 10, 0, 1, 1, 1, 4, 0, 1, 0];
        assert_eq!(of(&update), Ok(vec![(3, 0, 3), (3, 13, 14), (1, 4, 5)]));
        assert_eq!(of(&[0, 0]), Ok(vec![]));
    }

    #[test]
    fn the_delete_set_is_read_too() {
        assert_eq!(of(&[0, 1, 5, 1, 0, 1]), Ok(vec![]));
        assert!(of(&[0, 1, 5, 1, 0]).is_err());
        assert!(of(&[0, 0, 0]).is_err());
    }
}
