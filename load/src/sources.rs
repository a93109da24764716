//! Source addresses: where connections come from, so that none of them runs out of ports. Does not know whether this machine has them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Connections that one address is good for by default. The kernel gives out some 28,000 ports to each destination, even ones first: once those
/// are taken, every connect looks through all of them before it finds an odd one, and opening is ten times slower. Ports of closed connections
/// rest for a minute.
const CONNECTIONS_PER_ADDRESS: u32 = 10_000;
/// Up to so many connections of a run, one address is enough.
pub(crate) const CONNECTIONS_ONE_ADDRESS_MAX: u32 = 10_000;
/// Addresses of one range that are used at most.
const ADDRESSES_MAX: usize = 4096;

/// Addresses to connect from, in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources(Vec<IpAddr>);

/// What `--sources` is given and is no address, list or range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourcesError(String);

impl fmt::Display for SourcesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is neither an address nor a range such as 127.1.0.0/16; several are separated by commas",
            self.0
        )
    }
}

impl std::error::Error for SourcesError {}

impl FromStr for Sources {
    type Err = SourcesError;

    fn from_str(text: &str) -> Result<Self, SourcesError> {
        let mut addresses = Vec::new();
        for part in text.split(',') {
            let part = part.trim();
            addresses.extend(range(part).ok_or_else(|| SourcesError(part.to_owned()))?);
        }
        addresses.truncate(ADDRESSES_MAX);
        Ok(Self(addresses))
    }
}

impl Sources {
    /// What serves by default: many loopback addresses where many connections go to one, otherwise what the kernel chooses.
    pub(crate) fn suiting(to: IpAddr, connections: u32) -> Self {
        let (IpAddr::V4(to), true) = (to, connections > CONNECTIONS_ONE_ADDRESS_MAX) else { return Self(Vec::new()) };
        if !to.is_loopback() {
            return Self(Vec::new());
        }
        let count = connections.div_ceil(CONNECTIONS_PER_ADDRESS);
        // 127.0.0.0 and 127.0.0.1 are left to others.
        let first = u32::from(Ipv4Addr::new(127, 0, 0, 2));
        Self((first..).take(count as usize).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))).collect())
    }

    /// Where the connection with this number comes from; `None`: as the kernel likes.
    pub(crate) fn of(&self, connection: u32) -> Option<IpAddr> {
        let count = self.0.len();
        (count > 0).then(|| self.0[connection as usize % count])
    }

    /// All of one family with the target.
    pub(crate) fn suit(&self, to: IpAddr) -> bool {
        self.0.iter().all(|address| address.is_ipv4() == to.is_ipv4())
    }
}

/// The hosts of a range, or the one address; as many as are used at most.
fn range(text: &str) -> Option<Vec<IpAddr>> {
    let Some((address, bits)) = text.split_once('/') else { return Some(vec![text.parse().ok()?]) };
    let bits: u32 = bits.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let hosts = 32_u32.checked_sub(bits)?;
            let size = 1_u64 << hosts;
            let network = u64::from(address.to_bits()) & !(size - 1);
            let addresses = usable(size).map(|host| u32::try_from(network + host).expect("within the network"));
            Some(addresses.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))).collect())
        }
        IpAddr::V6(address) => {
            let hosts = 128_u32.checked_sub(bits)?;
            let size = 1_u64 << hosts.min(32);
            let network = address.to_bits() & u128::MAX.checked_shl(hosts).unwrap_or(0);
            let addresses = usable(size).map(|host| network + u128::from(host));
            Some(addresses.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))).collect())
        }
    }
}

/// Hosts of a network of `size` addresses: neither its first nor its last, where there are others.
fn usable(size: u64) -> impl Iterator<Item = u64> {
    let hosts = if size > 2 { 1..size - 1 } else { 0..size };
    hosts.take(ADDRESSES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        text.parse::<Sources>().expect(text).0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_and_ranges_are_read() {
        assert_eq!(parsed("127.0.0.1"), ["127.0.0.1"]);
        assert_eq!(parsed("127.0.0.1, 10.0.0.7"), ["127.0.0.1", "10.0.0.7"]);
        assert_eq!(parsed("127.1.0.9/30"), ["127.1.0.9", "127.1.0.10"]);
        assert_eq!(parsed("127.1.0.9/32,::1"), ["127.1.0.9", "::1"]);
        assert_eq!(parsed("fd00::/126"), ["fd00::1", "fd00::2"]);
        assert_eq!(parsed("127.0.0.0/8").len(), ADDRESSES_MAX);
        assert_eq!(parsed("::/0").len(), ADDRESSES_MAX);
        for wrong in ["", "127.0.0.1/33", "127.0.0", "a", "127.0.0.1,,", "::1/129", "127.0.0.1/-1"] {
            assert!(wrong.parse::<Sources>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn many_connections_to_loopback_come_from_many_addresses() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(Sources::suiting(loopback, CONNECTIONS_ONE_ADDRESS_MAX).of(3), None);
        assert_eq!(Sources::suiting(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 1_000_000).of(3), None);
        let many = Sources::suiting(loopback, 1_000_000);
        let mut per_address = std::collections::BTreeMap::new();
        for connection in 0..1_000_000 {
            *per_address.entry(many.of(connection).expect("loopback")).or_insert(0) += 1;
        }
        assert!(per_address.values().all(|&count| count <= CONNECTIONS_PER_ADDRESS));
        assert!(per_address.keys().all(IpAddr::is_loopback) && !per_address.contains_key(&loopback));
        assert!(many.suit(loopback) && !many.suit(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    }
}
