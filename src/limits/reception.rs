//! How a connection was received: what it may still come to. Does not know from where it came.

use super::Refused;

/// Fixed when the connection is accepted, except that a proxy says later for whom it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reception {
    /// It may become anything.
    #[default]
    Welcome,
    /// There were too many connections when it came: it is told so, or how the server is.
    Surplus,
    /// Its address has had its share: it is told so, or how the server is.
    Refused(Refused),
    /// A trusted proxy, which has to say for whom it speaks in a PROXY header before anything else.
    ProxyHeader,
    /// A trusted proxy, whose request says for whom it speaks.
    Forwarded,
}

// One of the bytes of a connection.
const _: () = assert!(size_of::<Reception>() == 1);
