//! What a shard does, by its inputs and effects alone: a file for each noun, and here what they begin with.

#[path = "shard/awareness.rs"]
mod awareness;
#[path = "shard/catch_up.rs"]
mod catch_up;
#[path = "shard/divided.rs"]
mod divided;
#[path = "shard/documents.rs"]
mod documents;
#[path = "shard/errands.rs"]
mod errands;
#[path = "shard/hocuspocus.rs"]
mod hocuspocus;
#[path = "shard/host.rs"]
mod host;
#[path = "shard/large.rs"]
mod large;
#[path = "shard/mirrors.rs"]
mod mirrors;
#[path = "shard/prepared.rs"]
mod prepared;
#[path = "shard/rates.rs"]
mod rates;
#[path = "shard/refused.rs"]
mod refused;
#[path = "shard/slow.rs"]
mod slow;
#[path = "shard/turns.rs"]
mod turns;
#[path = "shard/waiting.rs"]
mod waiting;
#[path = "shard/windows.rs"]
mod windows;

use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Known, merge};
use selvedge_shards::{Access, Dialect, DocumentId};

use host::{At, Got, Host, NAME, at, state_vector};

const EMPTY_STEP_1: &[u8] = &[0];
const SAVED: Got = Got::Status(true);
const NOT_SAVED: Got = Got::Status(false);

/// Two sessions that have been greeted.
fn two(shards: u16) -> (Host, At, At) {
    let mut host = Host::new(shards);
    // The owner of the document is shard 0; with more shards, one of the two is remote.
    let (a, b) = (at(0, 1), at(usize::from(shards) - 1, 2));
    host.attach(a);
    host.attach(b);
    assert_eq!(host.got(a), [Got::Step1(state_vector(&[]))]);
    assert_eq!(host.got(b), [Got::Step1(state_vector(&[]))]);
    (host, a, b)
}

/// `members` sessions on shard 0 that have been greeted, and one more on the last shard.
fn a_crowd(shards: u16, members: u32) -> (Host, At) {
    let mut host = Host::with(shards, |config| {
        config.sessions_per_document_max = members + 1;
        config.uncommitted_bytes_max = 1 << 20;
        config.document_bytes_max = 1 << 20;
        config.outbox_bytes_max = 1_000;
    });
    let far = at(usize::from(shards) - 1, 1_000);
    for index in 0..members {
        host.attach(at(0, index));
    }
    host.attach(far);
    for index in 0..members {
        host.got(at(0, index));
    }
    host.got(far);
    (host, far)
}

/// A session of each dialect, where the one that counts is on shard 0 or on the last of them.
fn one_that_counts(shards: u16, access: Access) -> (Host, At, At) {
    let mut host = Host::new(shards);
    let (counting, other) = (at(usize::from(shards) - 1, 1), at(0, 2));
    host.attach(other);
    host.attach_speaking(counting, NAME, access, Dialect::Hocuspocus);
    host.got(other);
    assert_eq!(host.got(counting), [], "it is asked for nothing before it asks");
    (host, counting, other)
}

fn step_2(host: &mut Host, session: At, update: &[u8]) {
    host.say(session, Message::SyncStep2 { update });
    host.turn();
}

/// How many letters of client 1 a session has, of which it lacks none in between.
fn typed_by_1(got: Vec<Got>) -> u32 {
    let updates = got.into_iter().filter_map(|got| match got {
        Got::Step2(update) | Got::Update(update) => Some(update),
        Got::Step1(_) | Got::Awareness(_) | Got::Denied(_) | Got::Status(_) | Got::Stateless(_) => None,
    });
    let merged = merge(&updates.collect::<Vec<_>>()).expect("the server sends updates");
    Known::of(&merged).expect("nothing is missing before what is there").clocks().clock(1)
}

#[test]
fn the_tests_document_belongs_to_shard_0() {
    assert_eq!(DocumentId::of(NAME).owner(2).0, 0);
}
