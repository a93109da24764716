//! A socket whose readiness monoio watches while the driver makes the system calls itself.
#![expect(unsafe_code, reason = "monoio's stream hands out its descriptor as a number only")]

use std::io;
use std::net;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use monoio::net::TcpStream;

/// A descriptor in the hands of the runtime. Made, watched and given back inside of it.
pub(super) struct Socket(TcpStream);

impl Socket {
    /// Nothing but readiness is asked of the stream, so that an eventfd will do as well as a socket.
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        TcpStream::from_std(net::TcpStream::from(descriptor)).map(Self)
    }

    /// There is something to receive, the end included, or an error.
    pub(super) async fn readable(&self) {
        // What there is to say about an error the system call that follows will say.
        let _ = self.0.readable(false).await;
    }

    /// There is room to send, or an error.
    pub(super) async fn writable(&self) {
        let _ = self.0.writable(false).await;
    }

    /// Takes the descriptor from the runtime. Nobody watches it any more.
    pub(super) fn into_descriptor(self) -> OwnedFd {
        // SAFETY: `into_raw_fd` gives up the ownership that the stream had.
        unsafe { OwnedFd::from_raw_fd(self.0.into_raw_fd()) }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the stream owns the descriptor and is borrowed for as long.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }
}
