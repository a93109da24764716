//! Updates are held against what a document knows away from its core, which takes as long as they are large. Does not know what they are for.

use std::sync::Arc;

use axum::body::Bytes;
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::{Answer, Base, Errand, ErrandFailed, Expected, Prepared, Updates};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

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
        if is_raw(&parts) {
            return match self.send_edit(name, raw(&parts), &parts, expected).await? {
                Answer::Edited { sequence, is_new, deletions } => {
                    Ok(Edited { sequence: sequence.0, is_new, deletions })
                }
                other => Err(unexpected(other)),
            };
        }
        let turn = self.turn_to_prepare().await?;
        for _ in 0..TRIES {
            let base = match expected {
                // What joins a document of which nothing is there needs nothing of it.
                Expected::Nothing => Base::default(),
                Expected::Any | Expected::Same(_) | Expected::Exactly(..) => self.base(name).await?,
            };
            let prepared = self.prepare(&turn, base, parts.clone()).await?;
            match self.send_edit(name, prepared, &parts, expected).await? {
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
    ) -> Result<(Updates, Option<Arc<OwnedSemaphorePermit>>), Failed> {
        if is_raw(&parts) {
            return Ok((raw(&parts), None));
        }
        let turn = self.turn_to_prepare().await?;
        let updates = self.prepare(&turn, Base::default(), parts).await?;
        Ok((updates, Some(turn)))
    }

    async fn send_edit(
        &self,
        name: &DocumentName,
        updates: Updates,
        parts: &[Bytes],
        expected: Expected,
    ) -> Result<Answer, Failed> {
        let place = self.place(bytes_of(parts)).await?;
        Ok(self.ask_owner(&place, name, Errand::Edit { updates, expected }).await?.answer)
    }

    async fn base(&self, name: &DocumentName) -> Result<Base, Failed> {
        let place = self.place(0).await?;
        match self.ask_owner(&place, name, Errand::Base).await?.answer {
            Answer::Base(base) => Ok(*base),
            other => Err(unexpected(other)),
        }
    }

    async fn turn_to_prepare(&self) -> Result<Arc<OwnedSemaphorePermit>, Failed> {
        let turn = timeout(self.parts.patience, Arc::clone(&self.preparing.0).acquire_owned()).await;
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
