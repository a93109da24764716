//! Targets: which server is loaded, and under which path its documents are. Speaks ws:// only.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Where the document's name goes in a path.
pub(crate) const DOCUMENT: &str = "{document}";

const SCHEME: &str = "ws://";
const DEFAULT_PORT: u16 = 80;
/// Longest URL that is taken.
const URL_BYTES_MAX: usize = 2048;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// As it stands in the URL.
    pub(crate) host: String,
    /// Path and query, up to the document's name.
    before: String,
    /// What follows the name; `None` where there is no place for one.
    after: Option<String>,
    /// What every document's name begins with.
    prefix: String,
}

/// Why a URL is no target. Always the fault of who gave it, but for the last.
#[derive(Debug)]
pub(crate) enum TargetError {
    /// `wss://`.
    Encrypted,
    Scheme,
    TooLong,
    Host,
    Character,
    /// A place for the document's name is lacking, or there are two.
    Places(usize),
    Resolve {
        host: String,
        error: io::Error,
    },
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str("wss:// is not spoken: give a ws:// URL, behind whatever ends TLS"),
            Self::Scheme => f.write_str("a URL begins with ws://, such as ws://127.0.0.1:8420/yjs/{document}"),
            Self::TooLong => write!(f, "a URL has at most {URL_BYTES_MAX} bytes"),
            Self::Host => f.write_str("the URL names no host, or a port that is none"),
            Self::Character => f.write_str("a URL has neither spaces nor control characters"),
            Self::Places(0) => f.write_str("the path must say with {document} where a document's name goes"),
            Self::Places(count) => write!(f, "the path may have {{document}} once and has it {count} times"),
            Self::Resolve { host, error } => write!(f, "{host} is not found: {error}"),
        }
    }
}

impl std::error::Error for TargetError {}

impl Target {
    /// Reads a URL whose path has a place for a document's name.
    pub(crate) fn with_documents(url: &str, prefix: &str) -> Result<Self, TargetError> {
        let target = Self::parse(url, prefix)?;
        let places = url.matches(DOCUMENT).count();
        if places == 1 { Ok(target) } else { Err(TargetError::Places(places)) }
    }

    /// Reads a URL of one path.
    pub(crate) fn parse(url: &str, prefix: &str) -> Result<Self, TargetError> {
        if url.len() > URL_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(TargetError::Character);
        }
        if url.starts_with("wss://") {
            return Err(TargetError::Encrypted);
        }
        let rest = url.strip_prefix(SCHEME).ok_or(TargetError::Scheme)?;
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (before, after) = match path.split_once(DOCUMENT) {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (path, None),
        };
        let address = resolve(host)?;
        Ok(Self { address, host: host.to_owned(), before, after, prefix: prefix.to_owned() })
    }

    /// Path and query of a document.
    pub(crate) fn path(&self, document: u32) -> String {
        match &self.after {
            Some(after) => format!("{}{}-{document}{after}", self.before, self.prefix),
            None => self.before.clone(),
        }
    }
}

fn resolve(host: &str) -> Result<SocketAddr, TargetError> {
    if host.is_empty() || host.contains('@') {
        return Err(TargetError::Host);
    }
    // A colon outside of brackets begins a port.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().map_err(|_| TargetError::Host)?),
        Some(_) | None => (host, DEFAULT_PORT),
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let failed = |error| TargetError::Resolve { host: name.to_owned(), error };
    let mut addresses = (name, port).to_socket_addrs().map_err(failed)?;
    addresses.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> String {
        Target::parse(url, "p").expect(url).path(7)
    }

    #[test]
    fn a_document_stands_where_the_url_says() {
        assert_eq!(path("ws://127.0.0.1:8420/yjs/{document}"), "/yjs/p-7");
        assert_eq!(path("ws://127.0.0.1/{document}?a={b}"), "/p-7?a={b}");
        assert_eq!(path("ws://127.0.0.1:1?room={document}"), "/?room=p-7");
        assert_eq!(path("ws://127.0.0.1:1/echo"), "/echo");
        assert_eq!(path("ws://127.0.0.1:1"), "/");
    }

    #[test]
    fn hosts_are_names_and_addresses_of_both_kinds() {
        for (url, address) in [
            ("ws://127.0.0.1:8420/", "127.0.0.1:8420"),
            ("ws://127.0.0.1/", "127.0.0.1:80"),
            ("ws://[::1]:9/", "[::1]:9"),
            ("ws://[::1]/", "[::1]:80"),
        ] {
            assert_eq!(Target::parse(url, "").expect(url).address.to_string(), address);
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_reason() {
        for (url, said) in [
            ("wss://a/{document}", "wss:// is not spoken"),
            ("http://a/{document}", "begins with ws://"),
            ("ws:///{document}", "no host"),
            ("ws://127.0.0.1:port/{document}", "a port that is none"),
            ("ws://127.0.0.1:99999/{document}", "a port that is none"),
            ("ws://127.0.0.1/a b/{document}", "neither spaces"),
            ("ws://127.0.0.1/", "must say with {document}"),
            ("ws://127.0.0.1/{document}/{document}", "2 times"),
        ] {
            let error = Target::with_documents(url, "p").expect_err(url).to_string();
            assert!(error.contains(said), "{url}: {error}");
        }
        assert!(matches!(Target::parse(&format!("ws://{}", "a".repeat(3000)), ""), Err(TargetError::TooLong)));
    }
}
