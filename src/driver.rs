//! The driver seam: a closed list of operations on sockets, and their completions.
//!
//! A driver owns the sockets and the buffers of one core. It knows nothing of WebSocket, documents or other cores' state: whoever
//! runs the loop hands it operations, and it hands back what came of them. Because the list is closed, io_uring, an epoll
//! fallback and a simulator can stand behind it.

mod counters;
mod demand;
mod descriptors;
mod engine;
#[cfg(feature = "glommio")]
mod glommio;
pub mod listener;
mod monoio;
mod outgoing;
mod rest;
mod uring;
mod waker;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use selvedge_shards::Frame;

pub use counters::Counters;
pub use descriptors::Descriptors;
pub use engine::{Engine, Kind, Opened, open};
pub use uring::Refusal;
pub use waker::Waker;

/// Bytes that one receive gives at most. Buffers belong to the core, not to connections: this is what a whole core holds, a
/// few hundred times, however many connections it has. Half of it echoes small messages no faster, and messages of 3,000 bytes
/// a third slower.
pub const RECEIVE_BYTES_MAX: usize = 4096;

/// Accepted sockets of one core that nobody has seen yet, at most: descriptors that are taken before it can be decided whether there is room. Without
/// a bound connections are opened no faster (`selvedge-load idle --connections 17000`).
pub const UNSEEN_ACCEPTS_MAX: usize = 16;

/// Names a connection in operations and completions: its place in the core's table, and which of the successive owners of that
/// place is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionKey {
    /// Place in the core's table. Dense: places are used again, so drivers may keep tables indexed by it.
    pub index: u32,
    /// Counts the owners of the place, modulo 2^24 (so that key and operation fit the 64 bits of an io_uring completion).
    pub generation: u32,
}

/// An accepted socket that no driver holds: it can be sent to another core.
#[derive(Debug)]
pub struct Socket(pub OwnedFd);

impl Socket {
    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// The other end has gone already, or is of no IP.
    pub fn peer(&self) -> io::Result<IpAddr> {
        let peer = socket2::SockRef::from(&self.0).peer_addr()?;
        peer.as_socket().map(|peer| peer.ip()).ok_or_else(|| io::ErrorKind::Unsupported.into())
    }
}

/// How a connection that was opened from here ends when it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order: the peer receives what was sent, and then the end (FIN).
    Orderly,
    /// As if this end had crashed: what is on its way is thrown away, and the peer's socket fails (RST). The portable driver says the end first.
    Reset,
}

/// What the loop asks of its driver. Operations of one connection start in the order given.
#[derive(Debug)]
pub enum Operation {
    /// Accept on this core's listener, until [`Operation::StopAccepting`].
    Accept,
    /// Close this core's listener; what it already queued is refused by the kernel.
    StopAccepting,
    /// Takes a socket in under this key. Nothing is received before it is asked for.
    Adopt {
        /// A key that is not in use.
        key: ConnectionKey,
        /// The socket; the driver owns it until [`Completion::Released`] or [`Completion::Closed`].
        socket: Socket,
    },
    /// Opens a connection under this key, answered by [`Completion::Connected`]. Until then only [`Operation::Close`] may be given for it.
    Connect {
        /// A key that is not in use.
        key: ConnectionKey,
        /// An address of this machine that the connection shall come from; the kernel chooses without. Its port is chosen for this
        /// destination only, so that each source address gives as many connections to each destination as there are ports. Beyond half
        /// of them (`net.ipv4.ip_local_port_range`) each takes the kernel 100 us: it looks through all ports of one parity first.
        from: Option<IpAddr>,
        /// The other end.
        to: SocketAddr,
        /// What the other end sees when this one closes.
        ending: Ending,
    },
    /// One [`Completion::Received`] (or [`Completion::Ended`]), after which nothing is in flight, so that the socket can be released.
    ReceiveOnce {
        /// An adopted connection that is not receiving.
        key: ConnectionKey,
    },
    /// A [`Completion::Received`] whenever data arrives, until [`Operation::Pause`] or [`Operation::Close`]. An idle connection
    /// holds no buffer.
    Receive {
        /// An adopted connection; ignored if it receives already.
        key: ConnectionKey,
    },
    /// No more data after this turn, so that the kernel's window closes and the peer waits. Data of completions that
    /// were already collected may still come. [`Operation::Receive`] resumes.
    Pause {
        /// A receiving connection.
        key: ConnectionKey,
    },
    /// Sends the whole frame, however many system calls that takes. At most one is in flight for each connection: the next may be
    /// given once [`Completion::Sent`] came, which is how backpressure is felt.
    Send {
        /// An adopted connection with no send in flight.
        key: ConnectionKey,
        /// Shared with all other receivers of it; given back on completion.
        frame: Frame,
    },
    /// Gives the socket back as [`Completion::Released`]. Only where nothing is in flight: [`Operation::Receive`] was never given for it,
    /// every [`Operation::ReceiveOnce`] and [`Operation::Send`] has completed. Until the answer only [`Operation::Close`] may be given for it.
    /// Where no descriptor of the process is free the answer waits for one.
    Release {
        /// An adopted connection.
        key: ConnectionKey,
    },
    /// Shuts the socket down, ends what is in flight (a send in flight still completes, with an error perhaps), closes it and says
    /// [`Completion::Closed`], after which the key may be used again. No data comes for it after this turn.
    ///
    /// A connection that is still connecting is closed without a [`Completion::Connected`]. Where one has failed to connect in the
    /// turn before, so that its failure and this crossed, nothing is left to be done or answered.
    Close {
        /// An adopted connection, or one that is connecting.
        key: ConnectionKey,
    },
    /// Makes the turn of another core end, or its next one not wait.
    Wake {
        /// Which core, as numbered in [`Driver::connect`].
        core: usize,
    },
}

/// What came of an operation.
#[derive(Debug)]
pub enum Completion<'a> {
    /// A new connection.
    Accepted {
        /// It belongs to whoever sees this; dropping it closes it.
        socket: Socket,
    },
    /// The kernel could not accept, for instance because no descriptor is free. The driver goes on accepting by itself, not
    /// faster than every few milliseconds while this lasts.
    AcceptFailed {
        /// Why.
        error: io::Error,
    },
    /// Answer to [`Operation::Connect`].
    Connected {
        /// Whose. Where it failed, no longer known to the driver.
        key: ConnectionKey,
        /// `Ok`: the connection stands as if it had been adopted, with TCP_NODELAY set, and nothing is received before it is asked for.
        result: io::Result<()>,
    },
    /// Data arrived.
    Received {
        /// For whom.
        key: ConnectionKey,
        /// At least one byte, at most [`RECEIVE_BYTES_MAX`]; the driver's buffer, free for changes in place, gone after the call.
        data: &'a mut [u8],
    },
    /// Nothing will be received any more: the peer has ended its side (`None`), or the socket failed. Said once. The connection
    /// stays adopted until it is closed; sending may still work after an orderly end.
    Ended {
        /// Whose.
        key: ConnectionKey,
        /// `None` when the peer ended in order.
        error: Option<io::Error>,
    },
    /// A send ended.
    Sent {
        /// Whose.
        key: ConnectionKey,
        /// What was to be sent.
        frame: Frame,
        /// `Ok` when all of it is in the kernel's hands.
        result: io::Result<()>,
    },
    /// Answer to [`Operation::Release`].
    Released {
        /// No longer known to the driver.
        key: ConnectionKey,
        /// Free to go to another core.
        socket: Socket,
    },
    /// Answer to [`Operation::Close`]: nothing of this key will be heard again.
    Closed {
        /// No longer known to the driver.
        key: ConnectionKey,
    },
}

/// One core's way to the kernel. Made, used and dropped on the core's own thread.
pub trait Driver: Sized {
    /// Lets this driver wake the others: `wakers[n]` is that of core `n`, its own included.
    fn connect(&mut self, wakers: Vec<Waker>);

    /// A handle with which any thread ends this driver's turn.
    fn waker(&self) -> Waker;

    /// What was done since the driver was opened.
    fn counters(&self) -> Counters;

    /// One turn: starts all operations (and empties the list), waits until something completes, somebody wakes it, or the time is over
    /// (`None`: as long as it takes; zero: not at all), and shows every completion collected so far, in order.
    ///
    /// `visit` may gather new operations for the next turn; it is not called again for a connection after its `Closed`. A turn may end
    /// with nothing to show, because what completed was a step of the driver's own.
    ///
    /// # Errors
    ///
    /// Only where the engine itself is broken; a connection's troubles are completions.
    ///
    /// # Panics
    ///
    /// Where an operation breaks the rules stated at it, for instance names a key that is not adopted.
    fn turn(
        &mut self,
        operations: &mut Vec<Operation>,
        timeout: Option<Duration>,
        visit: &mut dyn FnMut(Completion<'_>),
    ) -> io::Result<()>;
}
