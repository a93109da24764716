//! One submission for each thing that this driver asks of the kernel. Knows nothing of who asks, or why.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;

use io_uring::{opcode, squeue, types};
use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags};
use socket2::SockAddr;

use super::tag::{Kind, Tag};
use super::target::Target;
use crate::driver::RECEIVE_BYTES_MAX;

/// A submission.
///
/// Invariant: memory that it refers to is valid until its final completion; of the constructors only [`Request::receive`],
/// [`Request::send`] and [`Request::connect`] refer to any.
pub(super) struct Request(pub(super) squeue::Entry);

/// Bytes asked for in one send; what is left of a larger frame follows. The kernel's own limit for one read or write.
const SEND_BYTES_MAX: usize = i32::MAX as usize & !4095;

impl Request {
    /// Accepts one connection.
    pub(super) fn accept(listener: BorrowedFd<'_>) -> Self {
        let flags = rustix::net::SocketFlags::CLOEXEC.bits() as i32;
        Self(opcode::Accept::new(fd(listener), ptr::null_mut(), ptr::null_mut()).flags(flags).build())
    }

    /// Says whenever `event` becomes readable.
    pub(super) fn watch(event: BorrowedFd<'_>) -> Self {
        Self(opcode::PollAdd::new(fd(event), PollFlags::IN.bits().into()).multi(true).build())
    }

    /// Says whenever there is something to receive, the end included; or `once` only.
    pub(super) fn poll(target: Target, once: bool) -> Self {
        let events = PollFlags::IN | PollFlags::RDHUP;
        let poll = opcode::PollAdd::new(target.number(), events.bits().into()).multi(!once);
        Self(poll.build().flags(target.flags()))
    }

    /// Receives up to [`RECEIVE_BYTES_MAX`] bytes of what is there, and does not wait for any.
    ///
    /// # Safety
    ///
    /// Nobody else touches so many bytes at `buffer` until the final completion.
    #[expect(unsafe_code, reason = "the kernel writes to the buffer after this call has returned")]
    pub(super) unsafe fn receive(target: Target, buffer: *mut u8) -> Self {
        let flags = RecvFlags::DONTWAIT.bits() as i32;
        let receive = opcode::Recv::new(target.number(), buffer, RECEIVE_BYTES_MAX as u32).flags(flags);
        Self(receive.build().flags(target.flags()))
    }

    /// Sends all of `bytes`, unless the socket fails; a short count is possible all the same.
    ///
    /// # Safety
    ///
    /// `bytes` stay where they are, unchanged, until the final completion.
    #[expect(unsafe_code, reason = "the kernel reads the bytes after this call has returned")]
    pub(super) unsafe fn send(target: Target, bytes: &[u8]) -> Self {
        let length = bytes.len().min(SEND_BYTES_MAX) as u32;
        // MSG_WAITALL, elsewhere a flag for receiving, lets the kernel go on by itself when the socket's buffer was full.
        let flags = SendFlags::NOSIGNAL.bits() | RecvFlags::WAITALL.bits();
        let send = opcode::Send::new(target.number(), bytes.as_ptr(), length).flags(flags as i32);
        Self(send.build().flags(target.flags()))
    }

    /// Connects the socket, however long that takes.
    ///
    /// # Safety
    ///
    /// `address` stays where it is, unchanged, until the final completion.
    #[expect(unsafe_code, reason = "the kernel reads the address after this call has returned")]
    pub(super) unsafe fn connect(target: Target, address: &SockAddr) -> Self {
        let connect = opcode::Connect::new(target.number(), address.as_ptr().cast(), address.len());
        Self(connect.build().flags(target.flags()))
    }

    /// Makes a descriptor of the process, closed on exec, for what is in a slot.
    pub(super) fn install(slot: Target) -> Self {
        assert!(slot.flags().contains(squeue::Flags::FIXED_FILE), "a descriptor needs no second one");
        Self(opcode::FixedFdInstall::new(types::Fixed(slot.number().0 as u32), 0).build())
    }

    /// Ends what was submitted under `tag`. Unlike a poll removal it works while a wake of the poll is pending.
    pub(super) fn cancel(tag: Tag) -> Self {
        Self(opcode::AsyncCancel::new(tag.encode()).build().flags(squeue::Flags::SKIP_SUCCESS))
    }

    /// Ends all that was submitted under `tag`.
    pub(super) fn cancel_each(tag: Tag) -> Self {
        let cancel = opcode::AsyncCancel2::new(types::CancelBuilder::user_data(tag.encode()).all());
        Self(cancel.build().flags(squeue::Flags::SKIP_SUCCESS))
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
