//! Which networks may connect, and whose word about others is believed. Does not know how anybody connects.

use std::net::IpAddr;

use ipnet::IpNet;

/// Lists of networks. Few and fixed: they are looked through in order.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// Where any is given, only these may connect.
    pub allow: Vec<IpNet>,
    /// These may not, also where they are allowed.
    pub deny: Vec<IpNet>,
    /// These may say whom they speak for.
    pub trusted: Vec<IpNet>,
}

/// What an address is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// It may not connect.
    Denied,
    /// It speaks for others.
    Proxy,
    /// It speaks for itself.
    Client,
}

impl Networks {
    /// What this address is. A proxy that is denied is denied; one that is trusted need not be allowed as well, because those for whom it
    /// speaks are looked at by themselves.
    #[must_use]
    pub fn peer(&self, address: IpAddr) -> Peer {
        let address = address.to_canonical();
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| contains(network, address));
        if is_in(&self.deny) {
            Peer::Denied
        } else if is_in(&self.trusted) {
            Peer::Proxy
        } else if self.allow.is_empty() || is_in(&self.allow) {
            Peer::Client
        } else {
            Peer::Denied
        }
    }
}

/// A network of IPv4 addresses that was written as IPv6 means them as well.
fn contains(network: &IpNet, address: IpAddr) -> bool {
    match (network, address) {
        (IpNet::V6(network), IpAddr::V4(address)) => network.contains(&address.to_ipv6_mapped()),
        (IpNet::V4(_), _) | (IpNet::V6(_), IpAddr::V6(_)) => network.contains(&address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(networks: &[&str]) -> Vec<IpNet> {
        networks.iter().map(|network| network.parse().expect("a network")).collect()
    }

    #[test]
    fn denied_wins_over_allowed_and_over_trusted() {
        let networks = Networks {
            allow: list(&["10.0.0.0/8", "2001:db8::/32", "::ffff:203.0.113.0/120"]),
            deny: list(&["10.9.0.0/16", "192.0.2.9/32"]),
            trusted: list(&["192.0.2.0/24"]),
        };
        for (address, expected) in [
            ("10.1.1.1", Peer::Client),
            ("::ffff:10.1.1.1", Peer::Client),
            ("10.9.1.1", Peer::Denied),
            ("::ffff:10.9.1.1", Peer::Denied),
            ("11.1.1.1", Peer::Denied),
            ("2001:db8:9::1", Peer::Client),
            ("2001:db9::1", Peer::Denied),
            ("203.0.113.7", Peer::Client),
            ("192.0.2.1", Peer::Proxy),
            ("192.0.2.9", Peer::Denied),
        ] {
            assert_eq!(networks.peer(address.parse().expect("an address")), expected, "{address}");
        }
        let open = Networks::default();
        assert_eq!(open.peer("198.51.100.1".parse().expect("an address")), Peer::Client);
    }
}
