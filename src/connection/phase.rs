//! Where a connection stands, and what it is for. Does not know what leads from one to the other.

/// Where in its life a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reads the request.
    Head,
    /// Has a request for another core, and waits for its socket to be free.
    Leaving,
    /// The WebSocket is open.
    Open,
    /// The last bytes are on their way, or the peer's last word is waited for.
    Closing {
        /// Nothing more is expected from the peer.
        peer_done: bool,
    },
    /// Nothing is left to do but to close the socket.
    Gone,
}

/// What an open connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A session of a shard.
    Session,
    /// Many documents, each a session of some shard.
    Hocuspocus {
        /// A token was good for one of them.
        proven: bool,
    },
    /// Sends back what it hears.
    Echo,
}
