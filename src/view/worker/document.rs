//! A document as an update becomes one with a real CRDT, and the update of an edit. Knows nothing of what is in it.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, RandomState};

use selvedge_protocol::update::{Known, Limits, Verdict, accept};
use yrs::updates::decoder::Decode as _;
use yrs::{ClientID, Doc, OffsetKind, Options, ReadTxn as _, Transact as _, Update};

use super::Refusal;

/// An update without anything in it.
pub(super) const NOTHING: &[u8] = &[0, 0];

/// Client ids have 53 bits, or JavaScript could not say them.
const CLIENT_MASK: u64 = (1 << 53) - 1;

/// What happens to the content of what is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// It stays, so that it can come back.
    Keep,
    /// It goes, as in every client.
    Collect,
}

/// An update that has been looked at: what crashes a CRDT is mostly found out here.
pub(super) struct Whole<'a> {
    pub(super) update: Cow<'a, [u8]>,
    pub(super) known: Known,
}

/// Checks that it is one of a whole document.
pub(super) fn whole(update: &[u8]) -> Result<Whole<'_>, Refusal> {
    match accept(&Known::default(), update, &Limits::UNLIMITED) {
        Verdict::Accepted(accepted) => {
            let mut known = Known::default();
            known.apply(&accepted);
            Ok(Whole { update: accepted.update, known })
        }
        Verdict::Duplicate => Ok(Whole { update: NOTHING.into(), known: Known::default() }),
        Verdict::Missing { .. } | Verdict::Refused(_) => Err(Refusal::Malformed),
    }
}

impl Whole<'_> {
    /// The document, ready to be edited by a client that nobody has been.
    pub(super) fn open(&self, deleted: Deleted) -> Result<Doc, Refusal> {
        let doc = Doc::with_options(Options {
            client_id: ClientID::new(self.new_client()),
            offset_kind: OffsetKind::Utf16,
            skip_gc: deleted == Deleted::Keep,
            cleanup_formatting: false,
            ..Options::default()
        });
        apply(&doc, &self.update)?;
        Ok(doc)
    }

    /// Two edits of one state must not be of one client: they would be taken for the same.
    fn new_client(&self) -> u64 {
        let random = RandomState::new();
        let ids = (0_u64..).map(|attempt| random.hash_one(attempt) & CLIENT_MASK);
        ids.into_iter().find(|&id| self.known.clocks().clock(id) == 0).expect("nobody has had all of them")
    }

    /// What of an edit is news to the document, as it would be accepted.
    pub(super) fn news(&self, edit: &[u8]) -> Option<Vec<u8>> {
        match accept(&self.known, edit, &Limits::UNLIMITED) {
            Verdict::Accepted(accepted) => Some(accepted.update.into_owned()),
            Verdict::Duplicate => Some(NOTHING.to_vec()),
            Verdict::Missing { .. } | Verdict::Refused(_) => None,
        }
    }
}

/// Applies an update that has been looked at.
pub(super) fn apply(doc: &Doc, update: &[u8]) -> Result<(), Refusal> {
    let update = Update::decode_v1(update).map_err(|_| Refusal::Malformed)?;
    let mut transaction = doc.transact_mut();
    transaction.apply_update(update).map_err(|_| Refusal::Malformed)?;
    if transaction.has_missing_updates() { Err(Refusal::Malformed) } else { Ok(()) }
}
