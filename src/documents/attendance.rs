//! Which documents have sessions, and how many: what the cores say, put together. What they are asked at once is bounded, so that none is kept from
//! its sessions.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use selvedge_shards::{Answer, Attendance, Attended, DocumentId, ShardId};

use super::{Documents, Entry, Failed, Wanted, answer, key, unexpected};

impl Documents {
    /// The documents that have sessions, and how many, those with most first: so many at most of those whose names are wanted.
    ///
    /// # Errors
    ///
    /// The store, or a core that does not answer.
    pub async fn attended(
        &self,
        limit: usize,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(Entry, usize)>, Failed> {
        let place = self.place(0).await?;
        // Those found so far in the order wanted; the last go where there are too many.
        let mut most = BTreeSet::new();
        let mut places: Vec<(ShardId, u32)> = (0..self.parts.cores).map(|core| (ShardId(core), 0)).collect();
        while !places.is_empty() {
            let asked: Vec<_> = (places.drain(..))
                .map(|(core, from)| (core, self.ask(&place, core, Wanted::Attended(Attended::From(from)))))
                .collect();
            for (core, asked) in asked {
                let (documents, next) = match answer(asked, self.patience.answer).await?.answer {
                    Answer::Attended(Attendance::From { documents, next }) => (documents, next),
                    other => return Err(unexpected(other)),
                };
                for (name, sessions) in documents.into_iter().filter(|(name, _)| is_wanted(name)) {
                    most.insert((Reverse(sessions), name));
                    if most.len() > limit {
                        most.pop_last();
                    }
                }
                places.extend(next.map(|next| (core, next)));
            }
        }
        let described = self.blocking(move |store| {
            let entry = |(Reverse(sessions), name): (Reverse<usize>, Arc<str>)| {
                let name = String::from(&*name);
                // What cannot be read is listed all the same.
                let stored = store.describe(key(DocumentId::of(&name))).ok().flatten();
                (Entry { name, created_ms: stored.map(|stored| stored.outline.created_ms) }, sessions)
            };
            Ok(most.into_iter().map(entry).collect())
        });
        described.await
    }

    /// How many sessions each of these has, in their order.
    ///
    /// # Errors
    ///
    /// A core that does not answer.
    pub async fn sessions_of(&self, documents: &[Entry]) -> Result<Vec<usize>, Failed> {
        let mut sessions = vec![0; documents.len()];
        let ids = documents.iter().map(|document| DocumentId::of(&document.name)).collect();
        let place = self.place(0).await?;
        let wanted = Attended::Of(ids);
        for answered in self.ask_all(&place, || Wanted::Attended(wanted.clone())).answers(self.patience.answer).await? {
            let Answer::Attended(Attendance::Of(counts)) = answered.answer else {
                return Err(unexpected(answered.answer));
            };
            // Only the core that owns a document counts its sessions.
            sessions.iter_mut().zip(counts).for_each(|(sessions, count)| *sessions += count);
        }
        Ok(sessions)
    }
}
