//! The whole server: opens everything, starts all threads, waits for a signal, and ends in order. Knows the order of things, and nothing
//! of what they do.

mod beside;
mod cores;
mod descriptors;
mod limits;
mod live;
mod opened;
mod process;
mod tls;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use selvedge_shards::{Shard, ShardId};
use selvedge_storage::{Store, StoreError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::alerts::Thresholds;
use crate::audit::{self, Audit, AuditLog, Event};
use crate::auth::{self, Authority, Keeper};
use crate::control::{self, Bans, Checkpoints, Context, Control, Watch};
use crate::documents::{self, Documents};
use crate::doorbell::Doorbell;
use crate::driver::listener::ListenError;
use crate::events::{self, Collector, Events, Listening};
use crate::health::Health;
use crate::inbox::{self, Inbox};
use crate::limits::{Limits, Sampler};
use crate::logging::Log;
use crate::mesh::Mesh;
use crate::persister::{DrainFailed, Persister};
use crate::preparer::Preparers;
use crate::reactor::drain::{Drain, Step};
use crate::reactor::{Board, Clock, Counted, Lines, Parts};
use crate::reader::Readers;
use crate::settings::live::Live;
use crate::settings::{Effective, Literal, SETTINGS, Settings, Sources};
use crate::slow;
use crate::versions::{self, Changes, Versions};
use crate::view::{self, View};
use crate::webhooks::{self, Webhooks};
use beside::Beside;
use cores::{Cores, Start, StartFailed};
use descriptors::{Share, TooFew};
use opened::Opened;
use tls::{Tls, TlsFailed};

/// Why the server did not start, or did not end as it should.
#[derive(Debug)]
enum Failed {
    /// Signals could not be caught.
    Signals(io::Error),
    Descriptors(TooFew),
    Auth(auth::StartError),
    Listen(ListenError),
    /// The operator's: the audit log cannot be written.
    Audit(audit::OpenFailed),
    Store(StoreError),
    /// A thread beside the cores could not be started.
    Thread(io::Error),
    Cores(StartFailed),
    Tls(TlsFailed),
    Control(control::StartError),
    Webhooks(webhooks::StartError),
    /// A core did not come to rest in time.
    Restless,
    Drain(DrainFailed),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signals(error) => write!(f, "cannot catch signals: {error}"),
            Self::Descriptors(too_few) => too_few.fmt(f),
            Self::Auth(error) => error.fmt(f),
            Self::Listen(ListenError::Taken { address }) => {
                write!(f, "listen: {address} is taken: another server runs there; choose another (--listen)")
            }
            Self::Listen(error @ ListenError::Refused { .. }) => write!(f, "listen: {error}"),
            Self::Audit(error) => error.fmt(f),
            Self::Store(error) => write!(f, "data_dir: {error}"),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
            Self::Cores(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Control(error) => error.fmt(f),
            Self::Webhooks(error) => error.fmt(f),
            Self::Restless => f.write_str("the drain timeout was over before all cores came to rest"),
            Self::Drain(error) => error.fmt(f),
        }
    }
}

/// Serves until SIGTERM or SIGINT, then drains; SIGUSR1 writes all counters to the log, and SIGHUP reads the settings file again, and looks for a
/// new certificate. Exit codes: 0 after a complete drain, 1 where the server could not start or the drain was not complete; a second signal
/// ends the process at once with 128 plus its number.
#[must_use]
pub fn run(effective: Effective, sources: Sources, log: Log) -> ExitCode {
    process::abort_on_panic();
    match Server::start(effective, sources, log).and_then(|server| server.serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // The log may be off, or read by nobody.
            eprintln!("error: {failed}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that runs.
struct Server {
    signals: Signals,
    /// Set by the first signal: the next one ends the process.
    stopping: Arc<AtomicBool>,
    address: SocketAddr,
    health: Arc<Health>,
    drain: Arc<Drain>,
    live: Arc<Live>,
    board: Arc<Board>,
    cores: Cores,
    persister: Persister,
    readers: Readers,
    preparers: Preparers,
    keeper: Keeper,
    version_keeper: Option<versions::Keeper>,
    control: Option<(SocketAddr, Control)>,
    watcher: control::Watcher,
    collector: Collector,
    webhooks: Arc<Webhooks>,
    /// Of the webhooks, where there are any.
    _listening: Option<Listening>,
    tls: Option<Tls>,
    /// Measures as long as it is there.
    _sampler: Sampler,
    /// Last: what is recorded to the very end is written.
    audit_log: Option<AuditLog>,
}

impl Server {
    fn start(effective: Effective, sources: Sources, log: Log) -> Result<Self, Failed> {
        let settings = &effective.settings.clone();
        let stopping = Arc::new(AtomicBool::new(false));
        let signals = catch_signals(&stopping).map_err(Failed::Signals)?;
        let Opened { shards, share, keys, tls, listeners, address, claimed, wanted, audit_log, webhooks, store: rocks } =
            Opened::open(settings)?;
        let audit = audit_log.as_ref().map_or_else(Audit::off, AuditLog::audit);

        let doorbells: Vec<Arc<Doorbell>> = (0..shards).map(|_| Arc::default()).collect();
        let inboxes: Arc<[Inbox]> = doorbells.iter().map(|doorbell| Inbox::new(Arc::clone(doorbell))).collect();
        let deliver = inbox::deliver(Arc::clone(&inboxes));
        let events = Arc::new(Events::new(shards));
        let versions = Versions::new(Arc::clone(&rocks) as _, limits::versions_room(settings), Arc::clone(&events));
        let changes = settings.versions.then(|| Arc::new(Changes::new(limits::versions_pace(settings))));
        let told = match &changes {
            Some(changes) => versions::watch(Arc::clone(changes), Arc::clone(&deliver)),
            None => Arc::clone(&deliver),
        };
        let slow = Arc::new(slow::Log::new(usize::from(shards)));
        let store: Arc<dyn Store> = Arc::clone(&rocks) as _;
        let Beside { persister, readers, keeper, authority, latest, pressure, sampler } =
            Beside::start(settings, store, keys, (&deliver, told), &slow)?;
        let preparers = Preparers::spawn(settings.reader_threads, Arc::clone(&deliver)).map_err(Failed::Thread)?;

        let (rules, unlisted) = (limits::shared(settings), limits::unlisted(settings));
        let shared = Arc::new(Limits::new(rules, unlisted, Arc::clone(&pressure), Arc::clone(&deliver)));
        let users = Arc::clone(&shared.users);
        let room = Arc::new(control::Room::new(Arc::clone(&pressure)));
        let health = Arc::new(Health::new(persister.health(), pressure, usize::from(shards)));
        let drain = Arc::new(Drain::new(doorbells.clone()));
        let board = Arc::new(Board::new(usize::from(shards)));
        let cpus = process::allowed_cpus();
        audit.record(started(settings));
        let watch = Arc::new(Watch::new(Thresholds::of(settings), Arc::clone(&slow), rocks.figures()));
        let followers = live::Followers {
            shards,
            share,
            deliver: Arc::clone(&deliver),
            limits: Arc::clone(&shared),
            log,
            watch: Arc::clone(&watch),
            versions: versions.clone(),
            changes: changes.clone(),
            audit: audit.clone(),
        };
        let live = Arc::new(Live::new(effective, sources, followers.follow()));
        let listening = (!webhooks.is_empty()).then(|| events.listen());
        let offered = Arc::clone(&webhooks);
        let collector = events::collect(&events, Box::new(move |told| offered.offer(told))).map_err(Failed::Thread)?;
        let plan = Plan {
            settings,
            shards,
            share,
            doorbells,
            inboxes,
            health: &health,
            drain: &drain,
            board: &board,
            shared: Arc::clone(&shared),
            audit: audit.clone(),
            events: &events,
            authority: Arc::clone(&authority),
            cpus: &cpus,
            tls: tls.as_ref(),
            slow: &slow,
        };
        let starts = plan.starts(listeners, &persister, &readers, &preparers);
        // A core that spins on a CPU that it shares takes the time from the one that it waits for.
        let spin = starts.len() < cpus.len();
        let clock = Clock::start();
        let cores = match Cores::start(starts, wanted, clock, spin) {
            Ok(cores) => cores,
            // The kernel may refuse one core what it gave another. Whoever holds the store ends first: it must not be closed while the process ends.
            Err(failed) => {
                drop(persister.drain(Duration::ZERO));
                readers.stop();
                return Err(Failed::Cores(failed));
            }
        };
        let context = Arc::new(Context {
            room,
            settings: Arc::new(settings.clone()),
            live: Arc::clone(&live),
            started: Instant::now(),
            started_at: SystemTime::now(),
            address,
            cores: shards,
            connections_room: share.connections,
            authority: latest,
            revoker: keeper.revoker(),
            bans: Bans::new(shared, clock, audit.clone(), Arc::clone(&events)),
            audit,
            health: Arc::clone(&health),
            watch,
            board: Arc::clone(&board),
            events,
            webhooks: Arc::clone(&webhooks),
            writing: persister.health(),
            reader: readers.reader(),
            documents: Documents::new(documents::Parts {
                store: Arc::clone(&rocks) as _,
                deliver: Arc::clone(&deliver),
                cores: shards,
                users,
                patience: limits::patience(settings),
                limits: Box::new({
                    let live = Arc::clone(&live);
                    move || limits::update(&live.current().effective.settings)
                }),
            }),
            versions: versions.clone(),
            store: rocks,
            checkpoints: Checkpoints::new(&settings.data_dir),
            deliver,
            requests: control::Requests::default(),
            view: View::new(view::Options::of(settings)),
        });
        let version_keeper = changes.map(|changes| versions::Keeper::spawn(&versions, changes)).transpose();
        let version_keeper = version_keeper.map_err(Failed::Thread)?;
        let watcher = control::Watcher::spawn(Arc::clone(&context)).map_err(Failed::Thread)?;
        let control = claimed.map(|claimed| {
            let listen = settings.control_listen;
            let at = claimed.address().map_err(|error| control::StartError::Refused { listen, error })?;
            Ok((at, Control::spawn(claimed, context)?))
        });
        let control = control.transpose().map_err(Failed::Control)?;
        Ok(Self {
            signals,
            stopping,
            address,
            health,
            drain,
            live,
            board,
            cores,
            persister,
            readers,
            preparers,
            _sampler: sampler,
            audit_log,
            keeper,
            version_keeper,
            control,
            watcher,
            collector,
            webhooks,
            _listening: listening,
            tls,
        })
    }

    fn serve(mut self) -> Result<(), Failed> {
        if let Some((control, _)) = &self.control {
            tracing::info!(%control, "control plane on http://{control}");
        }
        tracing::info!(address = %self.address, pid = std::process::id(), "listening on {}", self.address);
        if let Some((control, _)) = &self.control {
            // Last, where whoever started it at a terminal looks.
            tracing::info!("open http://{}/play in two tabs", from_here(*control));
        }
        for signal in self.signals.forever() {
            match (signal, &self.tls) {
                (SIGUSR1, _) => report(&self.board),
                (SIGHUP, tls) => {
                    if let Err(rejected) = self.live.reload() {
                        tracing::error!(%rejected, "the settings stay as they are");
                    }
                    if let Some(tls) = tls {
                        tls.look();
                    }
                }
                _ => {
                    tracing::info!(signal, connections = self.health.connections(), "draining");
                    break;
                }
            }
        }
        self.stopping.store(true, Ordering::SeqCst);
        self.drain()
    }

    /// Takes nothing new, commits what was taken, tells the clients, ends.
    fn drain(self) -> Result<(), Failed> {
        let deadline = Instant::now() + limits::drain_timeout(&self.live.current().effective.settings);
        self.health.drain();
        // What a quiet core has sent to another is taken in there before that one has settled; after that nothing new is appended.
        let mut at_rest = true;
        for step in [Step::Quiet, Step::Settle] {
            self.drain.lead(step, deadline);
            at_rest = at_rest && self.drain.wait(step, deadline);
        }
        let committed = self.persister.drain(deadline.saturating_duration_since(Instant::now()));
        // Also where not everything could be committed: the clients know best what was not acknowledged.
        self.drain.lead(Step::Acknowledge, deadline);
        at_rest = at_rest && self.drain.wait(Step::Acknowledge, deadline);
        self.drain.lead(Step::Close, deadline);
        self.cores.join();
        // What the cores told to the very end is still heard of; and who listens hears the end.
        drop(self.watcher);
        drop(self.collector);
        if let Some((_, control)) = self.control {
            control.stop();
        }
        self.webhooks.stop(deadline);
        if let Some(keeper) = self.version_keeper {
            keeper.stop();
        }
        self.readers.stop();
        self.preparers.stop();
        self.keeper.stop();
        committed.map_err(Failed::Drain)?;
        if !at_rest {
            return Err(Failed::Restless);
        }
        if let Some(log) = &self.audit_log {
            log.audit().record(Event::Stopped);
        }
        tracing::info!("drained");
        Ok(())
    }
}

/// What the cores are made from.
struct Plan<'a> {
    settings: &'a Settings,
    shards: u16,
    share: Share,
    doorbells: Vec<Arc<Doorbell>>,
    inboxes: Arc<[Inbox]>,
    health: &'a Arc<Health>,
    drain: &'a Arc<Drain>,
    board: &'a Arc<Board>,
    authority: Arc<Authority>,
    cpus: &'a [usize],
    shared: Arc<Limits>,
    audit: Audit,
    events: &'a Arc<Events>,
    tls: Option<&'a Tls>,
    slow: &'a Arc<slow::Log>,
}

impl Plan<'_> {
    fn starts(
        self,
        listeners: Vec<TcpListener>,
        persister: &Persister,
        readers: &Readers,
        preparers: &Preparers,
    ) -> Vec<Start> {
        let meshes = Mesh::all(&self.doorbells);
        let places = listeners.into_iter().zip(meshes).zip(self.doorbells).zip(0..self.shards);
        let start = |(((listener, mesh), doorbell), id)| {
            let id = ShardId(id);
            Start {
                listener,
                parts: Parts {
                    id,
                    cores: self.shards,
                    shard: Shard::new(limits::shard(self.settings, id, self.shards)),
                    mesh,
                    appender: persister.appender(),
                    reader: readers.reader(),
                    preparer: preparers.preparer(),
                    rules: limits::rules(self.settings, self.share),
                    health: Arc::clone(self.health),
                    limits: Arc::clone(&self.shared),
                    audit: self.audit.of_core(id.0),
                    events: self.events.gatherer(id.0),
                    authority: Arc::clone(&self.authority),
                    acceptor: self.tls.map(Tls::acceptor),
                    slow: Arc::clone(self.slow),
                },
                lines: Lines {
                    doorbell,
                    inboxes: Arc::clone(&self.inboxes),
                    drain: Arc::clone(self.drain),
                    board: Arc::clone(self.board),
                },
                // More shards than CPUs share them in turn.
                cpu: self.cpus.get(usize::from(id.0) % self.cpus.len().max(1)).copied(),
            }
        };
        places.map(start).collect()
    }
}

/// What the audit log says of the settings: those that are not at their defaults.
fn started(settings: &Settings) -> Event {
    let defaults = Settings::default();
    let changed = SETTINGS.iter().filter(|setting| (setting.write)(settings) != (setting.write)(&defaults));
    let shown = changed.map(|setting| (setting.name, setting.shown(settings).as_ref().map(Literal::to_string)));
    Event::Started { settings: shown.collect() }
}

/// An address that somebody on this machine can open.
fn from_here(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// From here on the first SIGTERM or SIGINT is seen by [`Signals`], and the second one ends the process.
fn catch_signals(stopping: &Arc<AtomicBool>) -> io::Result<Signals> {
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stopping))?;
    }
    Signals::new([SIGTERM, SIGINT, SIGUSR1, SIGHUP])
}

/// Writes to the log what each core has counted since its start.
fn report(board: &Board) {
    for (core, counted) in board.read().enumerate() {
        let Counted { core: of_loop, driver, shard, tls, pulses, limits, connections, timings, batches } = counted;
        tracing::info!(
            core,
            ?of_loop,
            ?driver,
            ?shard,
            ?tls,
            ?pulses,
            ?limits,
            ?connections,
            ?timings,
            ?batches,
            "counters"
        );
    }
}
