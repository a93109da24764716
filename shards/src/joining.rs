//! Since when sessions wait for what they ask for first. Kept apart from them, because most have it.

use std::collections::HashMap;

use crate::id::{Moment, SessionId};

/// Sessions that are kept. The joining of any more, while so many have not asked yet, is not measured.
const JOINING_MAX: usize = 65_536;

/// Above this the table is made smaller when half of it is unused.
const KEPT: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct Joining {
    /// Where somebody measures.
    pub(crate) now: Option<Moment>,
    since: HashMap<SessionId, Moment>,
    /// Those that have it now, and when they were attached.
    pub(crate) joined: Vec<(SessionId, Moment)>,
}

impl Joining {
    pub(crate) fn begins(&mut self, session: SessionId) {
        if let Some(now) = self.now
            && self.since.len() < JOINING_MAX
        {
            self.since.insert(session, now);
        }
    }

    /// It has what it asked for.
    pub(crate) fn ends(&mut self, session: SessionId) {
        let since = self.take(session);
        self.joined.extend(since.map(|since| (session, since)));
    }

    /// It is gone.
    pub(crate) fn is_over(&mut self, session: SessionId) {
        self.take(session);
    }

    fn take(&mut self, session: SessionId) -> Option<Moment> {
        let since = self.since.remove(&session)?;
        if self.since.capacity() > KEPT && self.since.len() < self.since.capacity() / 4 {
            self.since.shrink_to(self.since.capacity() / 2);
        }
        Some(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(index: u32) -> SessionId {
        SessionId { index, generation: 0 }
    }

    #[test]
    fn a_session_joins_once_and_one_that_leaves_never() {
        let mut joining = Joining { now: Some(Moment(7)), ..Joining::default() };
        joining.begins(session(1));
        joining.begins(session(2));
        joining.ends(session(1));
        joining.ends(session(1));
        joining.is_over(session(2));
        joining.ends(session(2));
        assert_eq!(joining.joined, [(session(1), Moment(7))]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_given_back() {
        let mut joining = Joining { now: Some(Moment(7)), ..Joining::default() };
        let many = JOINING_MAX as u32 + 10;
        (0..many).for_each(|index| joining.begins(session(index)));
        assert_eq!(joining.since.len(), JOINING_MAX);
        (0..many).for_each(|index| joining.is_over(session(index)));
        assert!(joining.since.is_empty() && joining.since.capacity() <= 2 * KEPT, "{}", joining.since.capacity());
    }

    #[test]
    fn where_nobody_measures_nothing_is_kept() {
        let mut joining = Joining::default();
        joining.begins(session(1));
        joining.ends(session(1));
        assert!(joining.since.is_empty() && joining.joined.is_empty());
    }
}
