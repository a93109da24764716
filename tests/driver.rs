//! The driver seam, proven on every driver by the same bodies.

#[path = "driver/core.rs"]
mod core;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, mpsc};
use std::time::{Duration, Instant};

use core::{Core, PATIENCE, Seen, Variant, bytes, in_child};
use selvedge::driver::{Descriptors, Ending, Kind, Operation, RECEIVE_BYTES_MAX, Socket, UNSEEN_ACCEPTS_MAX};
use selvedge_shards::Frame;

/// More than the kernel takes for a socket that nobody reads.
const LARGE: usize = 20 << 20;

const URING: Variant = Variant { kind: Kind::Uring, descriptors: Descriptors::Process };
const MONOIO: Variant = Variant { kind: Kind::Monoio, descriptors: Descriptors::Process };
const MONOIO_EPOLL: Variant = Variant { kind: Kind::MonoioEpoll, descriptors: Descriptors::Process };
#[cfg(feature = "glommio")]
const GLOMMIO: Variant = Variant { kind: Kind::Glommio, descriptors: Descriptors::Process };
const DIRECT: Variant = Variant { kind: Kind::Uring, descriptors: Descriptors::DIRECT };
/// Every few connections get a ring of their own.
const DIRECT_ON_MANY_RINGS: Variant = direct(3);

const fn direct(slots_per_ring_max: u32) -> Variant {
    Variant { kind: Kind::Uring, descriptors: Descriptors::Direct { slots_per_ring_max } }
}

macro_rules! on_every_driver {
    ($($body:ident),+ $(,)?) => {
        mod uring { $( #[test] fn $body() { super::$body(super::URING); } )+ }
        mod uring_direct { $( #[test] fn $body() { super::$body(super::DIRECT); } )+ }
        mod uring_direct_on_many_rings { $( #[test] fn $body() { super::$body(super::DIRECT_ON_MANY_RINGS); } )+ }
        mod monoio { $( #[test] fn $body() { super::$body(super::MONOIO); } )+ }
        mod monoio_epoll { $( #[test] fn $body() { super::$body(super::MONOIO_EPOLL); } )+ }
        #[cfg(feature = "glommio")]
        mod glommio { $( #[test] fn $body() { super::$body(super::GLOMMIO); } )+ }
    };
}

on_every_driver!(
    many_clients_get_their_bytes_back,
    a_slow_reader_holds_up_nobody_and_gets_everything,
    data_before_the_end_is_not_lost,
    a_reset_ends_the_connection_with_an_error,
    a_paused_sender_blocks_until_it_is_resumed,
    a_socket_moves_to_another_core_with_its_unread_bytes,
    closing_ends_a_send_in_flight,
    a_send_given_just_before_the_close_arrives,
    closing_a_paused_connection_brings_no_more_data,
    a_wake_before_the_turn_is_kept_and_many_make_one,
    cores_wake_each_other,
    a_core_wakes_itself,
    after_waves_of_connections_nothing_is_left,
    more_operations_than_the_queue_holds_start_in_one_turn,
    accepting_recovers_when_descriptors_were_lacking,
    few_are_accepted_before_they_are_seen,
    data_for_more_connections_than_buffers_arrives,
    an_idle_driver_waits,
    after_stop_nobody_is_accepted,
    dropping_the_driver_closes_its_sockets,
    both_ends_of_a_connection_on_one_core_talk,
    a_connection_comes_from_the_address_that_was_asked_for,
    a_connection_ends_for_its_peer_as_was_asked_for,
    a_refused_port_frees_the_key,
    a_source_address_that_is_not_ours_is_an_error,
    closing_while_connecting_says_only_closed,
    a_close_that_crosses_a_failed_connect_is_nothing,
    dropping_the_driver_ends_its_connects,
    what_was_done_is_counted,
);

fn many_clients_get_their_bytes_back(variant: Variant) {
    const CLIENTS: u64 = 24;
    let mut core = Core::listening(variant);
    let address = core.address();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).expect("listening");
                let mut back = vec![0; 3 * RECEIVE_BYTES_MAX];
                for round in 0..100 {
                    let length = 1 + (seed as usize * 7919 + round * 104_729) % back.len();
                    let sent = bytes(seed * 1000 + round as u64, length);
                    stream.write_all(&sent).expect("an open connection");
                    stream.read_exact(&mut back[..length]).expect("an open connection");
                    assert_eq!(back[..length], sent, "seed {seed}, round {round}");
                }
            })
        })
        .collect();
    let mut closed = 0;
    core.until("all clients have come and gone", |core| {
        closed += core.echo();
        (closed == CLIENTS as usize).then_some(())
    });
    for client in clients {
        client.join().expect("it got its bytes back");
    }
    assert_eq!(core.connections(), 0);
}

fn a_slow_reader_holds_up_nobody_and_gets_everything(variant: Variant) {
    let mut core = Core::listening(variant);
    let (mut slow, slow_key) = core.connect();
    let (mut quick, quick_key) = core.connect();
    core.give(Operation::Receive { key: quick_key });
    let large = bytes(1, LARGE);
    core.give(Operation::Send { key: slow_key, frame: Frame::new(large.clone()) });
    for round in 0..50 {
        quick.write_all(&[round]).expect("an open connection");
        assert_eq!(core.receive(quick_key, 1), [round]);
        core.send(quick_key, vec![round; 3]);
        let mut back = [0; 3];
        quick.read_exact(&mut back).expect("an open connection");
        assert_eq!(back, [round; 3]);
    }
    assert!(!core.has_sent(slow_key), "the kernel cannot hold that much");
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; LARGE];
        slow.read_exact(&mut all).expect("an open connection");
        all
    });
    core.expect_sent(slow_key).expect("the reader took it all");
    assert!(reader.join().expect("it read everything") == large, "the bytes arrive as they were");
}

fn data_before_the_end_is_not_lost(variant: Variant) {
    let mut core = Core::listening(variant);
    for length in [1, 100, RECEIVE_BYTES_MAX, RECEIVE_BYTES_MAX + 1, 5 * RECEIVE_BYTES_MAX, 100_000] {
        let (mut client, key) = core.connect();
        let sent = bytes(length as u64, length);
        client.write_all(&sent).expect("an open connection");
        client.shutdown(Shutdown::Write).expect("an open connection");
        // Both wait in the kernel before anybody looks.
        core.give(Operation::Receive { key });
        assert_eq!(core.receive(key, length), sent);
        assert!(core.expect_end(key).is_none(), "the peer ended in order");
        core.send(key, b"still here".to_vec());
        let mut back = [0; 10];
        client.read_exact(&mut back).expect("half of the connection is open");
        core.close(key);
        assert_eq!(client.read(&mut back).expect("closed in order"), 0);
        assert!(core.nothing_seen(), "the end is said once: {:?}", core.seen);
    }
}

fn a_reset_ends_the_connection_with_an_error(variant: Variant) {
    let mut core = Core::listening(variant);
    let (mut client, key) = core.connect();
    core.give(Operation::Receive { key });
    client.write_all(b"x").expect("an open connection");
    core.receive(key, 1);
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(client);
    let error = core.expect_end(key).expect("not in order");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    core.close(key);
    assert!(core.nothing_seen(), "{:?}", core.seen);
}

fn a_paused_sender_blocks_until_it_is_resumed(variant: Variant) {
    let mut core = Core::listening(variant);
    let (mut client, key) = core.connect();
    let (mut other, other_key) = core.connect();
    core.give(Operation::Receive { key });
    core.give(Operation::Receive { key: other_key });
    client.write_all(b"x").expect("an open connection");
    core.receive(key, 1);
    core.give(Operation::Pause { key });
    core.round_trip(&mut other, other_key);
    client.set_nonblocking(true).expect("a socket");
    let mut written = 0;
    let chunk = bytes(2, 65_536);
    // Until the window is closed and stays so, while another connection is served.
    let mut blocked = 0;
    while blocked < 20 {
        match client.write(&chunk[written % chunk.len()..]) {
            Ok(count) => {
                (written, blocked) = (written + count, 0);
                assert!(written < 4 * LARGE, "somebody takes the data");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                blocked += 1;
                core.round_trip(&mut other, other_key);
            }
        }
    }
    assert!(core.nothing_seen(), "data came during the pause: {:?}", core.seen);
    core.give(Operation::Receive { key });
    let received = core.receive(key, written);
    assert!(received.iter().enumerate().all(|(at, &byte)| byte == chunk[at % chunk.len()]), "in order and complete");
    client.write_all(b"y").expect("the window is open again");
    assert_eq!(core.receive(key, 1), b"y");
}

fn a_socket_moves_to_another_core_with_its_unread_bytes(variant: Variant) {
    let (sockets, arrivals) = mpsc::channel();
    let (wakers, waker) = mpsc::channel();
    let owner = std::thread::spawn(move || {
        let mut core = Core::silent(variant);
        wakers.send(core.waker()).expect("the other core waits for it");
        let (socket, unread) = core.until("a socket arrives", |_| arrivals.try_recv().ok());
        let key = core.adopt(socket);
        core.give(Operation::Receive { key });
        let rest = core.receive(key, unread);
        core.send(key, b"done".to_vec());
        core.close(key);
        rest
    });
    let waker = waker.recv().expect("the owner has a driver");
    let mut core = Core::listening(variant);
    let (mut client, key) = core.connect();
    let sent = bytes(3, RECEIVE_BYTES_MAX + 10_000);
    client.write_all(&sent).expect("an open connection");
    core.give(Operation::ReceiveOnce { key });
    // One piece, however large: the rest stays in the kernel.
    let first = core.until("the first piece", |core| core.take_received(key));
    core.turn(Some(Duration::ZERO));
    assert!(core.nothing_seen(), "more than one piece: {:?}", core.seen);
    core.give(Operation::Release { key });
    let socket = core
        .until("the socket", |core| core.take(|seen| matches!(seen, Seen::Released(released, _) if *released == key)));
    let Seen::Released(_, socket) = socket else { unreachable!("just matched") };
    assert_eq!(core.connections(), 0);
    sockets.send((socket, sent.len() - first.len())).expect("the owner waits for it");
    waker.wake();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).expect("the owner answers");
    assert_eq!([first, owner.join().expect("the owner got its bytes")].concat(), sent);
}

fn closing_ends_a_send_in_flight(variant: Variant) {
    let mut core = Core::listening(variant);
    for receiving in [false, true] {
        let (mut client, key) = core.connect();
        if receiving {
            core.give(Operation::Receive { key });
        }
        core.give(Operation::Send { key, frame: Frame::new(vec![7; LARGE]) });
        core.turn(Some(Duration::ZERO));
        core.turn(Some(Duration::ZERO));
        core.give(Operation::Close { key });
        core.expect_sent(key).expect_err("the reader never read");
        core.expect_closed(key);
        assert_eq!(core.connections(), 0);
        assert!(client.read_to_end(&mut Vec::new()).is_ok_and(|count| count < LARGE), "cut off in order");
        assert!(core.nothing_seen(), "{:?}", core.seen);
    }
}

#[test]
fn a_send_given_after_the_close_fails_before_it_is_closed() {
    for variant in [URING, DIRECT, DIRECT_ON_MANY_RINGS] {
        let mut core = Core::listening(variant);
        let (_client, key) = core.connect();
        core.give(Operation::Close { key });
        core.give(Operation::Send { key, frame: Frame::new(b"late".to_vec()) });
        core.until("it is closed", |core| matches!(core.seen.last(), Some(Seen::Closed(_))).then_some(()));
        assert!(matches!(core.seen[..], [Seen::Sent(_, Err(_)), Seen::Closed(_)]), "{:?}", core.seen);
    }
}

fn a_send_given_just_before_the_close_arrives(variant: Variant) {
    let mut core = Core::listening(variant);
    let (mut client, key) = core.connect();
    core.give(Operation::Receive { key });
    core.turn(Some(Duration::ZERO));
    core.give(Operation::Send { key, frame: Frame::new(b"goodbye".to_vec()) });
    core.give(Operation::Close { key });
    core.expect_sent(key).expect("there is room for seven bytes");
    core.expect_closed(key);
    let mut all = Vec::new();
    client.read_to_end(&mut all).expect("closed in order");
    assert_eq!(all, b"goodbye");
}

fn closing_a_paused_connection_brings_no_more_data(variant: Variant) {
    let mut core = Core::listening(variant);
    let (mut client, key) = core.connect();
    core.give(Operation::Receive { key });
    client.write_all(b"x").expect("an open connection");
    core.receive(key, 1);
    core.give(Operation::Pause { key });
    core.turn(Some(Duration::ZERO));
    client.write_all(&bytes(4, 100_000)).expect("the kernel has room");
    core.turn(Some(Duration::ZERO));
    core.close(key);
    assert!(core.nothing_seen(), "{:?}", core.seen);
    assert_eq!(core.connections(), 0);
}

fn a_wake_before_the_turn_is_kept_and_many_make_one(variant: Variant) {
    let mut core = Core::silent(variant);
    let waker = core.waker();
    for _ in 0..3 {
        let foreign = waker.clone();
        std::thread::spawn(move || (0..1000).for_each(|_| foreign.wake())).join().expect("waking works everywhere");
        // Would never end otherwise.
        core.turn(None);
        let (started, timeout) = (Instant::now(), Duration::from_millis(100));
        core.turn(Some(timeout));
        assert!(started.elapsed() >= timeout * 9 / 10, "a second wake was left over");
    }
    // And in the middle of a turn.
    let (go, start) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        start.recv().expect("the test goes on");
        waker.wake();
    });
    go.send(()).expect("the thread waits");
    core.turn(None);
    thread.join().expect("waking works everywhere");
}

fn cores_wake_each_other(variant: Variant) {
    const ROUNDS: usize = 200;
    // Two cores that write to each other's counter by turns, and sleep until the other has.
    let counters = [const { AtomicUsize::new(0) }; 2];
    let meeting = Barrier::new(2);
    let wakers = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (counters, meeting, wakers) = (&counters, &meeting, &wakers);
            scope.spawn(move || {
                let mut core = Core::silent(variant);
                wakers.lock().expect("no panic").insert(number, core.waker());
                meeting.wait();
                core.connect_to(wakers.lock().expect("no panic").values().cloned().collect());
                for round in 1..=ROUNDS {
                    if number == 0 {
                        counters[1].store(round, Ordering::Release);
                        core.give(Operation::Wake { core: 1 });
                    }
                    while counters[number].load(Ordering::Acquire) < round {
                        let started = Instant::now();
                        core.turn(Some(PATIENCE));
                        assert!(started.elapsed() < PATIENCE, "a wake was lost in round {round}");
                    }
                    if number == 1 {
                        counters[0].store(round, Ordering::Release);
                        core.give(Operation::Wake { core: 0 });
                    }
                }
                core.turn(Some(Duration::ZERO));
                assert!(core.nothing_seen());
                // A ring that is gone takes no messages.
                meeting.wait();
            });
        }
    });
}

fn a_core_wakes_itself(variant: Variant) {
    let mut core = Core::silent(variant);
    core.connect_to(vec![core.waker()]);
    core.give(Operation::Wake { core: 0 });
    // Would never end otherwise.
    core.turn(None);
}

fn after_waves_of_connections_nothing_is_left(variant: Variant) {
    in_child(&format!("after_waves_of_connections_nothing_is_left {variant:?}"), || {
        const AT_ONCE: usize = 250;
        let mut core = Core::listening(variant);
        drop(core.connect());
        let key = core.keys()[0];
        core.close(key);
        let before = sockets();
        for wave in 0..8 {
            let clients: Vec<_> = (0..AT_ONCE).map(|_| core.connect()).collect();
            assert_eq!(core.connections(), AT_ONCE);
            assert_eq!(sockets(), before + 2 * AT_ONCE, "both ends of each are here");
            for (at, (_, key)) in clients.iter().enumerate() {
                match at % 3 {
                    0 => core.give(Operation::Receive { key: *key }),
                    1 => core.give(Operation::ReceiveOnce { key: *key }),
                    _ => {}
                }
            }
            core.turn(Some(Duration::ZERO));
            let keys: Vec<_> = clients.iter().map(|(_, key)| *key).collect();
            // The peers go first, or we do, or both at once.
            let clients = clients.into_iter().filter(|_| wave % 2 == 1).collect::<Vec<_>>();
            for key in keys {
                core.give(Operation::Close { key });
            }
            let mut closed = 0;
            core.until("all are closed", |core| {
                closed += core.seen.extract_if(.., |seen| matches!(seen, Seen::Closed(_))).count();
                core.seen.retain(|seen| !matches!(seen, Seen::Ended(..)));
                (closed == AT_ONCE).then_some(())
            });
            drop(clients);
            assert!(core.nothing_seen(), "{:?}", core.seen);
            assert_eq!(core.connections(), 0);
            assert_eq!(sockets(), before, "wave {wave}");
        }
    });
}

fn more_operations_than_the_queue_holds_start_in_one_turn(variant: Variant) {
    in_child(&format!("more_operations_than_the_queue_holds_start_in_one_turn {variant:?}"), || {
        many_operations_start_in_one_turn(variant);
    });
}

fn many_operations_start_in_one_turn(variant: Variant) {
    const CONNECTIONS: usize = 3000;
    let mut core = Core::silent(variant);
    let mut peers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (peer, socket) = UnixStream::pair().expect("descriptors are free");
        (&peer).write_all(b"hello").expect("a new socket");
        peers.push(peer);
        let key = core.adopt(Socket(socket.into()));
        core.give(Operation::Receive { key });
        core.give(Operation::Send { key, frame: Frame::new(b"world".to_vec()) });
    }
    let (mut received, mut sent) = (0, 0);
    core.until("all bytes have come and gone", |core| {
        for seen in core.seen.drain(..) {
            match seen {
                Seen::Received(_, data) => received += data.len(),
                Seen::Sent(_, result) => {
                    result.expect("a new socket has room");
                    sent += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        (received == 5 * CONNECTIONS && sent == CONNECTIONS).then_some(())
    });
    for peer in &mut peers {
        let mut answer = [0; 5];
        peer.read_exact(&mut answer).expect("it was sent");
        assert_eq!(&answer, b"world");
    }
}

fn a_connection_ends_for_its_peer_as_was_asked_for(variant: Variant) {
    for ending in [Ending::Orderly, Ending::Reset] {
        let mut core = Core::listening(variant);
        let (out, peer) = core.pair_ending(None, ending);
        core.give(Operation::Receive { key: out });
        core.give(Operation::Receive { key: peer });
        core.give(Operation::Close { key: out });
        let ended = core.until("the peer hears of the end", |core| {
            core.take(|seen| matches!(seen, Seen::Ended(of, _) if *of == peer))
        });
        let Seen::Ended(_, error) = ended else { unreachable!("just matched") };
        match ending {
            Ending::Orderly => assert!(error.is_none(), "{error:?}"),
            Ending::Reset if variant.kind != Kind::Uring => {}
            Ending::Reset => assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::ConnectionReset)),
        }
    }
}

fn data_for_more_connections_than_buffers_arrives(variant: Variant) {
    const CONNECTIONS: usize = 600;
    for once in [true, false] {
        let mut core = Core::silent(variant);
        let mut peers = Vec::new();
        for _ in 0..CONNECTIONS {
            let (peer, socket) = UnixStream::pair().expect("descriptors are free");
            let key = core.adopt(Socket(socket.into()));
            core.give(if once { Operation::ReceiveOnce { key } } else { Operation::Receive { key } });
            peers.push((peer, key));
        }
        // All of them wait in the kernel before the first byte comes, and then all bytes come between two turns.
        for _ in 0..5 {
            core.turn(Some(Duration::ZERO));
        }
        for (peer, key) in &mut peers {
            peer.write_all(&key.index.to_ne_bytes()).expect("a new socket");
        }
        for (_, key) in &peers {
            assert_eq!(core.receive(*key, 4), key.index.to_ne_bytes());
        }
        assert!(core.nothing_seen());
    }
}

fn accepting_recovers_when_descriptors_were_lacking(variant: Variant) {
    in_child(&format!("accepting_recovers_when_descriptors_were_lacking {variant:?}"), || {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        const CLIENTS: usize = 40;
        let mut core = Core::bound(variant);
        let address = core.address();
        // They wait in the queue: nobody has said to accept. (An accept that is in flight keeps the limit that it began with.)
        let clients: Vec<_> = (0..CLIENTS).map(|_| TcpStream::connect(address).expect("in the queue")).collect();
        let maximum = getrlimit(Resource::Nofile).maximum;
        let limit = descriptors() as u64 + 10;
        setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum }).expect("lower is always allowed");
        core.give(Operation::Accept);
        let (mut accepted, mut failed) = (Vec::new(), 0);
        let sort = |core: &mut Core, accepted: &mut Vec<_>, failed: &mut usize| {
            for seen in core.seen.drain(..) {
                match seen {
                    Seen::Accepted(socket) => accepted.push(socket),
                    Seen::AcceptFailed(error) => {
                        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
                        *failed += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        let started = Instant::now();
        core.until("it failed several times", |core| {
            sort(core, &mut accepted, &mut failed);
            (failed >= 10).then_some(())
        });
        // Ten failures have nine rests between them.
        assert!(started.elapsed() >= Duration::from_millis(9 * 4), "it does not rest: {:?}", started.elapsed());
        assert!(accepted.len() < CLIENTS);
        let mut total = 0;
        core.until("all were accepted", |core| {
            sort(core, &mut accepted, &mut failed);
            // Dropping one makes room for the next.
            total += accepted.drain(..).count();
            (total == CLIENTS).then_some(())
        });
        drop(clients);
    });
}

fn few_are_accepted_before_they_are_seen(variant: Variant) {
    in_child(&format!("few_are_accepted_before_they_are_seen {variant:?}"), || {
        // Many times what may be accepted unseen, and fewer than any kernel lets wait (net.core.somaxconn was 128 once).
        const CLIENTS: usize = 100;
        let mut core = Core::listening(variant);
        let address = core.address();
        let _first = core.connect();
        let clients: Vec<_> = (0..CLIENTS).map(|_| TcpStream::connect(address).expect("in the queue")).collect();
        let deadline = Instant::now() + PATIENCE;
        // Not against what was there before: a driver may hold its listener twice while it waits.
        let (mut most, mut fewest, mut seen) = (0, usize::MAX, 0);
        while seen < CLIENTS {
            assert!(Instant::now() < deadline, "{seen} were seen");
            core.turn_accepting(|socket| {
                most = most.max(sockets());
                seen += 1;
                // Whoever is seen is refused, which gives the descriptor back at once.
                drop(socket);
                fewest = fewest.min(sockets());
            });
        }
        let at_once = most - fewest;
        assert!((1..=UNSEEN_ACCEPTS_MAX).contains(&at_once), "{at_once} were accepted at once");
        drop(clients);
    });
}

fn an_idle_driver_waits(variant: Variant) {
    let mut core = Core::listening(variant);
    let clients: Vec<_> = (0..10).map(|_| core.connect()).collect();
    for (_, key) in &clients {
        core.give(Operation::Receive { key: *key });
    }
    core.turn(Some(Duration::from_millis(50)));
    let (started, mut turns) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(1) {
        core.turn(Some(Duration::from_millis(200)));
        turns += 1;
    }
    assert!(turns <= 7, "{turns} turns in a second, of 200 ms each");
    assert!(core.nothing_seen(), "{:?}", core.seen);
}

fn after_stop_nobody_is_accepted(variant: Variant) {
    let mut core = Core::listening(variant);
    let address = core.address();
    let (mut client, key) = core.connect();
    core.give(Operation::Receive { key });
    core.give(Operation::StopAccepting);
    core.until("the port is closed", |_| {
        TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused).then_some(())
    });
    core.seen.clear();
    core.round_trip(&mut client, key);
}

fn dropping_the_driver_closes_its_sockets(variant: Variant) {
    let mut core = Core::listening(variant);
    let clients: Vec<_> = (0..5).map(|_| core.connect()).collect();
    core.give(Operation::Receive { key: clients[0].1 });
    core.give(Operation::ReceiveOnce { key: clients[1].1 });
    core.give(Operation::Send { key: clients[2].1, frame: Frame::new(vec![1; LARGE]) });
    core.give(Operation::Close { key: clients[3].1 });
    core.turn(Some(Duration::ZERO));
    drop(core);
    for (mut client, _) in clients {
        // Ends, in order or not: nobody holds the other side.
        let _ = client.read_to_end(&mut Vec::new());
    }
}

fn both_ends_of_a_connection_on_one_core_talk(variant: Variant) {
    let mut core = Core::listening(variant);
    for round in 0..3 {
        let (out, accepted) = core.pair(None);
        assert_eq!(out.generation, round, "the places are used again");
        let sent = bytes(u64::from(round), 3 * RECEIVE_BYTES_MAX);
        core.give(Operation::Send { key: accepted, frame: Frame::new(sent.clone()) });
        core.turn(Some(Duration::ZERO));
        core.expect_sent(accepted).expect("there is room");
        assert!(core.nothing_seen(), "nothing is received before it is asked for: {:?}", core.seen);
        core.give(Operation::Receive { key: out });
        assert_eq!(core.receive(out, sent.len()), sent);
        core.give(Operation::ReceiveOnce { key: accepted });
        core.send(out, b"thanks".to_vec());
        assert_eq!(core.receive(accepted, 6), b"thanks");
        core.close(out);
        core.give(Operation::Receive { key: accepted });
        assert!(core.expect_end(accepted).is_none(), "closed in order");
        core.close(accepted);
        assert!(core.nothing_seen(), "{:?}", core.seen);
        assert_eq!(core.connections(), 0);
    }
}

fn a_connection_comes_from_the_address_that_was_asked_for(variant: Variant) {
    let mut core = Core::listening(variant);
    for last in [2, 77, 254] {
        let from = IpAddr::from(Ipv4Addr::new(127, 9, 8, last));
        let out = core.connect_out(Some(from), core.address());
        core.expect_connected(out).expect("somebody listens");
        let accepted = core.until("it is accepted", |core| core.take(|seen| matches!(seen, Seen::Accepted(_))));
        let Seen::Accepted(socket) = accepted else { unreachable!("just matched") };
        let socket = TcpStream::from(socket.0);
        assert_eq!(socket.peer_addr().expect("connected").ip(), from);
        core.give(Operation::Release { key: out });
        let released = core.until("it is free", |core| core.take(|seen| matches!(seen, Seen::Released(..))));
        let Seen::Released(_, socket) = released else { unreachable!("just matched") };
        let socket = TcpStream::from(socket.0);
        assert_eq!(socket.local_addr().expect("connected").ip(), from);
        assert!(socket.nodelay().expect("a socket"));
    }
}

/// A port that is taken, and on which nobody listens.
fn deaf() -> (socket2::Socket, SocketAddr) {
    let socket = tcp();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    let address = socket.local_addr().expect("bound").as_socket().expect("an address of IPv4");
    (socket, address)
}

fn tcp() -> socket2::Socket {
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("descriptors are free")
}

fn a_refused_port_frees_the_key(variant: Variant) {
    let mut core = Core::listening(variant);
    let (_taken, deaf) = deaf();
    let refused = core.connect_out(None, deaf);
    let error = core.expect_connected(refused).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(core.connections(), 0);
    let (out, accepted) = core.pair(None);
    assert_eq!((out.index, out.generation), (refused.index, refused.generation + 1));
    core.give(Operation::Receive { key: accepted });
    core.send(out, b"x".to_vec());
    assert_eq!(core.receive(accepted, 1), b"x");
    assert!(core.nothing_seen(), "{:?}", core.seen);
}

fn a_source_address_that_is_not_ours_is_an_error(variant: Variant) {
    in_child(&format!("a_source_address_that_is_not_ours_is_an_error {variant:?}"), || {
        let mut core = Core::listening(variant);
        core.turn(Some(Duration::ZERO));
        let before = sockets();
        // TEST-NET-1 (RFC 5737), and an address of the other family.
        let strange = [IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)];
        for from in strange {
            let key = core.connect_out(Some(from), core.address());
            let error = core.expect_connected(key).expect_err("nobody has that address");
            let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
            assert!(
                matches!(
                    errno,
                    Some(rustix::io::Errno::ADDRNOTAVAIL | rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::INVAL)
                ),
                "{error}"
            );
        }
        assert_eq!((core.connections(), sockets()), (0, before));
    });
}

/// A listener that answers nobody any more, and those who fill its queue.
fn full_listener() -> (socket2::Socket, SocketAddr, Vec<socket2::Socket>) {
    let (listener, address) = deaf();
    listener.listen(0).expect("bound");
    let fill = || {
        let client = tcp();
        client.set_nonblocking(true).expect("a socket");
        // Some are connected, the rest is not answered.
        let _ = client.connect(&address.into());
        client
    };
    let clients = (0..8).map(|_| fill()).collect();
    (listener, address, clients)
}

fn closing_while_connecting_says_only_closed(variant: Variant) {
    in_child(&format!("closing_while_connecting_says_only_closed {variant:?}"), || {
        let mut core = Core::listening(variant);
        let (_listener, address, _clients) = full_listener();
        core.turn(Some(Duration::ZERO));
        let before = sockets();
        for turns in [0, 1, 5] {
            let key = core.connect_out(None, address);
            for _ in 0..turns {
                core.turn(Some(Duration::ZERO));
            }
            assert!(core.nothing_seen(), "nobody answers: {:?}", core.seen);
            core.close(key);
            assert!(core.nothing_seen(), "{:?}", core.seen);
            assert_eq!((core.connections(), sockets()), (0, before));
        }
        // Whoever closes what is being connected elsewhere disturbs nobody.
        let waiting = core.connect_out(None, address);
        let (out, accepted) = core.pair(None);
        core.close(waiting);
        core.give(Operation::Receive { key: accepted });
        core.send(out, b"x".to_vec());
        assert_eq!(core.receive(accepted, 1), b"x");
    });
}

fn a_close_that_crosses_a_failed_connect_is_nothing(variant: Variant) {
    let mut core = Core::silent(variant);
    let (_taken, deaf) = deaf();
    // No socket could be made.
    let key = core.connect_out(Some(Ipv4Addr::new(192, 0, 2, 1).into()), deaf);
    core.give(Operation::Close { key });
    core.expect_connected(key).expect_err("nobody has that address");
    core.give(Operation::Close { key });
    core.turn(Some(Duration::ZERO));
    assert!(core.nothing_seen(), "{:?}", core.seen);
    // The kernel refused it.
    let key = core.connect_out(None, deaf);
    core.expect_connected(key).expect_err("nobody listens");
    core.give(Operation::Close { key });
    core.turn(Some(Duration::ZERO));
    assert!(core.nothing_seen(), "{:?}", core.seen);
    assert_eq!(core.connections(), 0);
}

fn dropping_the_driver_ends_its_connects(variant: Variant) {
    in_child(&format!("dropping_the_driver_ends_its_connects {variant:?}"), || {
        let (_listener, address, _clients) = full_listener();
        drop(Core::silent(variant));
        let before = sockets();
        let mut core = Core::silent(variant);
        for _ in 0..3 {
            core.connect_out(None, address);
        }
        core.turn(Some(Duration::ZERO));
        assert_eq!(core.connections(), 3);
        drop(core);
        assert_eq!(sockets(), before);
    });
}

fn what_was_done_is_counted(variant: Variant) {
    const ROUNDS: u64 = 10;
    let mut core = Core::listening(variant);
    core.connect_to(vec![core.waker()]);
    let (mut client, key) = core.connect();
    core.give(Operation::Receive { key });
    let before = core.counters();
    for _ in 0..ROUNDS {
        core.round_trip(&mut client, key);
    }
    let waker = core.waker();
    std::thread::spawn(move || waker.wake()).join().expect("waking works everywhere");
    core.turn(None);
    let after = core.counters();
    assert_eq!(after.receives - before.receives, ROUNDS);
    assert_eq!(after.received_bytes - before.received_bytes, ROUNDS);
    assert_eq!(after.sends - before.sends, ROUNDS);
    assert_eq!(after.sent_bytes - before.sent_bytes, ROUNDS);
    assert_eq!(after.wakes_received - before.wakes_received, 1);
    assert_eq!((after.short_sends, after.receives_put_off, after.wakes_sent), (0, 0, 0));
    assert!(after.enters - before.enters > ROUNDS, "{before:?} {after:?}");
    assert!(after.submissions > before.submissions && after.completions > before.completions, "{before:?} {after:?}");
    // A frame that does not fit is sent in parts, unless the kernel goes on by itself.
    core.give(Operation::Send { key, frame: Frame::new(vec![1; LARGE]) });
    let reader = std::thread::spawn(move || client.read_exact(&mut vec![0; LARGE]).expect("an open connection"));
    core.expect_sent(key).expect("the reader takes it");
    reader.join().expect("it read everything");
    assert_eq!(core.counters().sent_bytes - after.sent_bytes, LARGE as u64);
}

/// Where the kernel counts rings (Linux 6.18 does), there is room for a quarter of one here; elsewhere this says nothing.
#[test]
fn where_memory_for_a_ring_is_lacking_a_shorter_one_does() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    const BYTES: u64 = 300_000;
    in_child("where_memory_for_a_ring_is_lacking_a_shorter_one_does", || {
        let mut sets = capabilities(None).expect("of this thread");
        sets.effective.remove(CapabilitySet::IPC_LOCK);
        set_capabilities(None, sets).expect("less is always allowed");
        let limit = Rlimit { current: Some(BYTES), maximum: Some(BYTES) };
        setrlimit(Resource::Memlock, limit).expect("lower is always allowed");
        many_clients_get_their_bytes_back(URING);
        many_operations_start_in_one_turn(URING);
    });
}

/// Runs `body` in a process of its own in which no descriptor is free, and hands it what makes them free again.
fn without_descriptors(name: &str, core: impl FnOnce() -> Core, body: impl FnOnce(&mut Core, &dyn Fn(bool))) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    in_child(name, || {
        let mut core = core();
        core.turn(Some(Duration::ZERO));
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let free = |free: bool| {
            let current = if free { current } else { Some(0) };
            setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("up to the old limit all is allowed");
        };
        body(&mut core, &free);
    });
}

#[test]
fn a_release_waits_until_a_descriptor_is_free() {
    without_descriptors(
        "",
        || Core::listening(DIRECT),
        |core, free| {
            let (mut client, moving) = core.connect();
            let (_other, closing) = core.connect();
            free(false);
            core.give(Operation::Release { key: moving });
            core.give(Operation::Release { key: closing });
            for _ in 0..20 {
                core.turn(Some(Duration::from_millis(1)));
            }
            assert!(core.nothing_seen(), "no descriptor is free: {:?}", core.seen);
            // Whoever waits can be closed instead.
            core.close(closing);
            free(true);
            let released = core.until("it is free", |core| core.take(|seen| matches!(seen, Seen::Released(..))));
            let Seen::Released(key, socket) = released else { unreachable!("just matched") };
            assert_eq!((key, core.connections()), (moving, 0));
            let key = core.adopt(socket);
            core.give(Operation::Receive { key });
            core.round_trip(&mut client, key);
            assert!(core.nothing_seen(), "{:?}", core.seen);
        },
    );
}

#[test]
fn a_release_that_is_closed_at_once_is_closed() {
    for variant in [URING, DIRECT] {
        let mut core = Core::listening(variant);
        let (mut client, key) = core.connect();
        core.give(Operation::Release { key });
        core.give(Operation::Close { key });
        core.expect_closed(key);
        assert!(core.nothing_seen(), "{:?}", core.seen);
        assert_eq!(client.read(&mut [0]).expect("closed in order"), 0);
    }
}

#[test]
fn without_a_descriptor_for_another_ring_connections_are_served_all_the_same() {
    without_descriptors(
        "",
        || Core::listening(direct(1)),
        |core, free| {
            let mut clients: Vec<_> = (0..2).map(|_| core.connect()).collect();
            // A third ring is needed, and cannot be had.
            let socket = TcpStream::connect(core.address()).expect("listening");
            let accepted = core.until("it is accepted", |core| core.take(|seen| matches!(seen, Seen::Accepted(_))));
            let Seen::Accepted(accepted) = accepted else { unreachable!("just matched") };
            free(false);
            let key = core.adopt(accepted);
            clients.push((socket, key));
            for (client, key) in &mut clients {
                core.give(Operation::Receive { key: *key });
                core.round_trip(client, *key);
            }
            free(true);
            for (mut client, key) in clients {
                core.close(key);
                assert_eq!(client.read(&mut [0]).expect("closed in order"), 0);
            }
            assert_eq!(core.connections(), 0);
            // Those that come later get a slot.
            let before = sockets();
            let _client = core.connect();
            assert_eq!(sockets(), before + 2);
        },
    );
}

/// Descriptors of this process, rings included.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("this is Linux").count()
}

/// Sockets that this process holds: as descriptors, and in the slots of its rings.
fn sockets() -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("this is Linux");
    let of = |name: std::ffi::OsString| {
        // The descriptor that reads this folder is closed by now.
        let Ok(target) = std::fs::read_link(format!("/proc/self/fd/{}", name.display())) else { return 0 };
        match target.to_string_lossy() {
            target if target.starts_with("socket:") => 1,
            target if target.ends_with("[io_uring]") => slots_in_use(&name.to_string_lossy()),
            _ => 0,
        }
    };
    descriptors.map(|entry| of(entry.expect("this is Linux").file_name())).sum()
}

/// Counts what the kernel lists below `UserFiles`, one line for each slot in use.
fn slots_in_use(ring: &str) -> usize {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{ring}")).expect("a ring of this thread's process");
    let (_, files) = info.split_once("UserFiles:").expect("the kernel lists the slots of a ring");
    files.lines().skip(1).take_while(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit())).count()
}
