//! What is known of addresses: how many connections each has, how fast new ones come, who failed to log in and is banned. Has no clock.
//!
//! Shared by all cores behind locks, because it is only touched when connections come, and when logins fail: a connection that goes only
//! drops a reference.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use selvedge_shards::Now;

use super::AddressKey;

/// Parts of the table, each with a lock of its own.
const PARTS: usize = 64;

/// Addresses without a connection that one part remembers, because they came fast: 131,072 in all. Beyond, they are forgotten: who
/// can come from so many addresses is not held back by counting each.
const REMEMBERED_PER_PART_MAX: usize = 2_048;

/// Addresses that one part knows of because logins failed: 131,072 in all. Beyond, the one whose time ends first is forgotten.
const FAILED_PER_PART_MAX: usize = 2_048;

/// Before a part has grown to this it is not worth tidying.
const TIDY_MIN: usize = 256;

/// How much an address may take. 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// Connections at once.
    pub connections_max: usize,
    /// New connections in a second, for long.
    pub arrivals_per_second_max: u64,
    /// New connections that may come at once after a quiet time. At least one.
    pub arrivals_burst: u64,
    /// Failed logins within the window that lead to a ban.
    pub failures_max: u32,
    /// The window, in milliseconds.
    pub failures_window_ms: u64,
    /// How long a ban lasts, in milliseconds.
    pub ban_ms: u64,
}

/// Why an address gets no further connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has as many as it may.
    TooMany,
    /// They come too fast.
    TooFast,
    /// Too many logins have failed.
    Banned,
}

/// What a failed login came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailed {
    /// It was counted.
    Counted,
    /// It was one too many: from now on the address is banned.
    Banned,
    /// The address is banned already: it came on a connection that was open before.
    WhileBanned,
}

/// One connection's place among those of its address. Dropping it gives the place back, wherever that happens.
///
/// The number of connections of an address *is* the number of these, so that it cannot be given back twice or not at all.
#[derive(Debug)]
pub struct Ticket(Arc<AddressKey>);

// A million connections hold a million of these.
const _: () = assert!(size_of::<Option<Ticket>>() <= 8);

impl Ticket {
    /// Whose.
    #[must_use]
    pub fn address(&self) -> AddressKey {
        *self.0
    }
}

/// All addresses that matter at the moment.
#[derive(Debug)]
pub struct Addresses {
    rules: RwLock<AddressRules>,
    parts: Box<[Mutex<Part>]>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Part {
    visitors: HashMap<AddressKey, Visitor>,
    failed: HashMap<AddressKey, Failures>,
    /// The size at which it is tidied next.
    tidy_at: usize,
}

/// An address with connections, or one that had some a moment ago.
#[derive(Debug)]
struct Visitor {
    /// One reference more than there are connections.
    connections: Arc<AddressKey>,
    /// When all that came would have come at the highest steady pace, in microseconds.
    paced_us: u64,
}

/// Invariant: never both over and remembered; see [`Failures::is_over`].
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    /// When it is over: the window, or the ban.
    until: Now,
    banned: bool,
}

impl Failures {
    fn is_over(&self, now: Now) -> bool {
        now >= self.until
    }
}

impl Addresses {
    /// Of a server that knows nobody yet.
    #[must_use]
    pub fn new(rules: AddressRules) -> Self {
        Self {
            rules: RwLock::new(rules),
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Connections and logins that come from here on are held to these.
    pub fn set_rules(&self, rules: AddressRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    fn rules(&self) -> AddressRules {
        *self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection comes from here.
    ///
    /// # Errors
    ///
    /// The address has had its share. Nothing is counted then, so that who goes on trying is let in when its time has come.
    pub fn enter(&self, address: IpAddr, now: Now) -> Result<Ticket, Refused> {
        let rules = self.rules();
        let key = AddressKey::of(address);
        let mut part = self.part(key);
        if part.is_banned(key, now) {
            return Err(Refused::Banned);
        }
        part.tidy_if_grown(now);
        let visitor = part.visitor(key);
        let connections = Arc::strong_count(&visitor.connections) - 1;
        if rules.connections_max > 0 && connections >= rules.connections_max {
            return Err(Refused::TooMany);
        }
        if let Some(interval_us) = 1_000_000_u64.checked_div(rules.arrivals_per_second_max) {
            let now_us = now.0 * 1_000;
            let ahead_us = visitor.paced_us.saturating_sub(now_us);
            if ahead_us > interval_us * rules.arrivals_burst.saturating_sub(1) {
                return Err(Refused::TooFast);
            }
            visitor.paced_us = now_us + ahead_us + interval_us;
        }
        Ok(Ticket(Arc::clone(&visitor.connections)))
    }

    /// A connection of a trusted proxy comes: it is known by its address until it has said whom it speaks for, and never refused.
    #[must_use]
    pub fn enter_trusted(&self, address: IpAddr) -> Ticket {
        let key = AddressKey::of(address);
        Ticket(Arc::clone(&self.part(key).visitor(key).connections))
    }

    /// Whether whatever comes from here is refused for a while, because too many logins have failed.
    #[must_use]
    pub fn is_banned(&self, address: AddressKey, now: Now) -> bool {
        self.part(address).is_banned(address, now)
    }

    /// A login from here has failed.
    pub fn login_failed(&self, address: AddressKey, now: Now) -> LoginFailed {
        let rules = self.rules();
        if rules.failures_max == 0 {
            return LoginFailed::Counted;
        }
        let mut part = self.part(address);
        let fresh = Failures { count: 0, until: Now(now.0 + rules.failures_window_ms), banned: false };
        part.make_room_for_failure(address, now);
        let failures = part.failed.entry(address).or_insert(fresh);
        if failures.is_over(now) {
            *failures = fresh;
        }
        if failures.banned {
            return LoginFailed::WhileBanned;
        }
        failures.count += 1;
        if failures.count < rules.failures_max {
            return LoginFailed::Counted;
        }
        *failures = Failures { count: failures.count, until: Now(now.0 + rules.ban_ms), banned: true };
        LoginFailed::Banned
    }

    /// How long who was refused should wait before it tries again, in seconds.
    #[must_use]
    pub fn retry_after_s(&self, refused: Refused) -> u64 {
        match refused {
            Refused::TooMany => 5,
            Refused::TooFast => 2,
            Refused::Banned => self.rules().ban_ms.div_ceil(1_000),
        }
    }

    /// How long a ban lasts, in milliseconds.
    #[must_use]
    pub fn ban_ms(&self) -> u64 {
        self.rules().ban_ms
    }

    fn part(&self, key: AddressKey) -> MutexGuard<'_, Part> {
        // Keyed: nobody can choose addresses that all fall into one part. The remainder is below the number of parts.
        let part = (self.hasher.hash_one(key) % PARTS as u64) as usize;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn known(&self) -> (usize, usize) {
        let parts = self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner));
        parts.fold((0, 0), |(visitors, failed), part| (visitors + part.visitors.len(), failed + part.failed.len()))
    }
}

impl Part {
    fn visitor(&mut self, key: AddressKey) -> &mut Visitor {
        self.visitors.entry(key).or_insert_with(|| Visitor { connections: Arc::new(key), paced_us: 0 })
    }

    fn is_banned(&self, key: AddressKey, now: Now) -> bool {
        self.failed.get(&key).is_some_and(|failures| failures.banned && !failures.is_over(now))
    }

    /// Forgets who has gone and came slowly. Each time the table has doubled, so that it costs each new address little.
    fn tidy_if_grown(&mut self, now: Now) {
        if self.visitors.len() < self.tidy_at.max(TIDY_MIN) {
            return;
        }
        let now_us = now.0 * 1_000;
        let mut remembered = 0;
        self.visitors.retain(|_, visitor| {
            let is_here = Arc::strong_count(&visitor.connections) > 1;
            let came_fast = visitor.paced_us > now_us && remembered < REMEMBERED_PER_PART_MAX;
            remembered += usize::from(!is_here && came_fast);
            is_here || came_fast
        });
        self.tidy_at = self.visitors.len() * 2;
        if self.visitors.capacity() > self.tidy_at * 2 {
            self.visitors.shrink_to(self.tidy_at);
        }
    }

    fn make_room_for_failure(&mut self, address: AddressKey, now: Now) {
        if self.failed.len() < FAILED_PER_PART_MAX || self.failed.contains_key(&address) {
            return;
        }
        self.failed.retain(|_, failures| !failures.is_over(now));
        if self.failed.len() < FAILED_PER_PART_MAX {
            return;
        }
        if let Some(&first) = self.failed.iter().min_by_key(|(_, failures)| failures.until).map(|(key, _)| key) {
            self.failed.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: AddressRules = AddressRules {
        connections_max: 2,
        arrivals_per_second_max: 10,
        arrivals_burst: 5,
        failures_max: 3,
        failures_window_ms: 1_000,
        ban_ms: 5_000,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_place_is_given_back_exactly_once_when_its_ticket_goes() {
        let addresses = Addresses::new(AddressRules { arrivals_per_second_max: 0, ..RULES });
        let first = addresses.enter(ip("10.0.0.1"), Now(0)).expect("there is room");
        let second = addresses.enter(ip("10.0.0.1"), Now(0)).expect("there is room");
        assert_eq!(addresses.enter(ip("10.0.0.1"), Now(0)).map(drop), Err(Refused::TooMany));
        let _neighbour = addresses.enter(ip("10.0.0.2"), Now(0)).expect("that is another address");
        drop(second);
        let third = addresses.enter(ip("10.0.0.1"), Now(0)).expect("one has gone");
        assert_eq!(addresses.enter(ip("10.0.0.1"), Now(0)).map(drop), Err(Refused::TooMany));
        drop((first, third));
        assert!((0..2).map(|_| addresses.enter(ip("10.0.0.1"), Now(0))).collect::<Vec<_>>().iter().all(Result::is_ok));
    }

    #[test]
    fn arrivals_come_in_a_burst_and_then_at_their_pace() {
        let addresses = Addresses::new(AddressRules { connections_max: 0, ..RULES });
        let taken = |ms: u64| (0..100).take_while(|_| addresses.enter(ip("10.0.0.1"), Now(ms)).is_ok()).count();
        assert_eq!(taken(1_000), 5);
        assert_eq!(taken(1_099), 0);
        assert_eq!(taken(1_100), 1);
        assert_eq!(taken(1_300), 2);
        assert_eq!(taken(60_000), 5);
    }

    #[test]
    fn a_ban_begins_at_the_limit_and_ends_by_itself() {
        let addresses = Addresses::new(RULES);
        let key = AddressKey::of(ip("10.0.0.1"));
        assert_eq!(addresses.login_failed(key, Now(0)), LoginFailed::Counted);
        assert_eq!(addresses.login_failed(key, Now(1)), LoginFailed::Counted);
        // The window is over: it begins anew.
        assert_eq!(addresses.login_failed(key, Now(1_000)), LoginFailed::Counted);
        assert_eq!(addresses.login_failed(key, Now(1_001)), LoginFailed::Counted);
        assert!(addresses.enter(ip("10.0.0.1"), Now(1_001)).is_ok());
        assert_eq!(addresses.login_failed(key, Now(1_002)), LoginFailed::Banned);
        assert_eq!(addresses.login_failed(key, Now(1_003)), LoginFailed::WhileBanned);
        assert_eq!(addresses.enter(ip("10.0.0.1"), Now(6_001)).map(drop), Err(Refused::Banned));
        assert_eq!([6_001, 6_002].map(|ms| addresses.is_banned(key, Now(ms))), [true, false]);
        assert!(addresses.enter(ip("10.0.0.2"), Now(6_001)).is_ok());
        assert!(addresses.enter(ip("10.0.0.1"), Now(6_002)).is_ok());
    }

    #[test]
    fn without_limits_nobody_is_refused() {
        let addresses = Addresses::new(AddressRules::default());
        let tickets: Vec<_> = (0..1_000).map(|_| addresses.enter(ip("10.0.0.1"), Now(0))).collect();
        assert!(tickets.iter().all(Result::is_ok));
        let key = AddressKey::of(ip("10.0.0.1"));
        assert!((0..1_000).all(|_| addresses.login_failed(key, Now(0)) == LoginFailed::Counted));
    }

    #[test]
    fn memory_is_bounded_by_connections_and_not_by_addresses_that_have_come() {
        let addresses = Addresses::new(RULES);
        let visit = |number: u32, now: u64| addresses.enter(IpAddr::V4(number.into()), Now(now));
        let kept: Vec<_> = (0..1_000).map(|number| visit(number, 0).expect("a first visit")).collect();
        for number in 1_000..1_000_000 {
            // A thousand addresses in each millisecond, each of which is remembered for 100 ms.
            drop(visit(number, u64::from(number / 1_000)).expect("a first visit"));
        }
        let (visitors, _) = addresses.known();
        assert!(visitors < PARTS * REMEMBERED_PER_PART_MAX * 3, "{visitors}");
        for number in 0..400_000 {
            addresses.login_failed(AddressKey::of(IpAddr::V4(number.into())), Now(0));
        }
        assert!(addresses.known().1 <= PARTS * FAILED_PER_PART_MAX);
        drop(kept);
    }
}
