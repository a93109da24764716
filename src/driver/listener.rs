//! Listening sockets, one for each core, sharing one port. Knows nothing of who accepts on them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// What accepted sockets inherit from their listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections that wait to be accepted, for each listener; the kernel cuts this to `net.core.somaxconn`. Beyond it, a
    /// connecting peer gets no answer and tries again.
    pub backlog: u32,
    /// A peer that leaves sent data unacknowledged for this long is dead, and the connection ends with an error (TCP_USER_TIMEOUT).
    /// Milliseconds matter, parts of them do not.
    pub user_timeout: Duration,
    /// Silence after which the kernel asks the peer whether it is still there. Whole seconds.
    pub keepalive_idle: Duration,
    /// Time between such questions. Whole seconds. They end after `user_timeout`.
    pub keepalive_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backlog: 4096,
            user_timeout: Duration::from_secs(30),
            keepalive_idle: Duration::from_secs(60),
            keepalive_interval: Duration::from_secs(10),
        }
    }
}

/// Why there is nothing to accept on.
#[derive(Debug)]
pub enum ListenError {
    /// Another socket has the port, be it of this program started twice: the operator's mistake.
    Taken {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The kernel refused the address or an option.
    Refused {
        /// What was asked for.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { address } => write!(f, "{address} is taken: does another server listen there?"),
            Self::Refused { address, error } => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Taken { .. } => None,
            Self::Refused { error, .. } => Some(error),
        }
    }
}

/// Claims `address` for this process and opens `count` listeners on it, among which the kernel spreads the connections. For
/// port 0 the kernel chooses one; [`TcpListener::local_addr`] says which.
///
/// SO_REUSEPORT alone would let a second server of the same user join the port and take its share of the connections without a
/// word. So the first socket listens *before* it gets that option, which only one socket of the machine can, and the others join it.
/// What this cannot stop is a foreign program of the same user that sets SO_REUSEPORT by itself and comes later.
///
/// # Errors
///
/// [`ListenError::Taken`] when anybody has the port, otherwise what the kernel refused.
///
/// # Panics
///
/// If `count` is zero.
pub fn claim(address: SocketAddr, count: usize, options: &Options) -> Result<Vec<TcpListener>, ListenError> {
    assert!(count > 0, "a server has at least one core");
    let fail = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken { address },
        _ => ListenError::Refused { address, error },
    };
    let first = bind(address, false, options).map_err(fail)?;
    // From here the port is ours: siblings may join.
    SockRef::from(&first).set_reuse_port(true).map_err(fail)?;
    let chosen = first.local_addr().map_err(fail)?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(bind(chosen, true, options).map_err(fail)?);
    }
    Ok(listeners)
}

fn bind(address: SocketAddr, join: bool, options: &Options) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a server that ended a moment ago must not keep the next one from starting.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(join)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    inherit(&socket, options)?;
    socket.bind(&address.into())?;
    socket.listen(options.backlog.try_into().unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Sets what every accepted socket gets without a system call of its own.
fn inherit(socket: &Socket, options: &Options) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(options.user_timeout))?;
    let keepalive = TcpKeepalive::new().with_time(options.keepalive_idle).with_interval(options.keepalive_interval);
    socket.set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpStream};

    const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn all_listeners_share_the_port_that_the_first_one_got() {
        let listeners = claim(ANY_PORT, 3, &Options::default()).expect("a free port");
        let address = listeners[0].local_addr().expect("bound");
        assert_ne!(address.port(), 0);
        for listener in &listeners {
            assert_eq!(listener.local_addr().expect("bound"), address);
            listener.set_nonblocking(true).expect("a listener");
        }
        // Which listener gets a connection follows from its addresses: with 64 of them none stays without (odds 3 * (2/3)^64).
        let clients: Vec<_> = (0..64).map(|_| TcpStream::connect(address).expect("listening")).collect();
        let accepted: Vec<_> = listeners.iter().map(|l| std::iter::from_fn(|| l.accept().ok()).count()).collect();
        assert_eq!(accepted.iter().sum::<usize>(), clients.len());
        assert!(accepted.iter().all(|&count| count > 0), "connections are not spread: {accepted:?}");
    }

    #[test]
    fn a_second_server_finds_the_port_taken() {
        let listeners = claim(ANY_PORT, 2, &Options::default()).expect("a free port");
        let address = listeners[0].local_addr().expect("bound");
        for count in [1, 2] {
            let refused = claim(address, count, &Options::default());
            assert!(matches!(refused, Err(ListenError::Taken { address: taken }) if taken == address), "{refused:?}");
        }
        drop(listeners);
        claim(address, 2, &Options::default()).expect("free again");
    }

    #[test]
    fn of_servers_that_start_together_one_gets_the_port() {
        let address = claim(ANY_PORT, 1, &Options::default()).expect("a free port")[0].local_addr().expect("bound");
        let start = std::sync::Barrier::new(4);
        let won: Vec<_> = std::thread::scope(|scope| {
            let servers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        claim(address, 2, &Options::default())
                    })
                })
                .collect();
            servers.into_iter().filter_map(|s| s.join().expect("no panic").ok()).collect()
        });
        assert_eq!(won.len(), 1);
    }

    #[test]
    fn accepted_sockets_inherit_the_options() {
        let options = Options { user_timeout: Duration::from_millis(4321), ..Options::default() };
        for listener in claim(ANY_PORT, 2, &options).expect("a free port") {
            let address = listener.local_addr().expect("bound");
            listener.set_nonblocking(true).expect("a listener");
            let mut clients = Vec::new();
            let socket = loop {
                clients.push(TcpStream::connect(address).expect("listening"));
                if let Ok((socket, _)) = listener.accept() {
                    break socket;
                }
            };
            let socket = SockRef::from(&socket);
            assert!(socket.tcp_nodelay().expect("a socket"));
            assert!(socket.keepalive().expect("a socket"));
            assert_eq!(socket.tcp_user_timeout().expect("a socket"), Some(options.user_timeout));
            assert_eq!(socket.tcp_keepalive_time().expect("a socket"), options.keepalive_idle);
            assert_eq!(socket.tcp_keepalive_interval().expect("a socket"), options.keepalive_interval);
        }
    }
}
