//! The ring itself: made, filled, entered, emptied. Knows nothing of connections.
#![expect(unsafe_code, reason = "the queues are memory shared with the kernel")]

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{Builder, EnterFlags, IoUring, Probe, Submitter, cqueue, opcode, squeue};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::refusal::Refusal;
use super::request::Request;
use super::tag::{Kind, Tag};
use super::target::Target;
use crate::driver::Counters;

/// Requests that gather before the kernel is entered; when it is full, it is submitted and the turn goes on.
const SUBMISSION_ENTRIES: u32 = 4096;
/// Completions of one turn that need no memory of the kernel's own; what goes beyond waits there and comes in the next turn.
const COMPLETION_ENTRIES: u32 = 32_768;
/// A queue is one piece of the kernel's memory, which a machine that has run for long may not have any more (Linux 6.18 puts together none from
/// smaller ones), and counts against RLIMIT_MEMLOCK. Where a ring is refused for that, one with queues of half the length is tried, so
/// many times: the last takes pieces of 8 and 32 KiB, which are always found. Shorter queues cost more system calls in a busy turn, nothing else.
const HALVINGS_MAX: u32 = 5;
/// The same of an auxiliary ring, of which a core may have dozens: 16 KiB for all that its queues take.
const AUXILIARY_SUBMISSION_ENTRIES: u32 = 128;
const AUXILIARY_COMPLETION_ENTRIES: u32 = 256;
// What a full submission queue gave at once has room, so that nothing goes beyond.
const _: () = assert!(AUXILIARY_SUBMISSION_ENTRIES <= AUXILIARY_COMPLETION_ENTRIES);
/// Attempts to bring out a full submission queue before the engine counts as broken; each waits this long.
const SUBMIT_ATTEMPTS_MAX: u32 = 1000;
const SUBMIT_RETRY: Duration = Duration::from_millis(1);
/// The longest wait: the kernel refuses times beyond its own clock.
const WAIT_MAX: Duration = Duration::from_secs(1 << 30);

/// One ring with its queues. Belongs to the thread that made it: the kernel serves no other.
pub(super) struct Ring {
    /// Remembers the registered descriptor, which spares the kernel a look-up for every turn. Borrows `ring`.
    submitter: Submitter<'static>,
    /// Owned. A pointer and not a box, because `submitter` borrows it while `self` is moved.
    ring: NonNull<IoUring>,
    /// Completions that had to be taken out before their turn, so that the kernel accepts submissions.
    early: Vec<cqueue::Entry>,
    /// Requests whose final completion has not been collected.
    in_flight: usize,
    /// Enters, submissions and completions; nothing else is known here.
    counters: Counters,
}

impl Ring {
    /// The ring in which a core waits, and how often its queues had to be halved for lack of memory.
    pub(super) fn open() -> Result<(Self, u32), Refusal> {
        let mut halvings = 0;
        let ring = loop {
            match builder(COMPLETION_ENTRIES >> halvings).build(SUBMISSION_ENTRIES >> halvings) {
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NOMEM) && halvings < HALVINGS_MAX => {
                    halvings += 1;
                }
                made => break made.map_err(Refusal::Setup)?,
            }
        };
        probe(&ring)?;
        Ok((Self::of(ring), halvings))
    }

    /// A ring in which nobody waits: it has slots for connections, and rings `bell` when it has work and was told to.
    pub(super) fn open_auxiliary(bell: BorrowedFd<'_>, slots: u32) -> io::Result<Self> {
        let mut builder = builder(AUXILIARY_COMPLETION_ENTRIES);
        let ring = builder.setup_taskrun_flag().build(AUXILIARY_SUBMISSION_ENTRIES)?;
        let mut ring = Self::of(ring);
        ring.ring_bell(false);
        ring.submitter.register_eventfd(bell.as_raw_fd())?;
        ring.register_slots(slots)?;
        Ok(ring)
    }

    fn of(ring: IoUring) -> Self {
        let ring = NonNull::from(Box::leak(Box::new(ring)));
        // SAFETY: `ring` was made from a box above and is only freed by `Drop`, which is the end of `submitter` as well.
        let mut submitter = unsafe { ring.as_ref() }.submitter();
        // A thread may register sixteen; without, entering costs a descriptor look-up and nothing else changes.
        let _ = submitter.register_ring_fd();
        Self { submitter, ring, early: Vec::new(), in_flight: 0, counters: Counters::default() }
    }

    /// By which other rings send messages to this one.
    pub(super) fn descriptor(&self) -> RawFd {
        // SAFETY: valid until `Drop`, as said in `open`.
        unsafe { self.ring.as_ref() }.as_raw_fd()
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    /// What direct mode needs beyond the rest.
    pub(super) fn probe_direct(&self) -> Result<(), Refusal> {
        let mut probe = Probe::new();
        self.submitter.register_probe(&mut probe).map_err(Refusal::Setup)?;
        if probe.is_supported(opcode::FixedFdInstall::CODE) { Ok(()) } else { Err(Refusal::Install) }
    }

    /// Whether a slot lets go of its socket when it is emptied. Before Linux 6.13 it did when all requests that are older had ended: polls last
    /// as long as connections do, so that sockets would stay open long after they were closed here.
    pub(super) fn lets_go_at_once() -> io::Result<bool> {
        let mut ring = Self::of(builder(2).build(1)?);
        ring.register_slots(2)?;
        let older = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        ring.fill(0, older.as_fd())?;
        ring.push(Request::poll(Target::slot(0), true), Tag::of_core(Kind::Poll))?;
        ring.submit()?;
        let (mut peer, closed) = UnixStream::pair()?;
        peer.set_nonblocking(true)?;
        ring.fill(1, closed.as_fd())?;
        drop(closed);
        ring.clear(1)?;
        let has_ended = matches!(peer.read(&mut [0]), Ok(0));
        // Nothing may be in flight when the slots are given up: such a kernel waits for it.
        rustix::io::write(&older, &1u64.to_ne_bytes())?;
        while ring.in_flight() > 0 {
            ring.enter(None)?;
            ring.collect(&mut Vec::new());
        }
        Ok(has_ended)
    }

    /// Makes a table with so many empty slots.
    pub(super) fn register_slots(&self, count: u32) -> io::Result<()> {
        self.submitter.register_files_sparse(count)
    }

    /// The slot holds the socket from here on, whatever becomes of the descriptor.
    pub(super) fn fill(&self, slot: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.submitter.register_files_update(slot, &[socket.as_raw_fd()]).map(drop)
    }

    /// Closes the socket in the slot.
    pub(super) fn clear(&self, slot: u32) -> io::Result<()> {
        self.submitter.register_files_update(slot, &[EMPTY]).map(drop)
    }

    /// Whether an auxiliary ring says by its bell that it has work. What it had before must be looked for.
    pub(super) fn ring_bell(&mut self, on: bool) {
        // SAFETY: valid until `Drop`; `self` is borrowed mutably, so that no other view of this queue exists.
        let completions = unsafe { self.ring.as_ref().completion_shared() };
        if on { completions.enable_eventfd() } else { completions.disable_eventfd() }
    }

    /// Something is queued or was taken out early, or an auxiliary ring has something to make completions of.
    pub(super) fn has_work(&mut self) -> bool {
        let early = !self.early.is_empty();
        let submissions = self.submissions();
        early || !submissions.is_empty() || submissions.taskrun() || submissions.cq_overflow()
    }

    /// Requests whose final completion has not been collected.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Queues a request; it starts with the next [`Ring::submit`] or [`Ring::enter`], or at once if the queue is full.
    pub(super) fn push(&mut self, request: Request, tag: Tag) -> io::Result<()> {
        let entry = request.0.user_data(tag.encode());
        // SAFETY: `Request` keeps the invariant that what it refers to is valid until its final completion.
        if unsafe { self.submissions().push(&entry) }.is_err() {
            self.submit()?;
            // SAFETY: as above.
            unsafe { self.submissions().push(&entry) }.expect("an emptied queue has room");
        }
        self.in_flight += usize::from(tag.is_answered());
        Ok(())
    }

    /// Starts everything that is queued.
    pub(super) fn submit(&mut self) -> io::Result<()> {
        for _ in 0..SUBMIT_ATTEMPTS_MAX {
            if self.submissions().is_empty() {
                return Ok(());
            }
            match self.call(0, EnterFlags::empty(), None) {
                // What was done at once is taken out, or a small queue would be full before its turn.
                Ok(()) | Err(Errno::INTR) => self.collect_early(),
                Err(Errno::AGAIN | Errno::BUSY) => {
                    // No memory, or too many completions wait: taking them out gives room, time gives the rest.
                    self.enter(Some(SUBMIT_RETRY))?;
                    self.collect_early();
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "io_uring accepts no submissions"))
    }

    /// Starts everything that is queued and waits for one completion, for as long as `timeout` says. One system call.
    pub(super) fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let want = if timeout == Some(Duration::ZERO) || !self.early.is_empty() { 0 } else { 1 };
        // Completions are made under GETEVENTS only, even when nothing is waited for.
        match self.call(want, EnterFlags::GETEVENTS, timeout.filter(|_| want > 0)) {
            // What could not be submitted stays queued for the next turn.
            Ok(()) | Err(Errno::TIME | Errno::INTR | Errno::AGAIN | Errno::BUSY) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn collect_early(&mut self) {
        let mut early = std::mem::take(&mut self.early);
        self.collect(&mut early);
        self.early = early;
    }

    /// Appends all completions that have come, in order.
    pub(super) fn collect(&mut self, completions: &mut Vec<cqueue::Entry>) {
        completions.append(&mut self.early);
        let fresh = completions.len();
        // SAFETY: valid until `Drop`; `self` is borrowed mutably, so that no other view of this queue exists.
        completions.extend(unsafe { self.ring.as_ref().completion_shared() });
        self.counters.completions += (completions.len() - fresh) as u64;
        for entry in &completions[fresh..] {
            let last = !cqueue::more(entry.flags());
            self.in_flight -= usize::from(last && Tag::decode(entry.user_data()).is_answered());
        }
    }

    fn call(&mut self, want: u32, flags: EnterFlags, timeout: Option<Duration>) -> Result<(), Errno> {
        let queued = self.submissions().len() as u32;
        let timespec = timeout.map(|timeout| Timespec::from(timeout.min(WAIT_MAX)));
        let mut arguments = SubmitArgs::new();
        if let Some(timespec) = &timespec {
            arguments = arguments.timespec(timespec);
        }
        let flags = flags | EnterFlags::EXT_ARG;
        // SAFETY: EXT_ARG announces `arguments`, which outlives the call; the queued requests keep their own invariant.
        let entered = unsafe { self.submitter.enter(queued, want, flags.bits(), Some(&arguments)) };
        self.counters.enters += 1;
        match entered {
            Ok(submitted) => {
                self.counters.submissions += submitted as u64;
                Ok(())
            }
            Err(error) => Err(Errno::from_io_error(&error).expect("the kernel's errors have a number")),
        }
    }

    fn submissions(&mut self) -> squeue::SubmissionQueue<'_> {
        // SAFETY: valid until `Drop`; `self` is borrowed mutably, so that no other view of this queue exists.
        unsafe { self.ring.as_ref().submission_shared() }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Closes what is in the slots now; the end of the ring would do so some time later. Fails only if there are none.
        let _ = self.submitter.unregister_files();
        // Fails only if it never was registered.
        let _ = self.submitter.unregister_ring_fd();
        // SAFETY: made from a box in `open` and freed nowhere else; `submitter` is not used after this line.
        drop(unsafe { Box::from_raw(self.ring.as_ptr()) });
    }
}

/// What a slot is filled with to empty it.
const EMPTY: RawFd = -1;

fn builder(completion_entries: u32) -> Builder {
    let mut builder = IoUring::builder();
    // DEFER_TASKRUN contains what COOP_TASKRUN gives: completions are worked on when this thread asks for them, and never interrupt it.
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all().setup_cqsize(completion_entries);
    builder
}

/// Finds out at the start what would otherwise fail under load.
fn probe(ring: &IoUring) -> Result<(), Refusal> {
    let parameters = ring.params();
    let features = [
        ("IORING_FEAT_NODROP", parameters.is_feature_nodrop()),
        ("IORING_FEAT_EXT_ARG", parameters.is_feature_ext_arg()),
        ("IORING_FEAT_CQE_SKIP", parameters.is_feature_skip_cqe_on_success()),
        ("IORING_FEAT_FAST_POLL", parameters.is_feature_fast_poll()),
    ];
    if let Some((name, _)) = features.iter().find(|(_, supported)| !supported) {
        return Err(Refusal::Feature(name));
    }
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe).map_err(Refusal::Setup)?;
    // Their multishot forms need nothing newer than DEFER_TASKRUN, which was granted.
    let operations = [
        ("IORING_OP_ACCEPT", opcode::AcceptMulti::CODE),
        ("IORING_OP_POLL_ADD", opcode::PollAdd::CODE),
        ("IORING_OP_RECV", opcode::Recv::CODE),
        ("IORING_OP_SEND", opcode::Send::CODE),
        ("IORING_OP_CONNECT", opcode::Connect::CODE),
        ("IORING_OP_ASYNC_CANCEL", opcode::AsyncCancel::CODE),
        ("IORING_OP_MSG_RING", opcode::MsgRingData::CODE),
    ];
    match operations.iter().find(|(_, code)| !probe.is_supported(*code)) {
        Some((name, _)) => Err(Refusal::Operation(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ConnectionKey;

    #[test]
    fn completions_beyond_the_queue_are_not_lost() {
        const COUNT: u32 = COMPLETION_ENTRIES + 2 * SUBMISSION_ENTRIES + 1;
        let (mut ring, _) = Ring::open().expect("this machine has io_uring");
        for index in 0..COUNT {
            // Nothing of that name is in flight, so that each cancellation is answered.
            let nothing = Tag::new(Kind::Poll, ConnectionKey { index, generation: 0 });
            let tag = Tag::new(Kind::Cancel, ConnectionKey { index, generation: 0 });
            ring.push(Request::cancel(nothing), tag).expect("a full queue is submitted");
        }
        let mut completions = Vec::new();
        while completions.len() < COUNT as usize {
            let before = completions.len();
            ring.enter(Some(Duration::from_secs(60))).expect("a ring");
            ring.collect(&mut completions);
            assert!(completions.len() > before, "{before} of {COUNT} came");
        }
        let came: Vec<_> = completions.iter().map(|entry| Tag::decode(entry.user_data()).key.index).collect();
        assert!(came.into_iter().eq(0..COUNT), "each one, in order");
        assert_eq!(ring.in_flight(), 0);
    }

    #[test]
    fn the_longest_timeout_is_a_timeout() {
        let (mut ring, _) = Ring::open().expect("this machine has io_uring");
        // Something to return for, or it would take that long.
        let nothing = Tag::of_core(Kind::Accept);
        ring.push(Request::cancel(nothing), Tag::of_core(Kind::Cancel)).expect("an empty queue");
        ring.enter(Some(Duration::MAX)).expect("a valid time");
    }

    #[test]
    fn a_slot_lets_go_of_its_socket_while_older_requests_are_in_flight() {
        for _ in 0..100 {
            assert!(Ring::lets_go_at_once().expect("this machine has io_uring"), "this machine has Linux 6.13");
        }
    }
}
