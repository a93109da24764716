//! One submission for each thing that this driver asks of the kernel. Knows nothing of who asks, or why.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use io_uring::{opcode, squeue, types};
use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags};
use socket2::SockAddr;

use super::buffers::GROUP;
use super::tag::{Kind, Tag};

/// A submission.
///
/// Invariant: memory that it refers to is valid until its final completion; of the constructors only [`Request::send`] and
/// [`Request::connect`] refer to any.
pub(super) struct Request(pub(super) squeue::Entry);

/// Bytes asked for in one send; what is left of a larger frame follows. The kernel's own limit for one read or write.
const SEND_BYTES_MAX: usize = i32::MAX as usize & !4095;

impl Request {
    /// Accepts until cancelled.
    pub(super) fn accept(listener: BorrowedFd<'_>) -> Self {
        let flags = rustix::net::SocketFlags::CLOEXEC.bits() as i32;
        Self(opcode::AcceptMulti::new(fd(listener)).flags(flags).build())
    }

    /// Says whenever `event` becomes readable.
    pub(super) fn watch(event: BorrowedFd<'_>) -> Self {
        Self(opcode::PollAdd::new(fd(event), PollFlags::IN.bits().into()).multi(true).build())
    }

    /// Says whenever there is something to receive, the end included.
    pub(super) fn poll(socket: BorrowedFd<'_>) -> Self {
        let events = PollFlags::IN | PollFlags::RDHUP;
        Self(opcode::PollAdd::new(fd(socket), events.bits().into()).multi(true).build())
    }

    /// Receives once into a buffer that the kernel takes from the group when there is data, and not before.
    pub(super) fn receive(socket: BorrowedFd<'_>, wait: bool) -> Self {
        let flags = if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        let receive =
            opcode::Recv::new(fd(socket), std::ptr::null_mut(), 0).buf_group(GROUP).flags(flags.bits() as i32);
        Self(receive.build().flags(squeue::Flags::BUFFER_SELECT))
    }

    /// Sends all of `bytes`, unless the socket fails; a short count is possible all the same.
    ///
    /// # Safety
    ///
    /// `bytes` stay where they are, unchanged, until the final completion.
    #[expect(unsafe_code, reason = "the kernel reads the bytes after this call has returned")]
    pub(super) unsafe fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> Self {
        let length = bytes.len().min(SEND_BYTES_MAX) as u32;
        // MSG_WAITALL, elsewhere a flag for receiving, lets the kernel go on by itself when the socket's buffer was full.
        let flags = SendFlags::NOSIGNAL.bits() | RecvFlags::WAITALL.bits();
        Self(opcode::Send::new(fd(socket), bytes.as_ptr(), length).flags(flags as i32).build())
    }

    /// Connects the socket, however long that takes.
    ///
    /// # Safety
    ///
    /// `address` stays where it is, unchanged, until the final completion.
    #[expect(unsafe_code, reason = "the kernel reads the address after this call has returned")]
    pub(super) unsafe fn connect(socket: BorrowedFd<'_>, address: &SockAddr) -> Self {
        Self(opcode::Connect::new(fd(socket), address.as_ptr().cast(), address.len()).build())
    }

    /// Ends what was submitted under `tag`. Unlike a poll removal it works while a wake of the poll is pending.
    pub(super) fn cancel(tag: Tag) -> Self {
        Self(opcode::AsyncCancel::new(tag.encode()).build().flags(squeue::Flags::SKIP_SUCCESS))
    }

    /// Ends everything.
    pub(super) fn cancel_all() -> Self {
        let cancel = opcode::AsyncCancel2::new(types::CancelBuilder::any());
        Self(cancel.build().flags(squeue::Flags::SKIP_SUCCESS))
    }

    /// Makes a completion of [`Kind::Woken`] in another ring.
    pub(super) fn wake(ring: RawFd) -> Self {
        let woken = Tag::of_core(Kind::Woken).encode();
        let message = opcode::MsgRingData::new(types::Fd(ring), 0, woken, None);
        Self(message.build().flags(squeue::Flags::SKIP_SUCCESS))
    }
}

fn fd(descriptor: BorrowedFd<'_>) -> types::Fd {
    types::Fd(descriptor.as_raw_fd())
}
