//! The socket of a connection that is opened from here, until it is connecting. Knows nothing of who waits for that, or how.
#![expect(unsafe_code, reason = "neither std nor the crates at hand know IP_BIND_ADDRESS_NO_PORT")]

use std::ffi::{c_int, c_void};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::Ending;

/// From `linux/in.h`.
const IPPROTO_IP: c_int = 0;
const IP_BIND_ADDRESS_NO_PORT: c_int = 24;

unsafe extern "C" {
    fn setsockopt(socket: c_int, level: c_int, name: c_int, value: *const c_void, length: u32) -> c_int;
}

/// A socket that is about to be connected to `to`, does not block, and has TCP_NODELAY set; `from` is its source address.
///
/// # Errors
///
/// Where no descriptor is free, or `from` is no address of this machine, or not of the family of `to`.
pub(super) fn socket(from: Option<IpAddr>, to: SocketAddr, ending: Ending) -> io::Result<Socket> {
    // Makes it non-blocking and closed on exec in the same system call; `Socket::new` does the latter only.
    let socket = Socket::new_raw(Domain::for_address(to), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    match ending {
        Ending::Orderly => {}
        // Closing a socket that lingers for no time resets it.
        Ending::Reset => socket.set_linger(Some(Duration::ZERO))?,
    }
    if let Some(from) = from {
        leave_port_to_connect(&socket)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    Ok(socket)
}

/// The same, and it is being connected, or already is: for drivers that wait for it to be writable.
///
/// # Errors
///
/// As above, or where it cannot be reached and the kernel knows that at once.
pub(super) fn begin_connect(from: Option<IpAddr>, to: SocketAddr, ending: Ending) -> io::Result<OwnedFd> {
    let socket = socket(from, to, ending)?;
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::INPROGRESS | Errno::INTR)) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// A port chosen by `bind` is taken for every destination, one chosen by `connect` for this one only.
fn leave_port_to_connect(socket: &Socket) -> io::Result<()> {
    let on: c_int = 1;
    // SAFETY: the value is a `c_int` of the given length, which the kernel reads during the call; the descriptor is open as long as
    // `socket` is borrowed.
    let result = unsafe {
        setsockopt(
            socket.as_raw_fd(),
            IPPROTO_IP,
            IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of::<c_int>() as u32,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
