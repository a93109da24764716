//! The step "pulse": the rolling look at idle connections. What a look costs where nothing is due, and where everybody has to be sent a
//! heartbeat (queued and taken, not sent), in a table of a quarter of a million.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use selvedge::connection::pulse::{Pace, Stamps};
use selvedge::connection::{Connection, Looked, Pulses, Route};
use selvedge::driver::ConnectionKey;
use selvedge_shards::Now;

// As the server has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CONNECTIONS: u32 = 250_000;

/// As in the table of a core.
struct Place {
    generation: u32,
    connection: Option<Connection>,
}

fn table(now: Now) -> Vec<Place> {
    let opened = |generation| {
        let mut connection = Connection::new();
        connection.open(Route::Session, b"101".to_vec(), None);
        connection.begin_pulse(now);
        connection.poll_send();
        connection.sent();
        Place { generation, connection: Some(connection) }
    };
    (0..CONNECTIONS).map(|_| opened(0)).collect()
}

/// Looks at all, and gives how many had to be sent something.
fn look(pulses: &mut Pulses, table: &mut [Place], now: Now) -> u64 {
    let mut sent = 0;
    for (place, index) in table.iter_mut().zip(0..) {
        let key = ConnectionKey { index, generation: place.generation };
        let Some(connection) = &mut place.connection else { continue };
        match pulses.look(now, key, connection) {
            Looked::Well | Looked::Stale => {}
            Looked::Beats => {
                black_box(connection.poll_send());
                connection.count_sent(now);
                connection.sent();
                // Whoever does not answer would be given up.
                connection.is_alive();
                sent += 1;
            }
        }
    }
    sent
}

fn pulse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pulse");
    group.throughput(Throughput::Elements(u64::from(CONNECTIONS)));
    let new = || Pulses::new(Pace::new(10_000, 20_000, 60_000, 120_000), Stamps::with([1, 2]));
    group.bench_function("nothing is due", |bencher| {
        let (mut pulses, mut table) = (new(), table(Now(0)));
        bencher.iter(|| look(&mut pulses, &mut table, Now(1_000)));
    });
    group.bench_function("all are due", |bencher| {
        let (mut pulses, mut table, mut now) = (new(), table(Now(0)), 0);
        bencher.iter(|| {
            now += 30_000;
            let sent = look(&mut pulses, &mut table, Now(now));
            assert_eq!(sent, u64::from(CONNECTIONS), "every connection is sent a heartbeat");
        });
    });
    group.finish();
}

criterion_group!(benches, pulse);
criterion_main!(benches);
