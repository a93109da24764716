//! One of glommio's streams, asked again and again instead of waited for.
#![expect(unsafe_code, reason = "glommio takes and shows descriptors as numbers only")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};
use glommio::net::TcpStream;

/// A descriptor in glommio's hands, and who is told when it is worth asking again. Made and asked inside of the executor.
pub(super) struct Stream {
    stream: TcpStream,
    wire: Waker,
}

impl Stream {
    /// Watches for data from the start: glommio's streams do.
    pub(super) fn new(descriptor: OwnedFd, wire: Waker) -> Self {
        // SAFETY: `into_raw_fd` gives up the ownership that the stream takes.
        let stream = unsafe { TcpStream::from_raw_fd(descriptor.into_raw_fd()) };
        Self { stream, wire }
    }

    /// Says on `wire`, once, that there is something to read; the stream is of no use afterwards. An eventfd or a listener will do: the
    /// receive that glommio tries after its watch fails on them, and changes nothing.
    pub(super) fn watch(descriptor: OwnedFd, wire: Waker) -> Self {
        let mut stream = Self::new(descriptor, wire);
        if stream.poll_receive(&mut []).is_ready() {
            stream.wire.wake_by_ref();
        }
        stream
    }

    /// Receives into the buffer without waiting, or has it said when that is possible.
    pub(super) fn poll_receive(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(&self.wire), buffer)
    }

    /// Sends as much as there is room for, or has it said when there is some. Of an empty buffer: says whether it is connected.
    pub(super) fn poll_send(&mut self, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(&mut Context::from_waker(&self.wire), buffer)
    }

    /// Takes the socket from glommio, which gives back no descriptor: a copy of it.
    pub(super) fn into_descriptor(self) -> io::Result<OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the stream owns the descriptor and is borrowed for as long.
        unsafe { BorrowedFd::borrow_raw(self.stream.as_raw_fd()) }
    }
}
