//! Who is let onto a core, and how much each may take of it: asks [`crate::limits`], and carries out what it says.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use selvedge_shards::Now;

use super::Core;
use crate::audit::{Address, Audit, Event, How, Reason};
use crate::auth::{Denied, Grant};
use crate::connection::{Connection, Hold, Phase};
use crate::driver::{ConnectionKey, Operation, Socket};
use crate::endpoints::{Routed, Target};
use crate::events::{self, Gatherer};
use crate::inbox::Farewell;
use crate::limits::{
    Counters, Limits, LoginFailed, Peer, Reception, Refused, Seen, Ticket, TurnedAway, UserFull, UserTicket,
    parse_proxy_header,
};
use crate::reader::Job;

/// Connections of addresses that have had their share and are still heard, so that they can be told so, and that health checks get through. Any
/// more are closed without a word.
const REFUSED_CONNECTIONS_MAX: usize = 256;

/// Shortest time for which a connection that sent too much is not read: shorter ones would cost more than what they let through.
const RATE_PAUSE_MS_MIN: u64 = 10;

/// What a core has of limits.
pub(super) struct Limiting {
    /// Shared by all cores.
    pub(super) limits: Arc<Limits>,
    audit: Audit,
    /// Beside the audit log, so that both agree.
    pub(super) events: Gatherer,
    pub(super) counters: Counters,
    /// Connections here that are only told that their address has had its share.
    refused: usize,
    /// Connections that are held back because of their rate, by the time at which they are read on.
    paced: BinaryHeap<Reverse<(u64, ConnectionKey)>>,
    /// Catch-ups that wait for memory.
    pub(super) postponed: VecDeque<Job>,
    /// The measurement of memory from which on connections may be closed again.
    pub(super) sheds_from: u64,
}

impl Limiting {
    pub(super) fn new(limits: Arc<Limits>, audit: Audit, events: Gatherer) -> Self {
        let counters = Counters::default();
        Self {
            limits,
            audit,
            events,
            counters,
            refused: 0,
            paced: BinaryHeap::new(),
            postponed: VecDeque::new(),
            sheds_from: 0,
        }
    }

    pub(super) fn refuse(&mut self, address: Address, reason: Reason) {
        self.write_down(Event::Refused { address, reason });
    }

    /// For the audit log, and for those who listen.
    fn write_down(&mut self, event: Event) {
        if self.events.is_wanted()
            && let Some(told) = events::Event::of_audit(&event)
        {
            self.events.tell(told);
        }
        self.audit.record(event);
    }

    fn count_refused(&mut self, refused: Refused) -> Reason {
        match refused {
            Refused::TooMany => {
                self.counters.addresses_full += 1;
                Reason::AddressConnections
            }
            Refused::TooFast => {
                self.counters.addresses_fast += 1;
                Reason::AddressArrivals
            }
            Refused::Banned => {
                self.counters.addresses_banned += 1;
                Reason::AddressBanned
            }
        }
    }
}

impl Core {
    /// What was counted so far.
    pub(in super::super) fn limits_counters(&self) -> Counters {
        let memory_used_bytes = self.limiting.limits.pressure.used_bytes() as u64;
        Counters { memory_used_bytes, ..self.limiting.counters }
    }

    /// How a socket is received; `None` where it is to be closed without a word.
    pub(super) fn receive(&mut self, socket: &Socket, surplus: bool) -> Option<Connection> {
        // A peer that has gone again has no address any more.
        let address = socket.peer().ok()?;
        let peer = self.limiting.limits.networks().peer(address);
        let (reception, ticket) = match peer {
            Peer::Denied => {
                self.network_denied(address);
                return None;
            }
            Peer::Proxy => {
                let ticket = self.limiting.limits.addresses.enter_trusted(address);
                let reception = match (self.rules.proxy_protocol, surplus) {
                    (true, _) => Reception::ProxyHeader,
                    (false, true) => Reception::Surplus,
                    (false, false) => Reception::Forwarded,
                };
                (reception, Some(ticket))
            }
            Peer::Client => self.enter(address, surplus)?,
        };
        Some(Connection::received(reception, ticket))
    }

    fn network_denied(&mut self, address: IpAddr) {
        self.limiting.counters.networks_denied += 1;
        self.limiting.refuse(Address::Exact(address), Reason::Network);
    }

    /// Gives a client its place, or the place of one who is told that there is none; `None` where there is not even that.
    fn enter(&mut self, address: IpAddr, surplus: bool) -> Option<(Reception, Option<Ticket>)> {
        let limiting = &mut self.limiting;
        match limiting.limits.addresses.enter(address, self.now) {
            Ok(ticket) if surplus => Some((Reception::Surplus, Some(ticket))),
            Ok(ticket) => Some((Reception::Welcome, Some(ticket))),
            Err(refused) => {
                let reason = limiting.count_refused(refused);
                limiting.refuse(Address::Exact(address), reason);
                if limiting.refused >= REFUSED_CONNECTIONS_MAX {
                    limiting.counters.refused_unheard += 1;
                    return None;
                }
                limiting.refused += 1;
                Some((Reception::Refused(refused), None))
            }
        }
    }

    /// A connection is not there any more.
    pub(super) fn forget(&mut self, connection: &Connection) {
        match connection.reception() {
            Reception::Refused(_) => self.limiting.refused -= 1,
            Reception::Welcome | Reception::Surplus | Reception::ProxyHeader | Reception::Forwarded => {}
        }
    }

    /// Whether a trusted proxy has yet to say for whom this connection is.
    pub(super) fn awaits_proxy_header(&mut self, key: ConnectionKey) -> bool {
        self.table.get(key).is_some_and(|connection| {
            connection.phase() == Phase::Head && connection.reception() == Reception::ProxyHeader
        })
    }

    /// A piece of the PROXY header has arrived, and perhaps what follows it.
    pub(super) fn received_proxy_header(&mut self, key: ConnectionKey, data: &[u8]) {
        let Some(connection) = self.table.get(key) else { return };
        match parse_proxy_header(connection.gather_head(data)) {
            Ok(None) => self.operations.push(Operation::ReceiveOnce { key }),
            Ok(Some(header)) => {
                connection.finish_head(header.bytes);
                if !self.receive_for(key, header.client) {
                    return self.abort(key);
                }
                let Some(connection) = self.table.get(key) else { return };
                let mut unread = connection.take_unread();
                let (bytes, from) = unread.parts();
                if *from < bytes.len() {
                    self.received(key, &mut bytes[*from..]);
                } else {
                    self.operations.push(Operation::ReceiveOnce { key });
                }
            }
            Err(error) => {
                tracing::debug!(?key, %error, "a trusted proxy is not understood");
                let address = connection.ticket().map(Ticket::address);
                self.limiting.counters.proxy_headers_refused += 1;
                if let Some(address) = address {
                    self.limiting.refuse(Address::Counted(address), Reason::Proxy);
                }
                self.abort(key);
            }
        }
    }

    /// The connection is for this client, or for the proxy itself. Says `false` where it is to be closed without a word.
    fn receive_for(&mut self, key: ConnectionKey, client: Option<IpAddr>) -> bool {
        let surplus = self.health.connections() > self.rules.connections_max;
        let of_proxy = if surplus { Reception::Surplus } else { Reception::Forwarded };
        let entered = match client.map(|client| (client, self.limiting.limits.networks().peer(client))) {
            Some((client, Peer::Denied)) => {
                self.network_denied(client);
                return false;
            }
            Some((client, Peer::Client)) => self.enter(client, surplus),
            // A proxy behind a proxy says in the request for whom it speaks.
            Some((_, Peer::Proxy)) | None => {
                let own = self.table.get(key).and_then(Connection::take_ticket);
                Some((of_proxy, own))
            }
        };
        match (entered, self.table.get(key)) {
            (Some((reception, ticket)), Some(connection)) => {
                connection.receive_as(reception, ticket);
                true
            }
            (Some(_) | None, _) => false,
        }
    }

    /// What the door has seen of a request.
    pub(super) fn after_door(&mut self, key: ConnectionKey, seen: Seen, routed: &Routed) {
        let Seen { client, refused_client, turned_away } = seen;
        let Some(connection) = self.table.get(key) else { return };
        let mut address = connection.ticket().map(|ticket| Address::Counted(ticket.address()));
        if let Some((client, ticket)) = client {
            connection.receive_as(Reception::Welcome, Some(ticket));
            address = Some(Address::Exact(client));
        }
        let Some(address) = refused_client.map(Address::Exact).or(address) else { return };
        if let Some(turned_away) = turned_away {
            self.turned_away(address, turned_away);
        }
        match routed {
            // Whether it is banned now or not, this connection ends here.
            Routed::Refused { refused, .. } => drop(self.login_denied(address, refused.denied)),
            Routed::Upgrade { upgrade, .. } => {
                let document = match &upgrade.target {
                    Target::Document(name) => Some(Arc::clone(name)),
                    Target::Hocuspocus | Target::Echo => None,
                };
                self.logged_in(address, &upgrade.admission.grant, document, How::Upgrade);
            }
            Routed::Incomplete | Routed::Answer { .. } => {}
        }
    }

    fn turned_away(&mut self, address: Address, turned_away: TurnedAway) {
        let counters = &mut self.limiting.counters;
        let reason = match turned_away {
            TurnedAway::Network => {
                counters.networks_denied += 1;
                Reason::Network
            }
            TurnedAway::Origin | TurnedAway::RemoteOrigin => {
                counters.origins_refused += 1;
                Reason::Origin
            }
            TurnedAway::Forwarded => {
                counters.forwarded_malformed += 1;
                Reason::Proxy
            }
            TurnedAway::Memory => {
                counters.memory_joins_refused += 1;
                Reason::Memory
            }
            TurnedAway::Address { refused, .. } => self.limiting.count_refused(refused),
        };
        self.limiting.refuse(address, reason);
    }

    /// Somebody came in with a token. Nothing is to be said of those who need none.
    pub(super) fn logged_in(&mut self, address: Address, grant: &Grant, document: Option<Arc<str>>, how: How) {
        let Some(subject) = grant.subject.clone() else { return };
        let (documents, expires_at) = (grant.documents.len(), grant.expires_at);
        self.limiting.write_down(Event::LoggedIn { subject, address, document, documents, how, expires_at });
    }

    /// A token, or that there was none, was no reason to let somebody in. Says whether the address is banned now.
    pub(super) fn login_denied(&mut self, address: Address, denied: Denied) -> bool {
        self.counters.denied[denied.place()] += 1;
        self.limiting.refuse(address, Reason::Login(denied.to_string().into()));
        denied.is_failed_login() && self.login_failed(address)
    }

    /// Somebody tried to come in with what can never have been good: once too often, and its address is banned for a while. Says whether
    /// it is.
    fn login_failed(&mut self, address: Address) -> bool {
        let limiting = &mut self.limiting;
        limiting.counters.logins_failed += 1;
        match limiting.limits.addresses.login_failed(address.key(), self.now) {
            LoginFailed::Counted => false,
            LoginFailed::WhileBanned => true,
            LoginFailed::Banned => {
                let ban_ms = limiting.limits.addresses.ban_ms();
                limiting.counters.bans += 1;
                limiting.write_down(Event::Banned { address, ban_ms });
                true
            }
        }
    }

    /// A session of this user begins on a connection here; `None` for a user who is nobody in particular.
    ///
    /// # Errors
    ///
    /// The user has as many as allowed.
    pub(super) fn enter_user(
        &mut self,
        key: ConnectionKey,
        grant: &Grant,
        session: Option<u32>,
    ) -> Result<Option<UserTicket>, UserFull> {
        let Some(subject) = &grant.subject else { return Ok(None) };
        let entered = self.limiting.limits.users.enter(subject, usize::from(self.id.0), key, session);
        match entered {
            Ok((ticket, displaced)) => {
                self.limiting.counters.users_displaced += displaced as u64;
                for _ in 0..displaced {
                    self.limit_closes(None, Some(Arc::clone(subject)), Reason::Displaced);
                }
                Ok(Some(ticket))
            }
            Err(full) => {
                self.limiting.counters.users_refused += 1;
                let address = self.table.get(key).and_then(|connection| connection.ticket().map(Ticket::address));
                self.limit_closes(address.map(Address::Counted), Some(Arc::clone(subject)), Reason::User);
                Err(full)
            }
        }
    }

    fn limit_closes(&mut self, address: Option<Address>, subject: Option<Arc<str>>, reason: Reason) {
        self.limiting.write_down(Event::Closed { address, subject, reason });
    }

    /// Writes down that a limit closes this connection.
    pub(super) fn limit_closes_connection(&mut self, key: ConnectionKey, reason: Reason) {
        let Some(connection) = self.table.get(key) else { return };
        let address = connection.ticket().map(|ticket| Address::Counted(ticket.address()));
        let subject = connection.admission().and_then(|admission| admission.grant.subject.clone());
        self.limit_closes(address, subject, reason);
    }

    /// Writes down that a session ends because its user is not let in any more.
    pub(super) fn write_down_revoked(&mut self, subject: Option<Arc<str>>, denied: Denied) {
        if let (Denied::Revoked, Some(subject)) = (denied, subject) {
            self.limiting.write_down(Event::Revoked { subject, sessions: 1 });
        }
    }

    /// Somebody has to go, wherever that was decided.
    pub(super) fn farewell(&mut self, farewell: &Farewell) {
        let Farewell { connection, session, goodbye } = farewell;
        match session {
            None => self.say_goodbye(*connection, goodbye),
            Some(place) => self.dismiss_document(*connection, *place, &goodbye.reason),
        }
    }

    /// The connection has sent more than it may: it is not read for so long.
    pub(super) fn hold_for_rate(&mut self, key: ConnectionKey, wait_ms: u64) {
        let Some(connection) = self.table.get(key) else { return };
        connection.hold(Hold::Rate);
        self.limiting.counters.rate_holds += 1;
        self.limiting.paced.push(Reverse((self.now.0 + wait_ms.max(RATE_PAUSE_MS_MIN), key)));
    }

    /// When the next connection is read on.
    pub(super) fn next_paced(&self) -> Option<Now> {
        self.limiting.paced.peek().map(|Reverse((due, _))| Now(*due))
    }

    /// Reads those on whose time has come.
    pub(super) fn release_paced(&mut self) {
        while let Some(&Reverse((due, key))) = self.limiting.paced.peek()
            && due <= self.now.0
        {
            self.limiting.paced.pop();
            self.unhold(key, Hold::Rate);
        }
    }
}
