//! What the control plane hands to a core, and the way back. Does not know what is wanted.

use std::sync::Arc;

use selvedge_shards::{Answer, Attended, DocumentId, Errand, Unstored};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::limits::AddressKey;

/// Something for one core.
#[derive(Debug)]
pub struct Request {
    /// What.
    pub wanted: Wanted,
    /// Where the answer goes.
    pub reply: Reply,
}

/// What is wanted of a core.
#[derive(Debug)]
pub enum Wanted {
    /// Something with a document.
    Errand {
        /// Which.
        document: DocumentId,
        /// Its name.
        name: Arc<str>,
        /// What.
        errand: Errand,
    },
    /// The names of those that are only open.
    Unstored(Unstored),
    /// How many sessions documents have.
    Attended(Attended),
}

/// The way back. Who drops it says that there will be no answer.
#[derive(Debug)]
pub struct Reply {
    pub(super) sender: oneshot::Sender<Answered>,
    /// Given back when the core has done with it, however long whoever asked has waited.
    pub(super) _place: Arc<OwnedSemaphorePermit>,
}

impl Reply {
    /// Gives the answer. Nobody hears it who has stopped waiting.
    pub fn send(self, answered: Answered) {
        drop(self.sender.send(answered));
    }
}

/// What a core says.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What came of it.
    pub answer: Answer,
    /// Of an inspection: whose sessions they are, in the same order.
    pub people: Vec<Person>,
}

/// Who is behind a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The user, where there are tokens.
    pub subject: Option<Arc<str>>,
    /// Where from, as limits count it.
    pub address: Option<AddressKey>,
}
