//! Which driver runs, chosen once at the start. Knows nothing of how either works.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

#[cfg(feature = "glommio")]
use super::glommio::Glommio;
use super::monoio::Monoio;
use super::uring::{Refusal, Uring};
use super::{Completion, Counters, Descriptors, Driver, Operation, Waker};

/// Which driver is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Kind::Uring`] where the kernel grants it, otherwise [`Kind::Monoio`].
    Auto,
    /// io_uring, used directly; Linux 6.1 or newer.
    Uring,
    /// The portable driver: monoio, on io_uring where the kernel grants it, otherwise on epoll.
    Monoio,
    /// The portable driver on epoll, whatever the kernel grants.
    MonoioEpoll,
    /// glommio, for measuring.
    #[cfg(feature = "glommio")]
    Glommio,
}

/// A driver that was opened.
pub struct Opened {
    /// Ready for its first turn.
    pub engine: Engine,
    /// Why it is not the uring driver although [`Kind::Auto`] was asked for: worth a warning.
    pub refused: Option<Refusal>,
    /// How often the queues of the uring driver were halved, because the kernel had no memory for longer ones: worth a warning.
    pub halvings: u32,
}

/// Opens a driver for the core that calls this, with the listener that it shall accept on, if it shall accept.
///
/// # Errors
///
/// Where the kernel does not grant what `kind` and `descriptors` need, or a descriptor is lacking. [`Kind::Auto`] does not fall back on the
/// portable driver where direct descriptors were asked for: it has none.
pub fn open(kind: Kind, descriptors: Descriptors, listener: Option<TcpListener>) -> io::Result<Opened> {
    let uring = || Uring::open(descriptors);
    let (engine, refused) = match (kind, descriptors) {
        (Kind::Auto, Descriptors::Process) => match uring() {
            Ok(uring) => (Engine::Uring(uring), None),
            Err(refusal) => (Engine::Monoio(Monoio::open()?), Some(refusal)),
        },
        (Kind::Auto, Descriptors::Direct { .. }) | (Kind::Uring, _) => {
            (Engine::Uring(uring().map_err(io::Error::other)?), None)
        }
        (Kind::Monoio | Kind::MonoioEpoll, Descriptors::Direct { .. }) => return Err(io::Error::other(NoSlots)),
        (Kind::Monoio, Descriptors::Process) => (Engine::Monoio(Monoio::open()?), None),
        (Kind::MonoioEpoll, Descriptors::Process) => (Engine::Monoio(Monoio::open_epoll()?), None),
        #[cfg(feature = "glommio")]
        (Kind::Glommio, Descriptors::Direct { .. }) => return Err(io::Error::other(NoSlots)),
        #[cfg(feature = "glommio")]
        (Kind::Glommio, Descriptors::Process) => (Engine::Glommio(Glommio::open()?), None),
    };
    let halvings = match &engine {
        Engine::Uring(uring) => uring.halvings(),
        Engine::Monoio(_) => 0,
        #[cfg(feature = "glommio")]
        Engine::Glommio(_) => 0,
    };
    let mut opened = Opened { engine, refused, halvings };
    match (&mut opened.engine, listener) {
        (_, None) => {}
        (Engine::Uring(uring), Some(listener)) => uring.listen(listener),
        (Engine::Monoio(monoio), Some(listener)) => monoio.listen(listener)?,
        #[cfg(feature = "glommio")]
        (Engine::Glommio(glommio), Some(listener)) => glommio.listen(listener)?,
    }
    Ok(opened)
}

/// The portable driver was asked for direct descriptors.
#[derive(Debug)]
struct NoSlots;

impl fmt::Display for NoSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the portable driver has no direct descriptors: use --driver uring, or --descriptors process")
    }
}

impl std::error::Error for NoSlots {}

/// One of the drivers. The loop is generic over [`Driver`]; this is what it gets outside of tests.
#[cfg_attr(
    not(feature = "glommio"),
    expect(clippy::large_enum_variant, reason = "there is one for each core, and it is never moved after its start")
)]
pub enum Engine {
    /// io_uring, used directly.
    Uring(Uring),
    /// The portable driver.
    Monoio(Monoio),
    /// glommio, for measuring.
    #[cfg(feature = "glommio")]
    Glommio(Glommio),
}

impl Engine {
    /// Connections that the driver holds.
    #[must_use]
    pub fn connections(&self) -> usize {
        match self {
            Self::Uring(uring) => uring.connections(),
            Self::Monoio(monoio) => monoio.connections(),
            #[cfg(feature = "glommio")]
            Self::Glommio(glommio) => glommio.connections(),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uring(uring) if uring.is_direct() => f.write_str("uring with direct descriptors"),
            Self::Uring(_) => f.write_str("uring"),
            Self::Monoio(monoio) if monoio.is_epoll() => f.write_str("monoio on epoll"),
            Self::Monoio(_) => f.write_str("monoio on io_uring"),
            #[cfg(feature = "glommio")]
            Self::Glommio(_) => f.write_str("glommio"),
        }
    }
}

impl Driver for Engine {
    fn connect(&mut self, wakers: Vec<Waker>) {
        match self {
            Self::Uring(uring) => uring.connect(wakers),
            Self::Monoio(monoio) => monoio.connect(wakers),
            #[cfg(feature = "glommio")]
            Self::Glommio(glommio) => glommio.connect(wakers),
        }
    }

    fn waker(&self) -> Waker {
        match self {
            Self::Uring(uring) => uring.waker(),
            Self::Monoio(monoio) => monoio.waker(),
            #[cfg(feature = "glommio")]
            Self::Glommio(glommio) => glommio.waker(),
        }
    }

    fn counters(&self) -> Counters {
        match self {
            Self::Uring(uring) => uring.counters(),
            Self::Monoio(monoio) => monoio.counters(),
            #[cfg(feature = "glommio")]
            Self::Glommio(glommio) => glommio.counters(),
        }
    }

    fn turn(
        &mut self,
        operations: &mut Vec<Operation>,
        timeout: Option<Duration>,
        visit: &mut dyn FnMut(Completion<'_>),
    ) -> io::Result<()> {
        match self {
            Self::Uring(uring) => uring.turn(operations, timeout, visit),
            Self::Monoio(monoio) => monoio.turn(operations, timeout, visit),
            #[cfg(feature = "glommio")]
            Self::Glommio(glommio) => glommio.turn(operations, timeout, visit),
        }
    }
}
