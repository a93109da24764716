//! For whom a proxy speaks, out of `X-Forwarded-For`. Does not know who connected.

use std::net::{IpAddr, SocketAddr};

use super::{Networks, Peer};

/// What a header of a trusted proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forwarded {
    /// Nothing, or only that proxies speak for each other: it speaks for itself.
    Itself,
    /// For this client.
    Client(IpAddr),
    /// For somebody whose address cannot be read.
    Malformed,
}

/// Goes through the chain from its end, where each trusted proxy appended whom it saw, to the first address that is no proxy of ours. What
/// stands before that was written by somebody who is not trusted, and is not looked at.
pub(super) fn client_of<'a>(chain: impl Iterator<Item = &'a [u8]>, networks: &Networks) -> Forwarded {
    let chain: Vec<&[u8]> = chain.collect();
    for entry in chain.into_iter().rev() {
        let Some(address) = address_of(entry) else { return Forwarded::Malformed };
        match networks.peer(address) {
            Peer::Proxy => {}
            Peer::Denied | Peer::Client => return Forwarded::Client(address.to_canonical()),
        }
    }
    Forwarded::Itself
}

/// Proxies write addresses alone, in brackets, or with a port.
fn address_of(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let alone = || text.parse::<IpAddr>().ok();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    alone().or_else(in_brackets).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Forwarded) {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().expect("a network")).to_vec();
        let networks = Networks { trusted, ..Networks::default() };
        let chain = header.split(',').filter(|entry| !entry.is_empty()).map(str::as_bytes);
        assert_eq!(client_of(chain, &networks), expected, "{header}");
    }

    #[test]
    fn only_what_trusted_proxies_appended_counts() {
        let client = |address: &str| Forwarded::Client(address.parse().expect("an address"));
        check("", Forwarded::Itself);
        check("192.0.2.1", client("192.0.2.1"));
        check("198.51.100.9, 192.0.2.1", client("192.0.2.1"));
        check("192.0.2.1, 10.0.0.3", client("192.0.2.1"));
        check("192.0.2.1, 10.0.0.3, 2001:db8::1", client("192.0.2.1"));
        check("10.0.0.3", Forwarded::Itself);
        check("::ffff:192.0.2.1", client("192.0.2.1"));
        check("192.0.2.1, ::ffff:10.0.0.3", client("192.0.2.1"));
        check("192.0.2.1:5123", client("192.0.2.1"));
        check("[2001:dba::1]:443", client("2001:dba::1"));
        check("[2001:dba::1]", client("2001:dba::1"));
        // What a client made up stands before what was appended.
        check("garbage, 10.0.0.3, 192.0.2.1", client("192.0.2.1"));
        check("garbage", Forwarded::Malformed);
        check("192.0.2.1, unknown", Forwarded::Malformed);
        check("192.0.2.1, _hidden, 10.0.0.3", Forwarded::Malformed);
        check("192.0.2.256", Forwarded::Malformed);
        check("0x7f000001", Forwarded::Malformed);
    }
}
