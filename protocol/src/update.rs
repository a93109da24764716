//! Yjs updates (encoding v1) without a document: accept, divide, merge, diff, compact, split, and state vectors.
//!
//! Nothing here integrates a CRDT, so nothing grows with a document's history but its bytes. An update is read as a
//! list of *runs*: structs of one client whose clocks follow one another. The operations move whole runs as bytes and
//! decode a struct only where a run has to be cut.
//!
//! The one theorem everything stands on: **a struct of length n means exactly n unit structs**, unit i+1 having unit i
//! as its origin and the same right origin. Yjs splits by that rule whenever something refers to the middle of a
//! struct, so cutting a struct, and gluing two that could have come from such a cut, are invisible to every client.
//! Two updates are equal when they are equal unit by unit; equal bytes are a coincidence.
//!
//! ```
//! use selvedge_protocol::update::{Known, Limits, StateVector, Verdict, accept, diff, merge};
//!
//! // Client 1 writes "ab" into the root text `t`, then "c" after it.
//! let first = [1, 1, 1, 0, 4, 1, 1, b't', 2, b'a', b'b', 0];
//! let second = [1, 1, 1, 2, 0x84, 1, 1, 1, b'c', 0];
//!
//! let (mut known, limits) = (Known::default(), Limits::default());
//! assert!(matches!(accept(&known, &second, &limits), Verdict::Missing { client: 1, clock: 1 }));
//! for update in [&first[..], &second] {
//!     let Verdict::Accepted(accepted) = accept(&known, update, &limits) else { unreachable!() };
//!     known.apply(&accepted);
//! }
//! assert!(matches!(accept(&known, &second, &limits), Verdict::Duplicate));
//!
//! let state = merge(&[&first[..], &second])?;
//! let peer = StateVector::decode(&[1, 1, 2], &limits)?;
//! assert_eq!(diff(&state, &peer)?, second);
//! # Ok::<(), selvedge_protocol::update::Refused>(())
//! ```

mod accept;
mod compact;
mod delete_set;
mod divide;
mod known;
mod limits;
mod merge;
mod one_or_many;
mod order;
mod refused;
mod roots;
mod runs;
mod span;
mod split;
mod state_vector;
mod structs;
mod walk;
mod write;

pub use accept::{Accepted, Verdict, accept};
pub use compact::{Compaction, DeletedContent, compact};
pub use delete_set::{DeleteRange, DeleteSet};
pub use divide::{Divided, Rest, divide};
pub use known::{Known, KnownDeletes};
pub use limits::{Limit, Limits};
pub use merge::{diff, merge, merge_above};
pub use one_or_many::OneOrMany;
pub use refused::Refused;
pub use roots::roots;
pub use span::{Span, spans};
pub use split::split;
pub use state_vector::{StateVector, state_vector};
pub use structs::Id;
pub use walk::check;

type Result<T> = std::result::Result<T, Refused>;
