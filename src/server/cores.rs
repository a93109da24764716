//! The threads of all cores: started together, joined at the end. Knows nothing of what a core does.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use crate::doorbell::Doorbell;
use crate::driver::{self, Descriptors, Driver, Kind, Opened, Refusal, Waker};
use crate::reactor::{Clock, Lines, Parts, Reactor};

use super::process;

/// What one core is started with.
pub(super) struct Start {
    pub(super) listener: TcpListener,
    pub(super) parts: Parts,
    pub(super) lines: Lines,
    /// Where it runs; anywhere if the kernel does not say where it may.
    pub(super) cpu: Option<usize>,
}

/// The driver that every core is to have.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) descriptors: Descriptors,
}

/// The threads.
pub(super) struct Cores(Vec<JoinHandle<io::Result<()>>>);

/// A core could not be started. None runs then.
#[derive(Debug)]
pub(super) enum StartFailed {
    /// The machine's: it has no thread to give.
    Thread(io::Error),
    /// The kernel's: it does not grant what the driver needs.
    Driver(io::Error),
}

impl fmt::Display for StartFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
            Self::Driver(error) => write!(f, "cannot start the driver: {error}"),
        }
    }
}

/// What a core says when its driver stands.
struct Standing {
    id: usize,
    waker: Waker,
    engine: String,
    refused: Option<Refusal>,
    halvings: u32,
}

type Ready = Result<Standing, io::Error>;

impl Cores {
    /// Finds out whether a core could have this driver.
    pub(super) fn probe(wanted: Wanted) -> Result<(), StartFailed> {
        driver::open(wanted.kind, wanted.descriptors, None).map(drop).map_err(StartFailed::Driver)
    }

    /// Starts all cores. A driver is made on its own thread, and no core turns before every driver stands and knows all others.
    pub(super) fn start(starts: Vec<Start>, wanted: Wanted, clock: Clock, spin: bool) -> Result<Self, StartFailed> {
        let count = starts.len();
        let doorbells: Vec<Arc<Doorbell>> = starts.iter().map(|start| Arc::clone(&start.lines.doorbell)).collect();
        let (ready, readiness) = mpsc::channel();
        let mut threads = Vec::with_capacity(count);
        let mut connects: Vec<Sender<Vec<Waker>>> = Vec::with_capacity(count);
        for (id, start) in starts.into_iter().enumerate() {
            let (connect, wakers) = mpsc::channel();
            connects.push(connect);
            let ready = ready.clone();
            let thread = thread::Builder::new().name(format!("core-{id}"));
            let run = move || run(id, start, wanted, clock, spin, &ready, &wakers);
            match thread.spawn(run) {
                Ok(thread) => threads.push(thread),
                Err(error) => return Err(give_up(threads, connects, StartFailed::Thread(error))),
            }
        }
        drop(ready);
        let wakers = match gather(count, &readiness) {
            Ok(wakers) => wakers,
            Err(failed) => return Err(give_up(threads, connects, failed)),
        };
        for (doorbell, waker) in doorbells.iter().zip(&wakers) {
            doorbell.connect(waker.clone());
        }
        for connect in connects {
            connect.send(wakers.clone()).expect("a core waits for the wakers once its driver stands");
        }
        Ok(Self(threads))
    }

    /// Waits for all cores to end.
    pub(super) fn join(self) {
        for thread in self.0 {
            // A panic has aborted the process already.
            if let Ok(Err(error)) = thread.join() {
                tracing::error!(%error, "a core ended with an error");
            }
        }
    }
}

fn gather(count: usize, readiness: &Receiver<Ready>) -> Result<Vec<Waker>, StartFailed> {
    let mut wakers = vec![None; count];
    let standing =
        (0..count).map_while(|_| readiness.recv().ok()).collect::<Result<Vec<_>, _>>().map_err(StartFailed::Driver)?;
    warn_of_less(&standing);
    for Standing { id, waker, engine, .. } in standing {
        tracing::debug!(core = id, engine, "a driver stands");
        wakers[id] = Some(waker);
    }
    Ok(wakers.into_iter().map(|waker| waker.expect("every core has said that it is ready")).collect())
}

/// Those that stand end where no wakers come. They are waited for: they hold the store, which must not be left to the end of the process.
fn give_up(
    threads: Vec<JoinHandle<io::Result<()>>>,
    connects: Vec<Sender<Vec<Waker>>>,
    failed: StartFailed,
) -> StartFailed {
    drop(connects);
    Cores(threads).join();
    failed
}

/// Says once what the kernel did not grant, however many cores lack it.
fn warn_of_less(standing: &[Standing]) {
    let cores = standing.iter().filter(|core| core.refused.is_some()).count();
    if let Some(refused) = standing.iter().find_map(|core| core.refused.as_ref()) {
        tracing::warn!(%refused, cores, "io_uring cannot be used: the portable driver takes its place");
    }
    let cores = standing.iter().filter(|core| core.halvings > 0).count();
    if let Some(halvings) = standing.iter().map(|core| core.halvings).max().filter(|_| cores > 0) {
        tracing::warn!(
            cores,
            shortened_to = format!("1/{}", 1 << halvings),
            "the kernel has no memory for the whole queues of io_uring: shorter ones take more system calls; raise RLIMIT_MEMLOCK (LimitMEMLOCK=, \
             ulimit -l), or free memory in large pieces (vm.compact_memory)"
        );
    }
}

fn run(
    id: usize,
    start: Start,
    wanted: Wanted,
    clock: Clock,
    spin: bool,
    ready: &Sender<Ready>,
    wakers: &Receiver<Vec<Waker>>,
) -> io::Result<()> {
    let Start { listener, parts, lines, cpu } = start;
    if let Some(cpu) = cpu {
        process::pin(cpu);
    }
    let Opened { mut engine, refused, halvings } = match driver::open(wanted.kind, wanted.descriptors, Some(listener)) {
        Ok(opened) => opened,
        Err(error) => {
            // Who does not listen any more has heard of another core's trouble.
            drop(ready.send(Err(error)));
            return Ok(());
        }
    };
    let (waker, description) = (engine.waker(), engine.to_string());
    drop(ready.send(Ok(Standing { id, waker, engine: description, refused, halvings })));
    // No wakers come where another core could not start.
    let Ok(wakers) = wakers.recv() else { return Ok(()) };
    engine.connect(wakers);
    let result = Reactor::new(engine, parts, lines, clock, spin).run();
    if let Err(error) = &result {
        // Without one core its documents are out of reach; what was acknowledged is on disk.
        tracing::error!(%error, core = id, "the driver is broken: the process aborts");
        std::process::abort();
    }
    result
}
