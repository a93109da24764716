//! What keeps one client from taking what belongs to all: addresses, users, rates, memory. Decides who may come in and who has to wait; has
//! no socket, and closes nothing.

mod address;
mod addresses;
mod allocator;
mod asker;
mod counters;
mod door;
mod forwarded;
mod meter;
mod networks;
mod pressure;
mod proxy_header;
mod reception;
mod sampler;
mod users;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

pub use address::AddressKey;
pub use addresses::{AddressRules, Addresses, LoginFailed, Refused, Ticket};
pub use allocator::Allocator;
pub use asker::Unnamed;
pub use counters::Counters;
pub use door::{Door, Seen, TurnedAway, UnlistedPages, UpgradeRules};
pub use meter::{Meter, Rate};
pub use networks::{Networks, Peer};
pub use pressure::{Budget, Pressure, Stage};
pub use proxy_header::{ProxyHeader, ProxyHeaderError, parse_proxy_header};
pub use reception::Reception;
pub use sampler::Sampler;
pub use users::{AtLimit, UserFull, UserRules, UserTicket, Users};

use crate::inbox::Deliver;

/// What all cores share of the limits. Touched when connections come and go, never on the way of a message.
#[derive(Debug)]
pub struct Limits {
    networks: RwLock<Networks>,
    /// Connections of addresses, and who is banned.
    pub addresses: Addresses,
    /// Connections and sessions of users.
    pub users: Arc<Users>,
    /// How much memory is left.
    pub pressure: Arc<Pressure>,
    upgrades: RwLock<UpgradeRules>,
    unlisted: UnlistedPages,
}

/// What limits are set to.
#[derive(Clone, Debug)]
pub struct LimitRules {
    /// Who may connect at all, and whose word counts.
    pub networks: Networks,
    /// How much an address may take.
    pub addresses: AddressRules,
    /// How much a user may take.
    pub users: UserRules,
    /// What is asked of an upgrade.
    pub upgrades: UpgradeRules,
}

impl Limits {
    /// Nobody is here yet. Users who have to go are told so by `deliver`.
    #[must_use]
    pub fn new(rules: LimitRules, unlisted: UnlistedPages, pressure: Arc<Pressure>, deliver: Deliver) -> Self {
        let LimitRules { networks, addresses, users, upgrades } = rules;
        Self {
            networks: RwLock::new(networks),
            addresses: Addresses::new(addresses),
            users: Arc::new(Users::new(users, deliver)),
            pressure,
            upgrades: RwLock::new(upgrades),
            unlisted,
        }
    }

    /// Who may connect at all, and whose word counts.
    pub fn networks(&self) -> RwLockReadGuard<'_, Networks> {
        self.networks.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is asked of an upgrade.
    pub fn upgrades(&self) -> RwLockReadGuard<'_, UpgradeRules> {
        self.upgrades.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which pages may open connections where the rules list none. That does not change.
    pub fn unlisted(&self) -> UnlistedPages {
        self.unlisted
    }

    /// Holds who comes from here on to others. Who is here stays.
    pub fn set(&self, rules: LimitRules) {
        let LimitRules { networks, addresses, users, upgrades } = rules;
        *self.networks.write().unwrap_or_else(PoisonError::into_inner) = networks;
        self.addresses.set_rules(addresses);
        self.users.set_rules(users);
        *self.upgrades.write().unwrap_or_else(PoisonError::into_inner) = upgrades;
    }
}
