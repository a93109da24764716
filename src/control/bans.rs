//! Addresses from which tokens are guessed: a failed login counts the same here and on the port of the clients, and so does the ban to which
//! it leads. Does not know what a token is.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::peer::Peer;
use super::problem::Problem;
use super::{Context, health};
use crate::audit::{Address, Audit, Event, Reason};
use crate::auth::Denied;
use crate::events::{self, Events};
use crate::limits::{AddressKey, Limits, LoginFailed, Refused, Unnamed};
use crate::reactor::Clock;

/// What is shared with the cores, and what was counted here.
#[derive(Debug)]
pub struct Bans {
    limits: Arc<Limits>,
    /// That of the cores: a ban ends at the same moment everywhere.
    clock: Clock,
    audit: Audit,
    events: Arc<Events>,
    logins_failed: AtomicU64,
    begun: AtomicU64,
}

impl Bans {
    /// Nobody has failed here yet.
    #[must_use]
    pub fn new(limits: Arc<Limits>, clock: Clock, audit: Audit, events: Arc<Events>) -> Self {
        Self { limits, clock, audit, events, logins_failed: AtomicU64::new(0), begun: AtomicU64::new(0) }
    }

    /// Logins that failed here.
    pub(super) fn logins_failed(&self) -> u64 {
        self.logins_failed.load(Ordering::Relaxed)
    }

    /// Bans that began here.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// A token, or that there was none, was no reason to let somebody in.
    pub(super) fn login_denied(&self, address: IpAddr, denied: Denied) {
        self.write_down(Event::Refused {
            address: Address::Exact(address),
            reason: Reason::Login(denied.to_string().into()),
        });
        if !denied.is_failed_login() {
            return;
        }
        self.logins_failed.fetch_add(1, Ordering::Relaxed);
        if !self.limits.is_limited(address) {
            return;
        }
        match self.limits.addresses.login_failed(AddressKey::of(address), self.clock.now()) {
            LoginFailed::Counted | LoginFailed::WhileBanned => {}
            LoginFailed::Banned => {
                self.begun.fetch_add(1, Ordering::Relaxed);
                let ban_ms = self.limits.addresses.ban_ms();
                self.write_down(Event::Banned { address: Address::Exact(address), ban_ms });
            }
        }
    }

    /// Who asks, unless nothing is answered there.
    fn asker(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Problem> {
        let values = headers.get_all("x-forwarded-for").iter();
        let members = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
        let members = members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty());
        let address = self
            .limits
            .asker(peer, members)
            .map_err(|Unnamed| Problem::bad_request("the last address in X-Forwarded-For cannot be read"))?;
        let key = AddressKey::of(address);
        if self.limits.is_limited(address) && self.limits.addresses.is_banned(key, self.clock.now()) {
            self.write_down(Event::Refused { address: Address::Exact(address), reason: Reason::AddressBanned });
            return Err(Problem::banned(self.limits.addresses.retry_after_s(Refused::Banned)));
        }
        Ok(address)
    }

    /// For the audit log, and for those who listen.
    fn write_down(&self, event: Event) {
        if let Some(told) = events::Event::of_audit(&event) {
            self.events.tell(told);
        }
        self.audit.record(event);
    }
}

/// The layer. How the server is, everybody is told, as on the port of the clients: a load balancer behind which somebody guesses has to know.
pub(super) async fn keep_out(State(context): State<Arc<Context>>, mut request: Request, next: Next) -> Response {
    if health::PATHS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let Peer(peer) = Peer::of(request.extensions());
    match context.bans.asker(peer, request.headers()) {
        Ok(address) => {
            request.extensions_mut().insert(Peer(address));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}
