//! An address as limits count it. Does not know what is counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One IPv4 address, or one IPv6 network of 64 bits: whoever has an IPv6 address has all of its network.
///
/// Both share the 64 bits. IPv6 networks whose first 32 bits are zero are given to nobody (RFC 4291, section 2.4: what is left of them is the
/// loopback address), so they are free for IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressKey(u64);

impl AddressKey {
    /// The key of an address; IPv4 in IPv6 counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u64::from(address.to_bits())),
            // The upper half of 128 bits fits 64.
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.0) {
            Ok(0) => f.write_str("::1"),
            Ok(bits) => Ipv4Addr::from_bits(bits).fmt(f),
            Err(_) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(self.0) << 64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &str) -> String {
        AddressKey::of(address.parse().expect("an address")).to_string()
    }

    #[test]
    fn ipv6_counts_by_network_and_ipv4_by_address_however_it_is_written() {
        assert_eq!(shown("192.0.2.7"), "192.0.2.7");
        assert_eq!(shown("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(shown("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(shown("2001:db8:1:2::1"), shown("2001:db8:1:2:ffff::"));
        assert_ne!(shown("2001:db8:1:2::1"), shown("2001:db8:1:3::1"));
        assert_eq!(shown("::1"), "::1");
    }
}
