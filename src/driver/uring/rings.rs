//! The rings of one driver: one that waits, and in direct mode as many more as its connections need slots. Knows nothing of connections but
//! the number of their place.
//!
//! A slot follows from the place: `ring = index / slots_per_ring`, `slot = index % slots_per_ring`. The first ring is the main one, in
//! which the core waits; the others tell it through one eventfd, the bell, that they have something, and are entered only then, or when
//! something is queued for them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use io_uring::cqueue;
use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Resource, getrlimit};

use super::refusal::Refusal;
use super::request::Request;
use super::ring::Ring;
use super::tag::{Kind, Tag};
use super::target::Target;
use crate::driver::{Counters, Descriptors};

/// The longest wait where there are auxiliary rings. Between saying that a ring has work and looking whether the bell is on, the kernel has
/// no barrier of its own: x86 gives it one, another processor may miss the bell, and what it was for is found after this.
const WAIT_WITH_BELL_MAX: Duration = Duration::from_secs(1);

/// Where a request goes, and on what it works.
#[derive(Clone, Copy)]
pub(super) struct Route {
    ring: usize,
    pub(super) target: Target,
}

/// All rings.
pub(super) struct Rings {
    main: Ring,
    /// How often the queues of the main ring were halved.
    halvings: u32,
    /// Opened when a connection needs them, in order.
    auxiliary: Vec<Ring>,
    /// `None`: no connection has a slot.
    direct: Option<Direct>,
}

/// What only direct mode needs.
struct Direct {
    slots_per_ring: u32,
    /// Signalled by auxiliary rings while the core waits.
    bell: OwnedFd,
}

impl Rings {
    /// Makes the main ring, for the calling thread.
    pub(super) fn open(descriptors: Descriptors) -> Result<Self, Refusal> {
        let (main, halvings) = Ring::open()?;
        let direct = match descriptors {
            Descriptors::Process => None,
            Descriptors::Direct { slots_per_ring_max } => {
                main.probe_direct()?;
                if !Ring::lets_go_at_once().map_err(Refusal::Slots)? {
                    return Err(Refusal::Lingering);
                }
                let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
                let slots_per_ring = slots_per_ring_max.min(u32::try_from(open_files).unwrap_or(u32::MAX));
                assert!(slots_per_ring > 0, "a ring without slots holds nothing");
                main.register_slots(slots_per_ring).map_err(Refusal::Slots)?;
                let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
                Some(Direct { slots_per_ring, bell: bell.map_err(|error| Refusal::Descriptor(error.into()))? })
            }
        };
        Ok(Self { main, halvings, auxiliary: Vec::new(), direct })
    }

    pub(super) fn main(&mut self) -> &mut Ring {
        &mut self.main
    }

    pub(super) fn halvings(&self) -> u32 {
        self.halvings
    }

    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.main.counters();
        for ring in &self.auxiliary {
            counters += ring.counters();
        }
        counters
    }

    pub(super) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    /// Takes a socket into the slot of this place. `false` if it cannot: there are no slots, or the kernel has no memory or descriptor for
    /// another ring.
    pub(super) fn hold(&mut self, index: u32, socket: BorrowedFd<'_>) -> io::Result<bool> {
        let Some((ring, slot)) = self.place(index) else { return Ok(false) };
        while self.auxiliary.len() < ring {
            if !self.open_auxiliary()? {
                return Ok(false);
            }
        }
        Ok(self.ring(ring).fill(slot, socket).is_ok())
    }

    /// Closes the socket in the slot of this place. Nothing is in flight on it.
    pub(super) fn clear(&mut self, index: u32) -> io::Result<()> {
        let (ring, slot) = self.place(index).expect("a socket is in a slot in direct mode only");
        self.ring(ring).clear(slot)
    }

    /// Where requests for the socket of this place go: to its slot, unless it has a descriptor.
    pub(super) fn route(&self, index: u32, descriptor: Option<BorrowedFd<'_>>) -> Route {
        match descriptor {
            Some(descriptor) => Route { ring: 0, target: Target::descriptor(descriptor) },
            None => {
                let (ring, slot) = self.place(index).expect("without a descriptor it is in a slot");
                Route { ring, target: Target::slot(slot) }
            }
        }
    }

    /// Queues a request.
    pub(super) fn push(&mut self, route: Route, request: Request, tag: Tag) -> io::Result<()> {
        self.ring(route.ring).push(request, tag)
    }

    /// Ends the wait whenever an auxiliary ring rings.
    pub(super) fn watch_bell(&mut self) -> io::Result<()> {
        let direct = self.direct.as_ref().expect("there is a bell in direct mode only");
        self.main.push(Request::watch(direct.bell.as_fd()), Tag::of_core(Kind::Bell))
    }

    /// Starts everything that is queued, waits in the main ring for as long as `timeout` says unless there is something already, and
    /// collects what has completed.
    pub(super) fn turn(&mut self, timeout: Option<Duration>, completions: &mut Vec<cqueue::Entry>) -> io::Result<()> {
        self.turn_auxiliary(completions)?;
        let may_wait = timeout != Some(Duration::ZERO) && completions.is_empty();
        if may_wait && !self.auxiliary.is_empty() {
            self.wait_with_bell(timeout)?;
        } else {
            self.main.enter(if may_wait { timeout } else { Some(Duration::ZERO) })?;
        }
        self.main.collect(completions);
        self.turn_auxiliary(completions)
    }

    /// Enters the auxiliary rings that have something to start or to say.
    fn turn_auxiliary(&mut self, completions: &mut Vec<cqueue::Entry>) -> io::Result<()> {
        for ring in &mut self.auxiliary {
            if ring.has_work() {
                ring.enter(Some(Duration::ZERO))?;
                ring.collect(completions);
            }
        }
        Ok(())
    }

    /// The bell is on only while the core waits: otherwise every turn of an auxiliary ring would ring it, and end a wait for nothing.
    fn wait_with_bell(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        for ring in &mut self.auxiliary {
            ring.ring_bell(true);
        }
        // What came before the bell was on is seen here.
        fence(Ordering::SeqCst);
        let timeout = if self.auxiliary.iter_mut().any(Ring::has_work) {
            Duration::ZERO
        } else {
            timeout.map_or(WAIT_WITH_BELL_MAX, |timeout| timeout.min(WAIT_WITH_BELL_MAX))
        };
        self.main.enter(Some(timeout))?;
        for ring in &mut self.auxiliary {
            ring.ring_bell(false);
        }
        Ok(())
    }

    /// Ends all that is in flight, and shows the completions. `false` if the kernel does not let go of it.
    pub(super) fn quiesce(&mut self, deadline: Instant, discard: &mut dyn FnMut(&cqueue::Entry)) -> bool {
        let rings = std::iter::once(&mut self.main).chain(&mut self.auxiliary);
        let mut completions = Vec::new();
        for ring in rings {
            if ring.push(Request::cancel_all(), Tag::of_core(Kind::Cancel)).is_err() {
                return false;
            }
            while ring.in_flight() > 0 {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() || ring.enter(Some(left)).is_err() {
                    return false;
                }
                ring.collect(&mut completions);
                completions.drain(..).for_each(|completion| discard(&completion));
            }
        }
        true
    }

    /// `false` if the kernel has no memory or descriptor for it.
    fn open_auxiliary(&mut self) -> io::Result<bool> {
        let Some(direct) = &self.direct else { return Ok(false) };
        let Ok(ring) = Ring::open_auxiliary(direct.bell.as_fd(), direct.slots_per_ring) else { return Ok(false) };
        self.auxiliary.push(ring);
        if self.auxiliary.len() == 1 {
            self.watch_bell()?;
        }
        Ok(true)
    }

    fn place(&self, index: u32) -> Option<(usize, u32)> {
        let slots = self.direct.as_ref()?.slots_per_ring;
        Some(((index / slots) as usize, index % slots))
    }

    fn ring(&mut self, number: usize) -> &mut Ring {
        match number.checked_sub(1) {
            None => &mut self.main,
            Some(auxiliary) => &mut self.auxiliary[auxiliary],
        }
    }
}
