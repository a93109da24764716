//! What keeps one client from taking what belongs to all: addresses, users, rates, memory. Decides who may come in and who has to wait; has
//! no socket, and closes nothing.

mod address;
mod addresses;
mod allocator;
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

use std::sync::Arc;

pub use address::AddressKey;
pub use addresses::{AddressRules, Addresses, LoginFailed, Refused, Ticket};
pub use allocator::Allocator;
pub use counters::Counters;
pub use door::{Door, Seen, TurnedAway, UpgradeRules};
pub use meter::{Meter, Rate};
pub use networks::{Networks, Peer};
pub use pressure::{Budget, Pressure, Stage};
pub use proxy_header::{ProxyHeader, ProxyHeaderError, parse_proxy_header};
pub use reception::Reception;
pub use sampler::Sampler;
pub use users::{AtLimit, UserFull, UserRules, UserTicket, Users};

/// What all cores share of the limits. Touched when connections come and go, never on the way of a message.
#[derive(Debug)]
pub struct Limits {
    /// Who may connect at all, and whose word counts.
    pub networks: Networks,
    /// Connections of addresses, and who is banned.
    pub addresses: Addresses,
    /// Connections and sessions of users.
    pub users: Arc<Users>,
    /// How much memory is left.
    pub pressure: Arc<Pressure>,
    /// What is asked of an upgrade.
    pub upgrades: UpgradeRules,
}
