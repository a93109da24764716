//! The step "mesh" of the data path: from core to core. A hop there and back between two pinned threads that look all the time, between
//! two that sleep in their driver and are woken, and one way as fast as it goes.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use selvedge::doorbell::Doorbell;
use selvedge::driver::{Descriptors, Driver, Engine, Kind, Operation, Waker, open};
use selvedge::mesh::{Mesh, Parcel};
use selvedge_shards::{DocumentId, Envelope, SessionId, ShardId};

// As the server has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The client's letter, as it is on the wire.
const MESSAGE_BYTES: usize = 24;
/// Parcels of one turn.
const TURN: u64 = 64;
/// Longest sleep, as cores have one: so that the end of a measurement is seen.
const TICK: Duration = Duration::from_millis(20);

/// One end of the mesh.
struct End {
    mesh: Mesh,
    other: ShardId,
    taken: Vec<(ShardId, Parcel)>,
}

impl End {
    /// Both ends, on cores that are awake unless they say otherwise.
    fn pair(doorbells: &[Arc<Doorbell>]) -> (Self, Self) {
        let mut meshes = Mesh::all(doorbells).into_iter();
        let mut end = |other| Self {
            mesh: meshes.next().expect("one for each doorbell"),
            other: ShardId(other),
            taken: Vec::new(),
        };
        (end(1), end(0))
    }

    fn push(&mut self) {
        self.mesh.push(self.other, message());
    }

    /// Parcels that came since the last time.
    fn take(&mut self) -> u64 {
        self.mesh.take(&mut self.taken);
        let count = self.taken.len() as u64;
        self.taken.drain(..).for_each(|parcel| drop(black_box(parcel)));
        count
    }
}

/// What crosses for each update of a session that is not at home.
fn message() -> Parcel {
    Parcel::Envelope(Envelope::Message {
        document: DocumentId([7; 16]),
        session: SessionId { index: 1, generation: 0 },
        bytes: vec![0x5e; MESSAGE_BYTES],
        reply: false,
    })
}

/// Puts the calling thread on the core of this number among those allowed.
fn pin(number: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let core = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).nth(number);
    if let Some(core) = core {
        let mut set = CpuSet::new();
        set.set(core);
        // Where it is refused the figures are only less steady.
        let _ = sched_setaffinity(None, &set);
    }
}

/// Runs `here` on the first core while `there` runs on the second, until `here` has measured.
fn with_other(there: impl FnOnce(&AtomicBool) + Send, here: impl FnOnce() -> Duration + Send) -> Duration {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            there(&stop);
        });
        // A thread of its own too, because the main one must stay free to go anywhere.
        let here = scope.spawn(|| {
            pin(0);
            let elapsed = here();
            stop.store(true, Ordering::Release);
            elapsed
        });
        here.join().expect("it measures")
    })
}

fn doorbells() -> [Arc<Doorbell>; 2] {
    [Arc::default(), Arc::default()]
}

fn spinning(rounds: u64) -> Duration {
    let (mut here, mut there) = End::pair(&doorbells());
    let echo = move |stop: &AtomicBool| {
        while !stop.load(Ordering::Acquire) {
            for _ in 0..there.take() {
                there.push();
            }
            there.mesh.flush(|_| {});
        }
    };
    with_other(echo, move || {
        let start = Instant::now();
        for _ in 0..rounds {
            here.push();
            here.mesh.flush(|_| {});
            while here.take() == 0 {
                std::hint::spin_loop();
            }
        }
        start.elapsed()
    })
}

/// A core that sleeps in its driver until something comes.
struct Sleeper {
    end: End,
    engine: Engine,
    doorbell: Arc<Doorbell>,
    operations: Vec<Operation>,
}

impl Sleeper {
    fn new(end: End, doorbell: Arc<Doorbell>) -> Self {
        let engine = open(Kind::Auto, Descriptors::Process, None).expect("this machine has a driver").engine;
        doorbell.connect(engine.waker());
        Self { end, engine, doorbell, operations: Vec::new() }
    }

    /// One turn, as a core makes it: wakes whom it wrote to, and sleeps unless something is there.
    fn turn(&mut self) -> u64 {
        let Self { end, engine, doorbell, operations } = self;
        end.mesh.flush(|core| operations.push(Operation::Wake { core }));
        doorbell.announce_sleep();
        let timeout = if end.mesh.has_incoming() { Duration::ZERO } else { TICK };
        engine.turn(operations, Some(timeout), &mut |_| {}).expect("the engine works");
        doorbell.awake();
        end.take()
    }
}

fn sleeping(rounds: u64) -> Duration {
    let bells = doorbells();
    let (here, there) = End::pair(&bells);
    let [bell_here, bell_there] = bells;
    let (say_here, hear_here) = mpsc::channel::<Waker>();
    let (say_there, hear_there) = mpsc::channel::<Vec<Waker>>();
    let echo = move |stop: &AtomicBool| {
        let mut sleeper = Sleeper::new(there, bell_there);
        say_here.send(sleeper.engine.waker()).expect("the other end waits for it");
        sleeper.engine.connect(hear_there.recv().expect("the other end answers"));
        while !stop.load(Ordering::Acquire) {
            for _ in 0..sleeper.turn() {
                sleeper.end.push();
            }
        }
    };
    with_other(echo, move || {
        let mut sleeper = Sleeper::new(here, bell_here);
        let other = hear_here.recv().expect("the other end has a driver");
        let wakers = vec![sleeper.engine.waker(), other];
        say_there.send(wakers.clone()).expect("the other end waits for them");
        sleeper.engine.connect(wakers);
        let start = Instant::now();
        for _ in 0..rounds {
            sleeper.end.push();
            while sleeper.turn() == 0 {}
        }
        start.elapsed()
    })
}

fn one_way(parcels: u64) -> Duration {
    let (mut here, mut there) = End::pair(&doorbells());
    let arrived = AtomicU64::new(0);
    let count = |stop: &AtomicBool| {
        while !stop.load(Ordering::Acquire) {
            let taken = there.take();
            if taken > 0 {
                arrived.fetch_add(taken, Ordering::Release);
            }
        }
    };
    with_other(count, || {
        let start = Instant::now();
        let mut pushed = 0;
        while pushed < parcels {
            let turn = TURN.min(parcels - pushed);
            for _ in 0..turn {
                here.push();
            }
            pushed += turn;
            here.mesh.flush(|_| {});
            while here.mesh.is_congested() {
                here.mesh.flush(|_| {});
            }
        }
        while arrived.load(Ordering::Acquire) < parcels {
            std::hint::spin_loop();
        }
        start.elapsed()
    })
}

fn mesh(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mesh");
    group.measurement_time(Duration::from_secs(3)).sample_size(20);
    group.throughput(Throughput::Elements(2));
    group.bench_function("there and back, awake", |bencher| bencher.iter_custom(spinning));
    group.bench_function("there and back, asleep", |bencher| bencher.iter_custom(sleeping));
    group.throughput(Throughput::Elements(1));
    group.bench_function("one way", |bencher| bencher.iter_custom(one_way));
    group.finish();
}

criterion_group!(benches, mesh);
criterion_main!(benches);
