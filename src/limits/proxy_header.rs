//! The PROXY protocol, versions 1 and 2: for whom a proxy speaks, in front of all other bytes. Does not know who connected.

use std::fmt;
use std::net::IpAddr;

use ppp::{PartialResult, v1, v2};

/// Longest header. Version 1 has at most 107 bytes; version 2 may carry 65,535 bytes of extensions, of which proxies use some hundred.
const PROXY_HEADER_BYTES_MAX: usize = 2_048;

/// What a header of version 1 begins with.
const TEXT_PREFIX: &[u8] = b"PROXY ";

/// Longest header of version 1.
const TEXT_BYTES_MAX: usize = 107;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client; nobody where the proxy speaks for itself, such as to find out whether the server lives.
    pub client: Option<IpAddr>,
    /// Its length: what follows is the client's.
    pub bytes: usize,
}

/// There is no header that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeaderError {
    /// What came is none.
    Malformed,
    /// It is longer than 2,048 bytes.
    TooLong,
    /// It speaks of something else than TCP over IP.
    NotTcp,
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("no PROXY header comes first"),
            Self::TooLong => write!(f, "the PROXY header is longer than {PROXY_HEADER_BYTES_MAX} bytes"),
            Self::NotTcp => f.write_str("the PROXY header speaks of something else than TCP"),
        }
    }
}

/// Reads the header at the start of all that has arrived; `None` while it is incomplete.
///
/// # Errors
///
/// There is none.
pub fn parse_proxy_header(received: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let (client, bytes) = if received.first() == TEXT_PREFIX.first() {
        let Some(line) = text_line(received)? else { return Ok(None) };
        let header = v1::Header::try_from(line).map_err(|_| ProxyHeaderError::Malformed)?;
        (client_of_v1(&header), line.len())
    } else {
        let looked_at = &received[..received.len().min(PROXY_HEADER_BYTES_MAX)];
        match v2::Header::try_from(looked_at) {
            Ok(header) => (client_of_v2(&header)?, header.len()),
            Err(error) if error.is_incomplete() && looked_at.len() < PROXY_HEADER_BYTES_MAX => return Ok(None),
            Err(error) if error.is_incomplete() => return Err(ProxyHeaderError::TooLong),
            Err(_) => return Err(ProxyHeaderError::Malformed),
        }
    };
    Ok(Some(ProxyHeader { client: client.map(|address| address.to_canonical()), bytes }))
}

/// The line of version 1 with its end, once it is whole: a number that is cut looks like another number.
fn text_line(received: &[u8]) -> Result<Option<&[u8]>, ProxyHeaderError> {
    let looked_at = &received[..received.len().min(TEXT_BYTES_MAX)];
    let begun = looked_at.len().min(TEXT_PREFIX.len());
    if looked_at[..begun] != TEXT_PREFIX[..begun] {
        return Err(ProxyHeaderError::Malformed);
    }
    match looked_at.windows(2).position(|end| end == b"\r\n") {
        Some(at) => Ok(Some(&looked_at[..at + 2])),
        None if looked_at.len() < TEXT_BYTES_MAX => Ok(None),
        None => Err(ProxyHeaderError::Malformed),
    }
}

fn client_of_v1(header: &v1::Header<'_>) -> Option<IpAddr> {
    match header.addresses {
        v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
        v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
        v1::Addresses::Unknown => None,
    }
}

fn client_of_v2(header: &v2::Header<'_>) -> Result<Option<IpAddr>, ProxyHeaderError> {
    match (header.command, header.addresses) {
        (v2::Command::Local, _) | (v2::Command::Proxy, v2::Addresses::Unspecified) => Ok(None),
        (v2::Command::Proxy, v2::Addresses::IPv4(_) | v2::Addresses::IPv6(_))
            if header.protocol != v2::Protocol::Stream =>
        {
            Err(ProxyHeaderError::NotTcp)
        }
        (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => Ok(Some(addresses.source_address.into())),
        (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => Ok(Some(addresses.source_address.into())),
        (v2::Command::Proxy, v2::Addresses::Unix(_)) => Err(ProxyHeaderError::NotTcp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of version 2 with the command, family and protocol given.
    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(body.len()).expect("a short body").to_be_bytes());
        header.extend(body);
        header
    }

    const V4: &[u8] = &[192, 0, 2, 1, 10, 0, 0, 1, 0x30, 0x39, 0, 80];

    fn check(header: &[u8], expected: Result<Option<&str>, ProxyHeaderError>) {
        let expected = expected.map(|client| client.map(|client| client.parse().expect("an address")));
        let with_rest = [header, b"GET / HTTP/1.1\r\n"].concat();
        let parsed = parse_proxy_header(&with_rest);
        match expected {
            Ok(client) => {
                assert_eq!(parsed, Ok(Some(ProxyHeader { client, bytes: header.len() })), "{header:02x?}");
                for length in 0..header.len() {
                    assert_eq!(parse_proxy_header(&header[..length]), Ok(None), "{length} bytes of {header:02x?}");
                }
            }
            Err(error) => assert_eq!(parsed, Err(error), "{header:02x?}"),
        }
    }

    #[test]
    fn both_versions_are_read_however_they_are_cut() {
        check(b"PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\n", Ok(Some("192.0.2.1")));
        check(b"PROXY TCP6 2001:db8::1 ::1 12345 80\r\n", Ok(Some("2001:db8::1")));
        check(b"PROXY TCP6 ::ffff:192.0.2.1 ::1 12345 80\r\n", Ok(Some("192.0.2.1")));
        check(b"PROXY UNKNOWN\r\n", Ok(None));
        check(&v2(1, 0x11, V4), Ok(Some("192.0.2.1")));
        check(&v2(1, 0x11, &[V4, &[0x04, 0, 2, 1, 2]].concat()), Ok(Some("192.0.2.1")));
        check(&v2(0, 0x00, b""), Ok(None));
        check(&v2(0, 0x11, V4), Ok(None));
    }

    #[test]
    fn anything_else_is_no_header() {
        check(b"GET /yjs/a HTTP/1.1\r\n", Err(ProxyHeaderError::Malformed));
        check(b"PROXY TCP4 192.0.2.1 10.0.0.1 12345\r\n", Err(ProxyHeaderError::Malformed));
        check(b"PROXY TCP4 300.0.2.1 10.0.0.1 12345 80\r\n", Err(ProxyHeaderError::Malformed));
        check(b"\x16\x03\x01\x02\x00", Err(ProxyHeaderError::Malformed));
        check(&v2(7, 0x11, V4), Err(ProxyHeaderError::Malformed));
        check(&v2(1, 0x12, V4), Err(ProxyHeaderError::NotTcp));
        check(&v2(1, 0x31, &[0; 216]), Err(ProxyHeaderError::NotTcp));
        check(&v2(1, 0x11, &[0; 5_000]), Err(ProxyHeaderError::TooLong));
        check(&[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(), Err(ProxyHeaderError::Malformed));
    }
}
