//! What is asked of one request before anybody looks whether it has a token. Does not know what is served.

use std::cell::RefCell;
use std::fmt;
use std::net::IpAddr;

use selvedge_protocol::http::{Request, Status};
use selvedge_shards::Now;

use super::forwarded::{Forwarded, client_of};
use super::{Limits, Peer, Reception, Refused, Stage, Ticket};

/// What is asked of upgrades beyond who asks.
#[derive(Clone, Debug)]
pub struct UpgradeRules {
    /// Pages that may open connections, by the `Origin` that their browser gives them.
    pub allowed_origins: Vec<String>,
}

/// Which pages may open connections where none are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnlistedPages {
    /// Every one.
    All,
    /// Those that this machine serves to itself. Any other page that somebody here has open could reach what only this machine can.
    Local,
}

/// Whether the host of an origin is this machine whatever a name server says (RFC 6761, section 6.3).
fn is_local(origin: &[u8]) -> bool {
    let Some((_, authority)) = std::str::from_utf8(origin).ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Why an upgrade is refused whatever token comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// The network of the client that a proxy speaks for may not connect.
    Network,
    /// The page may not open connections here.
    Origin,
    /// The page is not of this machine, and nothing was said of others.
    RemoteOrigin,
    /// A trusted proxy does not say understandably for whom it speaks.
    Forwarded,
    /// The address has had its share.
    Address {
        /// Of what.
        refused: Refused,
        /// When trying again may help.
        retry_after_s: u64,
    },
    /// Memory is short.
    Memory,
}

impl TurnedAway {
    /// What the response begins with.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Network | Self::Origin | Self::RemoteOrigin => Status::Forbidden,
            Self::Forwarded => Status::BadRequest,
            Self::Address { .. } => Status::TooManyRequests,
            Self::Memory => Status::ServiceUnavailable,
        }
    }

    /// After how many seconds trying again may help, where it may.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Network | Self::Origin | Self::RemoteOrigin | Self::Forwarded => None,
            Self::Address { retry_after_s, .. } => Some(*retry_after_s),
            Self::Memory => Some(5),
        }
    }
}

impl fmt::Display for TurnedAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "this network may not connect",
            Self::Origin => "pages of this origin may not connect: it is not one of allowed_origins",
            Self::RemoteOrigin => {
                "pages of other machines may not connect as long as no tokens are asked for: name them in allowed_origins, \
                 or let in everybody with auth = none"
            }
            Self::Forwarded => "the last address in X-Forwarded-For cannot be read",
            Self::Address { refused: Refused::TooMany, .. } => "too many connections from this address",
            Self::Address { refused: Refused::TooFast, .. } => "too many new connections from this address",
            Self::Address { refused: Refused::Banned, .. } => "too many failed logins from this address",
            Self::Memory => "memory is short",
        })
    }
}

/// Who stands at the door when one request is read.
#[derive(Debug)]
pub struct Door<'a> {
    limits: &'a Limits,
    reception: Reception,
    now: Now,
    seen: RefCell<Seen>,
}

/// What a door has seen of its request.
#[derive(Debug, Default)]
pub struct Seen {
    /// The client that a proxy speaks for, and its place, in exchange for the proxy's own.
    pub client: Option<(IpAddr, Ticket)>,
    /// The client that a proxy speaks for, where it got no place.
    pub refused_client: Option<IpAddr>,
    /// It was refused, whatever token came with it.
    pub turned_away: Option<TurnedAway>,
}

impl<'a> Door<'a> {
    /// For a request on a connection that was received like this.
    #[must_use]
    pub fn new(limits: &'a Limits, reception: Reception, now: Now) -> Self {
        Self { limits, reception, now, seen: RefCell::default() }
    }

    /// To be asked of every upgrade.
    ///
    /// # Errors
    ///
    /// It is refused, whatever token comes with it.
    pub fn check(&self, request: &Request<'_>) -> Result<(), TurnedAway> {
        let checked =
            self.check_client(request).and_then(|()| self.check_origin(request)).and_then(|()| self.check_memory());
        self.seen.borrow_mut().turned_away = checked.err();
        checked
    }

    /// What was seen.
    #[must_use]
    pub fn into_seen(self) -> Seen {
        self.seen.into_inner()
    }

    fn check_client(&self, request: &Request<'_>) -> Result<(), TurnedAway> {
        let address =
            |refused| TurnedAway::Address { refused, retry_after_s: self.limits.addresses.retry_after_s(refused) };
        match self.reception {
            Reception::Welcome | Reception::Surplus | Reception::ProxyHeader => Ok(()),
            Reception::Refused(refused) => Err(address(refused)),
            Reception::Forwarded => {
                // A statement of its own: the networks must not be held while they are asked again.
                let forwarded = client_of(request.forwarded_for(), &self.limits.networks());
                match forwarded {
                    Forwarded::Itself => Ok(()),
                    Forwarded::Malformed => Err(TurnedAway::Forwarded),
                    Forwarded::Client(client) => self.enter(client).map_err(|refused| {
                        self.seen.borrow_mut().refused_client = Some(client);
                        refused.map_or(TurnedAway::Network, address)
                    }),
                }
            }
        }
    }

    /// `None`: its network may not connect.
    fn enter(&self, client: IpAddr) -> Result<(), Option<Refused>> {
        let peer = self.limits.networks().peer(client);
        match peer {
            Peer::Denied => Err(None),
            Peer::Proxy | Peer::Client => {
                let ticket = self.limits.addresses.enter(client, self.now)?;
                self.seen.borrow_mut().client = Some((client, ticket));
                Ok(())
            }
        }
    }

    /// Programs send no `Origin`; what browsers send, pages cannot change. Bytes are compared as they are.
    fn check_origin(&self, request: &Request<'_>) -> Result<(), TurnedAway> {
        let upgrades = self.limits.upgrades();
        let allowed = &upgrades.allowed_origins;
        let Some(origin) = request.origin() else { return Ok(()) };
        match self.limits.unlisted() {
            UnlistedPages::All if allowed.is_empty() => Ok(()),
            UnlistedPages::Local if allowed.is_empty() && is_local(origin) => Ok(()),
            UnlistedPages::Local if allowed.is_empty() => Err(TurnedAway::RemoteOrigin),
            UnlistedPages::All | UnlistedPages::Local if allowed.iter().any(|it| it.as_bytes() == origin) => Ok(()),
            UnlistedPages::All | UnlistedPages::Local => Err(TurnedAway::Origin),
        }
    }

    fn check_memory(&self) -> Result<(), TurnedAway> {
        match self.limits.pressure.stage() {
            Stage::Plenty => Ok(()),
            Stage::RefuseJoins | Stage::DelayCatchUps | Stage::Close => Err(TurnedAway::Memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use selvedge_protocol::http::{self, parse_request};

    use super::*;
    use crate::limits::{AddressRules, Budget, LimitRules, Networks, Pressure, UserRules};

    fn limits(allowed_origins: &[&str], unlisted: UnlistedPages) -> Limits {
        let network = |text: &str| vec![text.parse().expect("a network")];
        let rules = LimitRules {
            networks: Networks {
                trusted: network("10.0.0.0/8"),
                deny: network("203.0.113.0/24"),
                ..Networks::default()
            },
            addresses: AddressRules { connections_max: 1, ..AddressRules::default() },
            users: UserRules::default(),
            upgrades: UpgradeRules { allowed_origins: allowed_origins.iter().map(ToString::to_string).collect() },
        };
        let pressure = Pressure::default();
        pressure.set_budget(Budget(100_000));
        Limits::new(rules, unlisted, Arc::new(pressure), Arc::new(|_, _| {}))
    }

    fn check(limits: &Limits, reception: Reception, headers: &str) -> (Result<(), TurnedAway>, Seen) {
        let head = format!("GET /yjs/a HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let parsed = parse_request(head.as_bytes(), &http::Limits { head_bytes_max: 8_192 });
        let (request, _) = parsed.expect("a good request").expect("a whole one");
        let door = Door::new(limits, reception, Now(0));
        (door.check(&request), door.into_seen())
    }

    #[test]
    fn pages_of_this_machine_are_known_by_names_that_no_name_server_can_change() {
        for (origin, included) in [
            ("http://localhost", true),
            ("http://localhost:5173", true),
            ("https://app.localhost:5173", true),
            ("http://127.0.0.1:8421", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8421", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("null", false),
            ("", false),
            ("localhost", false),
            ("http://localhost.evil.example", false),
            ("http://notlocalhost", false),
            ("http://203.0.113.7", false),
            ("http://[::1", false),
            ("http://evil.example/http://localhost", false),
            ("https://app.example", false),
        ] {
            assert_eq!(is_local(origin.as_bytes()), included, "{origin}");
        }
        let limits = limits(&[], UnlistedPages::Local);
        let (checked, _) = check(&limits, Reception::Welcome, "Origin: https://app.example\r\n");
        assert_eq!(checked, Err(TurnedAway::RemoteOrigin));
        assert_eq!(check(&limits, Reception::Welcome, "").0, Ok(()));
    }

    #[test]
    fn origins_are_compared_exactly_and_programs_are_let_in() {
        let limits = limits(&["https://app.example", "null"], UnlistedPages::Local);
        for (headers, expected) in [
            ("", Ok(())),
            ("Origin: https://app.example\r\n", Ok(())),
            ("Origin: null\r\n", Ok(())),
            ("Origin: https://app.example:443\r\n", Err(TurnedAway::Origin)),
            ("Origin: https://app.example.evil.example\r\n", Err(TurnedAway::Origin)),
            ("Origin: https://APP.example\r\n", Err(TurnedAway::Origin)),
            ("Origin: http://app.example\r\n", Err(TurnedAway::Origin)),
            ("Origin:\r\n", Err(TurnedAway::Origin)),
        ] {
            assert_eq!(check(&limits, Reception::Welcome, headers).0, expected, "{headers}");
        }
        assert_eq!(
            check(&self::limits(&[], UnlistedPages::All), Reception::Welcome, "Origin: https://a.example\r\n").0,
            Ok(())
        );
    }

    #[test]
    fn a_proxy_is_believed_and_nobody_else() {
        let limits = limits(&[], UnlistedPages::All);
        let (_, first) = check(&limits, Reception::Forwarded, "X-Forwarded-For: 192.0.2.1\r\n");
        assert_eq!(first.client.as_ref().map(|(client, _)| client.to_string()), Some("192.0.2.1".into()));
        let (result, second) = check(&limits, Reception::Forwarded, "X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\n");
        assert_eq!(result.expect_err("there is one already").status(), Status::TooManyRequests);
        assert_eq!(second.refused_client.map(|client| client.to_string()), Some("192.0.2.1".into()));
        let spoofed = "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n";
        assert_eq!(check(&limits, Reception::Forwarded, spoofed).0, Ok(()));
        assert!(check(&limits, Reception::Welcome, spoofed).1.client.is_none());
        let denied = check(&limits, Reception::Forwarded, "X-Forwarded-For: 203.0.113.9\r\n").0;
        assert_eq!(denied, Err(TurnedAway::Network));
        assert_eq!(check(&limits, Reception::Welcome, "X-Forwarded-For: 203.0.113.9\r\n").0, Ok(()));
        let malformed = check(&limits, Reception::Forwarded, "X-Forwarded-For: unknown\r\n").0;
        assert_eq!(malformed, Err(TurnedAway::Forwarded));
        assert_eq!(check(&limits, Reception::Forwarded, "").0, Ok(()));
    }

    #[test]
    fn nobody_new_is_let_in_while_memory_is_short() {
        let limits = limits(&[], UnlistedPages::All);
        limits.pressure.measured(90_000);
        assert_eq!(check(&limits, Reception::Welcome, "").0, Err(TurnedAway::Memory));
        limits.pressure.measured(10_000);
        assert_eq!(check(&limits, Reception::Welcome, "").0, Ok(()));
    }
}
