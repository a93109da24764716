//! What the loop wants to receive from a connection, whichever driver serves it.

/// What the loop wants to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing for now.
    Nothing,
    /// One piece.
    Once,
    /// Whatever comes.
    Always,
    /// The end was said; there is nothing left to want.
    Ended,
}
