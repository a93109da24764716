//! Updates are held against what a document knows away from its core, which takes as long as they are large. Does not know what they are for.

use std::sync::Arc;

use axum::body::Bytes;
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::{Answer, Base, Errand, ErrandFailed, Expected, Prepared, Updates};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::view::Edited;
use super::{Documents, Failed, blocking, unexpected};

/// What has so few bytes is held against the document by its core: a millisecond at most, and one way instead of two.
const RAW_BYTES_MAX: usize = 64 << 10;

/// So many are prepared at once; others wait. One in preparation is there three times: as it came, what is new in it, and the same as it is sent.
pub(super) const AT_ONCE: usize = 2;

/// How often it is tried while others bring structs of the same clients.
const TRIES: usize = 3;

/// Who may prepare.
#[derive(Clone, Debug)]
pub(super) struct Preparing(Arc<Semaphore>);

impl Preparing {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Documents {
    /// Puts updates in, as an author that is no session: accepted, numbered, stored, and sent to all who have the document open; all of them or
    /// none. Returns when they are durable. `expected`: where the document has to stand.
    ///
    /// # Errors
    ///
    /// Nothing was put in; or nothing is known of that, after [`Failed::TimedOut`] and [`Failed::Draining`].
    pub async fn edit(&self, name: &DocumentName, parts: Vec<Bytes>, expected: Expected) -> Result<Edited, Failed> {
        let until = self.until();
        if is_raw(&parts) {
            return match self.send_edit(name, (raw(&parts), bytes_of(&parts)), expected, until).await? {
                Answer::Edited { sequence, is_new, deletions } => {
                    Ok(Edited { sequence: sequence.0, is_new, deletions })
                }
                other => Err(unexpected(other)),
            };
        }
        let turn = self.turn_to_prepare(until).await?;
        for _ in 0..TRIES {
            let base = match expected {
                // What joins a document of which nothing is there needs nothing of it.
                Expected::Nothing => Base::default(),
                Expected::Any | Expected::Same(_) | Expected::Exactly(..) => self.base(name, until).await?,
            };
            let prepared = self.prepare(&turn, base, parts.clone()).await?;
            match self.send_edit(name, (prepared, bytes_of(&parts)), expected, until).await? {
                Answer::Edited { sequence, is_new, deletions } => {
                    return Ok(Edited { sequence: sequence.0, is_new, deletions });
                }
                Answer::Failed(ErrandFailed::Outdated) => {}
                other => return Err(unexpected(other)),
            }
        }
        Err(Failed::Busy)
    }

    /// All of a document, and the turn, to be held until its core has it.
    pub(super) async fn whole(
        &self,
        parts: Vec<Bytes>,
        until: Instant,
    ) -> Result<(Updates, Option<Arc<OwnedSemaphorePermit>>), Failed> {
        if is_raw(&parts) {
            return Ok((raw(&parts), None));
        }
        let turn = self.turn_to_prepare(until).await?;
        let updates = self.prepare(&turn, Base::default(), parts).await?;
        Ok((updates, Some(turn)))
    }

    async fn send_edit(
        &self,
        name: &DocumentName,
        (updates, bytes): (Updates, usize),
        expected: Expected,
        until: Instant,
    ) -> Result<Answer, Failed> {
        let place = self.place_until(bytes, until).await?;
        Ok(self.ask_owner(&place, name, Errand::Edit { updates, expected }).await?.answer)
    }

    /// Nothing is done yet: who has no answer in time comes again.
    async fn base(&self, name: &DocumentName, until: Instant) -> Result<Base, Failed> {
        let place = self.place_until(0, until).await?;
        let asked = self.ask_owner(&place, name, Errand::Base);
        match timeout_at(until, asked).await.map_err(|_| Failed::Busy)??.answer {
            Answer::Base(base) => Ok(*base),
            other => Err(unexpected(other)),
        }
    }

    async fn turn_to_prepare(&self, until: Instant) -> Result<Arc<OwnedSemaphorePermit>, Failed> {
        let turn = timeout_at(until, Arc::clone(&self.preparing.0).acquire_owned()).await;
        Ok(Arc::new(turn.map_err(|_| Failed::Busy)?.map_err(|_| Failed::Draining)?))
    }

    /// Whoever asks may be gone before it is done: the turn is taken as long as that goes on.
    async fn prepare(
        &self,
        turn: &Arc<OwnedSemaphorePermit>,
        base: Base,
        parts: Vec<Bytes>,
    ) -> Result<Updates, Failed> {
        let (turn, limits) = (Arc::clone(turn), (self.parts.limits)());
        blocking(move || {
            let updates = parts.into_iter().map(Vec::from).collect();
            let prepared = Prepared::of(base, updates, &limits);
            drop(turn);
            Updates::Prepared(Box::new(prepared))
        })
        .await
    }
}

pub(super) fn bytes_of(parts: &[Bytes]) -> usize {
    parts.iter().map(Bytes::len).sum()
}

fn is_raw(parts: &[Bytes]) -> bool {
    bytes_of(parts) <= RAW_BYTES_MAX
}

fn raw(parts: &[Bytes]) -> Updates {
    Updates::Raw(parts.iter().map(|part| part.to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use selvedge_protocol::update::Limits;
    use selvedge_storage::MemoryStore;
    use tokio::time::timeout;

    use super::*;
    use crate::documents::{PLACES, Parts, Patience};
    use crate::limits::{AtLimit, UserRules, Users};

    /// Longer than any of this takes.
    const LONG: Duration = Duration::from_secs(600);

    /// An edit of so many bytes of a document whose core never answers.
    fn edited(room: Duration, bytes: usize, busy: impl FnOnce(&Documents)) -> Result<Edited, Failed> {
        // What is asked is kept: whoever lets go of it says that it ends.
        let notes = Mutex::new(Vec::new());
        let rules = UserRules { connections_max: 0, sessions_max: 0, at_limit: AtLimit::default() };
        let documents = Documents::new(Parts {
            store: Arc::new(MemoryStore::new(1)),
            deliver: Arc::new(move |_, note| notes.lock().expect("no panic").push(note)),
            cores: 1,
            users: Arc::new(Users::new(rules, Arc::new(|_, _| {}))),
            patience: Patience { room, answer: LONG },
            limits: Box::new(Limits::default),
        });
        busy(&documents);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let name = DocumentName::new("a").expect("a name");
            let edit = documents.edit(&name, vec![vec![0; bytes].into()], Expected::Any);
            timeout(LONG / 10, edit).await.expect("it does not wait for an answer to nothing")
        })
    }

    #[test]
    fn whoever_finds_no_room_in_time_is_told_so_and_has_done_nothing() {
        let soon = Duration::from_millis(1);
        let taken = |semaphore: &Arc<Semaphore>, count: usize| {
            let count = u32::try_from(count).expect("there are not so many");
            Arc::clone(semaphore).try_acquire_many_owned(count).expect("nobody has any").forget();
        };
        let no_turns = |documents: &Documents| taken(&documents.preparing.0, AT_ONCE);
        let no_places = |documents: &Documents| taken(&documents.places, PLACES);
        for bytes in [1, RAW_BYTES_MAX + 1] {
            assert_eq!(edited(soon, bytes, no_places), Err(Failed::Busy), "{bytes} bytes");
        }
        assert_eq!(edited(soon, RAW_BYTES_MAX + 1, no_turns), Err(Failed::Busy));
        // What the document knows is asked for before anything is done.
        assert_eq!(edited(soon, RAW_BYTES_MAX + 1, |_| {}), Err(Failed::Busy));
    }
}
