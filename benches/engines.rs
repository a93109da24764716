//! The same WebSocket server on each engine: echo, fan-out, and idle connections. One table.
//!
//! `scripts/bench engines`, or by itself `cargo test --release --workspace --features glommio --bench engines -- --bench --rounds 5 --seconds 2
//! --connections 200 --idle 8000 --clients 2`. The server is a process of its own with one thread, pinned to one core; the clients are threads
//! on other cores, always on the uring driver. Rounds are interleaved, so that the machine's moods spread evenly. Whether the clients were
//! fast enough is seen at the server: it never ran out of work.

#[path = "engines/client.rs"]
mod client;
#[path = "process/cores.rs"]
mod cores;
#[path = "process/memory.rs"]
mod memory;
#[path = "process/open_files.rs"]
mod open_files;
#[path = "engines/process.rs"]
mod process;
#[path = "engines/server.rs"]
mod server;
#[path = "engines/spent.rs"]
mod spent;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity};
use selvedge::driver::Kind;

use client::{Clients, Workload};
use cores::pin;
use memory::anonymous_bytes;
use process::Server;
use spent::Spent;

// As the server has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The engines and what they are called on the command line.
const ENGINES: &[(&str, Kind)] = &[
    ("uring", Kind::Uring),
    ("monoio", Kind::Monoio),
    ("monoio-epoll", Kind::MonoioEpoll),
    #[cfg(feature = "glommio")]
    ("glommio", Kind::Glommio),
];

/// Sessions of a room that send; the others only receive.
const PUBLISHERS: usize = 8;
/// Connections that are opened before memory is read for the first time: what a server makes once, it has then.
const FIRST_CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(300);
/// Longest time to wait for a first answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Below this share of the time with work, the server waited for its clients.
const WORK_MIN: f64 = 0.95;

struct Arguments {
    rounds: usize,
    seconds: f64,
    connections: usize,
    idle: usize,
    clients: usize,
}

/// What one run of a workload gave.
struct Run {
    per_second: f64,
    /// Server CPU, microseconds.
    each_us: f64,
    /// Share of the time in which the server computed or waited for a core.
    work: f64,
}

/// All rounds of one engine.
#[derive(Default)]
struct Measured {
    name: String,
    echo: Vec<Run>,
    fan_out: Vec<Run>,
    idle_bytes: Vec<f64>,
}

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    let result = match given.next().as_deref() {
        Some("--serve") => serve(given),
        _ => arguments().and_then(|arguments| compare(&arguments)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What [`Server::start`] starts: an engine's name and a core.
fn serve(mut given: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let name = given.next().ok_or("an engine")?;
    let core = given.next().ok_or("a core")?.parse()?;
    let (_, kind) = ENGINES.iter().find(|(engine, _)| *engine == name).ok_or("no such engine")?;
    open_files::raise();
    pin(&[core])?;
    Ok(server::serve(*kind)?)
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so where it is a bench; without, it is a test, which only proves that all of this works.
    let mut arguments = if given.iter().any(|argument| argument == "--bench") {
        Arguments { rounds: 5, seconds: 2.0, connections: 200, idle: 8_000, clients: 2 }
    } else {
        Arguments { rounds: 1, seconds: 0.1, connections: 20, idle: 50, clients: 2 }
    };
    let mut given = given.into_iter().filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        let value = given.next().ok_or("every flag has a value")?;
        match name.as_str() {
            "--rounds" => arguments.rounds = value.parse()?,
            "--seconds" => arguments.seconds = value.parse()?,
            "--connections" => arguments.connections = value.parse()?,
            "--idle" => arguments.idle = value.parse()?,
            "--clients" => arguments.clients = value.parse()?,
            _ => return Err(format!("{name} is unknown").into()),
        }
    }
    if arguments.rounds == 0 || arguments.clients == 0 || arguments.connections < PUBLISHERS.max(arguments.clients) {
        return Err(format!("at least one round, one client and {PUBLISHERS} connections").into());
    }
    Ok(arguments)
}

fn compare(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    open_files::raise();
    let cores = cores();
    let mut all: Vec<Measured> = ENGINES.iter().map(|_| Measured::default()).collect();
    for round in 0..arguments.rounds {
        for (measured, (engine, _)) in all.iter_mut().zip(ENGINES) {
            let (name, echo) = run(engine, &cores, Workload::Echo, arguments)?;
            let (_, fan_out) = run(engine, &cores, Workload::Room { publishers: PUBLISHERS }, arguments)?;
            let idle = idle(engine, &cores, arguments)?;
            eprintln!(
                "round {round}: {name:20} {:9.0} echoes/s {:5.2} us, {:9.0} deliveries/s {:5.2} us, {idle:6.0} bytes",
                echo.per_second, echo.each_us, fan_out.per_second, fan_out.each_us
            );
            measured.name = name;
            measured.echo.push(echo);
            measured.fan_out.push(fan_out);
            measured.idle_bytes.push(idle);
        }
    }
    print(arguments, &all);
    Ok(())
}

fn run(
    engine: &str,
    cores: &[usize],
    workload: Workload,
    arguments: &Arguments,
) -> Result<(String, Run), Box<dyn Error>> {
    let server = Server::start(engine, cores[0], &[])?;
    let clients = Clients::start(server.address(), workload, arguments.clients, &cores[1..]);
    clients.open(arguments.connections)?;
    clients.go();
    std::thread::sleep(WARM_UP);
    let (begin, spent, done) = (Instant::now(), server.spent()?, clients.done());
    std::thread::sleep(Duration::from_secs_f64(arguments.seconds));
    // On a busy machine a short round may end before anything came back.
    while clients.done() == done && begin.elapsed() < PATIENCE {
        std::thread::sleep(WARM_UP);
    }
    let (elapsed, spent, done) = (begin.elapsed(), server.spent()?.since(&spent), clients.done() - done);
    clients.stop()?;
    if done == 0 {
        return Err(format!("{engine} did nothing").into());
    }
    let Spent { computing, waiting } = spent;
    let run = Run {
        per_second: done as f64 / elapsed.as_secs_f64(),
        each_us: computing.as_secs_f64() * 1e6 / done as f64,
        work: (computing + waiting).as_secs_f64() / elapsed.as_secs_f64(),
    };
    Ok((server.name().to_owned(), run))
}

/// Anonymous memory of the server for each connection that has nothing to do.
fn idle(engine: &str, cores: &[usize], arguments: &Arguments) -> Result<f64, Box<dyn Error>> {
    // What was freed is given back at once, so that there is nothing to wait for.
    let server = Server::start(engine, cores[0], &[("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")])?;
    let clients = Clients::start(server.address(), Workload::Idle, arguments.clients, &cores[1..]);
    clients.open(FIRST_CONNECTIONS)?;
    let before = anonymous_bytes(server.pid())?;
    clients.open(arguments.idle)?;
    let after = anonymous_bytes(server.pid())?;
    clients.stop()?;
    Ok(after.saturating_sub(before) as f64 / arguments.idle as f64)
}

/// The cores that this process may use, at least two: the first for the server. Where there is only one, all share it.
fn cores() -> Vec<usize> {
    let allowed = sched_getaffinity(None);
    let mut cores: Vec<usize> = match allowed {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect(),
        Err(_) => vec![0],
    };
    if cores.len() < 2 {
        cores.push(cores[0]);
    }
    cores
}

/// The table, as Markdown: the median, and the least and most of all rounds.
fn print(arguments: &Arguments, all: &[Measured]) {
    let Arguments { rounds, seconds, connections, idle, clients } = arguments;
    println!(
        "{connections} connections, {} bytes, {PUBLISHERS} publishers in one room of all, {idle} idle; {clients} client threads; {rounds} \
         interleaved rounds of {seconds} s; median (least to most). \"Had work\" is the least share of a round in which the server computed \
         or waited for its core.\n",
        client::MESSAGE_BYTES
    );
    println!("| engine | echo/s | us/echo | deliveries/s | us/delivery | bytes/idle connection | had work |");
    println!("|---|---|---|---|---|---|---|");
    let mut starved = Vec::new();
    for measured in all {
        let runs = || measured.echo.iter().chain(&measured.fan_out);
        let work = runs().map(|run| run.work).fold(f64::INFINITY, f64::min);
        println!(
            "| {} | {} | {} | {} | {} | {} | {:.0} % |",
            measured.name,
            spread(measured.echo.iter().map(|run| run.per_second), 0),
            spread(measured.echo.iter().map(|run| run.each_us), 2),
            spread(measured.fan_out.iter().map(|run| run.per_second), 0),
            spread(measured.fan_out.iter().map(|run| run.each_us), 2),
            spread(measured.idle_bytes.iter().copied(), 0),
            work * 100.0
        );
        if work < WORK_MIN {
            starved.push(measured.name.as_str());
        }
    }
    match starved.as_slice() {
        [] => println!("\nThe clients were never the limit."),
        names => println!(
            "\nThe server waited for its clients: {}. Rates are too low there, and costs a little high.",
            names.join(", ")
        ),
    }
}

fn spread(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}
